"""Every error becomes one body, and its HTTP status is decided here."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from algoagent_api.tables import MESSAGE, is_about_tables
from Backtest.errors import (
    AlgoAgentError,
    BudgetExceeded,
    Conflict,
    DataError,
    Diagnostic,
    ExecutionError,
    InvalidInput,
    NotFound,
    ProviderError,
    SandboxUnavailable,
    StrategyError,
    TooBusy,
    TooLarge,
)

SERVER_ERROR = "Something went wrong on the server; it has been logged"
logger = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[AlgoAgentError], int], ...] = (
    (InvalidInput, 400),
    (TooLarge, 413),
    (NotFound, 404),
    (Conflict, 409),
    (BudgetExceeded, 429),
    (TooBusy, 429),
    (ProviderError, 503),
    (SandboxUnavailable, 503),
    (DataError, 422),
    (StrategyError, 422),
    (ExecutionError, 422),
)


def error_body(
    error: str,
    details: list[dict[str, Any]] | None = None,
    suggestions: list[str] | None = None,
    questions: list[str] | None = None,
) -> dict[str, Any]:
    """Return the one error body of the API."""
    return {
        "error": error,
        "details": details or [],
        "ai_suggestions": suggestions or [],
        "clarifying_questions": questions or [],
    }


def _detail(found: Diagnostic) -> dict[str, Any]:
    return found.as_dict()


def _flatten(data: Any, field: str = "") -> list[dict[str, Any]]:
    """Turn DRF's nested validation errors into a flat list of findings."""
    if isinstance(data, dict):
        return [d for key, value in data.items() for d in _flatten(value, f"{field}.{key}" if field else str(key))]
    if isinstance(data, list):
        return [d for value in data for d in _flatten(value, field)]
    name = "" if field == "non_field_errors" else field
    return [
        {
            "severity": "error",
            "code": getattr(data, "code", "invalid"),
            "field": name,
            "message": str(data),
            "suggestion": getattr(data, "suggestion", ""),
        }
    ]


def _passing(error: Exception) -> str:
    """Return what is said of a fault of the machine that passes; an empty text where it is none."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk of the server is full, so this was not done: try again in a minute"
    if isinstance(error, OperationalError | InterfaceError):
        return "The database does not answer, so this was not done: try again in a minute"
    if type(error).__module__ == "redis.exceptions":  # imported only where CACHE_URL is set
        return "The cache that counts requests does not answer, so this was not done: try again in a minute"
    return ""


def _allowed(context: dict[str, Any]) -> list[str]:
    return [
        str(method)
        for method in getattr(context.get("view"), "allowed_methods", ())
        if method not in ("HEAD", "OPTIONS")
    ]


def _remedied(error: exceptions.APIException, context: dict[str, Any]) -> str:
    """Return the message of an error of HTTP, and what is to be sent instead."""
    message = str(error.detail.get("detail", "") if isinstance(error.detail, dict) else error.detail).rstrip(".")
    view = context.get("view")
    if isinstance(error, exceptions.UnsupportedMediaType):
        types = [str(parser.media_type) for parser in getattr(view, "parser_classes", ())]
        return f"{message}. Send the header Content-Type: {' or '.join(types)}" if types else message
    if isinstance(error, exceptions.MethodNotAllowed) and (allowed := _allowed(context)):
        return f"{message}. Use {' or '.join(allowed)}"
    if isinstance(error, exceptions.NotAcceptable):
        types = [str(renderer.media_type) for renderer in getattr(view, "renderer_classes", ())]
        return f"{message}. Given is {' or '.join(types)}: ask for it in the header Accept, or leave that out"
    return str(error.detail.get("detail", "") if isinstance(error.detail, dict) else error.detail)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the response for an exception; one that nobody expected is logged and told as such."""
    if isinstance(error, AlgoAgentError):
        set_rollback()
        code = next((s for kind, s in _STATUS if isinstance(error, kind)), 500)
        details = [_detail(d) for d in error.details]
        if isinstance(error, ExecutionError) and error.traceback:
            details.append(
                {
                    "severity": "error",
                    "code": error.exit_reason,
                    "field": "code",
                    "message": error.traceback,
                    "suggestion": "",
                }
            )
        body = error_body(error.message, details, list(error.suggestions), list(error.questions))
        return Response(body, status=code, headers={"Retry-After": "60"} if code == 503 else None)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, ObjectDoesNotExist):
        what = type(error).__qualname__.partition(".")[0].lower()
        logger.warning("a %s was deleted under a request", what, exc_info=error)
        error = exceptions.NotFound(f"The {what} was deleted while this was being done")
    elif isinstance(error, RequestDataTooBig):
        return Response(error_body("The request is larger than what is taken: send less, or upload a file"), status=413)
    elif isinstance(error, TooManyFieldsSent):
        most = f"{settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:,}"
        return Response(error_body(f"The request has more than {most} parameters or fields: send fewer"), status=400)
    elif isinstance(error, TooManyFilesSent):
        most = f"{settings.DATA_UPLOAD_MAX_NUMBER_FILES:,}"
        return Response(error_body(f"The request has more than {most} files: send one a request"), status=400)
    if is_about_tables(error):
        set_rollback()
        return Response(error_body(MESSAGE), status=503, headers={"Retry-After": "60"})
    if not isinstance(error, exceptions.APIException):
        request = getattr(context.get("request"), "_request", None)
        logger.error("server error at %s", getattr(request, "path", "?"), exc_info=error)
        set_rollback()
        if passing := _passing(error):
            return Response(error_body(passing), status=503, headers={"Retry-After": "60"})
        got_request_exception.send(sender=None, request=request)
        return Response(error_body(SERVER_ERROR), status=500)
    set_rollback()
    headers: dict[str, str] = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait))  # type: ignore[attr-defined]
    if isinstance(error, exceptions.ValidationError):
        details = _flatten(error.detail)
        return Response(error_body("The request is not valid", details), status=status.HTTP_400_BAD_REQUEST)
    message = _remedied(error, context)
    return Response(error_body(str(message)), status=error.status_code, headers=headers)


def not_found(request: Any, exception: Exception | None = None) -> JsonResponse:
    return JsonResponse(error_body(f"There is nothing at {request.path}"), status=404)


def server_error(request: Any) -> JsonResponse:
    return JsonResponse(error_body(SERVER_ERROR), status=500)


class Passing:
    """Middleware: outside of the REST API too, in the admin and the metrics, a fault of the machine that passes is a 503."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not (passing := _passing(error)):
            return None
        logger.error("server error at %s", request.path, exc_info=error)
        return JsonResponse(error_body(passing), status=503, headers={"Retry-After": "60"})
