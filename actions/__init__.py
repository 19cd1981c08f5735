"""What a user can do, each thing once: its name, its help, what it takes and gives, who may, and what it costs.

An app lists its actions in `<app>/actions.py`. REST views, conversations and commands call them, so that the same request means the
same wherever it comes from, and what one needs to be allowed is written in one place. A new action is one function:

    @action("strategies.retire", of=STRATEGY, takes=RetireRequest, gives=HistorySerializer, permission=Permission.WRITE, cost=Cost.LOOK)
    def strategy_retire(*, user: User, strategy: Strategy, reason: str = "") -> Strategy:
        \"\"\"Take a strategy out of use.\"\"\"
        return production.retire(user=user, strategy=strategy, reason=reason)

and a line of `<app>/urls.py`: `path("strategies/<int:strategy_id>/retire/", view(post=actions.strategy_retire))`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from django.db.models import Model
    from rest_framework.serializers import BaseSerializer

__all__ = ["Action", "Cost", "Listing", "Permission", "Target", "action", "catalogue", "listing"]


class Permission(StrEnum):
    """What somebody must be allowed. Everything but `open` needs a user, who reaches nothing of another one."""

    OPEN = "open"  # anybody, without an account
    READ = "read"  # look at what is the user's own
    RUN = "run"  # let code, searches or models work, which leaves rows of their results
    WRITE = "write"  # make, change or delete what is the user's own


class Cost(StrEnum):
    """What doing it uses up, the dearest of what it may use."""

    LOOK = "look"  # queries of the database and short computations
    COMPUTE = "compute"  # processor time: a sandbox or a reader of files works, and waits for its turn
    NETWORK = "network"  # prices or pages are fetched
    MODEL = "model"  # a language model may be asked, of the user's budget


@dataclass(frozen=True)
class Target:
    """What an action is done with: one object of the user's.

    Attributes:
        name: of the argument that `do` takes it by, such as `strategy`.
        key: of the argument that says which, such as `strategy_id`.
        find: returns it for `user` and the key; NotFound where it is none of the user's.
    """

    name: str
    key: str
    find: Callable[..., Any]


@dataclass(frozen=True)
class Action:
    """One thing a user can do.

    Attributes:
        name: subject and verb, such as `strategies.create`; unique.
        do: takes `user` and what the action needs, by keyword.
        of: what it is done with; the object is found before the request is looked at.
        takes: what a request is validated with; None where nothing but the address and the query says what is wanted.
        gives: what the result is shown with; `dict` where it is a JSON object without a shape of its own, None where there is
            nothing to show, or a file.
        many: the result is a list of what the serializer `gives` shows.
        status: of the answer over HTTP when it was done.
        operation: its name in OpenAPI, where that of its address is another's already.
    """

    name: str
    do: Callable[..., Any]
    permission: Permission
    cost: Cost
    of: Target | None = None
    takes: type[BaseSerializer[Any]] | None = None
    gives: type[BaseSerializer[Any]] | type[BaseModel] | type[dict[str, Any]] | None = None
    many: bool = False
    status: int = 200
    operation: str | None = None

    @property
    def help(self) -> str:
        """What it does, in the words of its function."""
        return inspect.getdoc(self.do) or ""

    def __call__(self, **given: Any) -> Any:
        return self.do(**self._found(given))

    def perform(self, data: Any, **known: Any) -> Any:
        """Do it with a request as it came, and with what is known beside it, such as the user.

        Raises:
            NotFound: what it is to be done with is none of the user's.
            rest_framework.serializers.ValidationError: a field is missing, wrong or unknown.
        """
        known = self._found(known)
        if self.takes is None:
            return self.do(**known)
        request = self.takes(data=data)
        request.is_valid(raise_exception=True)
        return self.do(**known, **request.validated_data)

    def _found(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return arguments with the object in the place of the key that says which it is."""
        if self.of is None or self.of.key not in given:
            return given
        rest = {name: value for name, value in given.items() if name != self.of.key}
        return {**rest, self.of.name: self.of.find(user=given["user"], **{self.of.key: given[self.of.key]})}

    def shown(self, result: Any) -> Any:
        """Return a result as plain values that JSON can hold."""
        if self.gives is None or self.gives is dict:
            return result
        if issubclass(self.gives, BaseModel):
            return result.model_dump(mode="json")
        shape: Any = self.gives
        return shape(result, many=self.many).data


@dataclass(frozen=True)
class Listing(Action):
    """An action that gives rows page by page; `do` returns the query.

    Attributes:
        rows: the model whose rows they are.
        filters: a django-filter FilterSet, or the names of the fields that can be asked for.
        orders: names of the fields that rows can be ordered by; None for all that are shown.
    """

    rows: type[Model] = field(kw_only=True)
    filters: Any = ()
    orders: tuple[str, ...] | None = ()


A = TypeVar("A", bound=Action)
_CATALOGUE: dict[str, Action] = {}


def action(name: str, **described: Any) -> Callable[[Callable[..., Any]], Action]:
    """Make an action of a function, and put it into the catalogue."""
    return lambda do: _listed(Action(name=name, do=do, **described))


def listing(name: str, **described: Any) -> Callable[[Callable[..., Any]], Listing]:
    """Make an action that gives rows of a function that returns the query of them."""
    return lambda do: _listed(
        Listing(name=name, do=do, permission=Permission.READ, cost=Cost.LOOK, many=True, **described)
    )


def _listed(made: A) -> A:
    if not made.help:
        raise TypeError(f"{made.name} does not say what it does: give its function a docstring")
    if _CATALOGUE.setdefault(made.name, made) is not made:
        raise TypeError(f"There are two actions named {made.name}")
    return made


def catalogue() -> dict[str, Action]:
    """Return all actions of all apps by name."""
    from django.utils.module_loading import autodiscover_modules

    autodiscover_modules("actions")
    return dict(sorted(_CATALOGUE.items()))
