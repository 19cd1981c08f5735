"""The grammar of risk: stops, targets, time limits, cooldowns, sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from Backtest.canonical import IndicatorRef, Side
from Strategy.reading.conditions.price_moves import FROM_EXTREME, PriceMoves
from Strategy.reading.settings.holding import Holding
from Strategy.reading.settings.size_grammar import Sizes
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.operands import Operands
from Strategy.words import (
    Table,
    accounts,
    durations,
    indicator_words,
    joins,
    moving,
    orders,
    prices,
    protection,
    sizes,
    small,
    spans,
)

Level = dict[str, Any]
_SIDES: tuple[Side, ...] = ("long", "short")
LEAST_SHARE = 50  # in percent of the entry's price: what is less is a distance from it

_LEVELS = {"stop_loss": protection.STOP, "take_profit": protection.TARGET, "trailing_stop": protection.TRAIL}


@dataclass(eq=False)
class RiskGrammar(Grammar):
    """Reads levels and sizes; each method returns whether it read something."""

    operands: Operands

    def __post_init__(self) -> None:
        self.moves = PriceMoves(self.cursor, self.draft)
        self.holding = Holding(self.cursor, self.draft)
        self.sizes = Sizes(self.cursor, self.draft)

    def _level(self) -> Level | None:
        """Read a distance: "5%", "2 ATR", "2 times the 14-day ATR", "2R"."""
        cursor = self.cursor
        mark = cursor.mark()
        lead = cursor.words(protection.LEVEL_LEAD)
        cursor.symbol(":", "=")
        sign = cursor.symbol("-", "+", noise=True)
        token = cursor.number()
        if token is not None and (sign == "-" or token.value < 0) and self.draft.level_name == "take_profit":
            self.draft.sided += ((self.draft.level_name, "below", f"-{abs(token.value):g}" + "%" * token.percent),)
        if token is not None and sign == "+" and self.draft.level_name == "stop_loss":
            self.draft.sided += ((self.draft.level_name, "above", f"+{token.value:g}" + "%" * token.percent),)
        if token is not None and token.percent:
            cursor.take(protection.LOSS, protection.GAIN, noise=False)
            if not sign and (level := self._of_entry(token.value)) is not None:
                return level
            self._read_side()
            if not sign and cursor.previous() is token and not cursor.next_is(small.OF):
                self.draft.shares += ((self.draft.level_name, token.value, lead in protection.AT),)
            return {"type": "percent", "value": abs(token.value)}
        if token is not None and token.money:
            cursor.reset(mark)
            return None
        if token is None and (factor := cursor.take(prices.MULTIPLE)):
            value = float(factor)
            if cursor.take(protection.TIMES_RISK, noise=False):
                return {"type": "risk_reward", "ratio": value}
        elif token is not None:
            value = token.value
            if cursor.take(protection.TIMES_RISK, noise=False) and not cursor.looking_at(indicator_words.INDICATOR):
                return {"type": "risk_reward", "ratio": value}
        else:
            value = 1.0
        cursor.take(prices.MULTIPLE, noise=False)
        cursor.symbol("*")
        known = self.draft.indicators
        operands = self.operands
        ref = operands.indicators.numbered() if cursor.looking_at(spans.UNIT) is None else None
        if ref is None:
            inner = cursor.mark()
            ref = operands.indicators.indicator()
            if ref is None:
                cursor.reset(inner)
        atr = self.draft.indicators[ref.id] if isinstance(ref, IndicatorRef) else None
        if (
            isinstance(ref, IndicatorRef)
            and atr is not None
            and atr.name == indicator_words.TRUE_RANGE
            and atr.timeframe is None
        ):
            period = int(self.draft.indicators[ref.id].params["timeperiod"])
            self.draft.indicators = known
            cursor.words(protection.PLURAL_S, noise=False)
            self._read_side(protection.BESIDE_PRICE)
            return {"type": "atr", "multiple": value, "timeperiod": period}
        self.draft.indicators = known
        cursor.reset(mark)
        return None

    def _of_entry(self, percent: float) -> Level | None:
        """Read the rest of "95% of the entry", a level of it; a small share such as "5% of the entry" is a distance from it."""
        mark = self.cursor.mark()
        of = self.cursor.next_is(small.OF)
        if not of or percent < LEAST_SHARE or not self.cursor.take(protection.FROM_ENTRY, noise=False):
            self.cursor.reset(mark)
            return None
        if self.draft.level_name == "trailing_stop":  # it follows the closes, and no share of the entry
            self.draft.shares += ((self.draft.level_name, percent, True),)
            return {"type": "percent", "value": percent}
        words = f"at {percent:g}% of the entry"
        self.draft.sided += ((self.draft.level_name, "below" if percent < 100 else "above", words),)
        distance = round(abs(percent - 100), 10)
        text = f"A level {words} is {distance:g}% away from it"
        self.draft.assume("level_of_entry", text, f"{percent:g}% away from the entry", "risk")
        return {"type": "percent", "value": distance}

    def ahead(self) -> bool:
        """Whether a stop, target, size or other setting starts here. Takes nothing."""
        cursor = self.cursor
        mark = cursor.mark()
        try:
            if cursor.looking_at(
                protection.TRAIL,
                durations.COOLDOWN,
                durations.HOLD,
                accounts.COMMISSION,
                accounts.LEVERAGE,
                protection.RATIO,
                accounts.FIXED,
                accounts.SPREAD,
            ):
                return True
            if cursor.looking_at(protection.STOP, protection.TARGET) or self.holding.ahead():
                return True
            cursor.words(protection.AHEAD)
            if cursor.looking_at(protection.TRAIL, protection.STOP, protection.TARGET):
                return True
            token = cursor.number()
            if token is not None:
                cursor.take(prices.MULTIPLE, noise=False)
                cursor.take(indicator_words.INDICATOR, noise=False)
                if cursor.looking_at(protection.STOP, protection.TARGET, protection.TRAIL, noise=False):
                    return True
                if (token.percent or token.money) and (
                    cursor.looking_at(sizes.PER_TRADE, noise=False)
                    or cursor.looking_at(sizes.EQUITY, noise=True)
                    or cursor.words(small.OF)
                ):
                    return bool(cursor.looking_at(sizes.PER_TRADE, sizes.EQUITY, noise=True))
            return False
        finally:
            cursor.reset(mark)

    def read(self) -> bool:
        """Read a stop, target, trailing stop, time limit, cooldown or size."""
        cursor = self.cursor
        cursor.part = "risk"
        first, known = cursor.position, self.draft.risk
        found = self._for_both_sides() or self._for_one_side() or self._setting()
        self.draft.level_side = None
        if found:
            self._note_both(first, known)
        return found

    def _for_both_sides(self) -> bool:
        """Read "longs and shorts have a 6% stop", "for both longs and shorts: 6% stop"."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words(small.FOR, small.ON, small.IN, small.AND, small.ALSO, noise=False)
        cursor.words(small.ALL, small.THE, small.MY, noise=False)
        if cursor.take(orders.BOTH_SIDES, noise=False):
            cursor.symbol(",", ":")
            cursor.words(protection.HAVE)
            size = self.draft.risk.get("position_size")
            if self._setting() and self.draft.risk.get("position_size") is size:
                return True
        cursor.reset(mark)
        return False

    def _for_one_side(self) -> bool:
        """Read "longs have a 5% stop", "for shorts: stop 8%", "long stop: 5%"."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words(small.FOR, small.ON, small.AND, small.ALSO, noise=False)
        side: Side | None = self._side_named() or cursor.take(orders.ONE_OF_SIDES, noise=False)
        if side is not None:
            sized = self.draft.risk.get("position_size")
            cursor.symbol(",", ":")
            had = cursor.words(protection.HAVE)
            self.draft.level_side = side
            if (
                had
                or cursor.looking_at(protection.STOP, protection.TARGET, protection.TRAIL)
                or cursor.looking_at_number()
            ) and self._setting():
                if self.draft.risk.get("position_size") is sized:
                    return True
        cursor.reset(mark)
        return False

    def _side_named(self) -> Side | None:
        """Take "longs", "short positions", "the long side"."""
        for side in _SIDES:
            if self.cursor.words(orders.OF_SIDE[side]):
                return side
        return None

    def _set_level(self, name: str, level: Level) -> None:
        """Set a level, and those of the sides named behind it: "5% for longs and 8% for shorts"."""
        cursor, draft = self.cursor, self.draft
        while True:
            mark = cursor.mark()
            side = self._side_named() if cursor.words(small.FOR, small.ON, small.OF, noise=False) else None
            if side is None:
                cursor.reset(mark)
            draft.level_side = side or draft.level_side
            draft.set_risk(name, level)
            mark = cursor.mark()
            cursor.symbol(",")
            cursor.words(small.AND, small.BUT, noise=False)
            more = self._level() if side is not None else None
            behind = cursor.mark()
            named = cursor.words(small.FOR, small.ON, small.OF, noise=False) and self._side_named()
            if more is None or not named:
                cursor.reset(mark)
                return
            cursor.reset(behind)
            level = more

    def _note_both(self, first: int, known: Mapping[str, Any]) -> None:
        """Note that what was read since `first` is said of both sides, where it is."""
        said = {token.norm for token in self.cursor.tokens[first : self.cursor.position]}
        both = said & small.BOTH.keys() or (said & orders.LONG.keys() and said & orders.SHORT.keys())
        if both:
            levels = {name: None for name, value in self.draft.risk.items() if known.get(name) is not value}
            self.draft.levels_near = {**self.draft.levels_near, **levels}

    def _setting(self) -> bool:
        """Read one setting, behind words that lead to it or without them: "use a 3% stop", "2:1 reward to risk"."""
        cursor = self.cursor
        start = cursor.mark()
        for reader in (
            self._none,
            self._ratio,
            self._trailing,
            self._stop,
            self._target,
            self.holding.limit,
            self.holding.pause,
            self.sizes.setting,
        ):
            cursor.words(protection.SETTING_LEAD, noise=True)
            if reader():
                return True
            cursor.reset(start)
            if reader():
                return True
            cursor.reset(start)
        return False

    def _none(self) -> bool:
        """Read "no stop loss", "without a stop"."""
        cursor = self.cursor
        if cursor.words(protection.NO_LEVEL):
            cursor.words(small.ANY)
            if cursor.take(protection.TRAIL, protection.STOP, protection.TARGET):
                return True
        return False

    def _around(self, name: str) -> Level | None:
        """Read a level on either side of its word: "stop loss 5%", "5% stop", "2 ATR stop"."""
        cursor = self.cursor
        start, self.draft.level_name, self.draft.from_extreme = cursor.mark(), name, False
        if (level := self._atr_first(_LEVELS[name])) is not None:
            return level
        if cursor.take(_LEVELS[name]):
            behind = cursor.mark()
            if not (cursor.words(small.OF, small.FOR, small.ON, noise=False) and cursor.take(orders.BOTH_SIDES)):
                cursor.reset(behind)
            self._line_below(start)
            level = self._level()
            if level is not None:
                if name == "trailing_stop":
                    cursor.words(protection.STOP_NOUN, noise=False)
                self._of_both()
                return level
            cursor.reset(start)
            return None
        level = self._level()
        if level is not None and cursor.take(_LEVELS[name]):
            self._read_side()
            self._of_both()
            return level
        cursor.reset(start)
        return None

    def _line_below(self, start: Mark) -> None:
        """Go on in the next line behind a word that has a line of its own: "STOP", and below it "5%"."""
        cursor = self.cursor
        before = cursor.tokens[start.position - 1] if start.position else None
        mark = cursor.mark()
        cursor.symbol(":")
        if (before is None or before.kind == "nl" or before.norm == "#") and cursor.kind("nl", noise=False):
            while cursor.kind("nl", noise=False) or cursor.symbol("-", "*", "•"):
                pass
            if cursor.looking_at_number():
                return
        cursor.reset(mark)

    def _of_both(self) -> None:
        """Read "for longs and shorts" behind a level."""
        mark = self.cursor.mark()
        if not (self.cursor.words(small.FOR, small.ON, small.OF, noise=False) and self.cursor.take(orders.BOTH_SIDES)):
            self.cursor.reset(mark)

    def _read_side(self, *bare: Table) -> None:
        """Read "below the entry", "below the high" or `bare` words behind a distance; its side is judged at the end."""
        cursor, start = self.cursor, self.cursor.position
        cursor.take(protection.FROM_ENTRY, noise=True)
        self._read_extreme()
        cursor.words(*bare, noise=False) if bare else None
        said = [token.norm for token in cursor.tokens[start : cursor.position]]
        side = next((protection.SIDE_WORDS[word] for word in said if word in protection.SIDE_WORDS), None)
        if side is not None:
            self.draft.sided += ((self.draft.level_name, side, " ".join(said)),)

    def _read_extreme(self) -> None:
        """Read "from the highest close" behind the distance of a stop: such a stop follows the market."""
        if self.draft.level_name in ("stop_loss", "trailing_stop") and self.cursor.take(
            protection.FROM_EXTREME, noise=True
        ):
            self.draft.from_extreme = True

    def _atr_first(self, noun: Table) -> Level | None:
        """Read "ATR stop of 2" and "ATR(20) stop: 2"."""
        cursor = self.cursor
        mark, known = cursor.mark(), self.draft.indicators
        ref = (
            self.operands.indicators.indicator()
            if cursor.looking_at(indicator_words.INDICATOR) == indicator_words.TRUE_RANGE
            else None
        )
        if isinstance(ref, IndicatorRef) and cursor.take(noun, noise=False):
            period = int(self.draft.indicators[ref.id].params["timeperiod"])
            cursor.words(small.OF, small.AT, small.WITH, noise=False)
            cursor.symbol(":", "=")
            token = cursor.number(percent=False)
            if token is not None and not token.money:
                self.draft.indicators = known
                cursor.words(protection.TIMES, noise=False)
                return {"type": "atr", "multiple": token.value, "timeperiod": period}
        self.draft.indicators = known
        cursor.reset(mark)
        return None

    def _trailing(self) -> bool:
        """Read "3% trailing stop", "a stop that trails by 2 ATR, only moved up"."""
        level = self._around("trailing_stop")
        if level is None:
            mark = self.cursor.mark()
            # "a stop that trails by 3%", "stop loss trailing 3%"
            if self.cursor.take(protection.STOP) and self.cursor.words(protection.TRAILING):
                self.draft.level_name = "trailing_stop"
                level = self._level()
            if level is None:
                self.cursor.reset(mark)
                return False
        if level["type"] == "risk_reward":
            return False
        self.cursor.words(protection.EACH_CLOSE, noise=False)
        mark = self.cursor.mark()
        self.cursor.symbol(",")
        if not self.cursor.words(protection.NEVER_BACK, noise=False):
            self.cursor.reset(mark)
        self._set_level("trailing_stop", level)
        return True

    def _stop(self) -> bool:
        """Read "stop loss 5%", "stop at 2 ATR"; one measured from the best price since the entry trails."""
        level = self._around("stop_loss")
        if level is None or level["type"] == "risk_reward":
            return False
        if self.draft.from_extreme:
            self._set_level("trailing_stop", level)
            self.draft.assume("from_extreme", FROM_EXTREME, "a stop that stays where it was put", "risk.trailing_stop")
            return True
        self._set_level("stop_loss", level)
        return True

    def _target(self) -> bool:
        """Read "take profit 10%", "target of 3R"."""
        level = self._around("take_profit")
        if level is None:
            return False
        self._set_level("take_profit", level)
        return True

    def exit_level(self, side: Side | None = None) -> bool:
        """Read "at a 10% profit", "if the loss exceeds 5%", "at +10%", "up 10%", "at a 5% stop"."""
        cursor = self.cursor
        cursor.part = "risk"
        start = cursor.mark()
        token = cursor.number(percent=False)
        unit = cursor.take(spans.UNIT, noise=False) if token else None
        if token is not None and unit and cursor.words(small.LATER, noise=False):
            self.draft.set_time_limit(self.draft.bars(token.value, unit), side)
            return True
        cursor.reset(start)
        if said := cursor.words(spans.NEXT_DAY):
            self.draft.set_time_limit(1, side)
            self.draft.assume(
                "next_day", f"{said!r}: left at the open of the bar after the entry bar", field="risk.max_bars"
            )
            return True
        carried = self.moves.of_price()
        cursor.take(joins.WHEN)
        here = cursor.mark()
        if (priced := carried or self.moves.of_price()) and self.moves.read(side):
            return True
        cursor.reset(here)
        lead = cursor.words(protection.EXIT_LEVEL_LEAD)
        if self._stop() or self._target() or self._trailing():
            return True
        level = cursor.mark()
        if lead in small.IT_IS and (side == "short" or {s for s, _ in self.draft.entries} == {"short"}):
            self._ask_of_it(level)
        verb = (cursor.take(protection.GAIN) and "take_profit") or (cursor.take(protection.LOSS) and "stop_loss")
        if verb and not self._of_trade(priced):
            return False
        if verb:
            cursor.words(protection.GAIN_REACHES)
            token = cursor.number(percent=True)
            if token is not None:
                cursor.take(protection.FROM_ENTRY, noise=True)
                self.draft.set_risk(verb, {"type": "percent", "value": abs(token.value)})
                return True
            cursor.reset(level)
            return self.moves.read(side)
        cursor.words(small.BY)
        cursor.words(moving.MORE_THAN)
        token = cursor.number(percent=True)
        gained = (
            (cursor.take(protection.GAIN) and 1) or (cursor.take(protection.LOSS) and -1) if token is not None else 0
        )
        if token is not None and gained and self._of_trade(priced):
            cursor.take(protection.FROM_ENTRY, noise=False)
            name = "take_profit" if gained > 0 else "stop_loss"
            self.draft.set_risk(name, {"type": "percent", "value": abs(token.value)})
            return True
        cursor.reset(level)
        return self.moves.read(side)

    def _ask_of_it(self, here: Mark) -> None:
        """Ask about "short …, cover when it is up 5%": the position's gain, or the price's, which is the position's loss."""
        way, token = self.cursor.words(moving.UP_OR_DOWN, noise=False), self.cursor.number(percent=True)
        self.cursor.reset(here)
        if way is None or token is None:
            return
        said = f"it is {way} {token.value:g}%"
        message = (
            f"Of a short position {said!r} may be said of the price or of the trade, one a gain and the other a loss"
        )
        self.draft.problem(
            "error", "pronoun", "text", message, f"Say: the price is {way} {token.value:g}%, or the trade is"
        )
        self.draft.ask(f"What is {way} {token.value:g}% in {said!r}: the price, or the short position?")

    def _of_trade(self, priced: bool) -> bool:
        """Whether the gain just named is the trade's: "the price gains 5% in 3 days" is not, "a 5% profit" always is."""
        return not priced or self.cursor.previous_word() in protection.OF_TRADE

    def _ratio(self) -> bool:
        """Read "risk-reward 1:2", "reward to risk of 3", "2:1 reward to risk"."""
        cursor = self.cursor
        numbers = self.cursor.colon_numbers()
        named = cursor.take(protection.RATIO)
        if not named:
            return False
        cursor.words(protection.RATIO_OF)
        cursor.symbol(":", "=")
        numbers = numbers or self.cursor.colon_numbers()
        if not numbers:
            return False
        ratio = max(numbers) / min(numbers) if len(numbers) == 2 and min(numbers) > 0 else numbers[0]
        cursor.take(protection.TARGET, noise=False)
        self.draft.set_risk("take_profit", {"type": "risk_reward", "ratio": ratio})
        return True
