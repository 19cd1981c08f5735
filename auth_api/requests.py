"""What every request has in common: a field or query parameter nobody reads is refused, and some have a second name."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, ClassVar, TypeVar

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.datastructures import MultiValueDict
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import OpenApiParameter
from rest_framework import generics, serializers, views
from rest_framework.exceptions import ErrorDetail
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from auth_api.request_user import address_of, asker_of, tell_known
from Backtest.errors import Diagnostic, InvalidInput, TooBusy
from Backtest.machine import Asker, Places, in_turn, working_for
from Backtest.market import TIMEFRAMES, meant_timeframe, no_such_day

SECRET = ("password", "token", "refresh")  # fields whose values no answer repeats
LONGEST_SHOWN = 80  # characters of a value that an error repeats
# Two names of one thing. A request may use either, whichever of them its serializer has.
PAIRS = (
    ("start_date", "from"),
    ("end_date", "to"),
    ("symbol", "ticker"),
    ("indicators", "required_indicators"),
)
SYNONYMS = {**dict(PAIRS), **{other: name for name, other in PAIRS}}
# What people write for a field whose name is spelt quite differently.
MEANT = {
    "initial_capital": "cash", "initial_cash": "cash", "capital": "cash", "balance": "cash", "fee": "commission",
    "fees": "commission", "slippage": "spread", "interval": "timeframe", "timeframe": "interval", "description": "user_description",
    "text": "user_description", "prompt": "user_description", "canonical": "canonical_json", "strategy": "strategy_id",
    "strategy_id": "strategy", "title": "name", "sort": "ordering", "order_by": "ordering", "limit": "page_size", "per_page": "page_size",
    "objectives": "objective", "metric": "objective", "tries": "max_tries", "tz": "timezone", "start": "start_date",
    "end": "end_date", "symbols": "symbol", "params": "parameters",
}  # fmt: skip


def unknown_names(
    given: Iterable[str], known: Iterable[str], *, kind: str = "field", path: str = ""
) -> list[Diagnostic]:
    """Return a finding for each name that is not known, with the known one it is nearest to."""
    names = list(known)
    return [_unknown(name, names, kind, path) for name in given if name not in names]


def _unknown(name: str, names: list[str], kind: str, path: str) -> Diagnostic:
    meant = [n for n in (SYNONYMS.get(name), MEANT.get(name)) if n in names]
    near = meant or difflib.get_close_matches(name, names, n=1)
    message, suggestion = f"There is no {kind} `{name[:80]}`", "Leave it out"
    if near:
        suggestion = f"did you mean `{near[0]}`?"
        message += f": {suggestion}"
    elif names:
        suggestion = f"Leave it out; there are {', '.join(sorted(names))}"
    return Diagnostic("error", f"unknown_{kind.replace('query ', '')}", f"{path}{name[:80]}", message, suggestion)


def refuse(findings: list[Diagnostic]) -> None:
    """Raise InvalidInput (400) with findings, where there are some."""
    if findings:
        raise InvalidInput("The request is not valid", details=findings)


# A request's body or query: fields it does not have are refused, those of nested serializers too. Where it has
# `start_date`, the request may say `from`, and so for each of PAIRS. (A docstring would describe every request in OpenAPI.)
class RequestSerializer(serializers.Serializer[Any]):
    other_shape: ClassVar[dict[str, Any] | None] = None  # what else it reads, for its description

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if self.parent is None and isinstance(data, Mapping):
            refuse([*_findings(self, data, ""), *_wrong_types(self, data, "")])
            data = _renamed(self, data)
            try:
                return super().run_validation(data)
            except serializers.ValidationError as error:
                raise _refusal(_with_choices(error.detail, _choices_of(self), data)) from None
        return super().run_validation(data)

    def is_valid(self, *, raise_exception: bool = False) -> bool:
        valid = super().is_valid()
        if raise_exception and not valid:
            raise _refusal(self.errors)
        return valid


class Nothing(RequestSerializer):
    """A request that says everything with its address: a field in its body is refused."""


def _refusal(detail: Any) -> serializers.ValidationError:
    """Return an error with its details as they are: those it makes of what it is given have no suggestions."""
    error = serializers.ValidationError("")
    error.detail = detail
    return error


class Refused(ErrorDetail):
    """What is wrong with a field's value, and what to send instead."""

    suggestion: str

    def __new__(cls, message: str, code: str, suggestion: str) -> Refused:
        made: Refused = super().__new__(cls, message, code)
        made.suggestion = suggestion
        return made


