"""How bodies of requests are read."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser as BaseJSONParser
from rest_framework.utils.json import strict_constant

from Backtest.errors import Diagnostic, InvalidInput


class JSONParser(BaseJSONParser):
    """JSON in which lists within lists beyond all measure are an error of the request, and so is a name given twice."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            text = codecs.getreader(encoding)(stream).read()
            found: dict[str, Any] = json.loads(text, parse_constant=strict_constant, object_pairs_hook=_once)
            if "\\u0000" in text or "\0" in text:
                _refuse_nul(found)
        except RecursionError as error:
            raise ParseError("JSON parse error: it is nested too deeply") from error
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from error
        return found


def _refuse_nul(value: Any, path: str = "") -> None:
    """InvalidInput for a text, or a name, with the character U+0000 in it, which PostgreSQL stores in no text."""
    if isinstance(value, str) and "\0" in value:
        finding = Diagnostic("error", "invalid", path, "There is a character U+0000 in it", "Leave the character out")
        raise InvalidInput("The request is not valid", details=[finding])
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _refuse_nul(name, path)
            _refuse_nul(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _refuse_nul(inner, f"{path}[{number}]")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON. Of a name given twice Python would keep the last value in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = [name[:80] for name in found if names.count(name) > 1]
        findings = [
            Diagnostic("error", "given_twice", name, f"`{name}` is given more than once in one object", "Give it once")
            for name in twice[:20]
        ]
        raise InvalidInput("The request is not valid", details=findings)
    return found
