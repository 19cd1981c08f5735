"""What a quantity is measured in: "ATR(14) < 2%" compares an amount of the price's own unit with a percentage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from Backtest.canonical import AnyCondition, AnyOperand, Between, Compare, Cross, IndicatorRef, Math, Price, Value, walk
from Backtest.indicators import PRICE_COLUMNS
from Strategy.reading.text.draft import Draft

MathSign = Literal["+", "-", "*", "/"]
Unit = Literal["price", "volume", "percent", "ratio", "number", ""]  # "" where it is not known, or of a bare number
_AMOUNTS = ("amount", "difference")  # of the unit of what they are taken of, although they are no level of it
_LEAST_RATIO = 40  # percent; a price over another that is less is meant as a change
_MOST_OF_ONE = 3.0  # a level of %B above this is meant in percent


def _levels(node: Any) -> Iterator[tuple[IndicatorRef, Value]]:
    """Yield the indicators that a condition compares with numbers, and those numbers."""
    pairs: list[tuple[AnyOperand, AnyOperand]] = []
    if isinstance(node, Between):
        pairs = [(node.operand, node.low), (node.operand, node.high)]
    elif isinstance(node, Compare | Cross):
        pairs = [(node.left, node.right), (node.right, node.left)]
    for operand, level in pairs:
        if isinstance(operand, IndicatorRef) and isinstance(level, Value):
            yield operand, level


def _hundredth(operand: AnyOperand) -> AnyOperand:
    return Value(value=round(operand.value / 100, 10)) if isinstance(operand, Value) else operand


class Units:
    """Brings both sides of a comparison to one unit, or asks."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def in_one(self, found: AnyCondition, shares: set[float]) -> AnyCondition:
        """Return a comparison with both sides in one unit; `shares` are the numbers that were said in percent."""
        if isinstance(found, Compare | Cross):
            found = self._of_its_own(found)
        if isinstance(found, Between):
            limits = [v for v in (found.low, found.high) if isinstance(v, Value)]
            if len(limits) == 2 and {abs(v.value) for v in limits} <= shares:
                left, low, high = self._as_shares(found.operand, limits[0], limits[1])
                return found.model_copy(update={"operand": left, "low": low, "high": high})
        elif isinstance(found, Compare | Cross):
            if isinstance(found.right, Value):
                if found.right.value and abs(found.right.value) in shares:
                    left, right = self._as_shares(found.left, found.right)
                    return found.model_copy(update={"left": left, "right": right})
            elif (share := self._small_share(found, shares)) is not None:
                self._ask_of_small(found.left, share)
            elif {self.of(found.left), self.of(found.right)} in ({"percent", "price"}, {"percent", "volume"}):
                self._ask_of_units(found.left, found.right)
        return found

    def _of_its_own(self, found: Compare | Cross) -> Compare | Cross:
        """Compare volume or an indicator with its own extremes: "OBV breaks its 20-day high", "RSI is above the 20-day high"."""
        left, right = found.left, found.right
        item = self.draft.indicators[right.id] if isinstance(right, IndicatorRef) else None
        source = (
            "Volume"
            if left == Price(column="Volume")
            else left.id
            if isinstance(left, IndicatorRef) and not left.output
            else ""
        )
        extreme = item is not None and item.entry.is_extreme and item.source_name in ("High", "Low", "Close")
        if item is None or not extreme or not source or self._quantity(left) in ("level", ""):
            return found
        own = self.draft.indicator(item.name, dict(item.params), source=source, timeframe=item.timeframe)
        word = item.entry.extreme
        self.draft.assume(
            "own_extreme", f"The {word} that {self._name(left)} is compared with is its own", "that of the price"
        )
        return found.model_copy(update={"right": own.model_copy(update={"offset": right.offset})})  # type: ignore[union-attr]

    def ask_of_scales(self, rules: Iterable[AnyCondition]) -> None:
        """Ask about "stochRSI < 0.2" of an indicator from 0 to 100, about "%B > 95" of one from 0 to 1, and about "MACD > SMA(20)"."""
        for rule in rules:
            for node in walk(rule):
                for operand, level in _levels(node):
                    self._ask_of_scale(operand, level.value)
                if isinstance(node, Compare | Cross):
                    self._ask_of_unlike(node.left, node.right)
                elif isinstance(node, Between):
                    self._ask_of_unlike(node.operand, node.low)
                    self._ask_of_unlike(node.operand, node.high)

    def warn_of_equality(self, rules: Iterable[AnyCondition]) -> None:
        """Warn of "RSI = 50" and "EMA(9) = EMA(21)": real numbers are hardly ever equal."""
        for node in (node for rule in rules for node in walk(rule)):
            if not isinstance(node, Compare) or node.op != "==" or not self._hardly_equal(node.left, node.right):
                continue
            left, right = self._name(node.left), self._name(node.right)
            message = f"{left} is hardly ever exactly {right}, so that this is almost never true"
            self.draft.problem(
                "warning",
                "exact_equality",
                "text",
                message,
                f"Write '{left} crosses {right}' for the bar that passes it",
            )

    def _hardly_equal(self, left: AnyOperand, right: AnyOperand) -> bool:
        """Whether one of two is a real number that meets the other by chance only; a bound, as RSI = 100, is met."""
        if isinstance(left, Value):
            left, right = right, left
        if isinstance(left, Price) and isinstance(right, Value):
            return right.value != 0
        bounds = self.draft.indicators[left.id].entry.bounds if isinstance(left, IndicatorRef) else None
        if bounds is not None and isinstance(right, Value) and right.value in bounds:
            return False
        return any(self._is_continuous(operand) for operand in (left, right))

    def _is_continuous(self, operand: AnyOperand) -> bool:
        """Whether values are real numbers, which meet another one by chance only; a direction or a count takes whole steps."""
        if isinstance(operand, Math):
            return self._is_continuous(operand.left) or self._is_continuous(operand.right)
        if not isinstance(operand, IndicatorRef) or operand.output == "direction":
            return False
        item = self.draft.indicators[operand.id]
        of_one_bar = item.entry.is_average and item.params["timeperiod"] == 1  # the close of a week
        return not item.entry.in_steps and not of_one_bar

    def _ask_of_unlike(self, left: AnyOperand, right: AnyOperand) -> None:
        """Ask about a price, or volume, that is compared with what is none: "RSI > close", "MACD crosses above SMA(20)"."""
        if not self.unlike(left, right):
            return
        names = f"{self._name(left)} is compared with {self._name(right)}"
        several = [s for s in (left, right) if isinstance(s, IndicatorRef) and s.output]
        windows = [s for s in (left, right) if isinstance(s, IndicatorRef) and self.draft.is_window(s)]
        if several and windows:
            why = f"an average or extreme of {self.draft.indicators[several[0].id].name}, which has several lines, is not supported"
            question = (
                f"With what shall {self._name(several[0])} be compared instead of {self._name(windows[0])}: {why}"
            )
        else:
            question = (
                f"What is meant by {self._name(left)} beside {self._name(right)}, which is measured in something else?"
            )
        remedy = "Compare prices with prices, and indicators with their own levels"
        self.draft.problem("error", "unlike", "text", f"{names}, which is measured in something else", remedy)
        self.draft.ask(question)

    def unlike(self, left: AnyOperand, right: AnyOperand) -> bool:
        """Whether one of two is a price or a volume, and the other surely is none."""
        kinds = {self._quantity(left), self._quantity(right)}
        return "" not in kinds and len(kinds) == 2 and bool(kinds & {"level", "volume"})

    def _quantity(self, operand: AnyOperand) -> Literal["level", "amount", "volume", "number", ""]:
        """Return whether an operand is a price, an amount of money, a volume or anything else; "" where that is open."""
        if isinstance(operand, Price):
            return "volume" if operand.column == "Volume" else "level"
        if isinstance(operand, Math):
            sides = (self._quantity(operand.left), self._quantity(operand.right))
            if operand.op in ("+", "-"):
                return "amount" if sides == ("level", "level") and operand.op == "-" else sides[0]
            factors = [v.value for v in (operand.left, operand.right) if isinstance(v, Value)]
            others = [kind for kind in sides if kind]
            large = (
                factors
                and (factors[0] if operand.op == "*" else 1 / factors[0] if factors[0] else 0) > _LEAST_RATIO / 100
            )
            return others[0] if len(others) == 1 and large else ""
        if not isinstance(operand, IndicatorRef) or operand.output == "direction":
            return ""
        item = self.draft.indicators[operand.id]
        of = item.source_name
        source = (
            "level"
            if of in (None, *PRICE_COLUMNS[:4])
            else "volume"
            if of == "Volume"
            else self._quantity(IndicatorRef(id=str(of)))
        )
        if item.entry.scale == "price":
            return source
        if item.entry.measured in _AMOUNTS:
            return "amount" if source == "level" else source
        return "number"

    def _ask_of_scale(self, operand: IndicatorRef, value: float) -> None:
        item = self.draft.indicators[operand.id]
        while item.entry.is_average and (source := self.draft.indicators.get(item.source_name or "")) is not None:
            item = source  # an average of RSI has the scale of RSI
        bounds = item.entry.bounds
        small = bounds is not None and bounds[1] - bounds[0] == 100 and 0 < abs(value) < 1
        tiny = item.entry.measured == "one" and 0 < abs(value) < 0.01  # "IBS < 0.2%"
        if (
            not small
            and not tiny
            and not (item.entry.measured == "one" and item.entry.bounds is None and abs(value) > _MOST_OF_ONE)
        ):
            return
        name, (low, high), other = self._name(operand), bounds or (0, 1), value * 100 if small or tiny else value / 100
        message = f"{name} goes from {low:g} to {high:g}, and {value:g} is hardly one of its levels"
        self.draft.problem("error", "scale", "text", message, f"Say {other:g}, or another of its levels")
        self.draft.ask(f"Which level of {name}, which goes from {low:g} to {high:g}, is meant by {value:g}: {other:g}?")

    def joined(self, left: AnyOperand, op: MathSign, right: AnyOperand, shares: tuple[bool, bool]) -> AnyOperand:
        """Return `left op right`; `shares` say which of the two are numbers that were said in percent.

        "SMA(20) + 2%" is 1.02 times it, "SMA(20) * 103%" 1.03 times; "ROC(10) + 2%" is two points more. Of what
        has no such unit, "RSI + 10%", the percentage is asked about.
        """
        plain = Math(left=left, op=op, right=right)
        if not any(shares):
            return plain
        if op in ("*", "/") and isinstance(left, Value) and isinstance(right, Value):
            self._ask_of_sum(left, op, right, shares)
        if op in ("*", "/"):
            sides = [_hundredth(side) if share else side for side, share in zip((left, right), shares, strict=True)]
            return Math(left=sides[0], op=op, right=sides[1])
        if op == "+" and shares == (True, False):
            left, right, shares = right, left, (False, True)  # "2% + SMA(20)"
        if shares == (False, True) and isinstance(right, Value):
            factor = round(1 + (right.value if op == "+" else -right.value) / 100, 10)
            if left == Value(value=1):
                return Value(value=factor)
            unit = self.of(left)
            if unit == "percent":
                return plain
            if unit in ("price", "volume") and not self._is_difference(left):
                return Math(left=Value(value=factor), op="*", right=left)
        self._ask_of_sum(left, op, right, shares)
        return plain

    def _is_difference(self, operand: AnyOperand) -> bool:
        """Whether an amount may be below zero, so that a percentage more of it may be less."""
        if isinstance(operand, Math):
            return operand.op in ("+", "-")
        return isinstance(operand, IndicatorRef) and self.draft.indicators[operand.id].entry.measured == "difference"

    def ask_of_signed(self, base: AnyOperand, percent: float) -> None:
        """Ask about "10% above the MACD signal", which is below it where the signal is below zero."""
        if self._is_difference(base):
            name = self._name(base)
            message = f"{name} may be below zero, where {percent:g}% above it is less than it"
            self.draft.problem("error", "percent_of_what", "text", message, "Say the distance as a number, or in ATR")
            self.draft.ask(f"How far from {name}, as a number, is meant by {percent:g}%?")

    def _ask_of_sum(self, left: AnyOperand, op: MathSign, right: AnyOperand, shares: tuple[bool, bool]) -> None:
        names = [self._name(side) + "%" * share for side, share in zip((left, right), shares, strict=True)]
        said = f"{names[0]} {op} {names[1]}"
        share, other = (names[0], names[1]) if shares[0] else (names[1], names[0])
        message = f"{said!r} does not say of what {share} are taken"
        remedy = f"Say '1.05 * X' for 5% above X, or a number without %: {said.replace('%', '')}"
        self.draft.problem("error", "percent_of_what", "text", message, remedy)
        self.draft.ask(f"What are {share} in {said!r}: {share} of {other}, or {share.removesuffix('%')} points?")

    def of(self, operand: AnyOperand) -> Unit:
        """Return what an operand is measured in; "percent" is a rate of change, "ratio" one price over another."""
        if isinstance(operand, Price):
            return "volume" if operand.column == "Volume" else "price"
        if isinstance(operand, Math):
            return self._of_math(operand)
        if not isinstance(operand, IndicatorRef):
            return ""
        item = self.draft.indicators[operand.id]
        if item.entry.measured == "rate":
            return "percent"
        if operand.output == "direction" or not (item.entry.scale == "price" or item.entry.measured in _AMOUNTS):
            return "number"
        if item.source_name in (None, *PRICE_COLUMNS[:4]):
            return "price"
        return "volume" if item.source_name == "Volume" else self.of(IndicatorRef(id=str(item.source_name)))

    def _of_math(self, operand: Math) -> Unit:
        """Return what a sum, product or ratio is measured in: one price over another is a "ratio", 100 times that "percent"."""
        left, right = self.of(operand.left), self.of(operand.right)
        if operand.op in ("+", "-"):
            return left if left == right or isinstance(operand.right, Value) else ""
        if operand.op == "/":
            return "ratio" if left == right and left in ("price", "volume") else left if not right else ""
        sides = {left, right} - {""}
        factor = next((v.value for v in (operand.left, operand.right) if isinstance(v, Value)), None)
        if sides == {"ratio"}:
            return "percent" if factor == 100 else ""
        return sides.pop() if len(sides) == 1 and factor is not None else ""

    def _as_shares(self, left: AnyOperand, *limits: Value) -> tuple[AnyOperand, ...]:
        """Return a quantity and its limits in percent: an ATR's are those of the close, momentum's a rate of change."""
        unit, item = self.of(left), self.draft.indicators.get(left.id) if isinstance(left, IndicatorRef) else None
        if unit == "ratio" and self._is_ratio_of_levels(left) and abs(limits[0].value) < _LEAST_RATIO:
            self._ask_of_ratio(left, limits[0])
        if unit == "ratio" or (item is not None and item.entry.measured == "one"):
            return (left, *(Value(value=round(v.value / 100, 10)) for v in limits))
        if item is not None and unit == "price" and item.entry.measured == "amount" and not item.entry.takes_source:
            text = f"A percentage of {item.name} is one of the close"
            self.draft.assume("percent_of_close", text, "an amount in the price's own unit")
            shares = (Value(value=round(v.value / 100, 10)) for v in limits)
            return (left, *(Math(left=share, op="*", right=Price(column="Close")) for share in shares))
        if item is not None and item.entry.rate and unit == "price" and isinstance(left, IndicatorRef):
            source = None if item.source_name == "Close" else item.source_name
            rate = self.draft.indicator(item.entry.rate, dict(item.params), source=source, timeframe=item.timeframe)
            text = f"Momentum in percent is the rate of change, {item.entry.rate}({item.params['timeperiod']:g})"
            self.draft.assume("momentum_percent", text, "a difference of prices", "indicators")
            return (rate.model_copy(update={"offset": left.offset}), *limits)
        if unit in ("price", "volume") or (unit == "" and isinstance(left, Math)):
            self._ask_of_share(left, limits[0])
        return (left, *limits)

    def _is_ratio_of_levels(self, operand: AnyOperand) -> bool:
        """Whether one price, or average of prices, is divided by another, so that the ratio is about 1."""
        if not isinstance(operand, Math) or operand.op != "/":
            return False
        return self._is_level(operand.left) and self._is_level(operand.right)

    def _small_share(self, found: Compare | Cross, shares: set[float]) -> float | None:
        """Return the factor of "close > SMA(20) * 1.02%" or "close > 2% of the SMA(20)": of a price it is a small share of another."""
        right = found.right
        if not isinstance(right, Math) or right.op != "*" or self.of(right) != "price":
            return None
        factors = [v.value for v in (right.left, right.right) if isinstance(v, Value)]
        others = [v for v in (right.left, right.right) if not isinstance(v, Value)]
        levels = all(self._is_level(side) for side in (found.left, *others))
        said = len(factors) == 1 and round(factors[0] * 100, 8) in shares
        return factors[0] if levels and len(others) == 1 and said and factors[0] < _LEAST_RATIO / 100 else None

    def _ask_of_small(self, left: AnyOperand, share: float) -> None:
        name = self._name(left)
        message = f"{name} is compared with {share * 100:g}% of a price, and is always above that"
        self.draft.problem(
            "error",
            "percent_of_what",
            "text",
            message,
            f"Say {100 + share * 100:g}% of it, or {share * 100:g}% above it",
        )
        self.draft.ask(f"How far from the other price shall {name} be: {share * 100:g}% above or below it?")

    def _is_level(self, operand: AnyOperand) -> bool:
        """Whether an operand is a price or lies among the prices, as an average does and an ATR does not."""
        if isinstance(operand, IndicatorRef):
            item = self.draft.indicators[operand.id]
            of_price = item.source_name in (None, *PRICE_COLUMNS[:4]) and item.entry.measured not in _AMOUNTS
            return of_price and self.of(operand) == "price"
        return isinstance(operand, Price) and operand.column != "Volume"

    def _ask_of_ratio(self, left: AnyOperand, share: Value) -> None:
        name, percent = self._name(left), f"{share.value:g}%"
        message = f"{name} is about 100%, and hardly ever near {percent}"
        self.draft.problem(
            "error", "percent_of_what", "text", message, f"Say {name} - 1 for a change, or {100 + share.value:g}%"
        )
        self.draft.ask(f"Is {percent} meant of the change, so that {name} is compared with {100 + share.value:g}%?")

    def _ask_of_share(self, left: AnyOperand, share: Value) -> None:
        name = self._name(left)
        message = f"{name} is an amount in the price's own unit, not a percentage"
        remedy = f"Say of what: {name} compared with {abs(share.value):g}% of the close, or a number without %"
        self.draft.problem("error", "percent_of_what", "text", message, remedy)
        self.draft.ask(f"Of what are the {abs(share.value):g}% that {name} is compared with: of the close?")

    def _ask_of_units(self, left: AnyOperand, right: AnyOperand) -> None:
        share, amount = (left, right) if self.of(left) == "percent" else (right, left)
        message = f"{self._name(share)} is in percent, {self._name(amount)} an amount"
        self.draft.problem("error", "units", "text", message, "Compare a return with a percentage")
        self.draft.ask(
            f"How shall {self._name(share)}, in percent, be compared with {self._name(amount)}, which is an amount?"
        )

    def _name(self, operand: AnyOperand) -> str:
        if isinstance(operand, IndicatorRef):
            item = self.draft.indicators[operand.id]
            numbers = item.entry.setting(item.params) if item.params else ""
            return f"{item.name}({numbers})" if numbers else item.name
        if isinstance(operand, Price):
            return f"the {operand.column.lower()}"
        if isinstance(operand, Math):
            return f"{self._name(operand.left)} {operand.op} {self._name(operand.right)}"
        return f"{operand.value:,.10g}" if isinstance(operand, Value) else "it"
