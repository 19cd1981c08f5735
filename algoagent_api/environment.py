"""The environment, checked: a setting that cannot work is refused when the process starts, and by `manage.py check`, by its name."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import ipaddress
import itertools
import json
import math
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import environ
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from algoagent_api.rules import DAY_S, RULES, port_is_possible

IN_VAR = {
    "db.sqlite3",
    "secret_key",
    "media",
    "data",
    "deploy",
    "broker",
    "metrics",
    "uploads",
}  # what is in VAR_DIR after a first start
PROJECT = Path(__file__).resolve().parent.parent

# What the settings of earlier documents are called here. What they turned on is how it is; what they turned off does not exist.
EARLIER = {
    "USE_BACKTESTING_PY": "there is no other engine to take: the compiled one and backtesting.py make the same trades",
    "USE_CONVERSATION_MEMORY": "conversations are always kept; DELETE /api/conversations/{session_id}/ forgets one",
}
TRUE = ("true", "1", "yes", "on")
FALSE = ("false", "0", "no", "off")
# Names that are not spelt like the setting that was meant: those of the project's first plans, and of vendors' keys.
OTHER_NAMES = {
    "ATLAS_SEARXNG_ENDPOINT": "SEARXNG_ENDPOINT",
    "ATLAS_MCP_URL": "SEARXNG_ENDPOINT",
    "ATLAS_MCP_ENDPOINT": "SEARXNG_ENDPOINT",
    "ATLAS_BACKTEST_IMAGE": "SANDBOX_IMAGE",
    "GEMINI_KEY": "GEMINI_API_KEY",
}
NO_ISOLATION = (
    "There is no isolation on this server, so that code which AlgoAgent did not generate cannot run: install "
    "bubblewrap (apt install bubblewrap libseccomp2), or Docker and set SANDBOX_BACKEND=docker"
)
DATABASES = ("sqlite", "postgres", "postgresql")
PUBLIC_KEY = "development-only-key-that-production-refuses-to-start-with"  # the default of earlier versions


# Names that begin like this are read by AlgoAgent alone, so that a distant likeness is enough to say which was meant.
OURS = ("THROTTLE_", "BACKTEST_", "SANDBOX_", "AI_BUDGET_")
ALIKE, ALIKE_OF_OURS = 0.885, 0.7  # DATABASE_USER is 0.88 like DATABASE_URL, and belongs to somebody else
READ: set[str] = {"JWT_EXPIRY", *EARLIER}  # the names of all variables that are read
WRONG: list[str] = []  # a sentence for each setting that cannot work; `check` refuses all of them in one message
_refused: set[Path] = set()  # the folders that are in WRONG


class Env(environ.Env):  # type: ignore[misc]
    """Reads variables; of one that cannot work, keeps in WRONG its name, value and remedy, and goes on with its default."""

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        READ.add(var)
        if var not in self.ENVIRON:
            return super().get_value(var, cast, default, parse_default)
        written = str(self.ENVIRON[var]).strip()
        if unprintable := next((c for c in written if not c.isprintable()), ""):
            WRONG.append(f"{var} cannot work: it holds {unprintable!r}, which no setting has. Write it on one line")
            return default
        allowed, means = RULES.get(var, (lambda _: True, ""))
        try:
            if cast in KINDS:
                kind, read = KINDS[cast]
                value = read(written)
            else:
                kind = "what it has to be"
                value = super().get_value(var, cast, default, parse_default)
        except (ValueError, TypeError, RecursionError):
            WRONG.append(f"{var}={_shown(written)[:40]} is not {kind}: {means or 'write one'}; or leave {var} out")
            return default
        if not allowed(value):
            WRONG.append(f"{var}={_shown(written)[:80]} cannot work: {means}")
            return default
        return value

    def database(self, var: str, default: str) -> dict[str, Any]:
        """Return the settings of the database that a variable's URL names."""
        try:
            return self._database(var, self.str(var, default=default) or default)
        except ImproperlyConfigured as error:
            WRONG.append(str(error))
            return self._database(var, default)

    def _database(self, var: str, url: str) -> dict[str, Any]:
        scheme, separator, _rest = url.partition("://")
        shown = f"{var}={scheme}://..." if separator else f"{var}={url[:40]}"
        remedy = "write sqlite:///path/of/file or postgres://user:password@host:5432/name"
        if scheme not in DATABASES or not separator:
            raise ImproperlyConfigured(f"{shown} cannot work: {remedy}")
        encoded = "a / # ? or @ in the password is written %2F, %23, %3F or %40"
        try:
            found = dict(self.db_url_config(url))
            possible = scheme == "sqlite" or port_is_possible(url)
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


