"""The OpenAPI description: its pages, and what every operation shares, the error answers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response

from auth_api.requests import JSONErrors, StrictQuery


class SchemaView(JSONErrors, StrictQuery, SpectacularAPIView):
    """The description itself, as YAML or JSON."""


class DocsView(JSONErrors, StrictQuery, SpectacularSwaggerView):
    """A page to read it and to try the API out."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **more: Any) -> Response:
        response: Response = super().get(request, *args, **more)  # type: ignore[no-untyped-call]
        response["Cross-Origin-Opener-Policy"] = "same-origin"  # the package opens it for a log-in in another window
        return response


_ERROR = {
    "type": "object",
    "description": "The one error body of the API.",
    "required": ["error", "details", "ai_suggestions", "clarifying_questions"],
    "properties": {
        "error": {"type": "string", "example": "Strategy validation failed"},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["severity", "code", "field", "message", "suggestion"],
                "properties": {
                    "severity": {"type": "string", "enum": ["error", "warning", "info"]},
                    "code": {"type": "string", "example": "threshold_range"},
                    "field": {"type": "string", "example": "entry_rules[0]"},
                    "message": {"type": "string", "example": "RSI threshold must be between 0 and 100"},
                    "suggestion": {"type": "string", "example": "Use RSI < 30 for an oversold condition"},
                },
            },
        },
        "ai_suggestions": {"type": "array", "items": {"type": "string"}},
        "clarifying_questions": {"type": "array", "items": {"type": "string"}},
    },
}
_MEANING = {
    "400": "The request is malformed",
    "401": "The access token is missing, wrong or expired",
    "403": "Not allowed",
    "404": "Unknown, or another user's",
    "409": "The name is taken",
    "413": "Larger than what is taken",
    "415": "The body is not of a media type that is taken",
    "422": "Understood but not possible",
    "429": "Too many requests; see Retry-After",
    "503": "A provider failed; trying again may help",
}
_BODY = ("400", "409", "413", "415", "422", "503")


def add_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the error body and every status an operation may answer with (a spectacular hook)."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = _ERROR
    for operations in result["paths"].values():
        for method, operation in operations.items():
            codes = ["401", "403", "404", "429"]
            if method in ("post", "put", "patch"):
                codes += _BODY
            if method == "get":
                codes += ["400", "422", "503"]
            for code in codes:
                operation["responses"].setdefault(
                    code,
                    {
                        "description": _MEANING[code],
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                    },
                )
    return result
