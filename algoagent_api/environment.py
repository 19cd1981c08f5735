"""The environment, checked: a setting that cannot work is refused when the process starts, and by `manage.py check`, by its name."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core import checks
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
FALSE = ("false", "0", "no", "off")
DATABASES = ("sqlite", "postgres", "postgresql")
HOST = r"\*|\.?[A-Za-z0-9_]([\w-]*)(\.[\w-]+)*\.?|\[[0-9A-Fa-f:.]+\]"


# Names that begin like this are read by AlgoAgent alone, so that a distant likeness is enough to say which was meant.
OURS = ("THROTTLE_", "BACKTEST_", "SANDBOX_", "AI_BUDGET_")
ALIKE, ALIKE_OF_OURS = 0.885, 0.7  # DATABASE_USER is 0.88 like DATABASE_URL, and belongs to somebody else
READ: set[str] = {"JWT_EXPIRY", *EARLIER}  # the names of all variables that are read


class Env(environ.Env):  # type: ignore[misc]
    """Names the variable whose value is not of its type, and keeps in READ which variables there are."""

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        READ.add(var)
        written = str(self.ENVIRON.get(var, "")).strip()
        if cast in KINDS and var in self.ENVIRON:
            kind, read = KINDS[cast]
            try:
                return read(written)
            except ValueError:
                raise ImproperlyConfigured(
                    f"{var}={written[:40]} is not {kind}: write one, or leave {var} out"
                ) from None
        try:
            return super().get_value(var, cast, default, parse_default)
        except (ValueError, TypeError) as error:
            raise ImproperlyConfigured(f"{var} is not what it has to be: {error}") from None

    def database(self, var: str, default: str) -> dict[str, Any]:
        """Return the settings of the database that a variable's URL names.

        Raises:
            ImproperlyConfigured: it is no URL of a database that there is a driver for.
        """
        url = self.str(var, default=default) or default
        scheme, separator, _rest = url.partition("://")
        shown = f"{var}={scheme}://..." if separator else f"{var}={url[:40]}"
        remedy = "write sqlite:///path/of/file or postgres://user:password@host:5432/name"
        if scheme not in DATABASES or not separator:
            raise ImproperlyConfigured(f"{shown} cannot work: {remedy}")
        encoded = "a / # ? or @ in the password is written %2F, %23, %3F or %40"
        try:
            found = dict(self.db_url_config(url))
            possible = scheme == "sqlite" or _port_is_possible(url)
        except ValueError:
            possible = False
        if not possible:
            raise ImproperlyConfigured(
                f"{shown} cannot work: the port is no number from 1 to 65535; {remedy}; {encoded}"
            )
        if scheme == "sqlite" and found.get("NAME") in ("", ":memory:"):
            raise ImproperlyConfigured(
                f"{shown} cannot work: it names no file, which web server and workers share; {remedy}"
            )
        if not found.get("NAME"):
            raise ImproperlyConfigured(f"{shown} cannot work: it names no database; {remedy}")
        return found


def _port_is_possible(url: str) -> bool:
    """Tell whether a URL has no port, or one from 1 to 65535. ValueError where it has something else."""
    return urlsplit(url).port != 0


def folder(name: str, path: Path, *, make: bool = True) -> Path:
    """Return a setting's folder, made where it is missing.

    Args:
        make: whether it is made; otherwise only whether it could be is looked at.

    Raises:
        ImproperlyConfigured: it cannot be, or cannot be written to.
    """
    why = ""
    try:
        if make:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = next(p for p in (path, *path.parents) if p.exists())
        if not there.is_dir():
            why = f"{there} is no folder"
        elif not os.access(there, os.W_OK | os.X_OK):
            why = f"{there} cannot be written to"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", "") or str(error)
    if why:
        raise ImproperlyConfigured(f"{name}={path} cannot work: {why}. Name a folder that this user may write to")
    return path


def _truth(written: str) -> bool:
    known = {**dict.fromkeys((*TRUE, "y", "ok"), True), **dict.fromkeys((*FALSE, "n", ""), False)}
    if written.casefold() not in known:
        raise ValueError(written)
    return known[written.casefold()]


KINDS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    int: ("a whole number", int),
    float: ("a number", float),
    bool: ("True or False", _truth),
}


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


def misspelt(names: Iterable[str]) -> dict[str, str]:
    """Return the names that nothing reads and that are nearly those of settings, each with the one that was meant.

    Nearly is a likeness (difflib's ratio) of more than 0.88. A name that begins as only ours do, such as THROTTLE_, needs 0.7.

    >>> misspelt(["THROTTLE_ANNON", "PATH", "DATA_DIR"])  # once the settings are read
    {'THROTTLE_ANNON': 'THROTTLE_ANON'}
    """
    found = {}
    for name in sorted(set(names) - READ):
        cutoff = ALIKE_OF_OURS if name.startswith(OURS) else ALIKE
        if near := difflib.get_close_matches(name, sorted(READ), n=1, cutoff=cutoff):
            found[name] = near[0]
    return found


def misspelt_warnings() -> list[str]:
    """Return a sentence for each misspelt setting of this process."""
    return [
        f"{name} is set, and nothing reads it: did you mean {meant}? If it is another program's, leave it as it is"
        for name, meant in misspelt(os.environ).items()
    ]


@checks.register
def check_names(**_: Any) -> list[checks.CheckMessage]:
    """Warn of misspelt settings in `manage.py check` and before any other command."""
    return [checks.Warning(text, id="algoagent.W001") for text in misspelt_warnings()]


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that cannot work.

    Raises:
        ImproperlyConfigured: names the variable, its value and what it may be.
    """
    for name, allowed, means in RULES:
        value = settings[name]
        if not allowed(value):
            raise ImproperlyConfigured(f"{name}={_shown(value)} cannot work: {means}")
    for vendor, url in settings["LLM_BASE_URLS"].items():
        if url and not _web(url):
            name = f"{'GEMINI' if vendor == 'google-gla' else vendor.upper()}_BASE_URL"
            raise ImproperlyConfigured(f"{name}={_shown(url)[:80]} cannot work: {_WEB}")
    secret = settings["SIMPLE_JWT"]["SIGNING_KEY"]
    if not settings["DEBUG"] and len(secret) < 32:
        raise ImproperlyConfigured(
            "JWT_SECRET is shorter than 32 characters, and DEBUG is off: set it to a long random text"
        )
    for scope, rate in settings["REST_FRAMEWORK"]["DEFAULT_THROTTLE_RATES"].items():
        if not re.fullmatch(r"[1-9]\d*/(s|sec|second|m|min|minute|h|hour|d|day)", rate):
            raise ImproperlyConfigured(
                f"THROTTLE_{scope.upper()}={rate} cannot work: write a number a sec, min, hour or day, such as 60/min"
            )


def _shown(value: Any) -> str:
    """Return a value for an error message, without what stands before the @ of a URL: a name and a password."""
    return re.sub(r"//.*@", "//...@", ",".join(value) if isinstance(value, list) else str(value))


def _at_least(least: float) -> tuple[Callable[[Any], bool], str]:
    return lambda value: bool(value >= least), f"it has to be at least {least:g}"


def _above(least: float) -> tuple[Callable[[Any], bool], str]:
    return lambda value: bool(value > least), f"it has to be above {least:g}"


def _one_of(*known: str) -> tuple[Callable[[Any], bool], str]:
    return lambda value: value in known, f"known are {', '.join(known)}"


_WEB = "write an address such as https://host.example/path"


def _web(url: str) -> bool:
    try:
        found = urlsplit(url)
        return found.scheme in ("http", "https") and bool(found.hostname) and _port_is_possible(url)
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
        return _port_is_possible(url)
    except ValueError:
        return False


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
    ("CELERY_BROKER_URL", _broker, f"write a URL such as redis://host:6379/0, with a port from 1 to 65535; known are {', '.join(BROKERS)}"),
    ("SEARXNG_ENDPOINT", lambda v: not v or _web(v), _WEB),
    ("ALLOWED_HOSTS", lambda v: all(re.fullmatch(HOST, host) for host in v),
     "write host names without http:// and port, such as example.com,.example.org"),
    ("CSRF_TRUSTED_ORIGINS", _origins, "write origins with their scheme, such as https://example.com"),
    ("CORS_ALLOWED_ORIGINS", _origins, "write origins with their scheme, such as https://example.com"),
    ("DATA_UPLOAD_MAX_MEMORY_SIZE", *_above(0)), ("MAX_UPLOAD_MB", *_above(0)), ("UPLOAD_MEMORY_MB", *_at_least(64)), ("UPLOAD_TIMEOUT_S", *_above(0)),
    ("DATASETS_PER_USER", *_at_least(1)), ("DATASETS_MB_PER_USER", *_at_least(1)), ("YAHOO_TIMEOUT_S", *_above(0)),
    ("SANDBOX_READY", *_at_least(0)), ("SANDBOX_TIMEOUT_S", *_above(0)), ("SANDBOX_MEMORY_MB", *_at_least(256)),
    ("BACKTEST_CONCURRENCY", *_at_least(1)), ("BACKTEST_PER_USER", *_at_least(1)), ("ARTIFACT_RETENTION_DAYS", *_at_least(0)),
    ("LLM_TIMEOUT_S", *_above(0)), ("LLM_TRIES", *_at_least(1)), ("AI_BUDGET_USER_USD", *_at_least(0)),
    ("AI_BUDGET_TOTAL_USD", *_at_least(0)),
    ("AI_BUDGET_RESERVE_PERCENT", lambda v: 0 <= v <= 100, "it is a percentage from 0 to 100"),
    ("CHAT_WAIT_S", *_at_least(0)), ("JWT_ACCESS_SECONDS", *_at_least(1)), ("JWT_REFRESH_DAYS", *_at_least(1)),
    ("NUM_PROXIES", *_at_least(0)),
)  # fmt: skip
