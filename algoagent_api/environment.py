"""The environment, checked: a setting that cannot work is refused when the process starts, and by `manage.py check`, by its name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

PROVIDERS = ("bundled", "yahoo")
VENDORS = ("google-gla", "anthropic", "openai", "openrouter", "ollama")
GATES = ("min_trades", "min_sharpe", "max_drawdown", "min_profit_factor", "min_return_pct")
BROKERS = ("filesystem", "memory", "redis", "rediss", "sentinel", "amqp", "amqps", "pyamqp", "sqs")
# What the settings of earlier documents are called here. What they turned on is how it is; what they turned off does not exist.
EARLIER = {
    "USE_BACKTESTING_PY": "there is no other engine to take: the compiled one and backtesting.py make the same trades",
    "USE_CONVERSATION_MEMORY": "conversations are always kept; DELETE /api/conversations/{session_id}/ forgets one",
}
TRUE = ("true", "1", "yes", "on")


class Env(environ.Env):  # type: ignore[misc]
    """Names the variable whose value is not of its type."""

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        try:
            return super().get_value(var, cast, default, parse_default)
        except (ValueError, TypeError) as error:
            kind = {int: "a whole number", float: "a number", bool: "True or False"}.get(cast, "what it has to be")
            raise ImproperlyConfigured(f"{var} is not {kind}: {error}") from None


def earlier_expiry(env: Env) -> int:
    """Return how many seconds an access token is good for where JWT_ACCESS_SECONDS does not say it: what JWT_EXPIRY says.

    Raises:
        ImproperlyConfigured: both are set.
    """
    if "JWT_EXPIRY" not in os.environ:
        return 3600
    if "JWT_ACCESS_SECONDS" in os.environ:
        raise ImproperlyConfigured("JWT_EXPIRY and JWT_ACCESS_SECONDS are one setting: keep JWT_ACCESS_SECONDS")
    return int(env.int("JWT_EXPIRY"))


def refuse_earlier(environment: Mapping[str, str]) -> None:
    """Refuse a setting of earlier documents that asks for what does not exist."""
    for name, why in EARLIER.items():
        value = environment.get(name, "true")
        if value.strip().casefold() not in TRUE:
            raise ImproperlyConfigured(f"{name}={value[:20]} cannot be: {why}. Leave {name} out")


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that cannot work.

    Raises:
        ImproperlyConfigured: names the variable, its value and what it may be.
    """
    for name, allowed, means in RULES:
        value = settings[name]
        if not allowed(value):
            raise ImproperlyConfigured(f"{name}={_shown(value)} cannot work: {means}")
    for scope, rate in settings["REST_FRAMEWORK"]["DEFAULT_THROTTLE_RATES"].items():
        if not re.fullmatch(r"[1-9]\d*/(s|sec|second|m|min|minute|h|hour|d|day)", rate):
            raise ImproperlyConfigured(
                f"THROTTLE_{scope.upper()}={rate} cannot work: write a number a sec, min, hour or day, such as 60/min"
            )


def _shown(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def _at_least(least: float) -> tuple[Callable[[Any], bool], str]:
    return lambda value: bool(value >= least), f"it has to be at least {least:g}"


def _above(least: float) -> tuple[Callable[[Any], bool], str]:
    return lambda value: bool(value > least), f"it has to be above {least:g}"


def _one_of(*known: str) -> tuple[Callable[[Any], bool], str]:
    return lambda value: value in known, f"known are {', '.join(known)}"


def _models(value: list[str]) -> bool:
    return all(name.partition(":")[0] in VENDORS and name.partition(":")[2] for name in value)


def _gates(value: Any) -> bool:
    numbers = isinstance(value, dict) and all(isinstance(v, int | float) for v in value.values())
    return numbers and set(value) <= set(GATES)


RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("DATA_PROVIDERS", lambda v: bool(v) and set(v) <= set(PROVIDERS) and len(set(v)) == len(v),
     f"name each at most once; known are {', '.join(PROVIDERS)}"),
    ("SANDBOX_BACKEND", *_one_of("auto", "bubblewrap", "docker", "process")),
    ("LOG_FORMAT", *_one_of("console", "json")),
    ("LOG_LEVEL", *_one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
    ("DEPLOY_GATES", _gates, f"it is JSON such as {{\"min_trades\": 1}}; known are {', '.join(GATES)}"),
    ("LLM_MODEL", _models, f"write vendor:model, such as google-gla:gemini-2.5-flash; known are {', '.join(VENDORS)}"),
    ("CELERY_BROKER_URL", lambda v: v.partition(":")[0] in BROKERS, f"it begins with one of {', '.join(BROKERS)}, and a colon"),
    ("DATA_UPLOAD_MAX_MEMORY_SIZE", *_above(0)), ("MAX_UPLOAD_MB", *_above(0)), ("YAHOO_TIMEOUT_S", *_above(0)),
    ("SANDBOX_READY", *_at_least(0)), ("SANDBOX_TIMEOUT_S", *_above(0)), ("SANDBOX_MEMORY_MB", *_at_least(256)),
    ("BACKTEST_CONCURRENCY", *_at_least(1)), ("BACKTEST_PER_USER", *_at_least(1)), ("ARTIFACT_RETENTION_DAYS", *_at_least(0)),
    ("LLM_TIMEOUT_S", *_above(0)), ("LLM_TRIES", *_at_least(1)), ("AI_BUDGET_USER_USD", *_at_least(0)),
    ("AI_BUDGET_TOTAL_USD", *_at_least(0)),
    ("AI_BUDGET_RESERVE_PERCENT", lambda v: 0 <= v <= 100, "it is a percentage from 0 to 100"),
    ("CHAT_WAIT_S", *_at_least(0)), ("JWT_ACCESS_SECONDS", *_at_least(1)), ("JWT_REFRESH_DAYS", *_at_least(1)),
    ("NUM_PROXIES", *_at_least(0)),
)  # fmt: skip
