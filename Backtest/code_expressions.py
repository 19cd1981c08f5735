"""Conditions and operands of a canonical strategy as Python expressions.

Negation is pushed down to the comparisons: Python's comparisons with NaN are false, so a
missing value makes a comparison and its opposite false, which is the canonical's meaning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal, Protocol

from Backtest.canonical import (
    MIRRORED,
    All,
    AnyCondition,
    AnyOf,
    AnyOperand,
    BarsHeld,
    Between,
    Compare,
    Cross,
    Falling,
    ForBars,
    IndicatorBase,
    IndicatorRef,
    Math,
    Not,
    Price,
    Rising,
    Time,
    UnrealizedReturn,
    Value,
    WithinBars,
)

OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
LINE = 100


@dataclass(frozen=True)
class Joined:
    """Expressions joined by `and` or `or`."""

    word: Literal["and", "or"]
    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Each:
    """`all` or `any` of an expression over a number of bars."""

    word: Literal["all", "any"]
    inner: Expression
    loop: str


Expression = str | Joined | Each


class Names(Protocol):
    """Where the generated class keeps its series and numbers."""

    helpers: set[str]
    used: list[IndicatorBase]

    def series(self, ref: IndicatorRef) -> str: ...
    def price(self, column: str) -> str: ...
    def attribute(self, name: str, value: float, path: str) -> str: ...


def number(value: float) -> str:
    """Return a number as Python source: `30`, `0.5`, without an exponent."""
    if float(value).is_integer():
        return f"{int(value):_}" if abs(value) >= 100_000 else str(int(value))
    return format(Decimal(repr(float(value))), "f")


def join(word: Literal["and", "or"], parts: Sequence[Expression]) -> Expression:
    """Join expressions, flattening those joined by the same word."""
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, Joined) and part.word == word else [part]
    return flat[0] if len(flat) == 1 else Joined(word, tuple(flat))


def one_line(expression: Expression, inside: str = "") -> str:
    """Return an expression on one line, in parentheses where `inside` demands it."""
    if isinstance(expression, str):
        return expression
    if isinstance(expression, Each):
        return f"{expression.word}({one_line(expression.inner)} {expression.loop})"
    text = f" {expression.word} ".join(one_line(p, expression.word) for p in expression.parts)
    return f"({text})" if inside and inside != expression.word else text


def returned(expression: Expression, indent: int) -> list[str]:
    """Return the lines that return an expression, as ruff would leave them."""
    line = f"return {one_line(expression)}"
    if indent + len(line) <= LINE:
        return [line]
    if isinstance(expression, Each):
        return [f"return {expression.word}(", *_each(expression, indent), ")"]
    if isinstance(expression, str):
        return _split_call(expression, indent) or ["return (", *_compared(expression, "", indent), ")"]
    if len(expression.parts) == 2 and (_opens(expression.parts[0]) or _closes(expression.parts[1])):
        # Of two parts in brackets a formatter splits the brackets: two statements read better.
        fits = [p for p in expression.parts if indent + len(f"if {one_line(p)}:") <= LINE]
        if fits:
            first = fits[0]
            second = expression.parts[1 - expression.parts.index(first)]
            if expression.word == "or":
                return [f"if {one_line(first)}:", "    return True", *returned(second, indent)]
            rest = [f"    {line}" for line in returned(second, indent + 4)]
            return [f"if {one_line(first)}:", *rest, "return False"]
        if all(isinstance(part, Joined) for part in expression.parts):
            upper, lower = (_inside(part, indent) for part in expression.parts)
            return ["return (", *upper, f") {expression.word} (", *lower, ")"]
    inner = one_line(expression)
    if indent + 4 + len(inner) <= LINE:
        return ["return (", f"    {inner}", ")"]
    return ["return (", *_broken(expression, indent), ")"]


def _inside(expression: Expression, indent: int) -> list[str]:
    """Return the lines of an expression between brackets that stand on lines of their own."""
    inner = one_line(expression)
    if not isinstance(expression, Joined) or indent + 4 + len(inner) <= LINE:
        return [f"    {inner}"]
    return _broken(expression, indent)


def _each(expression: Each, indent: int) -> list[str]:
    inner = f"{one_line(expression.inner)} {expression.loop}"
    if indent + 4 + len(inner) <= LINE:
        return [f"    {inner}"]
    if isinstance(expression.inner, Joined):
        return [*_broken(expression.inner, indent), f"    {expression.loop}"]
    if isinstance(expression.inner, Each):
        nested = [f"    {line}" for line in _each(expression.inner, indent + 4)]
        return [f"    {expression.inner.word}(", *nested, "    )", f"    {expression.loop}"]
    return [f"    {expression.inner}", f"    {expression.loop}"]


def _opens(expression: Expression) -> bool:
    """Whether an expression starts with a bracket or a call."""
    return not isinstance(expression, str) or re.match(r"\(|[a-z_.]+\(", expression) is not None


def _closes(expression: Expression) -> bool:
    return not isinstance(expression, str) or expression.endswith(")")


def call(opening: str, arguments: list[str], indent: int) -> list[str]:
    """Return a call on one line, or broken as ruff breaks it where it is too long."""
    inner = ", ".join(arguments)
    if indent + len(opening) + len(inner) + 1 <= LINE:
        return [f"{opening}{inner})"]
    if indent + 4 + len(inner) <= LINE:
        return [opening, f"    {inner}", ")"]
    lines = [opening]
    for argument in arguments:
        if indent + 5 + len(argument) > LINE and argument.endswith("]"):
            name, _, items = argument[:-1].partition("[")
            lines += [f"    {name}[", *(f"        {item}," for item in items.split(", ")), "    ],"]
        else:
            lines.append(f"    {argument},")
    return [*lines, ")"]


def _broken(expression: Joined, indent: int) -> list[str]:
    lines: list[str] = []
    for i, part in enumerate(expression.parts):
        lead = f"{expression.word} " if i else ""
        text = one_line(part, expression.word)
        if isinstance(part, Joined) and indent + 4 + len(lead) + len(text) > LINE:
            inner = one_line(part)
            nested = [f"    {inner}"] if indent + 8 + len(inner) <= LINE else _broken(part, indent + 4)
            lines += [f"    {lead}(", *(f"    {line}" for line in nested), "    )"]
        elif isinstance(part, Each) and indent + 4 + len(lead) + len(text) > LINE:
            nested = [f"    {line}" for line in _each(part, indent + 4)]
            lines += [f"    {lead}{part.word}(", *nested, "    )"]
        else:
            lines += _compared(text, lead, indent)
    return lines


def _split_call(text: str, indent: int) -> list[str]:
    """Return the lines of one comparison that is too long and ends with a call: its arguments go on a line of their own."""
    opening = next((i for i in range(len(text) - 1, 0, -1) if text[i] == "(" and _outside_brackets(text[i:])), 0)
    head = f"return {text[: opening + 1]}"
    if not text.endswith(")") or not opening or len(_signs(text)) != 1 or indent + len(head) > LINE:
        return []
    return [head, f"    {text[opening + 1 : -1]}", ")"]


def _compared(text: str, lead: str, indent: int) -> list[str]:
    """Return the lines of a comparison, broken in front of its signs where it is too long for one."""
    if indent + 4 + len(lead) + len(text) <= LINE:
        return [f"    {lead}{text}"]
    ends = [*_signs(text), len(text)]
    rest = [text[start + 1 : end] for start, end in pairwise(ends)]
    return [f"    {lead}{text[: ends[0]]}", *(f"    {part}" for part in rest)]


def _signs(text: str) -> list[int]:
    """Return where the signs of a comparison stand, those in brackets left out."""
    found = (match.start() for match in re.finditer(r" (?:[<>]=?|==|!=) ", text))
    return [at for at in found if _outside_brackets(text[:at])]


def _outside_brackets(text: str) -> bool:
    return text.count("(") == text.count(")") and text.count("[") == text.count("]")


class Expressions:
    """Writes conditions in terms of the generated class's attributes."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.uses_clock = False
        self.seen: list[str] = []

    def condition(
        self, node: AnyCondition, *, path: str, role: str, shift: str = "", negated: bool = False
    ) -> Expression:
        """Return the expression of a condition, or of its negation.

        `shift` is an expression for a number of bars back, such as `k`; `role` (entry or exit)
        names the thresholds.
        """
        match node:
            case All() | AnyOf():
                word: Literal["and", "or"] = "and" if isinstance(node, All) != negated else "or"
                return join(
                    word,
                    [
                        self.condition(c, path=f"{path}.conditions[{i}]", role=role, shift=shift, negated=negated)
                        for i, c in enumerate(node.conditions)
                    ],
                )
            case Not():
                return self.condition(
                    node.condition, path=f"{path}.condition", role=role, shift=shift, negated=not negated
                )
            case ForBars() | WithinBars():
                return self._window(node, path, role, shift, negated)
            case Compare():
                sides, op = [(node.left, "left"), (node.right, "right")], node.op
                if isinstance(node.left, Value) and op in MIRRORED:  # a number stands behind what is held against it
                    sides, op = sides[::-1], MIRRORED[op]
                (first, before), (second, behind) = sides
                left = self.operand(first, path=f"{path}.{before}", role=role, shift=shift)
                right = self.operand(second, path=f"{path}.{behind}", role=role, shift=shift, beside=first)
                return self._compare(left, op, right, negated)
            case Cross():
                return self._cross(node, path, role, shift, negated)
            case Between():
                return self._between(node, path, role, shift, negated)
            case Rising() | Falling():
                return self._steps(node, role, shift, negated)
            case Time():
                return self._time(node, shift, negated)
            case BarsHeld():
                limit = self.names.attribute(f"{role}_bars_held", node.bars, f"{path}.bars")
                return self._compare("self.bars_held()", node.op, limit, negated)
            case UnrealizedReturn():
                limit = self.names.attribute(f"{role}_return_pct", node.percent, f"{path}.percent")
                return self._compare("self.open_return_pct()", node.op, limit, negated)
        raise TypeError(f"not a condition: {node!r}")

    @staticmethod
    def _compare(left: str, op: str, right: str, negated: bool) -> Expression:
        if not negated:
            return f"{left} {op} {right}"
        if op == "==":
            return join("or", [f"{left} < {right}", f"{left} > {right}"])
        return f"{left} {OPPOSITE[op]} {right}"

    def operand(
        self,
        node: AnyOperand,
        *,
        path: str,
        role: str,
        shift: str = "",
        back: int = 0,
        beside: AnyOperand | None = None,
    ) -> str:
        """Return the expression of an operand `back` bars and `shift` ago."""
        if isinstance(node, Value):
            if isinstance(beside, IndicatorRef) and path:
                name = beside.id.split("_")[0].split("@")[0].lower()
                return self.names.attribute(f"{name}_{role}_level", node.value, f"{path}.value")
            return number(node.value)
        if isinstance(node, Price):
            return self._at(self.names.price(node.column), node.offset + back, shift)
        if isinstance(node, IndicatorRef):
            return self._at(self.names.series(node), node.offset + back, shift)
        left = self.operand(node.left, path=f"{path}.left", role=role, shift=shift, back=back)
        right = self.operand(node.right, path=f"{path}.right", role=role, shift=shift, back=back)
        left = f"({left})" if isinstance(node.left, Math) and node.left.op != "/" else left
        if node.op == "/":
            self.names.helpers.add("ratio")
            return f"ratio({left.removeprefix('(').removesuffix(')') if left.startswith('(') else left}, {right})"
        right = f"({right})" if isinstance(node.right, Math) and node.right.op != "/" else right
        return f"{left} {node.op} {right}"

    def _at(self, series: str, back: int, shift: str) -> str:
        if not shift and (back == 0 or (back == 1 and self.names.used)):
            return f"{series}[-{1 + back}]"  # with indicators, rules are judged from the second bar on
        self.names.helpers.add("ago")
        bars = " + ".join(p for p in (shift, str(back) if back else "") if p)
        return f"ago({series}, {bars})"

    def _cross(self, node: Cross, path: str, role: str, shift: str, negated: bool) -> Expression:
        before, now = ("<=", ">") if node.direction == "above" else (">=", "<")

        def side(operand: AnyOperand, name: str, back: int) -> str:
            beside = node.left if name == "right" else None
            where = f"{path}.{name}"
            return self.operand(operand, path=where, role=role, shift=shift, back=back, beside=beside)

        was = self._compare(side(node.left, "left", 1), before, side(node.right, "right", 1), negated)
        is_ = self._compare(side(node.left, "left", 0), now, side(node.right, "right", 0), negated)
        return join("or" if negated else "and", [was, is_])

    def _between(self, node: Between, path: str, role: str, shift: str, negated: bool) -> Expression:
        low = self.operand(node.low, path=f"{path}.low", role=role, shift=shift)
        middle = self.operand(node.operand, path=f"{path}.operand", role=role, shift=shift)
        high = self.operand(node.high, path=f"{path}.high", role=role, shift=shift)
        if negated:
            return join("or", [f"{low} > {middle}", f"{middle} > {high}"])
        return f"{low} <= {middle} <= {high}"

    def _steps(self, node: Rising | Falling, role: str, shift: str, negated: bool) -> Expression:
        op = ">" if isinstance(node, Rising) else "<"

        def at(back: int, extra: str = "") -> str:
            bars = " + ".join(p for p in (shift, extra) if p)
            return self.operand(node.operand, path="", role=role, shift=bars, back=back)

        if node.bars <= 2 and not negated:
            return f" {op} ".join(at(k) for k in range(node.bars + 1))
        if node.bars == 1:
            return self._compare(at(0), op, at(1), negated)
        name = self._loop_variable(shift)
        inner = self._compare(at(0, name), op, at(1, name), negated)
        return Each("any" if negated else "all", inner, f"for {name} in range({node.bars})")

    @staticmethod
    def _loop_variable(shift: str) -> str:
        return "kmnpqrst"[shift.count("+") + 1 if shift else 0]

    def _window(self, node: ForBars | WithinBars, path: str, role: str, shift: str, negated: bool) -> Expression:
        name = self._loop_variable(shift)
        inner_shift = f"{shift} + {name}" if shift else name
        inner = self.condition(node.condition, path=f"{path}.condition", role=role, shift=inner_shift, negated=negated)
        every = isinstance(node, ForBars) != negated
        bars = self.names.attribute(f"{role}_bars", node.bars, f"{path}.bars")
        return Each("all" if every else "any", inner, f"for {name} in range({bars})")

    def _time(self, node: Time, shift: str, negated: bool) -> Expression:
        stamp = (
            "self.data.index[-1]" if not shift else f"self.data.index[-1 - {f'({shift})' if '+' in shift else shift}]"
        )
        if node.timezone:
            self.names.helpers.add("local")
            stamp = f'local({stamp}, "{node.timezone}")'
        parts: list[Expression] = []
        if node.weekdays:
            order = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
            days = [str(order.index(d)) for d in node.weekdays]
            if len(days) == 1:
                parts.append(f"{stamp}.weekday() {'!=' if negated else '=='} {days[0]}")
            else:
                parts.append(f"{stamp}.weekday() {'not in' if negated else 'in'} ({', '.join(days)})")
        if node.start is not None and node.end is not None:
            self.uses_clock = True
            start, end = (f"time({int(t[:2])}, {int(t[3:])})" for t in (node.start, node.end))
            clock = f"{stamp}.time()"
            if node.start < node.end:
                inside = f"{start} <= {clock} < {end}"
                outside: Expression = join("or", [f"{clock} < {start}", f"{clock} >= {end}"])
                parts.append(outside if negated else inside)
            else:
                if negated:
                    parts.append(f"{end} <= {clock} < {start}")
                else:
                    parts.append(join("or", [f"{clock} >= {start}", f"{clock} < {end}"]))
        joined = join("or" if negated else "and", parts)
        return join("and", [f"{shift} < len(self.data)", joined]) if shift else joined
