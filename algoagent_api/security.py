"""What answers say to browsers about themselves, and whom to tell of a weakness."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.timezone import now

from algoagent_api.exception_handler import error_body

FOR_DATA = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",  # shown in a browser, it loads and runs nothing
    "Cache-Control": "no-store",  # tokens and what a user owns stay in no cache
}
GOOD_FOR = timedelta(days=180)  # RFC 9116 asks for less than a year


class GuardedData:
    """Middleware: JSON is data, whoever opens it. What a view has said itself is kept. An address with U+0000 in it, which no database
    looks up, is refused."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._refused(request) or self._get_response(request)
        if response.headers.get("Content-Type", "").partition(";")[0] == "application/json":
            for name, value in FOR_DATA.items():
                response.headers.setdefault(name, value)
        return response

    @staticmethod
    def _refused(request: HttpRequest) -> HttpResponse | None:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return JsonResponse(error_body("There is a character U+0000 in the address: leave it out"), status=400)
        return None


def security_txt(request: HttpRequest) -> HttpResponse:
    """Return whom to tell of a weakness (RFC 9116); 404 as long as SECURITY_CONTACT is empty."""
    if not settings.SECURITY_CONTACT:
        return HttpResponse(
            "Nobody is named here: see SECURITY.md of the project\n", status=404, content_type="text/plain"
        )
    lines = (
        *(f"Contact: {contact}" for contact in settings.SECURITY_CONTACT),
        f"Expires: {now() + GOOD_FOR:%Y-%m-%dT00:00:00Z}",
        f"Canonical: {request.build_absolute_uri(reverse('security-txt'))}",
        "Preferred-Languages: en",
    )
    return HttpResponse("".join(f"{line}\n" for line in lines), content_type="text/plain; charset=utf-8")
