"""What must not stand in a log is taken out of every entry."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, MutableMapping
from typing import Any

from django.conf import settings

HIDDEN = "[hidden]"
SECRET_KEYS = re.compile(
    r"passw|secret|token|authorization|api_?key|credential|cookie|^(access|refresh|key)$", re.IGNORECASE
)
SECRET_TEXTS = (
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),  # a JSON web token
    re.compile(r"(?i)\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(?<=://)[^\s:/@]*:[^\s@]+(?=@)"),  # user:password@ in an address
    re.compile(r"(?i)(?<=[?&])(?:token|key|secret|password|signature)=[^&\s]+"),
    re.compile(r"\b(?:sk-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{20,})"),  # keys of model providers
)


def secret_values() -> Iterable[str]:
    """Return the values of this server's own secrets."""
    named = {p for k, v in os.environ.items() if SECRET_KEYS.search(k) for p in (v, *v.split(",")) if len(p) >= 8}
    keys = {key for keys in settings.LLM_KEYS.values() for key in keys if len(key) >= 8}
    return {settings.SECRET_KEY, settings.SIMPLE_JWT["SIGNING_KEY"], *named, *keys}


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide secrets in a log entry, by the names of its fields and in every text of it: a structlog processor."""
    return {k: HIDDEN if SECRET_KEYS.search(k) and v else _clean(v) for k, v in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: HIDDEN if SECRET_KEYS.search(str(k)) and v else _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [_clean(v) for v in value]
    if isinstance(value, str):
        for secret in secret_values():
            value = value.replace(secret, HIDDEN)
        for pattern in SECRET_TEXTS:
            value = pattern.sub(HIDDEN, value)
    return value
