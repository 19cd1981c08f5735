"""Views of actions: what comes in is validated and done, and what comes of it is shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from actions import Action, Listing, Permission
from auth_api.request_user import user_of
from auth_api.requests import APIView, ListAPIView, Nothing, StrictQuery

Answer = TypeVar("Answer", bound=Callable[..., HttpResponseBase])


def answers(done: Action, **described: Any) -> Callable[[Answer], Answer]:
    """Say of a method of a view that it answers with what an action does; its description is the action's.

    Args:
        described: what `extend_schema` is to say beside that, such as parameters, or responses that are files.
    """
    found: Any = done.gives
    if found is dict:
        found = OpenApiTypes.OBJECT
    elif found and done.many and not isinstance(done, Listing):
        found = found(many=True)
    asked = None if done.takes is Nothing else done.takes
    schema = {
        **({"request": asked} if done.takes else {}),
        "responses": {done.status: found},
        "operation_id": done.operation,
        **described,
    }
    if done.permission is Permission.OPEN:
        schema["auth"] = [{}]

    def of(method: Answer) -> Answer:
        method.__doc__ = done.help
        method.does = done  # type: ignore[attr-defined]
        return extend_schema(**schema)(method)

    return of


def view(*, base: type[StrictQuery] = APIView, **more: Any) -> Callable[..., HttpResponseBase]:
    """Return the view of an address.

    Args:
        base: the class it is of, such as one that is open to everybody.
        more: the action of each method of HTTP (`get=`, `post=`, ...), and attributes of the view, such as `parser_classes`.
    """
    attributes: dict[str, Any] = {}
    for name, value in more.items():
        if isinstance(value, Listing):
            base = ListAPIView
            attributes |= _of_rows(value)
        attributes[name] = _method(name, value) if isinstance(value, Action) else value
    first = next(value for value in more.values() if isinstance(value, Action))
    name = "".join(word.title() for word in re.split(r"[._]", first.name))  # OPTIONS answers with it, and with the help
    made = type(f"{name}View", (base,), {"__doc__": first.help, **attributes})
    return made.as_view()  # type: ignore[attr-defined, no-any-return]


def _method(name: str, done: Action) -> Callable[..., HttpResponseBase]:
    if isinstance(done, Listing):
        return answers(done)(lambda self, request, **address: self.list(request))
    query = {"parameters": [done.takes]} if name == "get" and done.takes else {}

    def answer(self: APIView, request: Request, **address: Any) -> Response:
        data = request.query_params if request.method == "GET" else request.data
        user = {} if done.permission is Permission.OPEN else {"user": user_of(request)}
        result = done.perform(data, **user, **address)
        return Response(None if done.gives is None else done.shown(result), status=done.status)

    return answers(done, **query)(answer)


def _of_rows(rows: Listing) -> dict[str, Any]:
    """Return the attributes of a view that shows the rows of a query page by page."""
    none = rows.rows._default_manager.none()

    def get_queryset(self: Any) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):  # while the API is described, for nobody
            return none
        found: QuerySet[Any] = rows(user=user_of(self.request), **self.kwargs)
        return found

    filters = (
        {"filterset_fields": rows.filters} if isinstance(rows.filters, tuple) else {"filterset_class": rows.filters}
    )
    plain = {"filter_backends": ()} if rows.filters == rows.orders == () else filters
    return {
        "queryset": none,
        "serializer_class": rows.gives,
        "get_queryset": get_queryset,
        "ordering_fields": rows.orders,
        **plain,
    }
