"""The grammar of settings: symbols, time frame, cash, costs, how orders are filled."""

from __future__ import annotations

from dataclasses import dataclass

from Strategy.reading.settings.cost_grammar import Costs
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.frame_grammar import Frames
from Strategy.words import COMPANIES, accounts, comparing, indicator_words, moving, prices, small, spans, tickers

_OF_A_CLOSE = (  # said of a close itself
    comparing.ABOVE, comparing.CROSS, comparing.CROSSES, comparing.BETWEEN, moving.RISING, moving.TURNS, moving.TOUCHES,
)  # fmt: skip


@dataclass(eq=False)
class Settings(Grammar):
    """Reads settings; each method returns whether it read something."""

    frames: Frames

    def __post_init__(self) -> None:
        self.costs = Costs(self.cursor, self.draft)

    def read(self) -> bool:
        """Read a symbol, time frame, cash, commission, spread, margin or way of filling."""
        cursor = self.cursor
        cursor.part = "settings"
        readers = (
            self._on_close, self._symbols, self._timeframe, self.costs.cash, self.costs.costs, self._margin, self._fraction, self._risk_free, self._fill_noise,
        )  # fmt: skip
        return bool(cursor.first(readers))

    def _on_close(self) -> bool:
        """Read "orders are filled at the close", of all orders or of the rule in whose sentence it stands."""
        start = self.cursor.position
        if not self.on_close():
            return False
        led = self.cursor.tokens[start].norm in accounts.BEHIND_FILL  # behind a rule it is said of that rule
        self.draft.fill_at_close(self._rule_before(start) if led else "")
        return True

    def on_close(self) -> bool:
        """Take "at the close" where it says how an order is filled; "on close below X" is a close that is below X."""
        mark = self.cursor.mark()
        taken = self.cursor.take(accounts.ON_CLOSE, noise=False)
        if taken and not (self.cursor.looking_at(*_OF_A_CLOSE) or self.cursor.next_is(accounts.BACK)):
            return True
        self.cursor.reset(mark)
        return False

    def _rule_before(self, start: int) -> str:
        """Return of what kind the rule is in whose sentence a token stands; "" where it stands alone."""
        end = self.draft.way_out_end or self.draft.entry_end
        if end is None or any(t.kind == "nl" or t.norm in (".", ";") for t in self.cursor.tokens[end:start]):
            return ""
        return "enter" if self.draft.way_out_end is None else "exit"

    def _fill_noise(self) -> bool:
        """Read "at the next open", which is how orders are filled anyway."""
        if not self.cursor.take(accounts.AT_OPEN, noise=False):
            return False
        self.draft.filled_at_open = True
        return True

    def _symbols(self) -> bool:
        """Read "trade AAPL and MSFT on daily bars", "GOOG"."""
        cursor = self.cursor
        found = False
        lead = cursor.take(tickers.SYMBOL_LEAD)
        while lead or found:
            cursor.symbol(":", "=")
            if not self.symbol(lead=True):
                break
            found = True
            mark = cursor.mark()
            if not (cursor.symbol(",", "/") or cursor.words(small.AND, small.OR, noise=False)):
                break
            if not self._symbol_ahead():
                cursor.reset(mark)
                break
            cursor.words(small.AND, noise=False)
        if found:
            self.timeframe_words()
            return True
        return self.symbol(lead=False)

    def _symbol_ahead(self) -> bool:
        """Whether another symbol of a list stands here. Takes nothing."""
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
            self.cursor.words(small.AND, small.OR, noise=False)
            if self.cursor.position == mark.position or not self.symbol(lead=False):
                self.cursor.reset(mark)
                return True

    def symbol(self, *, lead: bool) -> bool:
        """Read one symbol. Without a leading word only what cannot be anything else."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words(tickers.ARTICLES if lead else tickers.OF, noise=False)
        token = cursor.kind("ticker", noise=False)
        name = token.norm if token else None
        if name is None and (word := cursor.peek()) is not None and word.kind == "word":
            if word.norm in COMPANIES:
                name = COMPANIES[word.norm]
                cursor.advance(1)
        if name is None:
            cursor.reset(mark)
            return False
        cursor.words(tickers.NOUNS, noise=False)
        if name not in self.draft.symbols:
            self.draft.symbols += (name,)
        return True

    def timeframe_words(self) -> bool:
        """Read "on daily bars", "on the 1h chart", "daily", "timeframe: 4h"; already known."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.take(tickers.TF_LEAD)
        cursor.symbol(":")
        frame = self.frames.frame()
        if frame is None:
            token = cursor.number(percent=False)
            unit = cursor.take(spans.UNIT, noise=False) if token else None
            code = {"day": "1d", "week": "1wk", "month": "1mo"}.get(unit or "")
            frame = code if token and token.value == 1 else None
        if frame != self.draft.timeframe:
            cursor.reset(mark)
            return False
        cursor.take(spans.CHART, noise=False)
        return True

    def _timeframe(self) -> bool:
        """Read "on 5m bars"; "the weekly RSI" is a time frame of the indicator."""
        mark = self.cursor.mark()
        if not self.timeframe_words():
            return False
        if self.cursor.looking_at(indicator_words.INDICATOR, noise=False):
            self.cursor.reset(mark)
            return False
        return True

    def _margin(self) -> bool:
        """Read "margin 50%", "5x leverage", "leverage 1:30", which is a margin of 1/30."""
        cursor = self.cursor
        cursor.words(small.WITH, small.USE, small.USING, small.AT)
        if cursor.take(accounts.MARGIN):
            return self._number_of("margin", percent=True)
        token = cursor.number(percent=False)
        numbers = [token.value] if token else []
        if token is not None and cursor.symbol(":") and (second := cursor.number(percent=False)):
            numbers.append(second.value)
        cursor.take(prices.MULTIPLE, noise=False)
        if not cursor.take(accounts.LEVERAGE):
            return False
        cursor.words(small.OF)
        cursor.symbol(":", "=")
        numbers = numbers or self.cursor.colon_numbers()
        if not numbers or max(numbers) < 1:
            return False
        self.draft.set_execution("margin", round(1 / max(numbers), 12))
        return True

    def _fraction(self) -> bool:
        return bool(self.cursor.take(accounts.FRACTION)) and self._number_of("fractional_unit", percent=False)

    def _risk_free(self) -> bool:
        return bool(self.cursor.take(accounts.RISK_FREE)) and self._number_of("risk_free_rate", percent=True)

    def _number_of(self, setting: str, *, percent: bool) -> bool:
        """Read the number behind the name of a setting: "of 2%", ": 0.01". A percentage is kept as a fraction."""
        self.cursor.words(small.OF, small.IS)
        self.cursor.symbol(":", "=")
        token = self.cursor.number(percent=percent)
        if token is None:
            return False
        self.draft.set_execution(setting, round(token.value / 100, 12) if percent else token.value)
        return True
