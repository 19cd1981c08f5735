"""What "it" stands for: of all that was named before, what the words behind "it" can be said of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from Backtest.canonical import (
    All,
    AnyCondition,
    AnyOperand,
    Between,
    Compare,
    Cross,
    Falling,
    IndicatorRef,
    Math,
    Price,
    Rising,
    Value,
    walk,
)
from Backtest.indicators import PRICE_COLUMNS
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.words import prices

_MOST = 5  # as many of the things named last are tried


@dataclass(frozen=True)
class _Reading:
    """A condition with one meaning of "it"; the better it fits what was said before, the higher `fit`."""

    of: AnyOperand
    condition: AnyCondition
    fit: int


@dataclass(eq=False)
class Pronouns(Grammar):
    """Reads what is said of "it", or of nothing named: "sell when it is above 70", "sell above 70"."""

    read: Callable[[AnyOperand], AnyCondition | None]

    def of_it(self) -> AnyCondition | None:
        """Read what is said here of something named before; ask where two things fit equally well."""
        here = self.cursor.mark()
        same_rule = self.draft.subject
        named = self._named()
        readings = [r for of in (named or [Price()]) if (r := self._reading(here, of)) is not None]
        if not any(r.fit for r in readings) and Price() not in named:
            price = self._reading(here, Price())
            readings += [price] if price is not None and price.fit else []
        self.cursor.reset(here)
        if not readings:
            return None
        best = max(readings, key=lambda r: r.fit)
        if not named and not best.fit:
            return None
        rivals = [r for r in readings if r.fit == best.fit]
        if best.of != same_rule and best.fit < 5 and self._moves(best):
            # "Buy when RSI < 30. Sell when it rises 5% in 3 days": the price, or RSI?
            price = self._reading(here, Price())
            self.cursor.reset(here)
            found = self.read(best.of)
            if price is not None:
                self._ask(here, [best.of, Price()])
                return found
        if best.of != same_rule and (self._is_average(best.of) or best.of == Price(column="Volume")):
            # "The price is above the SMA(50) and that above the SMA(200). Sell when it falls below the SMA(200)": a trader means the price.
            prices = [r for r in readings if r.fit and _is_price(r.of) and r.of in named]
            rivals += [r for r in prices if r not in rivals]
        found = self.read(best.of)
        if len(named) > 1 and (best.fit == 0 or (len(rivals) > 1 and best.of != same_rule)):
            self._ask(here, [r.of for r in (rivals if best.fit else readings)])
        return found

    def of_they(self) -> AnyCondition | None:
        """Read what is said of "they": of all that fit what was said before as well."""
        here = self.cursor.mark()
        readings = [r for of in self._named() if (r := self._reading(here, of)) is not None]
        best = max((r.fit for r in readings), default=0)
        several = [r for r in readings if r.fit == best]
        self.cursor.reset(here)
        if best == 0 or len(several) < 2:
            return None
        names = " and ".join(self._name(r.of) for r in reversed(several))
        self.draft.assume("they", f"'They' are {names}, all of them", "one of them, or the last one named")
        last = self.read(several[0].of)
        if isinstance(last, Cross):
            self.draft.assume(
                "both", "All are crossed on the same bar", "beyond all of them, whenever each was crossed"
            )
        return None if last is None else All(conditions=[*(r.condition for r in reversed(several[1:])), last])

    def _moves(self, reading: _Reading) -> bool:
        """Whether something that was compared with another before, and is no price, is said to rise or fall."""
        turns = isinstance(reading.condition, All)  # "it turns down" is said of lines
        if turns or _is_price(reading.of) or not any(left == reading.of for left, _, _ in self.draft.pairs):
            return False
        nodes = [n for n in walk(reading.condition) if isinstance(n, Rising | Falling | Compare | Cross)]
        return bool(nodes) and all(isinstance(n, Rising | Falling) or _is_share_of(n.right, reading.of) for n in nodes)

    def _named(self) -> Sequence[AnyOperand]:
        """Return what something was said of before, the last first; within a rule its own subject leads."""
        draft = self.draft
        subjects = {left for left, _, _ in draft.pairs}
        levels = {right for _, right, _ in draft.pairs} - subjects
        own = [draft.subject] if draft.subject is not None else []
        order = dict.fromkeys([*own, *reversed(draft.mentions)])
        return [m for m in order if m not in levels and not isinstance(m, Value | Math)][:_MOST]

    def _reading(self, here: Mark, of: AnyOperand) -> _Reading | None:
        """Read what is said behind "it" of one of the things it may stand for; None where it cannot be said of that."""
        self.cursor.reset(here)
        verb = token.norm if (token := self.cursor.peek()) else ""
        before = {(left, right): kind for left, right, kind in self.draft.pairs}
        condition = self.read(of)
        if condition is None:
            return None
        if (verb in prices.ONLY_OF_PRICES and not _is_price(of)) or (
            verb in prices.CLOSE_VERBS and of in (Price(column="Low"), Price(column="High"))
        ):
            return _Reading(of, condition, 0)
        fits = [self._fit(of, right, kind, before) for right, kind in _compared(condition, of)]
        return _Reading(of, condition, min(fits, default=2))

    def _fit(
        self, of: AnyOperand, right: AnyOperand, kind: str, before: dict[tuple[AnyOperand, AnyOperand], str]
    ) -> int:
        """Say how well a comparison fits: 0 not at all, 2 possible, 3 as before, 4 and 5 the very same again."""
        if (of, right) in before:
            return 5 if before[of, right] == kind == "cross" else 4
        if not isinstance(right, Value):
            return 2 if self._scale(right) in (self._scale(of), "") else 0
        if isinstance(of, IndicatorRef) and (bounds := self.draft.indicators[of.id].entry.bounds):
            if not bounds[0] <= right.value <= bounds[1]:
                return 0
        elif not any(left == of and isinstance(value, Value) for left, value in before):
            return 0 if self._scale(of) in ("price", "volume") else 1
        return 3 if any(left == of and isinstance(value, Value) for left, value in before) else 2

    def _scale(self, operand: AnyOperand) -> str:
        """Return what an operand is measured in: price, volume, or the indicator it belongs to."""
        if isinstance(operand, Price):
            return "volume" if operand.column == "Volume" else "price"
        if isinstance(operand, Math):
            scales = {self._scale(side) for side in (operand.left, operand.right) if not isinstance(side, Value)}
            return scales.pop() if len(scales) == 1 else ""
        if not isinstance(operand, IndicatorRef):
            return ""
        item = self.draft.indicators[operand.id]
        source = item.source_name
        if source == "Volume":
            return "volume"
        if source is not None and source not in PRICE_COLUMNS:
            return self._scale(IndicatorRef(id=source))
        return "price" if item.entry.scale == "price" and operand.output != "direction" else item.name

    def _is_average(self, operand: AnyOperand) -> bool:
        return isinstance(operand, IndicatorRef) and self.draft.indicators[operand.id].entry.is_average

    def _ask(self, here: Mark, rivals: list[AnyOperand]) -> None:
        names = list(dict.fromkeys(self._name(of) for of in rivals))
        said = self.cursor.tokens[here.position : self.cursor.position]
        words = " ".join(t.norm + "%" * t.percent for t in said).replace(" ( ", "(").replace(" )", ")")
        message = f"What {words!r} is said of is not clear: {', '.join(names)}"
        self.draft.problem("error", "pronoun", "text", message, "Name it instead of saying 'it'")
        self.draft.ask(f"What is meant by 'it' in {words!r}: {' or '.join(names)}?")

    def _name(self, operand: AnyOperand) -> str:
        if isinstance(operand, Price):
            return "the price" if operand.column == "Close" else operand.column
        return (
            f"{operand.id}{f' {operand.output}' if operand.output else ''}" if isinstance(operand, IndicatorRef) else ""
        )


def _is_share_of(right: AnyOperand, of: AnyOperand) -> bool:
    """Whether a right side is an operand itself some bars ago, or a share of that."""
    own = right.right if isinstance(right, Math) else right
    if not isinstance(own, Price | IndicatorRef):
        return False
    return own.offset > 0 and own.model_copy(update={"offset": 0}) == of


def _is_price(operand: AnyOperand) -> bool:
    return isinstance(operand, Price) and operand.column != "Volume"


def _compared(condition: AnyCondition, of: AnyOperand) -> Iterator[tuple[AnyOperand, str]]:
    """Yield what a condition compares an operand with, and whether by a cross or a level."""
    for node in walk(condition):
        if isinstance(node, Cross) and node.left == of:
            yield node.right, "cross"
        elif isinstance(node, Compare) and node.left == of:
            yield node.right, "level"
        elif isinstance(node, Between) and node.operand == of:
            yield node.low, "level"
            yield node.high, "level"
