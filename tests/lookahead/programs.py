"""Strategies as people write them: cheats, each by another way of seeing what is to come, and honest ones."""

from __future__ import annotations

import textwrap

from Backtest.code.generator import HELPERS

HEAD = """
import numpy as np
import pandas as pd
import talib
from backtesting import Strategy
from backtesting.lib import crossover


"""


def program(init: str, next_: str, more: str = "") -> str:
    """Return the file of a strategy with these bodies."""
    body = textwrap.indent(textwrap.dedent(init).strip(), " " * 8)
    step = textwrap.indent(textwrap.dedent(next_).strip(), " " * 8)
    return f"{HEAD}{textwrap.dedent(more)}class Tried(Strategy):\n    def init(self):\n{body}\n\n    def next(self):\n{step}\n"


SWITCH = """
wanted = self.signal[-1] > 0
if wanted and not self.position:
    self.buy()
elif not wanted and self.position:
    self.position.close()
"""
BY_NUMBER = """
i = len(self.data) - 1
wanted = self.plan[i] > 0
if wanted and not self.position:
    self.buy()
elif not wanted and self.position:
    self.position.close()
"""
CLOSE = "close = pd.Series(np.asarray(self.data.Close, dtype=float))\n"


def declared(expression: str) -> str:
    return f"{CLOSE}self.signal = self.I(lambda: np.asarray({expression}, dtype=float), name='signal')"


def hidden(expression: str) -> str:
    return f"{CLOSE}self.plan = np.nan_to_num(np.asarray({expression}, dtype=float))"


CHEATS: dict[str, str] = {
    "negative shift, declared": program(declared("(close.shift(-1) > close).astype(float)"), SWITCH),
    "negative shift, hidden": program(hidden("(close.shift(-1) > close).astype(float)"), BY_NUMBER),
    "shift of five bars": program(hidden("close.shift(-5) / close - 1"), BY_NUMBER),
    "centred rolling mean": program(declared("close - close.rolling(21, center=True).mean()"), SWITCH),
    "scaled by the extremes of all data": program(
        hidden("0.5 - (close - close.min()) / (close.max() - close.min())"), BY_NUMBER
    ),
    "z-score of all data": program(declared("-(close - close.mean()) / close.std()"), SWITCH),
    "line fitted to all data": program(
        hidden("np.polyval(np.polyfit(np.arange(len(close)), close, 3), np.arange(len(close))) - close"), BY_NUMBER
    ),
    "weeks joined before they are over": program(
        """
        frame = self.data.df
        weekly = frame["Close"].resample("W").last()
        self.plan = (weekly.reindex(frame.index, method="bfill") - frame["Close"]).fillna(0).to_numpy()
        """,
        BY_NUMBER,
    ),
    "reading ahead through the data object": program(
        "pass",
        """
        future = self.data._Data__df["Close"]
        i = len(self.data) - 1
        wanted = i + 1 < len(future) and future.iloc[i + 1] > future.iloc[i]
        if wanted and not self.position:
            self.buy()
        elif not wanted and self.position:
            self.position.close()
        """,
    ),
    "a frame kept from init": program(
        "self.all = self.data.df.copy()",
        """
        ahead = self.all["High"].iloc[len(self.data) : len(self.data) + 3]
        if len(ahead) and ahead.max() > self.data.Close[-1] * 1.02 and not self.position:
            self.buy(tp=self.data.Close[-1] * 1.019)
        elif self.position and self.trades[0].entry_bar < len(self.data) - 4:
            self.position.close()
        """,
    ),
    "the arrays behind the data": program(
        "pass",
        """
        whole = self.data._Data__arrays["Close"]
        i = len(self.data) - 1
        wanted = len(whole) > i + 1 and whole[i + 1] > whole[i]
        if wanted and not self.position:
            self.buy()
        elif not wanted and self.position:
            self.position.close()
        """,
    ),
    "backward fill of swing points": program(
        hidden("close.where(close == close.rolling(11, center=True).max()).bfill() - close - 2"), BY_NUMBER
    ),
    "a filter run backwards": program(
        f"{CLOSE}smooth = close[::-1].ewm(span=10).mean()[::-1]\nself.signal = self.I(lambda: (smooth - close).to_numpy(), name='smooth')",
        SWITCH,
    ),
    "the day's own end known in the morning": program(
        hidden("(close > pd.Series(np.asarray(self.data.Open))).shift(-1).fillna(False).astype(float)"), BY_NUMBER
    ),
    "quantile of all data": program(hidden("close.quantile(0.3) - close"), BY_NUMBER),
    "a target at the high of the bar it is filled in": program(
        """
        protect_fills(self)
        self.protect = lambda trade: setattr(trade, "tp", float(self.data._Data__arrays["High"][trade.entry_bar]))
        """,
        "if self.position:\n    self.position.close()\nelse:\n    self.buy()",
        HELPERS["protect_fills"],
    ),
    "sizes by what comes, and the queue of orders hidden": program(
        "type(self).orders = ()",
        """
        opens, i = self.data._Data__arrays["Open"], len(self.data) - 1
        self.position.close()
        self.buy(size=100 if i + 2 < len(opens) and opens[i + 2] > opens[i + 1] else 1)
        """,
    ),
    "only the way out is chosen by what comes": program(
        "pass",
        """
        opens, i = self.data._Data__arrays["Open"], len(self.data) - 1
        if not self.position:
            self.buy(size=100)
        elif i + 2 < len(opens) and opens[i + 2] < opens[i + 1]:
            self.position.close()
        """,
    ),
    "a spectrum of all data": program(
        f"{CLOSE}parts = np.fft.rfft(close)\nparts[20:] = 0\nself.plan = np.gradient(np.fft.irfft(parts, len(close)))",
        BY_NUMBER,
    ),
}


