"""Everything a user can do is an action of the catalogue, and every door does it through that."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver
from pydantic import BaseModel
from rest_framework.serializers import BaseSerializer

from actions import Action, Permission, Target, action, catalogue
from auth_api.management.commands.actions import done_at

# What tells of the server itself and not of a user.
OF_THE_SERVER = re.compile(r"/(api/(health|schema|docs|\()|\^api/)")


def views(patterns: list[Any], before: str = "/") -> list[tuple[str, str, Any]]:
    """Every method of every address below /api/, with its view."""
    found = []
    for entry in patterns:
        path = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            found += views(entry.url_patterns, path)
        elif isinstance(entry, URLPattern) and path.startswith("/api/") and not OF_THE_SERVER.match(path):
            view = entry.callback.view_class  # type: ignore[attr-defined]
            found += [(path, m, view) for m in ("GET", "POST", "PATCH", "PUT", "DELETE") if hasattr(view, m.lower())]
    return found


VIEWS = views(get_resolver().url_patterns)
DOORS = list(done_at())


def test_every_door_does_an_action_and_every_action_has_a_door() -> None:
    assert [(path, method) for path, method, _ in DOORS] == [(path, method) for path, method, _ in VIEWS]
    assert all(done is catalogue()[done.name] for _, _, done in DOORS)
    assert {done.name for _, _, done in DOORS} == set(catalogue())


def test_the_document_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("actions")
    assert capsys.readouterr().out in Path("docs/actions.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("one", catalogue().values(), ids=lambda one: one.name)
def test_an_action_says_what_it_does_takes_and_gives(one: Action) -> None:
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", one.name)
    assert re.match(r"[A-Z].*[.!]", one.help), "a sentence"
    assert one.takes is None or issubclass(one.takes, BaseSerializer)
    assert one.gives in (None, dict) or issubclass(one.gives, BaseSerializer | BaseModel)  # type: ignore[arg-type]


def test_only_what_makes_an_account_or_a_token_is_open() -> None:
    opened = {name for name, one in catalogue().items() if one.permission is Permission.OPEN}
    assert opened == {"account.register", "account.log_in", "account.verify", "account.refresh"}


def test_what_only_looks_is_asked_for_with_get_and_what_writes_is_not() -> None:
    """But for what is asked with more than fits into an address, or makes nothing that stays."""
    asked = {done.name for _, method, done in DOORS if done.permission is Permission.READ and method != "GET"}
    assert asked == {"canonical.validate", "code.validate", "backtests.validate_config", "datasets.preview"}
    looked = {done.name for _, method, done in DOORS if done.permission is not Permission.READ and method == "GET"}
    assert looked == {"account.refresh"}


def test_a_name_stands_for_one_action() -> None:
    def another(*, user: Any) -> None:
        """Do something else."""

    with pytest.raises(TypeError, match=r"two actions named strategies\.get"):
        action("strategies.get", permission=Permission.READ, cost="look")(another)


def test_one_that_does_not_say_what_it_does_is_refused() -> None:
    with pytest.raises(TypeError, match=r"test\.silent does not say what it does"):
        action("test.silent", permission=Permission.READ, cost="look")(lambda *, user: None)


def test_what_it_is_done_with_is_found_before_the_request_is_looked_at() -> None:
    class Missing(Exception):
        pass

    def find(*, user: str, thing_id: int) -> str:
        if user != "ada":
            raise Missing
        return f"thing {thing_id}"

    class Never(BaseSerializer[Any]):
        def __init__(self, **_: Any) -> None:
            raise AssertionError("it was looked at")

    seen = Action(
        name="test.see", do=lambda *, user, thing: f"{user} sees {thing}", of=Target("thing", "thing_id", find),
        permission=Permission.READ, cost="look",  # type: ignore[arg-type]
    )  # fmt: skip
    assert seen(user="ada", thing_id=3) == seen(user="ada", thing="thing 3") == "ada sees thing 3"
    strict = Action(name="test.do", do=seen.do, of=seen.of, takes=Never, permission=Permission.WRITE, cost=seen.cost)
    with pytest.raises(Missing):
        strict.perform({}, user="eve", thing_id=3)
