"""Statements of the core, and operands, as Python expressions.

Python's comparisons with NaN are false, so a missing value makes a comparison and its opposite false, which is
the meaning of the core.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal, Protocol

from Backtest.canonical import (
    WEEKDAYS,
    AnyOperand,
    BarsSince,
    CanonicalStrategy,
    Function,
    IndicatorBase,
    IndicatorRef,
    Math,
    PositionRef,
    Price,
    Ticks,
    Value,
    ValueWhen,
)
from Backtest.meaning import core

LINE = 100


@dataclass(frozen=True)
class JoinedText:
    """Expressions joined by `and` or `or`."""

    word: Literal["and", "or"]
    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Each:
    """`all` or `any` of an expression over a number of bars."""

    word: Literal["all", "any"]
    inner: Expression
    loop: str


Expression = str | JoinedText | Each


class Names(Protocol):
    """Where the generated class keeps its series and numbers."""

    helpers: set[str]
    used: list[IndicatorBase]
    strategy: CanonicalStrategy

    def series(self, ref: IndicatorRef) -> str: ...
    def price(self, column: str) -> str: ...
    def attribute(self, name: str, value: float, path: str) -> str: ...


def number(value: float) -> str:
    """Return a number as Python source: `30`, `0.5`, without an exponent."""
    if float(value).is_integer():
        return f"{int(value):_}" if abs(value) >= 100_000 else str(int(value))
    return format(Decimal(repr(float(value))), "f")


def bare(text: str) -> str:
    """Return an operand without the brackets it has as a side of a sum."""
    return text[1:-1] if text.startswith("(") else text


def join(word: Literal["and", "or"], parts: Sequence[Expression]) -> Expression:
    """Join expressions, flattening those joined by the same word."""
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, JoinedText) and part.word == word else [part]
    return flat[0] if len(flat) == 1 else JoinedText(word, tuple(flat))


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
        if all(isinstance(part, JoinedText) for part in expression.parts):
            upper, lower = (_inside(part, indent) for part in expression.parts)
            return ["return (", *upper, f") {expression.word} (", *lower, ")"]
    inner = one_line(expression)
    if indent + 4 + len(inner) <= LINE:
        return ["return (", f"    {inner}", ")"]
    return ["return (", *_broken(expression, indent), ")"]


def _inside(expression: Expression, indent: int) -> list[str]:
    """Return the lines of an expression between brackets that stand on lines of their own."""
    inner = one_line(expression)
    if not isinstance(expression, JoinedText) or indent + 4 + len(inner) <= LINE:
        return [f"    {inner}"]
    return _broken(expression, indent)


def _each(expression: Each, indent: int) -> list[str]:
    inner = f"{one_line(expression.inner)} {expression.loop}"
    if indent + 4 + len(inner) <= LINE:
        return [f"    {inner}"]
    if isinstance(expression.inner, JoinedText):
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


def _broken(expression: JoinedText, indent: int) -> list[str]:
    lines: list[str] = []
    for i, part in enumerate(expression.parts):
        lead = f"{expression.word} " if i else ""
        text = one_line(part, expression.word)
        if isinstance(part, JoinedText) and indent + 4 + len(lead) + len(text) > LINE:
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


ASKED = {"bars held": "self.bars_held()", "unrealized return": "self.open_return_pct()"}


class Expressions:
    """Writes statements in terms of the generated class's attributes.

    `role` (entry or exit) names the numbers; `shift` is an expression for a number of bars back, such as `k`.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.uses_clock = False
        self.methods: dict[str, list[str]] = {}  # by name, from their arguments on: what statements were some bars ago
        self.asked: set[str] = set()  # what the rules, and levels that follow, ask of the open position

    def condition(self, statement: core.Statement, *, role: str, shift: str = "") -> Expression:
        """Return the expression of a statement."""
        match statement:
            case core.Joined(word="and", chain=True):
                links = [part for part in statement.joined if isinstance(part, core.Comparison)]
                return self._chain(
                    [(p.sign, p.left) for p in links[:1]] + [(p.sign, p.right) for p in links], role, shift
                )
            case core.Joined():
                return join(statement.word, [self.condition(part, role=role, shift=shift) for part in statement.joined])
            case core.Window():
                return self._window(statement, role, shift)
            case core.Count():
                return self._count(statement, role, shift)
            case core.Seen():
                return self._seen(statement, role, shift)
            case core.Comparison():
                left, right = (self.term(side, role, shift) for side in (statement.left, statement.right))
                return self._compared(left, statement.sign, right)
            case core.Clock():
                return self._clock(statement, shift)
            case core.PositionTest():
                self.asked.add(statement.asked)
                return self._compared(ASKED[statement.asked], statement.sign, self.number(statement.limit, role))
        raise TypeError(f"not a statement: {statement!r}")

    @staticmethod
    def _compared(left: str, sign: core.Sign, right: str) -> Expression:
        if sign == "!=":  # known to differ: Python's own sign is true of NaN
            return join("or", [f"{left} < {right}", f"{left} > {right}"])
        return f"{left} {sign} {right}"

    def number(self, item: core.Number, role: str) -> str:
        """Return the expression of a number: an attribute where it has a name."""
        return (
            self.names.attribute(item.called.format(role=role), item.value, item.path)
            if item.called
            else number(item.value)
        )

    def term(self, term: core.Term, role: str, shift: str) -> str:
        """Return the expression of an operand of a comparison."""
        if isinstance(term.operand, Value):
            return self.number(core.Number(term.operand.value, f"{term.path}.value", term.called), role)
        return self.operand(term.operand, term.back, shift)

    def operand(self, node: AnyOperand, back: int, shift: str) -> str:
        """Return the expression of an operand `back` bars and `shift` ago."""
        if isinstance(node, Value):
            return number(node.value)
        if isinstance(node, Price):
            return self._at(self.names.price(node.column), node.offset + back, shift)
        if isinstance(node, IndicatorRef):
            return self._at(self.names.series(node), node.offset + back, shift)
        if isinstance(node, BarsSince | ValueWhen):
            return self._last_held(node, node.offset + back, shift)
        if isinstance(node, Ticks):
            return number(self.names.strategy.execution.points(node))
        if isinstance(node, PositionRef):
            return self._of_position(node)
        if isinstance(node, Function):
            return self.function(node.name, [self.operand(part, back, shift) for part in node.operands])
        sides = (self._side(part, self.operand(part, back, shift)) for part in (node.left, node.right))
        return self.computed(node.op, *sides)

    def level(self, node: AnyOperand, path: str, name: str) -> str:
        """Return the expression of an operand at this bar, its numbers kept under a name: `self.data.Low[-1] - self.stop_offset`."""
        if isinstance(node, Value):
            return self.names.attribute(name, node.value, f"{path}.value")
        if isinstance(node, Ticks):
            ticks = self.names.attribute(f"{name}_{node.unit}", node.value, f"{path}.value")
            return f"{ticks} * {number(self.names.strategy.execution.points(Ticks(value=1, unit=node.unit)))}"
        if isinstance(node, Function):
            places = enumerate(node.operands)
            return self.function(node.name, [self.level(part, f"{path}.operands[{i}]", name) for i, part in places])
        if isinstance(node, Math):
            parts = ((node.left, "left"), (node.right, "right"))
            sides = (self._side(part, self.level(part, f"{path}.{side}", f"{name}_offset")) for part, side in parts)
            return self.computed(node.op, *sides)
        return self.operand(node, 0, "")

    @staticmethod
    def _side(node: AnyOperand, text: str) -> str:
        return f"({text})" if isinstance(node, Math) and node.op != "/" else text

    def computed(self, op: str, left: str, right: str) -> str:
        """Return the expression of two operands joined by a sign."""
        if op == "/":
            self.names.helpers.add("ratio")
            return f"ratio({bare(left)}, {bare(right)})"
        return f"{left} {op} {right}"

    def _of_position(self, node: PositionRef) -> str:
        if not node.what.startswith("signal_"):
            self.asked.add(f"position_{node.what}")
            return f"self.position_{node.what}()"
        self.asked.add("position_signal")
        return f"self.position_signal({self.names.price(node.what.removeprefix('signal_').title())})"

    @staticmethod
    def function(name: str, parts: list[str]) -> str:
        """Return a call whose value is missing where one of the parts is; Python's own min and max would take the other."""
        if name == "abs":
            return f"abs({parts[0]})"
        found = parts[-1]
        for part in parts[-2::-1]:
            found = f"np.{name}imum({part}, {found})"
        return found

    def _last_held(self, node: BarsSince | ValueWhen, back: int, shift: str) -> str:
        """Return the bars since a condition held, or what an operand was then."""
        before = " + ".join(part for part in (shift, str(back) if back else "") if part)
        held = self._at_bar(self._held(node.condition.core(""), ""), before)
        if isinstance(node, BarsSince):
            self.names.helpers.add("bars_since")
            return f"bars_since({held})"
        self.names.helpers.update(("bars_since", "value_when"))
        value = self._at_bar(self._method("value", "float", self.operand(node.operand, 0, "k")), before)
        return f"value_when({held}, {value})"

    def _at(self, series: str, back: int, shift: str) -> str:
        if not shift and (back == 0 or (back == 1 and self.names.used)):
            return f"{series}[-{1 + back}]"  # with indicators, rules are judged from the second bar on
        self.names.helpers.add("ago")
        bars = " + ".join(p for p in (shift, str(back) if back else "") if p)
        return f"ago({series}, {bars})"

    def _window(self, window: core.Window, role: str, shift: str) -> Expression:
        step, bars = window.inner, int(window.bars.value)
        if window.chain and isinstance(step, core.Comparison):
            if bars <= 2 and window.word == "all":
                return self._chain([(step.sign, step.left.ago(k)) for k in range(bars + 1)], role, shift)
            if bars == 1:
                return self.condition(step, role=role, shift=shift)
        name, inside = self._deeper(shift)
        inner = self.condition(step, role=role, shift=inside)
        return Each(window.word, inner, f"for {name} in range({self.number(window.bars, role)})")

    def _count(self, count: core.Count, role: str, shift: str) -> str:
        name, inside = self._deeper(shift)
        inner = one_line(self.condition(count.inner, role=role, shift=inside), "and")
        bars = self.number(count.bars, role)
        least = self.number(count.least, role)
        if count.turned:
            least = f"{bars} - {least} + 1"
        return f"sum({inner} for {name} in range({bars})) >= {least}"

    def _seen(self, seen: core.Seen, role: str, shift: str) -> str:
        self.names.helpers.add("seen")
        held, reset = (self._at_bar(self._held(part, role), shift) for part in (seen.inner, seen.reset))
        return f"{'' if seen.known else 'not '}seen({held}, {reset})"

    def _held(self, statement: core.Statement, role: str) -> str:
        """Write a method of its own that says whether a statement held some bars ago; return its name."""
        body = self.condition(statement, role=role, shift="k")
        return self._method("held", "bool", body)

    def _method(self, name: str, kind: str, body: Expression) -> str:
        """Return the name of the method with a body; one that is there already serves again."""
        lines = [
            f"self, k: int) -> {kind}:",
            '    """Return what it was so many bars ago."""',
            *(f"    {line}" for line in returned(body, 8)),
        ]
        for known, written in self.methods.items():
            if written == lines:
                return known
        known = f"{name}_{sum(other.startswith(name) for other in self.methods) + 1}"
        self.methods[known] = lines
        return known

    def of_bars_ago(self) -> list[list[str]]:
        """Return the methods that say what statements and operands were some bars ago, as lines without indentation."""
        return [[f"def {name}({lines[0]}", *lines[1:]] for name, lines in self.methods.items()]

    @staticmethod
    def _at_bar(method: str, shift: str) -> str:
        """Return a method of bars ago, as seen from a bar some bars ago."""
        return f"lambda bars: self.{method}({shift} + bars)" if shift else f"self.{method}"

    @staticmethod
    def _deeper(shift: str) -> tuple[str, str]:
        """Return a name for a number of bars inside those of `shift`, and how far back the two are together."""
        name = "kmnpqrst"[shift.count("+") + 1 if shift else 0]
        return name, f"{shift} + {name}" if shift else name

    def _chain(self, links: list[tuple[core.Sign, core.Term]], role: str, shift: str) -> str:
        """Return terms with the sign before each, that of the first left out: `low <= x <= high`."""
        text = self.term(links[0][1], role, shift)
        for sign, term in links[1:]:
            text += f" {sign} {self.term(term, role, shift)}"
        return text

    def _clock(self, clock: core.Clock, shift: str) -> Expression:
        time, outside = clock.time, clock.outside
        shift = " + ".join(part for part in (shift, str(clock.back) if clock.back else "") if part)
        stamp = (
            "self.data.index[-1]" if not shift else f"self.data.index[-1 - {f'({shift})' if '+' in shift else shift}]"
        )
        if time.timezone:
            self.names.helpers.add("local")
            stamp = f'local({stamp}, "{time.timezone}")'
        parts: list[Expression] = []
        if time.weekdays:
            days = [str(list(WEEKDAYS).index(d)) for d in time.weekdays]
            if len(days) == 1:
                parts.append(f"{stamp}.weekday() {'!=' if outside else '=='} {days[0]}")
            else:
                parts.append(f"{stamp}.weekday() {'not in' if outside else 'in'} ({', '.join(days)})")
        if time.start is not None and time.end is not None:
            self.uses_clock = True
            parts.append(self._time_of_day(f"{stamp}.time()", time.start, time.end, outside=outside))
        joined = join("or" if outside else "and", parts)
        return join("and", [f"{shift} < len(self.data)", joined]) if shift else joined

    @staticmethod
    def _time_of_day(clock: str, start: str, end: str, *, outside: bool) -> Expression:
        first, last = (f"time({int(t[:2])}, {int(t[3:])})" for t in (start, end))
        if outside:  # what is outside a window is the window between its end and its start
            first, last, start, end = last, first, end, start
        if start < end:
            return f"{first} <= {clock} < {last}"
        signs = (f"{clock} < {last}", f"{clock} >= {first}")
        return join("or", signs if outside else signs[::-1])


