"""The grammar of everything that is no rule: stops, targets, sizes, symbols, costs."""

from __future__ import annotations

from typing import Any

from Backtest.canonical import IndicatorRef
from Strategy.cursor import Cursor
from Strategy.draft import Draft
from Strategy.lexicon import COMPANIES
from Strategy.operands import Operands

Level = dict[str, Any]


class Settings:
    """Reads risk, size and settings; each method returns whether it read something."""

    def __init__(self, cursor: Cursor, draft: Draft) -> None:
        self.cursor = cursor
        self.draft = draft

    # Levels --------------------------------------------------------------------------------

    def _level(self) -> Level | None:
        """Read a distance: "5%", "2 ATR", "2 times the 14-day ATR", "2R"."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words(
            "at", "of", "is", "by", "to", "around", "at a", "of a", "set at", "order at", "placed at", "loss of", "loss at", "loss is", "when down",
            "when up", "at about", "if down", "distance of", "if it drops", "if it falls", "after a", "price is", "if price falls", "if the price drops", "if the trade loses", "on a",
        )  # fmt: skip
        cursor.symbol(":", "=")
        cursor.symbol("-", noise=True)
        token = cursor.number()
        if token is not None and token.percent:
            cursor.take("LOSS", "GAIN", noise=False)
            cursor.take("FROM_ENTRY", noise=True)
            return {"type": "percent", "value": abs(token.value)}
        if token is not None and token.money:
            cursor.reset(mark)
            return None
        if token is None and (factor := cursor.take("MULTIPLE")):
            value = float(factor)
            if cursor.take("TIMES_RISK", noise=False):
                return {"type": "risk_reward", "ratio": value}
        elif token is not None:
            value = token.value
            if cursor.take("TIMES_RISK", noise=False) and not cursor.looking_at("INDICATOR"):
                return {"type": "risk_reward", "ratio": value}
        else:
            value = 1.0
        cursor.take("MULTIPLE", noise=False)
        cursor.symbol("*")
        known = dict(self.draft.indicators)
        operands = Operands(cursor, self.draft)
        ref = operands._numbered_indicator() if cursor.looking_at("UNIT") is None else None
        if ref is None:
            inner = cursor.mark()
            ref = operands._indicator()
            if ref is None:
                cursor.reset(inner)
        if isinstance(ref, IndicatorRef) and self.draft.indicators[ref.id].name == "ATR":
            period = int(self.draft.indicators[ref.id].params["timeperiod"])
            self.draft.indicators = known
            cursor.words("s", noise=False)
            cursor.take("FROM_ENTRY", noise=True)
            cursor.words("below", "above", "away", "below the price", noise=False)
            return {"type": "atr", "multiple": value, "timeperiod": period}
        self.draft.indicators = known
        cursor.reset(mark)
        if (
            (cursor.words("at", "of", "is", noise=False) or True)
            and (token := cursor.number(percent=False, noise=True)) is not None
            and token.norm
        ):
            cursor.reset(mark)
        return None

    def at_risk(self) -> bool:
        """Whether a stop, target, size or other setting starts here. Takes nothing."""
        cursor = self.cursor
        mark = cursor.mark()
        try:
            if cursor.looking_at("TRAIL", "COOLDOWN", "HOLD", "COMMISSION", "LEVERAGE", "RATIO", "FIXED", "SPREAD"):
                return True
            if cursor.looking_at("STOP", "TARGET"):
                return True
            cursor.words("with", "use", "and", "set", "place", "using", "risk", "add", "risking", "invest", "allocate")
            if cursor.looking_at("TRAIL", "STOP", "TARGET"):
                return True
            token = cursor.number()
            if token is not None:
                cursor.take("MULTIPLE", noise=False)
                cursor.take("INDICATOR", noise=False)
                if cursor.looking_at("STOP", "TARGET", "TRAIL", noise=False):
                    return True
                if (token.percent or token.money) and (
                    cursor.looking_at("PER_TRADE", noise=False)
                    or cursor.looking_at("EQUITY", noise=True)
                    or cursor.words("of")
                ):
                    return bool(cursor.looking_at("PER_TRADE", "EQUITY", noise=True))
            return False
        finally:
            cursor.reset(mark)

    def value_follows(self) -> bool:
        """Whether a value stands behind the colon, so that "Risk: 1%" is a setting, no heading."""
        for token in self.cursor.tokens[self.cursor.position + 1 : self.cursor.position + 4]:
            if token.kind == "nl":
                return False
            if token.kind == "num":
                return True
        return False

    def risk(self) -> bool:
        """Read a stop, target, trailing stop, time limit, cooldown or size."""
        cursor = self.cursor
        cursor.part = "risk"
        start = cursor.mark()
        for reader in (
            self._none,
            self._ratio,
            self._trailing,
            self._stop,
            self._target,
            self._hold,
            self._cooldown,
            self._size,
        ):
            cursor.words(
                "and",
                "with",
                "use",
                "using",
                "set",
                "place",
                "add",
                "then",
                "put",
                "also",
                "apply",
                "or",
                "have",
                "plus",
                "keep",
                "include",
                "move",
                "always use",
                "exit with",
                "exit at",
                "exit on",
                "exit via",
                noise=True,
            )
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
        if cursor.words("no", "without", "never use", "don't use", "do not use"):
            cursor.words("any")
            if cursor.take("TRAIL", "STOP", "TARGET"):
                self.draft.flags.add("no_stop_wanted")
                return True
        return False

    def _around(self, category: str) -> Level | None:
        """Read a level on either side of its word: "stop loss 5%", "5% stop", "2 ATR stop"."""
        cursor = self.cursor
        start = cursor.mark()
        if cursor.take(category):
            level = self._level()
            if level is not None:
                if category == "TRAIL":
                    cursor.words("stop", "stop loss", noise=False)
                return level
            cursor.reset(start)
            return None
        level = self._level()
        if level is not None and cursor.take(category):
            cursor.take("FROM_ENTRY", noise=True)
            return level
        cursor.reset(start)
        return None

    def _trailing(self) -> bool:
        level = self._around("TRAIL")
        if level is None:
            mark = self.cursor.mark()
            # "a stop that trails by 3%", "stop loss trailing 3%"
            if self.cursor.take("STOP") and self.cursor.words(
                "that trails by", "trailing by", "that trails", "trailing at", "trailing"
            ):
                level = self._level()
            if level is None:
                self.cursor.reset(mark)
                return False
        if level["type"] == "risk_reward":
            return False
        self.draft.risk["trailing_stop"] = level
        return True

    def _stop(self) -> bool:
        level = self._around("STOP")
        if level is None or level["type"] == "risk_reward":
            return False
        self.draft.risk["stop_loss"] = level
        return True

    def _target(self) -> bool:
        level = self._around("TARGET")
        if level is None:
            return False
        self.draft.risk["take_profit"] = level
        return True

    def exit_level(self) -> bool:
        """Read "at a 10% profit", "if the loss exceeds 5%", "at +10%", "up 10%", "at a 5% stop"."""
        cursor = self.cursor
        cursor.part = "risk"
        cursor.take("WHEN")
        cursor.words(
            "at",
            "at a",
            "for a",
            "on a",
            "with a",
            "with",
            "price is",
            "it is",
            "the position is",
            "in",
            "after a",
            "after",
            "position is",
            "the trade is",
            "trade is",
            "we are",
            "i am",
            "the price",
        )
        if self._stop() or self._target() or self._trailing():
            return True
        verb = (cursor.take("GAIN") and "take_profit") or (cursor.take("LOSS") and "stop_loss")
        if verb:
            cursor.words(
                "reaches",
                "exceeds",
                "is",
                "hits",
                "is above",
                "of",
                "is more than",
                "is over",
                "is at least",
                "reached",
                "is greater than",
                "by",
            )
            token = cursor.number(percent=True)
            if token is not None:
                cursor.take("FROM_ENTRY", noise=True)
                self.draft.risk[verb] = {"type": "percent", "value": abs(token.value)}
                return True
            return False
        fall = cursor.words(
            "gained",
            "lost",
            "trade gains",
            "position gains",
            "has gained",
            "has lost",
            "position has gained",
            "position has lost",
            "trade has gained",
            "trade has lost",
            "position gained",
            "position lost",
            "trade gained",
            "trade lost",
            "drops",
            "falls",
            "it drops",
            "it falls",
            "rises",
            "it rises",
            "loses",
            "gains",
            "price drops",
            "price falls",
            "price rises",
            "it loses",
            "it gains",
            "position loses",
            "the trade loses",
        )
        cursor.words("by")
        cursor.words("more than", "at least")
        token = cursor.number(percent=True)
        if token is None:
            return False
        entry_said = cursor.take("FROM_ENTRY", noise=False)
        if fall:
            traded = fall.split()[0] in ("position", "trade", "has", "gained", "lost")
            if not entry_said and not traded:
                return False
            up = fall.split()[-1] in ("rises", "gains", "gained")
        else:
            side = (cursor.take("GAIN") and 1) or (cursor.take("LOSS") and -1)
            if not side:
                return False
            up = side == 1
            cursor.take("FROM_ENTRY", noise=False)
        self.draft.risk["take_profit" if up else "stop_loss"] = {"type": "percent", "value": abs(token.value)}
        return True

    def _ratio(self) -> bool:
        """Read "risk-reward 1:2", "reward to risk of 3", "2:1 reward to risk"."""
        cursor = self.cursor
        numbers = self._colon_numbers()
        named = cursor.take("RATIO")
        if not named:
            return False
        cursor.words("ratio", "ratio of", "of", "at", "is", "at least", "target of", "target")
        cursor.symbol(":", "=")
        numbers = numbers or self._colon_numbers()
        if not numbers:
            return False
        ratio = max(numbers) / min(numbers) if len(numbers) == 2 and min(numbers) > 0 else numbers[0]
        cursor.take("TARGET", noise=False)
        self.draft.risk["take_profit"] = {"type": "risk_reward", "ratio": ratio}
        return True

    def _colon_numbers(self) -> list[float]:
        cursor = self.cursor
        token = cursor.number(percent=False)
        if token is None:
            clock = cursor.kind("clock")
            return [float(part) for part in clock.norm.split(":")] if clock else []
        mark = cursor.mark()
        if cursor.symbol(":", "/") or cursor.words("to", noise=False):
            second = cursor.number(percent=False)
            if second is not None:
                return [token.value, second.value]
            cursor.reset(mark)
        return [token.value]

    def _hold(self) -> bool:
        """Read "hold for 10 days", "time stop after 20 bars"."""
        cursor = self.cursor
        if not cursor.take("HOLD"):
            return False
        cursor.words(
            "position",
            "positions",
            "trades",
            "the trade",
            "for",
            "of",
            "after",
            "at most",
            "a maximum of",
            "no more than",
            "up to",
            "is",
            "for at most",
        )
        cursor.symbol(":")
        cursor.words("at most", "a maximum of", "no more than", "up to", "max", "maximum")
        token = cursor.number(percent=False)
        unit = cursor.take("UNIT", noise=False) if token else None
        if token is None or unit is None:
            return False
        cursor.words(
            "at most", "max", "maximum", "then sell", "then exit", "and then sell", "and then exit", noise=True
        )
        self.draft.risk["max_bars"] = self.draft.bars(token.value, unit)
        return True

    def _cooldown(self) -> bool:
        cursor = self.cursor
        if not cursor.take("COOLDOWN"):
            return False
        cursor.words("of", "for", "at least", "is")
        cursor.symbol(":")
        token = cursor.number(percent=False)
        unit = cursor.take("UNIT", noise=False) if token else None
        if token is None or unit is None:
            return False
        cursor.take("AFTER_EXIT", noise=True)
        self.draft.risk["cooldown_bars"] = self.draft.bars(token.value, unit)
        return True

    # Size ----------------------------------------------------------------------------------

    def _size(self) -> bool:
        cursor = self.cursor
        cursor.words("each trade", "every trade", "each position", "every position", "each entry", "every entry")
        start = cursor.position
        named = cursor.take("SIZE")
        said = " ".join(t.norm for t in cursor.tokens[start : cursor.position]) if named else ""
        cursor.symbol(":", "=")
        cursor.words("of", "is", "to", "at", "a", "up to", "only")
        risky = said.startswith("risk") or bool(cursor.words("risk", "risking", "risk only"))
        cursor.words("only", "at most", "no more than", "up to", "a maximum of", "max")
        if named and not risky and cursor.take("FULL"):
            self.draft.risk["position_size"] = {"type": "percent_of_equity", "value": 100}
            return True
        token = cursor.number()
        if token is None:
            if not named and cursor.take("FULL"):
                self.draft.risk["position_size"] = {"type": "percent_of_equity", "value": 100}
                return True
            return False
        if token.percent:
            cursor.words("of", "of my", "of the", "of total", "of available", noise=False)
            equity = cursor.take("EQUITY", noise=True)
            cursor.words("at risk", noise=False)
            per = cursor.take("PER_TRADE", noise=False)
            risky = risky or bool(cursor.words("at risk", "risk"))
            if not (named or risky or per or equity):
                return False
            if (
                named
                and said in ("with", "use", "using", "risk", "position", "put", "put in")
                and not (equity or per or risky)
            ):
                return False
            kind = "risk_percent" if risky else "percent_of_equity"
            self.draft.risk["position_size"] = {"type": kind, "value": token.value}
            return True
        if token.money:
            per = cursor.take("PER_TRADE", noise=False)
            worth = cursor.words("worth", noise=False)
            if not (per or worth or (named and said not in ("with", "use", "using", "position", "risk"))):
                return False
            if risky:
                return False
            self.draft.risk["position_size"] = {"type": "fixed_cash", "value": token.value}
            return True
        if cursor.take("SHARES", noise=False):
            cursor.take("PER_TRADE", noise=False)
            self.draft.risk["position_size"] = {"type": "fixed_units", "value": token.value}
            return True
        return False

    def size_of_order(self) -> bool:
        """Read a size behind "buy": "100 shares", "$5,000 worth", "with 50% of equity", "all in"."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words("with", "using", "for", noise=False)
        token = cursor.number()
        if token is not None:
            if not token.percent and not token.money and cursor.take("SHARES", noise=False):
                cursor.words("of", noise=False)
                self.draft.risk["position_size"] = {"type": "fixed_units", "value": token.value}
                return True
            if token.money and (cursor.words("worth of", "worth", "of", noise=False) or True):
                self.draft.risk["position_size"] = {"type": "fixed_cash", "value": token.value}
                return True
            if token.percent and cursor.words("of", "of my", "of the", noise=False) and cursor.take("EQUITY"):
                self.draft.risk["position_size"] = {"type": "percent_of_equity", "value": token.value}
                return True
        elif (part := cursor.words("half", "a half", "a third", "a quarter", "a tenth", noise=False)) is not None:
            shares = {"half": 50.0, "a half": 50.0, "a third": 100 / 3, "a quarter": 25.0, "a tenth": 10.0}
            if cursor.words("of the", "of my", "of", "the", "my", noise=False) and cursor.take("EQUITY"):
                self.draft.risk["position_size"] = {"type": "percent_of_equity", "value": shares[part]}
                return True
        elif cursor.take("FULL", noise=False):
            self.draft.risk["position_size"] = {"type": "percent_of_equity", "value": 100}
            return True
        cursor.reset(mark)
        return False

    # Settings ------------------------------------------------------------------------------

    def setting(self) -> bool:
        """Read a symbol, time frame, cash, commission, spread, margin or way of filling."""
        cursor = self.cursor
        start = cursor.mark()
        cursor.part = "settings"
        for reader in (
            self._on_close, self._symbols, self._timeframe, self._cash, self._costs, self._margin, self._fraction, self._risk_free, self._fill_noise,
        ):  # fmt: skip
            if reader():
                return True
            cursor.reset(start)
        return False

    def _on_close(self) -> bool:
        if self.cursor.take("ON_CLOSE"):
            self.draft.execution["trade_on_close"] = True
            return True
        return False

    def _fill_noise(self) -> bool:
        return bool(self.cursor.take("AT_OPEN", noise=False))

    def _symbols(self) -> bool:
        cursor = self.cursor
        found = False
        lead = cursor.take("SYMBOL_LEAD")
        while lead or found:
            cursor.symbol(":")
            if not self.symbol(lead=True):
                break
            found = True
            mark = cursor.mark()
            if not (cursor.symbol(",") or cursor.words("and", "or", noise=False)):
                break
            if not self._symbol_ahead():
                cursor.reset(mark)
                break
            cursor.words("and", noise=False)
        if found:
            self.timeframe_words()
            return True
        return self.symbol(lead=False)

    def _symbol_ahead(self) -> bool:
        mark = self.cursor.mark()
        symbols = list(self.draft.symbols)
        found = self.symbol(lead=True)
        self.draft.symbols = symbols
        self.cursor.reset(mark)
        return found

    def symbol_list(self) -> bool:
        """Read one symbol or several, as in "AAPL and MSFT"."""
        if not self.symbol(lead=False):
            return False
        while True:
            mark = self.cursor.mark()
            self.cursor.symbol(",")
            self.cursor.words("and", "or", noise=False)
            if self.cursor.position == mark[0] or not self.symbol(lead=False):
                self.cursor.reset(mark)
                return True

    def symbol(self, *, lead: bool) -> bool:
        """Read one symbol. Without a leading word only what cannot be anything else."""
        cursor = self.cursor
        mark = cursor.mark()
        if lead:
            cursor.words("the", "shares of", "stock", "the stock of", noise=False)
        elif cursor.words("shares of", "stock of", "of", "on", "in", noise=False):
            pass
        token = cursor.kind("ticker", noise=False)
        name = token.norm if token else None
        if name is None and (word := cursor.peek()) is not None and word.kind == "word":
            if word.norm in COMPANIES:
                name = COMPANIES[word.norm]
                cursor.advance(1)
            elif lead and word.norm.startswith("tk:"):
                name = word.norm[3:].upper()
                cursor.advance(1)
        if name is None:
            cursor.reset(mark)
            return False
        cursor.words("stock", "shares", "stocks", "only", noise=False)
        if name not in self.draft.symbols:
            self.draft.symbols.append(name)
        return True

    def timeframe_words(self) -> bool:
        """Read "on daily bars", "on the 1h chart", "daily", "timeframe: 4h"; already known."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.take("TF_LEAD")
        cursor.symbol(":")
        operands = Operands(cursor, self.draft)
        frame = operands._frame()
        if frame is None:
            token = cursor.number(percent=False)
            unit = cursor.take("UNIT", noise=False) if token else None
            code = {"day": "1d", "week": "1wk", "month": "1mo"}.get(unit or "")
            frame = code if token and token.value == 1 else None
        if frame != self.draft.timeframe:
            cursor.reset(mark)
            return False
        cursor.take("CHART", noise=False)
        return True

    def _timeframe(self) -> bool:
        mark = self.cursor.mark()
        if not self.timeframe_words():
            return False
        if self.cursor.looking_at("INDICATOR", noise=False):
            self.cursor.reset(mark)
            return False
        return True

    def _cash(self) -> bool:
        cursor = self.cursor
        cursor.words("with", "and", noise=False)
        named = cursor.take("CASH")
        cursor.words("of", "is", "with")
        cursor.symbol(":", "=")
        token = cursor.number(percent=False)
        if token is None or (not named and not token.money) or token.value < 1:
            return False
        after = cursor.take("IN_CASH", noise=True)
        if not (named or after):
            return False
        if not token.money and not named:
            return False
        cursor.words("dollars", "usd", noise=False)
        self.draft.execution["cash"] = token.value
        return True

    def _costs(self) -> bool:
        cursor = self.cursor
        cursor.words("with", "assume", "include", "and", "pay", "plus", "using", "add", "no", "zero")
        before = cursor.previous()
        none = before is not None and before.norm in ("no", "zero")
        token = cursor.number()
        kind = (
            "commission_fixed"
            if cursor.take("FIXED")
            else "commission"
            if cursor.take("COMMISSION")
            else "spread"
            if cursor.take("SPREAD")
            else None
        )
        if kind is None:
            return False
        if none and token is None:
            self.draft.execution[kind] = 0.0
            return True
        cursor.words("of", "is", "at", "are")
        cursor.symbol(":", "=")
        token = token or cursor.number()
        if token is None:
            return False
        cursor.take("PER_TRADE", noise=False)
        if token.percent:
            self.draft.execution[kind] = round(token.value / 100, 12)
        elif kind == "commission" and token.money:
            self.draft.execution["commission_fixed"] = token.value
        elif kind == "commission_fixed":
            self.draft.execution[kind] = token.value
        elif token.value < 0.1:
            self.draft.execution[kind] = token.value
            self.draft.assume("fraction", f"A {kind} of {token.value:g} is read as a fraction, {token.value:.4%}")
        else:
            return False
        if kind == "spread" and any(t.norm == "slippage" for t in cursor.tokens[: cursor.position]):
            self.draft.assume("slippage", "Slippage is modelled as spread")
        return True

    def _margin(self) -> bool:
        cursor = self.cursor
        cursor.words("with", "use", "using", "at")
        if cursor.take("MARGIN"):
            cursor.words("of", "is")
            cursor.symbol(":", "=")
            token = cursor.number(percent=True)
            if token is None:
                return False
            self.draft.execution["margin"] = round(token.value / 100, 12)
            return True
        token = cursor.number(percent=False)
        numbers = [token.value] if token else []
        if token is not None and cursor.symbol(":") and (second := cursor.number(percent=False)):
            numbers.append(second.value)
        cursor.take("MULTIPLE", noise=False)
        if not cursor.take("LEVERAGE"):
            return False
        cursor.words("of")
        cursor.symbol(":", "=")
        numbers = numbers or self._colon_numbers()
        if not numbers or max(numbers) < 1:
            return False
        self.draft.execution["margin"] = round(1 / max(numbers), 12)
        return True

    def _fraction(self) -> bool:
        if not self.cursor.take("FRACTION"):
            return False
        self.cursor.words("of", "is")
        self.cursor.symbol(":", "=")
        token = self.cursor.number(percent=False)
        if token is None:
            return False
        self.draft.execution["fractional_unit"] = token.value
        return True

    def _risk_free(self) -> bool:
        cursor = self.cursor
        if not cursor.take("RISK_FREE"):
            return False
        cursor.words("of", "is")
        cursor.symbol(":", "=")
        token = cursor.number(percent=True)
        if token is None:
            return False
        self.draft.execution["risk_free_rate"] = round(token.value / 100, 12)
        return True