_REMEDIES = {  # by the codes of Django REST framework
    "required": "Add `{name}`",
    "null": "Give `{name}` a value, or leave it out",
    "blank": "Give `{name}` a value, or leave it out",
    "not_a_list": "Send a list, in square brackets",
    "not_a_dict": "Send an object, in curly braces",
}
_KINDS = (
    ("integer", "a whole number"),
    ("number", "a number"),
    ("string", "text in quotes"),
    ("boolean", "true or false"),
)


def _with_remedy(detail: ErrorDetail, name: str, value: Any) -> ErrorDetail:
    """Return an error that names its field and says what to do, where its own words do not."""
    message, code = str(detail).rstrip("."), detail.code or "invalid"
    if not name or hasattr(detail, "suggestion"):
        return detail
    if isinstance(value, list) and code == "invalid" and name in ("symbol", "ticker"):
        several = "Send one symbol; a job (backtests/jobs/) takes several, as `symbols`"
        return Refused(f"`{name}` is a list, and has to be one symbol", code, several)
    remedy = _REMEDIES.get(code, "").format(name=name)
    if code == "invalid" and message.startswith(("A valid", "Not a valid", "Must be a valid")):
        kind = next((kind for word, kind in _KINDS if word in message), "")
        remedy = f"Send {kind}" if kind else ""
        if isinstance(value, list | Mapping):
            message += f", got {'a list' if isinstance(value, list) else 'an object'}"
    if not remedy:
        return detail
    return Refused(message.replace("This field", f"`{name}`").replace("A valid", f"`{name}`: a valid"), code, remedy)


def choice_message(value: Any, choices: Iterable[Any]) -> str:
    """Say that a value is none of the choices, which they are, and which it is nearest to."""
    names = [str(c) for c in choices if str(c)]
    near = difflib.get_close_matches(str(value).lower(), names, n=1, cutoff=0.5)
    if set(TIMEFRAMES) <= set(names) and any(c.isalnum() for c in str(value)):
        near = [meant_timeframe(str(value))] if meant_timeframe(str(value)) else []
    meant = f", did you mean `{near[0]}`?" if near else ""
    return f'"{str(value)[:80]}" is not a valid choice{meant or "."} There are {", ".join(names)}'


def _choices_of(serializer: Any) -> dict[str, Any]:
    """Return the choices of a serializer's fields, those of nested serializers as a dictionary of their own."""
    found: dict[str, Any] = {}
    for name, field in _writable(serializer).items():
        one = getattr(field, "child", None) or field
        found[name] = _choices_of(one) if isinstance(one, serializers.Serializer) else getattr(one, "choices", None)
    return found


def _with_choices(detail: Any, choices: Any, data: Any, name: str = "") -> Any:
    """Return the details of an error, each with the value that was refused; a refused choice names those there are.

    `choices` and `data` have the shape of the details, except that one entry of choices serves all items of a list.
    """
    if isinstance(detail, Mapping):
        nested, given = isinstance(choices, Mapping), isinstance(data, Mapping)
        if detail and all(isinstance(key, int) for key in detail):  # the items of a list
            listed = isinstance(data, list)
            return {
                k: _with_choices(v, choices, data[k] if listed and k < len(data) else None) for k, v in detail.items()
            }
        return {
            k: _with_choices(
                v, choices.get(k) if nested else None, data.get(k) if given and k not in SECRET else None, str(k)
            )
            for k, v in detail.items()
        }
    if isinstance(detail, list):
        if len(detail) > 1 and isinstance(data, list) and len(data) == len(detail):
            return [_with_choices(d, choices, value, name) for d, value in zip(detail, data, strict=True)]
        return [_with_choices(d, choices, data, name) for d in detail]
    if getattr(detail, "code", "") == "invalid_choice" and choices:
        return ErrorDetail(choice_message(data, choices), code="invalid_choice")
    if isinstance(data, str) and str(detail).startswith("Date has wrong format") and (why := no_such_day(data)):
        return ErrorDetail(why, code="invalid")
    plain = isinstance(data, str | int | float) and data != "" and len(str(data)) <= LONGEST_SHOWN
    if plain and not re.search(rf"(?<![\w.]){re.escape(str(data))}(?!\.?\w)", detail):
        detail = ErrorDetail(f"{str(detail).rstrip('.')}, got {data!r}", code=getattr(detail, "code", "invalid"))
    return _with_remedy(detail, name, data) if isinstance(detail, ErrorDetail) else detail


def _writable(serializer: serializers.BaseSerializer[Any]) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    fields = getattr(serializer, "fields", {})
    return {str(name): field for name, field in fields.items() if not field.read_only}


def second_names(names: Iterable[str]) -> dict[str, str]:
    """Return the second names a request with these fields takes: each with the field it stands for."""
    known = list(names)
    return {SYNONYMS[name]: name for name in known if name in SYNONYMS and SYNONYMS[name] not in known}