def folder(name: str, path: Path, *, make: bool = True, own: bool = False) -> Path:
    """Return a setting's folder, made where it is missing; keep in WRONG one that cannot be, or cannot be written to.

    Args:
        make: whether it is made; otherwise only whether it could be is looked at.
        own: whether it is the server's own, which nobody else may look into; one with things of others is refused.
    """
    if _refused.intersection((path, *path.parents)):  # it is below one that was refused, which is enough to say
        return path
    why = f"{path} holds the project itself" if path.resolve() in (PROJECT, *PROJECT.parents) else ""
    try:
        if make and not why:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = next(p for p in (path, *path.parents) if p.exists())
        if not why and not there.is_dir():
            why = f"{there} is no folder"
        elif not why and not os.access(there, os.W_OK | os.X_OK):
            why = f"{there} cannot be written to"
        elif own and not why:
            found = {e.name for e in path.iterdir() if not e.name.startswith(".")} - {"lost+found"}  # as a new disk has
            if found and not found & IN_VAR:
                why = f"{path} holds {min(found)}, which is not this server's"
            else:
                with contextlib.suppress(OSError):
                    path.chmod(0o700)  # of an earlier version, or made by the system
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", "") or str(error)
    if why:
        _refused.add(path)
        WRONG.append(f"{name}={path} cannot work: {why}. Name a folder that this user may write to")
    return path


def own_key(file: Path) -> str:
    """Return the key that a file of VAR_DIR holds; make both at the first start, so that no key is known to others.

    Web server and workers may start at the same moment: the one that links its file first has made the key of all.
    """
    if file.parent in _refused:
        return secrets.token_urlsafe(48)
    with contextlib.suppress(OSError):
        if not file.exists():
            made = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
            with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
                new.write(secrets.token_urlsafe(48))
            with contextlib.suppress(FileExistsError):
                os.link(made, file)
            made.unlink()
        if len(key := file.read_text(encoding="utf-8").strip()) >= 32:
            return key
    return secrets.token_urlsafe(48)  # the folder cannot be used, which is refused by its own name


def on_this_machine(host: str) -> bool:
    """Tell whether an address is one that other machines cannot reach; an empty one is."""
    try:
        return host in ("", "localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def database_folder(file: Path, var_dir: Path) -> None:
    """Make the folder of an SQLite file: anything below VAR_DIR, and elsewhere one folder in another that exists."""
    outer = file.parent.parent
    if file.is_relative_to(var_dir) or os.path.exists(outer):
        folder("DATABASE_URL's folder", file.parent)
    else:
        WRONG.append(
            f"DATABASE_URL=sqlite:///{file} cannot work: there is no folder {outer}, and only the last folder is made. "
            f"Make {file.parent}, or name a file below VAR_DIR"
        )


def _truth(written: str) -> bool:
    known = {**dict.fromkeys((*TRUE, "y", "ok"), True), **dict.fromkeys((*FALSE, "n", ""), False)}
    if written.casefold() not in known:
        raise ValueError(written)
    return known[written.casefold()]


def _finite(written: str) -> float:
    if not math.isfinite(value := float(written)):
        raise ValueError(written)
    return value


KINDS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    int: ("a whole number", int),
    float: ("a number", _finite),
    bool: ("True or False", _truth),
    json.loads: ("JSON", json.loads),
}


def earlier_expiry(env: Env) -> int:
    """Return how many seconds an access token is good for where JWT_ACCESS_SECONDS does not say it: what JWT_EXPIRY says."""
    if "JWT_EXPIRY" in os.environ and "JWT_ACCESS_SECONDS" in os.environ:
        WRONG.append("JWT_EXPIRY and JWT_ACCESS_SECONDS are one setting: keep JWT_ACCESS_SECONDS")
        return 3600
    return int(env.int("JWT_EXPIRY", default=3600))


def refuse_earlier(environment: Mapping[str, str]) -> None:
    """Keep in WRONG each setting of earlier documents that asks for what does not exist."""
    for name, why in EARLIER.items():
        value = environment.get(name, "true")
        if value.strip().casefold() not in TRUE:
            WRONG.append(f"{name}={value[:20]} cannot be: {why}. Leave {name} out")


def misspelt(names: Iterable[str]) -> dict[str, str]:
    """Return the names that nothing reads and that are nearly those of settings, each with the one that was meant.

    Nearly is a likeness (difflib's ratio) of more than 0.88. A name that begins as only ours do, such as THROTTLE_, needs 0.7.

    >>> misspelt(["THROTTLE_ANNON", "PATH", "DATA_DIR"])  # once the settings are read
    {'THROTTLE_ANNON': 'THROTTLE_ANON'}
    """
    found = {}
    for name in sorted(set(names) - READ):
        if name in OTHER_NAMES:
            found[name] = OTHER_NAMES[name]
            continue
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


