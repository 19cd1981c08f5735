"""The OpenAPI description: its pages, and what every operation shares, the error answers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import ResolvedComponent
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


class Outcomes(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Describes what actions give, pydantic models, as OpenAPI 3.0 has it."""

    target_class = "actions.outcomes.Outcome"
    match_subclasses = True
    priority = 1  # before the package's own for pydantic, whose schemas are those of OpenAPI 3.1

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        set_override(
            self.target, "suppress_collision_warning", True
        )  # a part of another one is known by its name alone
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        found = self.target.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        for name, part in found.pop("$defs", {}).items():
            component = ResolvedComponent(name, ResolvedComponent.SCHEMA, schema=nullable(part), object=name)  # type: ignore[no-untyped-call]
            auto_schema.registry.register_on_missing(component)
        return dict(nullable(found))


def nullable(schema: Any) -> Any:
    """Return a JSON Schema in the words of OpenAPI 3.0, which has no type `null` and takes nothing beside a reference.

    >>> nullable({"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Hash"})
    {'type': 'string', 'nullable': True}
    """
    if isinstance(schema, list):
        return [nullable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    needless = [
        key for key in ("title", "default") if not isinstance(schema.get(key), dict)
    ]  # a field may have such a name
    found = {key: nullable(value) for key, value in schema.items() if key not in needless}
    if found.get("additionalProperties") is False:
        del found["additionalProperties"]  # an answer may have more fields one day
    if {"type": "null"} in found.get("anyOf", ()):
        (rest,) = (one for one in found.pop("anyOf") if one != {"type": "null"})
        found = {**({"allOf": [rest]} if "$ref" in rest else rest), "nullable": True, **found}
    return found


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