def _findings(serializer: serializers.BaseSerializer[Any], data: Any, path: str) -> Iterator[Diagnostic]:
    fields, given = _writable(serializer), [str(name) for name in data]
    second = second_names(fields)
    yield from unknown_names(given, [*fields, *second], path=path)
    for other, name in second.items():
        if other in given and name in given:
            message = f"`{other}` and `{name}` are one field, and both were given"
            yield Diagnostic("error", "given_twice", f"{path}{other}", message, f"Leave one of them out: keep `{name}`")
    for name, field in fields.items():
        value = data.get(name) if name in given else None
        if isinstance(field, serializers.Serializer) and isinstance(value, Mapping):
            yield from _findings(field, value, f"{path}{name}.")
        child = getattr(field, "child", None)
        if isinstance(child, serializers.Serializer) and isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, Mapping):
                    yield from _findings(child, item, f"{path}{name}[{i}].")


def _wrong_types(serializer: serializers.BaseSerializer[Any], data: Any, path: str) -> Iterator[Diagnostic]:
    """Yield a finding for each value of JSON that a field would turn into another type: true into 1, 5 into "5".

    A second name, such as `ticker`, is held to what the field it stands for takes.
    """
    if isinstance(data, MultiValueDict):  # of a form, where everything is text
        return
    fields = _writable(serializer)
    second = {name: other for other, name in second_names(fields).items()}
    for first, field in fields.items():
        name = second[first] if first not in data and first in second else first
        value = data.get(name)
        if isinstance(field, serializers.Serializer) and isinstance(value, Mapping):
            yield from _wrong_types(field, value, f"{path}{name}.")
        child = getattr(field, "child", None)
        values = value if isinstance(child, serializers.CharField) and isinstance(value, list) else [value]
        for one in values:
            wanted = _wanted(child if values is value else field, one)
            if wanted:
                message = f"`{name}` is {json.dumps(one, ensure_ascii=False)[:LONGEST_SHOWN]}, and has to be {wanted}"
                without = ", without quotes" if isinstance(one, str) else ""
                yield Diagnostic("error", "wrong_type", f"{path}{name}", message, f"Send {wanted}{without}")


def _wanted(field: Any, value: Any) -> str:
    """Return which type a value should have had, empty where its type can be read."""
    if isinstance(value, bool | str) and isinstance(field, serializers.FloatField | serializers.IntegerField):
        return "a number"
    if isinstance(value, int | float | str) and isinstance(field, serializers.BooleanField):
        return "" if isinstance(value, bool) else "true or false"
    numbers = isinstance(value, int | float) and not isinstance(value, bool)
    if numbers and isinstance(field, serializers.CharField) and not getattr(field, "takes_numbers", False):
        return "text in quotes"
    return ""


class TextOrNumberField(serializers.CharField):
    """Text for which a number stands as well: the name or the number of something."""

    takes_numbers = True


def _renamed(serializer: serializers.BaseSerializer[Any], data: Any) -> Any:
    """Return the data with second names replaced by the fields they stand for."""
    second = {other: name for other, name in second_names(_writable(serializer)).items() if other in data}
    if not second:
        return data
    renamed = data.copy() if hasattr(data, "setlist") else dict(data)
    for other, name in second.items():
        if hasattr(renamed, "setlist"):
            renamed.setlist(name, renamed.pop(other))
        else:
            renamed[name] = renamed.pop(other)
    return renamed


class StrictSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Describes requests as they are read: no other properties, and the second names beside the first."""

    target_class = RequestSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        if direction == "request" and "properties" in schema:
            _describe(schema)
            if other := getattr(self.target, "other_shape", None):
                return {"oneOf": [schema, other]}
        return schema


def _describe(schema: dict[str, Any]) -> None:
    schema["additionalProperties"] = False
    properties, required = schema["properties"], schema.get("required", [])
    for other, name in second_names(properties).items():
        properties[other] = {**properties[name], "description": f"The same as {name}; give one of them"}
        if name in required:
            required.remove(name)
            schema.setdefault("anyOf", []).extend([{"required": [name]}, {"required": [other]}])
    if not required:
        schema.pop("required", None)


class JSONErrors(views.APIView):
    """A view whose answers are something else than JSON, and whose errors are JSON whatever was asked for."""

    def handle_exception(self, exc: Exception) -> Response:
        self.request.accepted_renderer, self.request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
        return super().handle_exception(exc)


# -- Query parameters ----------------------------------------------------------------------------


# One request of a user works at a time, as Python runs one thread at a time: twelve that work would leave a thirteenth of
# the processor to somebody else's. While it waits for a sandbox, a reader of files, a model or the network, the next one works.
# And after each turn it rests as long as that took, while there are others.
TURNS = Places(10_000, share=1, queue=64, what="requests", rests=True)


class TakeTurns:
    """Middleware: the requests of an address outside of the API, such as pages of the admin, take turns as those of a user do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("/api/"):
            return self._get_response(request)
        try:
            with working_for(Asker(address_of(request))), in_turn(TURNS):
                response = self._get_response(request)
                tell_known(request)
                return response
        except TooBusy as error:
            return HttpResponse(f"{error.message}\n", status=429, content_type="text/plain; charset=utf-8")