def laid_out(text: str, indent: int, behind: int = 0) -> list[str]:
    """Return a statement that ends with a bracket as ruff breaks it where it is too long: arguments, or else each of them, on lines of
    their own, and each item of a tuple or list.

    `behind` is how many characters follow the statement on its line.
    """
    if indent + len(text) + behind <= LINE or text[-1] not in ")]":
        return [text]
    opening = next(i for i in range(len(text) - 2, -1, -1) if text[i] in "([" and _outside_brackets(text[i:]))
    head, inner, close = text[: opening + 1], text[opening + 1 : -1], text[-1]
    parts, called = _arguments(inner), re.search(r"\w\($", head)
    if (called and indent + 4 + len(inner) <= LINE) or (not called and parts == [inner] and close == ")"):
        return [head, f"    {inner}", close]
    lines = [head]
    for part in parts:
        if indent + 5 + len(part) > LINE and part[-1] not in ")]":
            lines += [f"    {line}" for line in _operations(part)]
            lines[-1] += ","
            continue
        broken = laid_out(part, indent + 4, len(","))
        lines += [f"    {line}" for line in [*broken[:-1], f"{broken[-1]},"]]
    return [*lines, close]


def _operations(text: str) -> list[str]:
    """Return an operation in front of whose signs lines are broken: sums first, else products."""
    for signs in (" [+-] ", " [*/] "):
        ends = [match.start() for match in re.finditer(signs, text) if _outside_brackets(text[: match.start()])]
        if ends:
            return [text[: ends[0]], *(text[start + 1 : end] for start, end in pairwise([*ends, len(text)]))]
    return [text]


def _arguments(text: str) -> list[str]:
    """Return what commas outside of brackets and quotes part."""
    found, start = [], 0
    for match in re.finditer(", |,$", text):
        if _outside_brackets(text[: match.start()]) and text[: match.start()].count('"') % 2 == 0:
            found.append(text[start : match.start()])
            start = match.end()
    return [*found, text[start:]] if text[start:] else found
