"""The grammar of settings: symbols, time frame, cash, costs, how orders are filled."""

from __future__ import annotations

from Strategy.cursor import Cursor
from Strategy.draft import Draft
from Strategy.lexicon import COMPANIES
from Strategy.operands import Operands


class Settings:
    """Reads settings; each method returns whether it read something."""

    def __init__(self, cursor: Cursor, draft: Draft) -> None:
        self.cursor = cursor
        self.draft = draft

    def read(self) -> bool:
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
            self.draft.set_execution("trade_on_close", True)
            return True
        return False

    def _fill_noise(self) -> bool:
        if not self.cursor.take("AT_OPEN", noise=False):
            return False
        self.draft.flags |= {"at_open"}
        return True

    def _symbols(self) -> bool:
        cursor = self.cursor
        found = False
        lead = cursor.take("SYMBOL_LEAD")
        while lead or found:
            cursor.symbol(":", "=")
            if not self.symbol(lead=True):
                break
            found = True
            mark = cursor.mark()
            if not (cursor.symbol(",", "/") or cursor.words("and", "or", noise=False)):
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
        found = self.symbol(lead=True)
        self.cursor.reset(mark)
        return found

    def symbol_list(self) -> bool:
        """Read one symbol or several, as in "AAPL and MSFT"."""
        if not self.symbol(lead=False):
            return False
        while True:
            mark = self.cursor.mark()
            self.cursor.symbol(",", "/")
            self.cursor.words("and", "or", noise=False)
            if self.cursor.position == mark.position or not self.symbol(lead=False):
                self.cursor.reset(mark)
                return True

    def symbol(self, *, lead: bool) -> bool:
        """Read one symbol. Without a leading word only what cannot be anything else."""
        cursor = self.cursor
        mark = cursor.mark()
        if lead:
            cursor.words("the", "shares of", "stock", "the stock of", noise=False)
        elif cursor.words("shares of", "stock of", "of", "on", "in", "the", noise=False):
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
        cursor.words("stock", "shares", "stocks", "only", "etf", "etfs", "index", noise=False)
        if name not in self.draft.symbols:
            self.draft.symbols += (name,)
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
        self.draft.set_execution("cash", token.value)
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
            self.draft.set_execution(kind, 0.0)
            return True
        cursor.words("of", "is", "at", "are")
        cursor.symbol(":", "=")
        token = token or cursor.number()
        if token is None:
            return False
        cursor.take("PER_TRADE", noise=False)
        if token.percent:
            self.draft.set_execution(kind, round(token.value / 100, 12))
        elif kind == "commission" and token.money:
            self.draft.set_execution("commission_fixed", token.value)
        elif kind == "commission_fixed":
            self.draft.set_execution(kind, token.value)
        elif token.value < 0.1:
            self.draft.set_execution(kind, token.value)
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
            self.draft.set_execution("margin", round(token.value / 100, 12))
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
        numbers = numbers or self.cursor.colon_numbers()
        if not numbers or max(numbers) < 1:
            return False
        self.draft.set_execution("margin", round(1 / max(numbers), 12))
        return True

    def _fraction(self) -> bool:
        if not self.cursor.take("FRACTION"):
            return False
        self.cursor.words("of", "is")
        self.cursor.symbol(":", "=")
        token = self.cursor.number(percent=False)
        if token is None:
            return False
        self.draft.set_execution("fractional_unit", token.value)
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
        self.draft.set_execution("risk_free_rate", round(token.value / 100, 12))
        return True