class StrictQuery(views.APIView):
    """A view that refuses query parameters it does not read, whose runs in the sandbox count as the user's, and which takes its turn.

    It reads those of its filters, ordering and pagination, and those its description of the operation lists.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with ExitStack() as self.working:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        tell_known(request._request)
        self.working.enter_context(working_for(asker_of(request)))
        self.working.enter_context(in_turn(TURNS))
        given = request.query_params
        if not given:
            return
        known = query_parameters(self, request.method or "")
        names = [n for n in given if (n, given[n]) != ("format", "json")]
        findings = unknown_names(names, known, kind="query parameter")
        findings += [found for name in names if name in known for found in _once(name, given.getlist(name))]
        if "ordering" in known and "ordering" in given:
            orders = [n.strip().lstrip("-") for n in given["ordering"].split(",") if n.strip()]
            findings += unknown_names(orders, _orders(self), kind="ordering")
        refuse(findings)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, serializers.ValidationError) and isinstance(self, generics.GenericAPIView):
            given = self.request.query_params
            if given and isinstance(exc.detail, Mapping):
                exc = serializers.ValidationError(
                    _with_choices(exc.detail, _choices_of_filters(self), dict(given.items()))
                )
        return super().handle_exception(exc)


def _once(name: str, values: list[str]) -> list[Diagnostic]:
    """Return what is wrong with how a query parameter is given: empty, or more than once."""
    if len(values) > 1:
        message = f"{name} is given {len(values)} times: {', '.join(values)[:80]}"
        return [Diagnostic("error", "given_twice", name, message, "Give it once")]
    if not values[0].strip(" ,"):
        message = f"{name}={values[0]!r} names nothing"
        return [Diagnostic("error", "empty", name, message, "Give it a value, or leave it out")]
    return []


def _choices_of_filters(view: generics.GenericAPIView[Any]) -> dict[str, Any]:
    if not any(issubclass(backend, DjangoFilterBackend) for backend in view.filter_backends):
        return {}
    found = DjangoFilterBackend().get_filterset_class(view, view.get_queryset())
    fields = {name: one.field for name, one in found.base_filters.items()} if found else {}
    return {name: [c[0] for c in field.choices] for name, field in fields.items() if hasattr(field, "choices")}


def query_parameters(view: Any, method: str) -> list[str]:
    """Return the names of the query parameters a view reads in answer to a method."""
    names = []
    for parameter in _documented(view, method):
        if isinstance(parameter, OpenApiParameter):
            names += [parameter.name] if parameter.location == OpenApiParameter.QUERY else []
        else:
            found = parameter() if isinstance(parameter, type) else parameter
            names += [str(name) for name in found.fields]
    if method == "GET" and isinstance(view, generics.GenericAPIView):
        names += _of_lists(view)
    return names


def _documented(view: Any, method: str) -> list[Any]:
    described = getattr(getattr(view, method.lower(), None), "kwargs", {}).get("schema")
    if described is None:
        return []
    schema = described()
    schema.view, schema.method = view, method
    return list(schema.get_override_parameters())


def _of_lists(view: generics.GenericAPIView[Any]) -> list[str]:
    names, queryset = [], getattr(view, "queryset", None)
    if paginator := view.paginator:
        names += [getattr(paginator, "page_query_param", ""), getattr(paginator, "page_size_query_param", "")]
    for backend in view.filter_backends:
        if hasattr(backend, "ordering_param"):
            names.append(backend.ordering_param)
        elif issubclass(backend, DjangoFilterBackend):
            found = DjangoFilterBackend().get_filterset_class(view, queryset)
            names += list(found.base_filters) if found else []
    return [name for name in names if name]


def _orders(view: Any) -> list[str]:
    backend = next(b for b in view.filter_backends if hasattr(b, "ordering_param"))
    context = {"request": view.request, "view": view}
    return [name for name, _ in backend().get_valid_fields(view.queryset, view, context)]


M = TypeVar("M", bound=Model)


class APIView(StrictQuery):
    """Django REST framework's APIView, strict about query parameters."""


class GenericAPIView(StrictQuery, generics.GenericAPIView[M]):
    """The same of GenericAPIView."""


class ListAPIView(StrictQuery, generics.ListAPIView[M]):
    """The same of ListAPIView."""