def isolation_warnings() -> list[str]:
    """Return what to say where strategy code is not kept from the machine as the settings would have it.

    `process` is without isolation by its name, and ALLOW_UNISOLATED_CODE says that all code may run without: nothing is said.
    """
    from django.conf import settings

    from Backtest.errors import SandboxUnavailable
    from strategy_api.engine import get_sandbox

    named = settings.SANDBOX_BACKEND
    if named == "process" or (named == "auto" and settings.ALLOW_UNISOLATED_CODE):
        return []
    try:
        sandbox = get_sandbox()
        why = sandbox.problem()
    except SandboxUnavailable as error:
        why = error.message
    else:
        if named == "auto" and not sandbox.isolated:
            return [NO_ISOLATION]
    return [f"SANDBOX_BACKEND={named} does not work, so that runs fail: {why}"] if why else []


def shared_memory(var: Path) -> Path:
    """Return the folder in which the processes of one server count for Prometheus.

    In memory where there is such a folder: the counts are mapped files, and on a full disk writing to one ends the process (SIGBUS).
    """
    memory = Path("/dev/shm")  # noqa: S108 - the name below is this user's, and folder() makes it theirs alone
    if not os.access(memory, os.W_OK):
        return var / "metrics"
    return memory / f"algoagent-{os.getuid()}-{hashlib.sha256(str(var.resolve()).encode()).hexdigest()[:16]}"


@checks.register
def check_isolation(**_: Any) -> list[checks.CheckMessage]:
    """Warn of missing isolation in `manage.py check` and before any other command."""
    return [checks.Warning(text, id="algoagent.W002") for text in isolation_warnings()]


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that cannot work, alone or together.

    Raises:
        ImproperlyConfigured: names each variable, its value and what it may be.
    """
    wrong = [*WRONG, *_wrong_together(settings)]
    WRONG.clear()
    _refused.clear()
    if len(wrong) == 1:
        raise ImproperlyConfigured(wrong[0])
    if wrong:
        raise ImproperlyConfigured("\n  ".join((f"{len(wrong)} are wrong", *wrong)))


def _wrong_together(settings: Mapping[str, Any]) -> Iterator[str]:
    if not settings["DEBUG"]:
        if settings["SECRET_KEY"] == PUBLIC_KEY or len(settings["SECRET_KEY"]) < 32:
            yield "DEBUG is off and SECRET_KEY is missing, public or shorter than 32 characters: set SECRET_KEY to a long random text"
        elif _written_by_hand(settings["SECRET_KEY"]):
            yield "DEBUG is off and SECRET_KEY is no random text but one that is guessed: set it to what `openssl rand -hex 32` prints"
        elif len(settings["SIMPLE_JWT"]["SIGNING_KEY"]) < 32:
            yield "JWT_SECRET is shorter than 32 characters, and DEBUG is off: set it to a long random text"
        if not settings["ALLOWED_HOSTS"]:
            yield "ALLOWED_HOSTS= cannot work with DEBUG off, for every request would be refused: write the host names of this server"
    elif not on_this_machine(host := os.environ.get("UVICORN_HOST", "")):
        yield (
            f"UVICORN_HOST={host} cannot work with DEBUG on, which shows the inside of the server to whoever asks: set DEBUG=False, "
            "SECRET_KEY and ALLOWED_HOSTS, or listen on 127.0.0.1"
        )
    folders = [
        (name, settings[name]) for name in ("VAR_DIR", "MEDIA_ROOT", "DATA_CACHE_DIR", "CODES_DIR", "DEPLOY_REPO")
    ]
    for (name, path), (other, same) in itertools.combinations(folders, 2):
        if Path(path) == Path(same):
            yield f"{name} and {other} are both {path}, and each deletes what it does not know: name two folders"
    access, days = settings["JWT_ACCESS_SECONDS"], settings["JWT_REFRESH_DAYS"]
    if access > days * DAY_S:
        name = "JWT_EXPIRY" if "JWT_EXPIRY" in os.environ else "JWT_ACCESS_SECONDS"
        yield (
            f"{name}={access} cannot work: it is longer than JWT_REFRESH_DAYS={days}, which is {days * DAY_S} seconds. "
            "Write fewer seconds, or more days"
        )
    user, total = settings["AI_BUDGET_USER_USD"], settings["AI_BUDGET_TOTAL_USD"]
    if user > total:
        yield (
            f"AI_BUDGET_USER_USD={user:g} cannot work: it is above AI_BUDGET_TOTAL_USD={total:g}, which is everybody's together. "
            "Lower the one, or raise the other"
        )


def _written_by_hand(key: str) -> bool:
    """Tell whether a key is one that is guessed: of few characters, or of words."""
    return len(set(key)) < 8 or any(
        word in key.lower() for word in ("change", "secret", "insecure", "password", "example")
    )


def settings_or_exit() -> None:
    """Load the settings; where they cannot work, end this process with what is wrong and without a traceback."""
    from django.conf import settings

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "algoagent_api.settings")
    try:
        _ = settings.DEBUG
    except ImproperlyConfigured as error:
        sys.exit(f"The settings cannot work: {error}")


def _shown(written: str) -> str:
    """Return a value for an error message, without what stands before the @ of a URL: a name and a password."""
    return re.sub(r"//.*@", "//...@", written)
