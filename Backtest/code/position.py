"""The methods by which rules, levels that follow and sizes ask of the position and the account."""

from __future__ import annotations

from collections.abc import Iterable

ASKS = {
    "money_for_volatility": '''
def money_for_volatility(self, percent: float, deviation: np.ndarray) -> float:
    """Return the money that varies in a year by so many percent of the equity."""
    return self.equity * percent / 100 / deviation[len(self.data) - 1]
''',
    "bars held": '''
def bars_held(self) -> float:
    """Return the age of the position in bars, the entry bar being 1; NaN when flat."""
    return len(self.data) - self.book.since if self.book.units else math.nan
''',
    "unrealized return": '''
def open_return_pct(self) -> float:
    """Return the position's return at this close in percent of what it cost; NaN when flat."""
    return self.book.side * 100 * (self.data.Close[-1] / self.book.average() - 1)
''',
    "position_highest": '''
def position_highest(self) -> float:
    """Return the highest High since the entry; NaN when flat."""
    first = self.book.entry()
    if first is None:
        return math.nan
    late = first.bar + first.late
    return max([PRICE.Close[first.bar], *PRICE.High[late:]])
''',
    "position_lowest": '''
def position_lowest(self) -> float:
    """Return the lowest Low since the entry; NaN when flat."""
    first = self.book.entry()
    if first is None:
        return math.nan
    late = first.bar + first.late
    return min([PRICE.Close[first.bar], *PRICE.Low[late:]])
''',
    "position_entry_price": '''
def position_entry_price(self) -> float:
    """Return the price of the first fill of the position; NaN when flat."""
    first = self.book.entry()
    return math.nan if first is None else first.base / UNIT
''',
    "position_risk": '''
def position_risk(self) -> float:
    """Return the points from the first fill to its first stop; NaN when flat."""
    first = self.book.entry()
    return math.nan if first is None else first.risk / UNIT
''',
    "position_profit": '''
def position_profit(self) -> float:
    """Return what a unit has gained at this close, in points from the average price; NaN when flat."""
    return self.book.side * (self.data.Close[-1] - self.book.average()) / UNIT
''',
    "position_profit_money": '''
def position_profit_money(self) -> float:
    """Return what the position has gained at this close, in money without commissions; NaN when flat."""
    return self.book.side * (self.data.Close[-1] - self.book.average()) * self.book.size()
''',
    "position_days_held": '''
def position_days_held(self) -> float:
    """Return how many sessions the position has been held in, the one of its fill being 1; NaN when flat."""
    if self.book.entry() is None:
        return math.nan
    return self.sessions[len(self.data) - 1] - self.sessions[self.book.since] + 1
''',
    "position_signal": '''
def position_signal(self, prices: np.ndarray) -> float:
    """Return a price of the bar of the position's signal; NaN when flat."""
    return math.nan if self.book.entry() is None else prices[self.book.signal]
''',
}


def position_methods(asked: Iterable[str], *, fractional: bool) -> list[list[str]]:
    """Return the methods that are asked for, as lines without indentation; prices are those that are quoted."""
    prices, methods = ("self.data.Raw" if fractional else "self.data."), []
    for name, text in ASKS.items():
        if name in asked:
            text = text.strip().replace("PRICE.", prices).replace(" / UNIT", " / self.unit" if fractional else "")
            methods.append(text.splitlines())
    return methods
