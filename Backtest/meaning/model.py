"""The base of every part of a strategy, the numbers that parts may hold, and the walk over parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Side = Literal["long", "short"]
MAX_NUMBER = 1e12
MAX_DEPTH = 8
Number = Annotated[float, Field(allow_inf_nan=False, ge=-MAX_NUMBER, le=MAX_NUMBER)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0, le=MAX_NUMBER)]
Bars = Annotated[int, Field(ge=1, le=100_000)]
SymbolName = Annotated[str, Field(pattern=r"^[A-Z0-9^][A-Z0-9.^=_!-]{0,19}$")]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.@]{0,79}$")]


class Model(BaseModel):
    """Base of every part: unknown fields are errors, values do not change once built."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def tag(kind: type[Model]) -> str:
    """Return the `type` by which JSON names a kind of part, such as `for_bars`."""
    return str(kind.model_fields["type"].default)


def children(node: Model) -> Iterator[Model]:
    """Yield the parts directly inside a part, such as a comparison's operands."""
    for name in type(node).model_fields:
        value = getattr(node, name)
        if isinstance(value, Model):
            yield value
        elif isinstance(value, list | tuple):
            yield from (item for item in value if isinstance(item, Model))


def walk(node: Model) -> Iterator[Model]:
    """Yield a part and everything inside it, outermost first."""
    yield node
    for child in children(node):
        yield from walk(child)


def depth(node: Model) -> int:
    """Return how deep conditions and operands are nested; a bare comparison of values is 2."""
    return 1 + max((depth(child) for child in children(node)), default=0)
