"""What each setting may be: a predicate for its value, and what to write instead where the predicate is false."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from data_api.sources import NAMES as PROVIDERS

Rule = tuple[Callable[[Any], bool], str]

VENDORS = ("google-gla", "anthropic", "openai", "openrouter", "ollama")
GATES = ("min_trades", "min_sharpe", "max_drawdown", "min_profit_factor", "min_return_pct")
BROKERS = ("filesystem", "memory", "redis", "rediss", "sentinel", "amqp", "amqps", "pyamqp")
HOST = r"\*|\.?[A-Za-z0-9_]([\w-]*)(\.[\w-]+)*\.?|\[[0-9A-Fa-f:.]+\]"
DAY_S = 86_400
TOKEN_DAYS = 3650
MEMORY_MB = 1_048_576  # a TiB


def port_is_possible(url: str) -> bool:
    """Tell whether a URL has no port, or one from 1 to 65535. ValueError where it has something else."""
    return urlsplit(url).port != 0


def _at_least(least: float) -> Rule:
    return lambda value: bool(value >= least), f"it has to be at least {least:g}"


def _between(least: int, most: int) -> Rule:
    return lambda value: bool(least <= value <= most), f"it has to be from {least} to {most}"


def _seconds(*, zero: bool = False) -> Rule:
    """Return the rule of a time-out, which is a day at most."""
    means = f"it is seconds, {'at least' if zero else 'above'} 0 and at most {DAY_S} (a day)"
    return lambda value: bool(0 < value <= DAY_S or (zero and value == 0)), means


def _above(least: float) -> Rule:
    return lambda value: bool(value > least), f"it has to be above {least:g}"


def _one_of(*known: str) -> Rule:
    return lambda value: value in known, f"known are {', '.join(known)}"


_WEB = "write an address such as https://host.example/path"


def _web(url: str) -> bool:
    try:
        found = urlsplit(url)
        return found.scheme in ("http", "https") and bool(found.hostname) and port_is_possible(url)
    except ValueError:
        return False


def _origins(value: list[str]) -> bool:
    return all(_web(origin.replace("*.", "")) and not urlsplit(origin).path for origin in value)


def _broker(url: str) -> bool:
    scheme, separator, rest = url.partition("://")
    known = scheme in BROKERS and bool(separator) and (bool(rest) or scheme not in ("redis", "rediss", "sentinel"))
    if not known or ";" in url or "," in url:  # several servers stand with ; between: each is Celery's to read
        return known
    try:
        return port_is_possible(url)
    except ValueError:
        return False


def _models(value: list[str]) -> bool:
    return all(name.partition(":")[0] in VENDORS and name.partition(":")[2] for name in value)


def _gates(value: Any) -> bool:
    if not isinstance(value, dict) or not set(value) <= set(GATES):
        return False
    numbers = [v for v in value.values() if isinstance(v, int | float) and not isinstance(v, bool)]
    return len(numbers) == len(value) and all(-1e15 < v < 1e15 for v in numbers)  # neither NaN nor infinity is between


_RATE = "write a number a sec, min, hour or day, such as 60/min"


def _rate(value: str) -> bool:
    return bool(re.fullmatch(r"[1-9]\d*/(s|sec|second|m|min|minute|h|hour|d|day)", value))


_ORIGIN_MEANS = "write origins with their scheme, such as https://example.com"
RULES: dict[str, Rule] = {
    "DATA_PROVIDERS": (lambda v: bool(v) and set(v) <= set(PROVIDERS) and len(set(v)) == len(v),
                       f"name at least one, and each at most once; known are {', '.join(PROVIDERS)}"),
    "SANDBOX_BACKEND": _one_of("auto", "bubblewrap", "docker", "process"),
    "SANDBOX_IMAGE": (lambda v: bool(v.strip()), "name an image, such as algoagent-sandbox"),
    "LOG_FORMAT": _one_of("console", "json"),
    "LOG_LEVEL": _one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    "DEPLOY_GATES": (_gates, f'write JSON such as {{"min_trades": 1}}, where each gate must be a number; known are {", ".join(GATES)}'),
    "LLM_MODEL": (_models, f"write vendor:model, such as google-gla:gemini-2.5-flash; known are {', '.join(VENDORS)}"),
    "CELERY_BROKER_URL": (_broker, f"write a URL such as redis://host:6379/0, with a port from 1 to 65535; known are {', '.join(BROKERS)}"),
    "SECURITY_CONTACT": (lambda v: all(re.fullmatch(r"(mailto:|https://|tel:)\S{3,}", c) for c in v),
                         "write addresses as security.txt has them, such as mailto:security@example.com,https://example.com/security"),
    "CACHE_URL": (lambda v: not v or (re.fullmatch(r"rediss?://[^/?]+(/\d*)?(\?.*)?", v) is not None and _broker(v)),
                  "leave it empty, or write the URL of a Redis, such as redis://host:6379/1, with a port from 1 to 65535"),
    **{name: (lambda v: not v or _web(v), _WEB)
       for name in ("SEARXNG_ENDPOINT", "GEMINI_BASE_URL", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "OPENROUTER_BASE_URL", "OLLAMA_BASE_URL")},
    "ALLOWED_HOSTS": (lambda v: all(re.fullmatch(HOST, host) for host in v),
                      "write host names without http:// and port, such as example.com,.example.org"),
    "CSRF_TRUSTED_ORIGINS": (_origins, _ORIGIN_MEANS), "CORS_ALLOWED_ORIGINS": (_origins, _ORIGIN_MEANS),
    **{f"THROTTLE_{scope}": (_rate, _RATE) for scope in ("ANON", "USER", "LOGIN", "REGISTER")},
    "DATA_UPLOAD_MAX_MEMORY_SIZE": _at_least(10_000), "MAX_UPLOAD_MB": _above(0), "UPLOAD_MEMORY_MB": _between(64, MEMORY_MB),
    "UPLOAD_TIMEOUT_S": _seconds(), "DATASETS_PER_USER": _at_least(1), "DATASETS_MB_PER_USER": _at_least(1), "YAHOO_TIMEOUT_S": _seconds(),
    "SANDBOX_READY": _between(0, 64), "SANDBOX_TIMEOUT_S": _seconds(), "SANDBOX_MEMORY_MB": _between(256, MEMORY_MB),
    "BACKTEST_CONCURRENCY": _between(1, 256), "BACKTEST_PER_USER": _at_least(1),
    "BACKTEST_QUEUE_PER_USER": _at_least(1), "SEARCH_TIMEOUT_S": _seconds(), "ARTIFACT_RETENTION_DAYS": _between(0, 36_500),
    "LLM_TIMEOUT_S": _seconds(), "LLM_TRIES": _at_least(1), "AI_BUDGET_USER_USD": _at_least(0), "AI_BUDGET_TOTAL_USD": _at_least(0),
    "AI_BUDGET_RESERVE_PERCENT": (lambda v: 0 <= v <= 100, "it is a percentage from 0 to 100"),
    "CHAT_WAIT_S": _seconds(zero=True), "NUM_PROXIES": _at_least(0), "SECURE_HSTS_SECONDS": _between(0, 10 * 365 * DAY_S),
    "JWT_ACCESS_SECONDS": _between(1, TOKEN_DAYS * DAY_S), "JWT_EXPIRY": _between(1, TOKEN_DAYS * DAY_S),
    "JWT_REFRESH_DAYS": _between(1, TOKEN_DAYS),
}  # fmt: skip