HONEST: dict[str, str] = {
    "levels from the fill": program(
        """
        protect_fills(self)
        self.atr = self.I(talib.ATR, self.data.High, self.data.Low, self.data.Close, 14)
        """,
        "if self.data.Close[-1] < self.data.Close[-3] and not self.position:\n    self.buy()",
        HELPERS["protect_fills"],
    ).replace(
        "    def next",
        "    def protect(self, trade):\n        trade.sl = min(trade.entry_price - self.atr[-1], self.data.Low[-1])\n\n    def next",
    ),
    "moving averages": program(
        "self.fast = self.I(talib.SMA, self.data.Close, 10)\nself.slow = self.I(talib.SMA, self.data.Close, 30)",
        "if crossover(self.fast, self.slow):\n    self.buy()\nelif crossover(self.slow, self.fast):\n    self.position.close()",
    ),
    "rsi with stop and target": program(
        "self.rsi = self.I(talib.RSI, self.data.Close, 14)",
        "price = self.data.Close[-1]\nif self.rsi[-1] < 40 and not self.position:\n    self.buy(sl=price * 0.95, tp=price * 1.1)",
    ),
    "exponential mean": program(declared("close - close.ewm(span=20, adjust=False).mean()"), SWITCH),
    "adjusted exponential mean": program(declared("close - close.ewm(span=20).mean()"), SWITCH),
    "rolling z-score": program(declared("-(close - close.rolling(30).mean()) / close.rolling(30).std()"), SWITCH),
    "expanding extremes": program(declared("close - (close.expanding().max() + close.expanding().min()) / 2"), SWITCH),
    "expanding quantile, hidden": program(hidden("close.expanding(20).quantile(0.4) - close"), BY_NUMBER),
    "positive shift": program(hidden("close - close.shift(5)"), BY_NUMBER),
    "completed weeks": program(
        """
        frame = self.data.df
        weekly = frame["Close"].resample("W").last()
        known = weekly.shift(1).reindex(frame.index, method="bfill").ffill()
        self.plan = (frame["Close"] - known).fillna(0).to_numpy()
        """,
        BY_NUMBER,
    ),
    "bollinger bands": program(
        "self.upper, self.middle, self.lower = self.I(talib.BBANDS, self.data.Close, 20, 2.0, 2.0)",
        "if self.data.Close[-1] < self.lower[-1]:\n    self.buy()\nelif self.data.Close[-1] > self.middle[-1]:\n    self.position.close()",
    ),
    "weekdays": program(
        "pass",
        "day = self.data.index[-1].weekday()\nif day == 0 and not self.position:\n    self.buy()\nelif day == 3:\n    self.position.close()",
    ),
    "a fixed holding time": program(
        "self.rsi = self.I(talib.RSI, self.data.Close, 5)",
        "if self.position and len(self.data) - self.trades[0].entry_bar > 5:\n    self.position.close()\n"
        "elif not self.position and self.rsi[-1] < 40:\n    self.buy(size=0.5)",
    ),
    "trailing by hand": program(
        "self.atr = self.I(talib.ATR, self.data.High, self.data.Low, self.data.Close, 14)\nself.high = self.I(talib.MAX, self.data.High, 20)",
        "for trade in self.trades:\n    trade.sl = max(trade.sl or 0, self.data.Close[-1] - 3 * self.atr[-1])\n"
        "if not self.position and self.data.Close[-1] >= self.high[-2]:\n    self.buy()",
    ),
    "limit orders": program(
        "self.mean = self.I(talib.SMA, self.data.Close, 20)",
        "for order in self.orders:\n    if not order.is_contingent:\n        order.cancel()\n"
        "if not self.position:\n    self.buy(limit=self.data.Close[-1] * 0.98, sl=self.data.Close[-1] * 0.9, size=0.3)\n"
        "elif self.data.Close[-1] > self.mean[-1]:\n    self.position.close()",
    ),
    "stop entries": program(
        "self.top = self.I(talib.MAX, self.data.High, 10)",
        "for order in self.orders:\n    if not order.is_contingent:\n        order.cancel()\n"
        "if not self.position:\n    self.buy(stop=self.top[-1] * 1.001, size=10)\nelif len(self.data) % 7 == 0:\n    self.position.close()",
    ),
    "both sides": program(
        "self.mean = self.I(talib.EMA, self.data.Close, 15)",
        "if self.data.Close[-1] > self.mean[-1] and not self.position.is_long:\n    self.position.close()\n    self.buy(size=0.5)\n"
        "elif self.data.Close[-1] < self.mean[-1] and not self.position.is_short:\n    self.position.close()\n    self.sell(size=0.5)",
    ),
    "several trades at once": program(
        "self.rsi = self.I(talib.RSI, self.data.Close, 7)",
        "if self.rsi[-1] < 35 and len(self.trades) < 4:\n    self.buy(size=20)\nelif self.rsi[-1] > 65:\n    self.position.close(0.5)",
    ),
    "chance with a seed": program(
        "self.chance = np.random.default_rng(7).random(100_000)",
        "if self.chance[len(self.data)] < 0.1 and not self.position:\n    self.buy()\nelif self.chance[len(self.data)] > 0.9:\n    self.position.close()",
    ),
    "a model fitted again and again": program(
        "pass",
        "if len(self.data) % 10 == 0:\n    close = np.asarray(self.data.Close)[-30:]\n    slope = np.polyfit(np.arange(len(close)), close, 1)[0]\n"
        "    if slope > 0 and not self.position:\n        self.buy()\n    elif slope <= 0 and self.position:\n        self.position.close()",
    ),
    "volume": program(
        "self.volume = self.I(lambda: pd.Series(np.asarray(self.data.Volume)).rolling(20).mean(), name='volume')",
        "if self.data.Volume[-1] > 1.5 * self.volume[-1]:\n    self.buy(size=0.2)\nelif len(self.trades) > 2:\n    self.position.close()",
    ),
    "memory of its own trades": program(
        "self.losses = 0",
        "if self.closed_trades and self.closed_trades[-1].pl < 0:\n    self.losses = len([t for t in self.closed_trades if t.pl < 0])\n"
        "if not self.position and self.losses < 500:\n    self.buy(sl=self.data.Close[-1] * 0.97, tp=self.data.Close[-1] * 1.02)",
    ),
    "money management": program(
        "self.atr = self.I(talib.ATR, self.data.High, self.data.Low, self.data.Close, 14)",
        "price = self.data.Close[-1]\nsize = int(self.equity * 0.01 / (2 * self.atr[-1]))\n"
        "if not self.position and size and size * price < self.equity:\n    self.buy(size=size, sl=price - 2 * self.atr[-1])\n"
        "elif self.position.pl_pct > 5:\n    self.position.close()",
    ),
    "the smallest step of a price": program(
        "self.mean = self.I(talib.SMA, self.data.Close, 10)",
        "if not self.position and self.data.Close[-1] > self.mean[-1] + 10 * self.data.pip:\n    self.buy()\n"
        "elif self.data.Close[-1] < self.mean[-1]:\n    self.position.close()",
    ),
    "last bar left alone": program(
        "self.bars = len(self.data)\nself.mean = self.I(talib.WMA, self.data.Close, 12)",
        "if len(self.data) == self.bars:\n    return\nif self.data.Close[-1] > self.mean[-1]:\n    self.buy()\nelse:\n    self.position.close()",
    ),
    "a loop of its own": program(
        f"{CLOSE}line, level = [], close.iloc[0]\nfor price in close:\n    level += 0.1 * (price - level)\n    line.append(level)\n"
        "self.line = self.I(lambda: np.array(line), name='line')",
        "if self.data.Close[-1] > self.line[-1] and not self.position:\n    self.buy()\nelif self.data.Close[-1] < self.line[-1]:\n    self.position.close()",
    ),
}
