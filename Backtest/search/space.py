"""What a search may try: values by path, and a condition they have to meet."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from Backtest.canonical import CanonicalStrategy
from Backtest.code import generate_code
from Backtest.code.parameters import bounds, is_whole, numbers, resolve, with_values
from Backtest.errors import InvalidInput, StrategyError

MOST = 10_000_000
MOST_VALUES = 100_000
MOST_PARAMETERS = 12
Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]


def finite(value: float) -> float | None:
    """Return a number as JSON has it, which knows neither NaN nor infinities: None for those."""
    return float(value) if np.isfinite(value) else None


class Range(BaseModel):
    """Values from min to max, both included, in steps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e12, le=1e12)]
    max: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e12, le=1e12)]
    step: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e12, le=1e12)] = 1


@dataclass(frozen=True)
class Space:
    """Every combination of values, numbered: the last path's value changes fastest.

    `names` are the words for the paths in conditions and tables.
    """

    paths: tuple[str, ...]
    names: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    constraint: str = ""

    @classmethod
    def of(
        cls,
        strategy: CanonicalStrategy,
        parameters: Mapping[str, Range | Sequence[float]],
        constraint: str = "",
        *,
        most: int = MOST,
    ) -> Space:
        """Check what was asked for against the strategy.

        Raises:
            InvalidInput: a range is empty, reversed or endless, a path does not exist, a value is impossible, or there are
                too many combinations; the message names the value and what to do.
        """
        if not parameters:
            known = ", ".join(sorted(numbers(strategy)))
            raise InvalidInput("No parameter to vary: name one with a range", suggestions=[f"There are {known}"]).at(
                "parameters"
            )
        if len(parameters) > MOST_PARAMETERS:
            raise InvalidInput(f"{len(parameters)} parameters, at most {MOST_PARAMETERS} can be varied at once").at(
                "parameters"
            )
        attributes = {path: name for name, path in _attributes(strategy).items()}
        paths: list[str] = []
        values: list[tuple[float, ...]] = []
        names: list[str] = []
        for given, wanted in parameters.items():
            try:
                path = resolve(strategy, given)
                if path in paths:
                    raise InvalidInput(f"{given} is named twice")
                found = _values(given, wanted)
                _check_kind(strategy, path, given, wanted)
                for value in (found[0], found[-1]) if isinstance(wanted, Range) else found[:50]:
                    _check_value(strategy, path, given, value)
            except (InvalidInput, StrategyError) as error:
                raise error.at(f"parameters.{given}") from None
            paths.append(path)
            values.append(found)
            names.append(given if given != path else attributes.get(path, path))
        space = cls(tuple(paths), tuple(names), tuple(values), constraint)
        if space.size > most:
            raise InvalidInput(
                f"{space.size:,} combinations, at most {most:,} are tried: {space._smaller(most)}",
                suggestions=["Use a larger step, a shorter range, or method random or tpe with max_tries"],
            ).at("parameters")
        if constraint:
            space.allowed(np.arange(1))
        return space

    @property
    def size(self) -> int:
        return math.prod(len(v) for v in self.values)

    def sets(self, index: Ints) -> Floats:
        """Return the combinations of these numbers, float64 of shape (len(index), paths)."""
        table = np.empty((len(index), len(self.values)))
        rest = np.asarray(index, dtype=np.int64)
        for j in range(len(self.values) - 1, -1, -1):
            rest, at = np.divmod(rest, len(self.values[j]))
            table[:, j] = np.asarray(self.values[j])[at]
        return table

    def index_of(self, positions: Ints) -> Ints:
        """Return the numbers of combinations given by the position of each value, int64 of shape (n, paths)."""
        index = np.zeros(len(positions), dtype=np.int64)
        for j, values in enumerate(self.values):
            index = index * len(values) + positions[:, j]
        return index

    def positions(self, index: int) -> list[int]:
        """Return the position of each value of a combination."""
        found = []
        for values in reversed(self.values):
            index, at = divmod(index, len(values))
            found.append(at)
        return found[::-1]

    def allowed(self, index: Ints) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return which combinations meet the condition."""
        if not self.constraint:
            return np.ones(len(index), dtype=bool)
        table = self.sets(index)
        return Condition(self.constraint, dict(zip(self.paths, self.names, strict=True))).holds(
            {path: table[:, j] for j, path in enumerate(self.paths)}
        )

    def neighbours(self, index: int, steps: int = 2) -> list[tuple[int, int, int]]:
        """Return the combinations that differ in one value by up to so many steps: (path's place, steps, number)."""
        at = self.positions(index)
        found = []
        for j, values in enumerate(self.values):
            for step in range(-steps, steps + 1):
                if step and 0 <= at[j] + step < len(values):
                    moved = [*at[:j], at[j] + step, *at[j + 1 :]]
                    found.append((j, step, int(self.index_of(np.array([moved]))[0])))
        return found

    def _smaller(self, most: int) -> str:
        """Return a suggestion of coarser steps with which there are few enough combinations."""
        factor = math.ceil((self.size / most) ** (1 / len(self.values)) * 1.0001)
        parts = []
        for name, values in zip(self.names, self.values, strict=True):
            if len(values) > 1:
                step = (values[1] - values[0]) * factor
                parts.append(f"{name} in steps of {step:g}")
        return "try " + ", ".join(parts)


def _attributes(strategy: CanonicalStrategy) -> dict[str, str]:
    return {attribute: path for path, attribute in generate_code(strategy).parameters.items()}


def _values(name: str, wanted: Range | Sequence[float]) -> tuple[float, ...]:
    if isinstance(wanted, Range):
        if wanted.step == 0:
            raise InvalidInput(f"{name}: the step is 0, use a number above 0 such as 1")
        if wanted.step < 0:
            raise InvalidInput(f"{name}: the step {wanted.step:g} is below 0, use {-wanted.step:g}")
        if wanted.min > wanted.max:
            raise InvalidInput(f"{name}: the range {wanted.min:g} to {wanted.max:g} is reversed: swap them")
        count = math.floor((wanted.max - wanted.min) / wanted.step + 1e-9) + 1
        if count > MOST_VALUES:
            raise InvalidInput(
                f"{name}: {count:,} values, at most {MOST_VALUES:,}: use a larger step than {wanted.step:g}"
            )
        # A value is the minimum plus k steps, rounded to 12 digits: adding steps of 0.1 up would give 0.30000000000000004.
        return tuple(float(f"{wanted.min + k * wanted.step:.12g}") for k in range(count))
    values = tuple(float(v) for v in wanted)
    if not values:
        raise InvalidInput(f"{name}: the list of values is empty")
    if len(values) > MOST_VALUES:
        raise InvalidInput(f"{name}: {len(values):,} values, at most {MOST_VALUES:,}")
    if not all(math.isfinite(v) for v in values):
        raise InvalidInput(f"{name}: a value is not a finite number")
    if len(set(values)) < len(values):
        twice = next(v for k, v in enumerate(values) if v in values[:k])
        raise InvalidInput(f"{name}: {twice:g} is listed twice: list each value once")
    return values


def _check_kind(strategy: CanonicalStrategy, path: str, name: str, wanted: Range | Sequence[float]) -> None:
    """Raise InvalidInput at the first part of a range or list that is a fraction where the number is whole."""
    if not is_whole(strategy, path):
        return
    given = wanted.model_dump() if isinstance(wanted, Range) else dict(enumerate(wanted))
    for part, value in given.items():
        if not float(value).is_integer():
            what = f"the {part} {value:g}" if isinstance(wanted, Range) else f"{value:g}"
            raise InvalidInput(
                f"{name} is a whole number, and {what} is none: use whole numbers, such as {max(round(value), 1)}"
            ).at(f"parameters.{name}.{part}")


def _check_value(strategy: CanonicalStrategy, path: str, name: str, value: float) -> None:
    """Raise StrategyError where the strategy is not possible with a value; it names the value as the request does."""
    if (ends := bounds(strategy, path)) and not ends[0] <= value <= ends[1]:
        raise StrategyError(f"{name} may be from {ends[0]:g} to {ends[1]:g}, not {value:g}")
    try:
        with_values(strategy, {path: value})
    except StrategyError as error:  # the findings name paths of the strategy, and the user asked for names
        if len(error.details) == 1 and (limit := _LIMIT.search(error.details[0].message)):
            raise StrategyError(f"{name} has to be {limit[1]}, not {value:g}") from None
        said = f"With {name} = {value:g}: {'; '.join(found.message for found in error.details)}"
        details = tuple(replace(found, field=f"parameters.{name}") for found in error.details)
        raise StrategyError(said, details=details) from None


_LIMIT = re.compile(r"Input should be ((?:greater|less) than (?:or equal to )?[-\d.e+]+), got ")


class Condition:
    """A condition on the numbers of a combination, such as `fast < slow` or `stop * 2 <= target and fast < 20`.

    Args:
        text: comparisons of names, numbers and + - * /, joined by and, or, not.
        names: the paths and their short names; both may stand in the text.

    Raises:
        InvalidInput: it says anything else, or names what is not varied.
    """

    _operations: dict[type, Any] = {  # noqa: RUF012 - a table
        ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
        ast.NotEq: operator.ne, ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
        ast.Div: operator.truediv,
    }  # fmt: skip

    def __init__(self, text: str, names: Mapping[str, str]) -> None:
        self.text = text.strip()
        self.known: dict[str, str] = {}
        code = self.text
        if len(code) > 500:
            raise InvalidInput("The constraint is longer than 500 characters")
        for k, path in enumerate(sorted(names, key=len, reverse=True)):
            self.known |= {f"path_{k}_": path, names[path]: path}
            code = re.sub(rf"(?<![\w.]){re.escape(path)}(?![\w.])", f"path_{k}_", code)
        code = code.replace("&&", " and ").replace("||", " or ")
        try:
            self.tree = ast.parse(code, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise self._refused("it cannot be read") from None

    def _refused(self, why: str) -> InvalidInput:
        return InvalidInput(
            f"The constraint {self.text!r}: {why}; write a comparison such as fast < slow",
            suggestions=[f"Its names are {', '.join(n for n in self.known if not n.startswith('path_'))}"],
        ).at("constraint")

    def holds(self, columns: Mapping[str, Floats]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return where it holds; columns by path, float64 of one length."""
        count = len(next(iter(columns.values())))
        with np.errstate(all="ignore"):
            try:
                found = np.broadcast_to(self._evaluate(self.tree, columns), (count,))
            except RecursionError:
                raise self._refused("it is nested too deeply") from None
        if found.dtype != np.bool_:
            raise self._refused("it is no comparison")
        return found

    def _evaluate(self, node: ast.AST, columns: Mapping[str, Floats]) -> Any:
        match node:
            case ast.BoolOp():
                parts = [self._truth(v, columns) for v in node.values]
                return (np.logical_and if isinstance(node.op, ast.And) else np.logical_or).reduce(
                    np.broadcast_arrays(*parts)
                )
            case ast.UnaryOp(op=ast.Not()):
                return ~self._truth(node.operand, columns)
            case ast.UnaryOp(op=ast.USub()):
                return -self._evaluate(node.operand, columns)
            case ast.BinOp() if type(node.op) in self._operations:
                return self._operations[type(node.op)](
                    self._evaluate(node.left, columns), self._evaluate(node.right, columns)
                )
            case ast.Compare() if all(type(op) in self._operations for op in node.ops):
                sides = [self._evaluate(side, columns) for side in (node.left, *node.comparators)]
                found = [
                    self._operations[type(op)](a, b) for op, a, b in zip(node.ops, sides[:-1], sides[1:], strict=True)
                ]  # fmt: skip
                return np.logical_and.reduce(np.broadcast_arrays(*found))
            case ast.Name():
                if node.id not in self.known:
                    raise self._refused(f"{node.id!r} is not varied")
                return columns[self.known[node.id]]
            case ast.Constant() if isinstance(node.value, int | float) and not isinstance(node.value, bool):
                return float(node.value)
        raise self._refused("it holds more than comparisons, numbers and names")

    def _truth(self, node: ast.AST, columns: Mapping[str, Floats]) -> Any:
        found = np.asarray(self._evaluate(node, columns))
        if found.dtype != np.bool_:
            raise self._refused("and, or, not join comparisons")
        return found
