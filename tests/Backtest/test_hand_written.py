"""A sentence trades as the strategy a backtesting.py user would write by hand for it.

Nothing here uses AlgoAgent's canonical, generator or indicators: the classes are written against
backtesting.py and TA-Lib alone. Every entry and exit bar, price and size must be the same.

Two of backtesting.py's habits are put right by means of its own: levels are handed to its broker when it opens the trade,
and the prices get one more bar that stands at the last close, so that what is open to the end is closed there.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from datetime import time
from typing import Any

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
import talib
from backtesting import Backtest, Strategy

CASES: list[Any] = []
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    SESSIONS = exchange_calendars.get_calendar("XNYS", start="2004-01-01", end="2014-01-01").sessions


def hand(symbol: str, sentence: str, **settings: Any) -> Any:
    """Register a hand-written strategy with the sentence it stands for."""

    def register(strategy: type[Strategy]) -> type[Strategy]:
        CASES.append(pytest.param(symbol, sentence, strategy, settings, id=f"{len(CASES) + 1}-{strategy.__name__}"))
        return strategy

    return register


class FromFill(Strategy):
    """Gives each trade the levels of its fill. Orders bear far ones, so that the broker looks at the levels on the entry bar."""

    def levels(self, price: float, side: int) -> tuple[float | None, float | None]:
        raise NotImplementedError

    def watch(self) -> None:
        opened = self._broker._open_trade

        def open_trade(price: float, size: int, sl: float, tp: float, bar: int, tag: Any) -> None:
            opened(price, size, *self.levels(price, 1 if size > 0 else -1), bar, tag)

        self._broker._open_trade = open_trade

    def enter(self, side: int, **order: Any) -> None:
        price = self.data.Close[-1]
        (self.buy if side > 0 else self.sell)(sl=price * (1e-6 if side > 0 else 1e6), **order)


class Percent(FromFill):
    """Enters with stop and target in percent of the fill."""

    stop: float | None = None
    target: float | None = None

    def levels(self, price: float, side: int) -> tuple[float | None, float | None]:
        return (
            price * (1 - side * self.stop / 100) if self.stop else None,
            price * (1 + side * self.target / 100) if self.target else None,
        )


class RsiBase(Percent):
    period = 14

    def init(self) -> None:
        self.watch()
        self.rsi = self.I(talib.RSI, self.data.Close, self.period)


@hand("GOOG", "Buy when RSI < 30, sell when RSI > 70")
class RsiLevels(RsiBase):
    def next(self) -> None:
        if self.position:
            if self.rsi[-1] > 70:
                self.position.close()
        elif self.rsi[-1] < 30:
            self.buy()


@hand("GOOG", "Buy when the 10 SMA crosses above the 20 SMA, sell when it crosses below")
class SmaCross(Strategy):
    def init(self) -> None:
        self.fast = self.I(talib.SMA, self.data.Close, 10)
        self.slow = self.I(talib.SMA, self.data.Close, 20)

    def next(self) -> None:
        if self.position:
            if self.fast[-2] >= self.slow[-2] and self.fast[-1] < self.slow[-1]:
                self.position.close()
        elif self.fast[-2] <= self.slow[-2] and self.fast[-1] > self.slow[-1]:
            self.buy()


@hand(
    "GOOG",
    "Go long when the 10 SMA crosses above the 20 SMA and short when it crosses below, always reversing. Commission 0.2%.",
    commission=0.002,
)
class Reversing(SmaCross):
    def next(self) -> None:
        up = self.fast[-2] <= self.slow[-2] and self.fast[-1] > self.slow[-1]
        down = self.fast[-2] >= self.slow[-2] and self.fast[-1] < self.slow[-1]
        if up and not self.position.is_long:
            self.position.close()
            self.buy()
        elif down and not self.position.is_short:
            self.position.close()
            self.sell()


@hand("GOOG", "Buy when RSI < 35, sell when RSI > 60, stop loss 5%")
class RsiStop(RsiBase):
    stop = 5

    def next(self) -> None:
        if self.position:
            if self.rsi[-1] > 60:
                self.position.close()
        elif self.rsi[-1] < 35:
            self.enter(1)


@hand("GOOG", "Buy when RSI(10) crosses above 40. Stop loss 4%. Take profit 9%.")
class StopAndTarget(RsiBase):
    stop, target, period = 4, 9, 10

    def next(self) -> None:
        if not self.position and self.rsi[-2] <= 40 < self.rsi[-1]:
            self.enter(1)


@hand("AAPL", "Long while EMA 12 is above EMA 26, otherwise short")
class LongOrShort(Strategy):
    def init(self) -> None:
        self.fast = self.I(talib.EMA, self.data.Close, 12)
        self.slow = self.I(talib.EMA, self.data.Close, 26)

    def next(self) -> None:
        long = self.fast[-1] > self.slow[-1]
        if long and not self.position.is_long:
            self.position.close()
            self.buy()
        elif not long and not self.position.is_short:
            self.position.close()
            self.sell()


@hand("AAPL", "Buy when the close is above the 20-day high, sell when the close is below the 10-day low")
class Breakout(Strategy):
    def init(self) -> None:
        self.high = self.I(talib.MAX, self.data.High, 20)
        self.low = self.I(talib.MIN, self.data.Low, 10)

    def next(self) -> None:
        if self.position:
            if self.data.Close[-1] < self.low[-2]:
                self.position.close()
        elif self.data.Close[-1] > self.high[-2]:
            self.buy()


@hand("AAPL", "Buy when MACD crosses above its signal line and sell when MACD crosses below its signal line")
class Macd(Strategy):
    def init(self) -> None:
        self.line, self.signal, _ = self.I(talib.MACD, self.data.Close)

    def next(self) -> None:
        if self.position:
            if self.line[-2] >= self.signal[-2] and self.line[-1] < self.signal[-1]:
                self.position.close()
        elif self.line[-2] <= self.signal[-2] and self.line[-1] > self.signal[-1]:
            self.buy()


@hand(
    "EURUSD",
    "On 1h bars buy EURUSD when the close is below the lower Bollinger band, exit when the close is above the middle band, stop 0.5%",
)
class Bollinger(Percent):
    stop = 0.5

    def init(self) -> None:
        self.watch()
        _, self.middle, self.lower = self.I(talib.BBANDS, self.data.Close, 20, 2, 2)

    def next(self) -> None:
        if self.position:
            if self.data.Close[-1] > self.middle[-1]:
                self.position.close()
        elif self.data.Close[-1] < self.lower[-1]:
            self.enter(1)


@hand("EURUSD", "Short EURUSD on hourly bars when RSI > 70, cover when RSI < 50, stop loss 0.4%, take profit 0.8%")
class ShortRsi(RsiBase):
    stop, target = 0.4, 0.8

    def next(self) -> None:
        if self.position:
            if self.rsi[-1] < 50:
                self.position.close()
        elif self.rsi[-1] > 70:
            self.enter(-1)


@hand("GOOG", "Buy when the close is above the 50-day SMA with a 10% trailing stop")
class Trailing(FromFill):
    def levels(self, price: float, side: int) -> tuple[float | None, float | None]:
        return price * 0.9, None

    def init(self) -> None:
        self.watch()
        self.sma = self.I(talib.SMA, self.data.Close, 50)

    def next(self) -> None:
        close = self.data.Close[-1]
        for trade in self.trades:
            trade.sl = max(trade.sl, close * 0.9)
        if not self.position and close > self.sma[-1]:
            self.enter(1)


@hand("GOOG", "Buy when the close is above the 50-day SMA. Stop loss 2 ATR. Take profit 3 times the risk.")
class AtrStopAndReward(FromFill):
    def levels(self, price: float, side: int) -> tuple[float | None, float | None]:
        return price - self.distance, price + 3 * self.distance

    def init(self) -> None:
        self.watch()
        self.sma = self.I(talib.SMA, self.data.Close, 50)
        self.atr = self.I(talib.ATR, self.data.High, self.data.Low, self.data.Close, 14)
        self.distance = math.nan

    def next(self) -> None:
        if not self.position and self.data.Close[-1] > self.sma[-1]:
            self.distance = 2 * self.atr[-1]
            self.enter(1)


@hand("GOOG", "Buy when RSI < 40 and exit after 5 bars")
class TimeExit(RsiBase):
    def next(self) -> None:
        if self.position:
            if len(self.data) - self.trades[0].entry_bar >= 5:
                self.position.close()
        elif self.rsi[-1] < 40:
            self.buy()


@hand("AAPL", "Buy after three consecutive down closes, sell after two consecutive up closes")
class Runs(Strategy):
    def init(self) -> None:
        pass

    def next(self) -> None:
        close = self.data.Close
        if self.position:
            if close[-1] > close[-2] > close[-3]:
                self.position.close()
        elif len(close) > 3 and close[-1] < close[-2] < close[-3] < close[-4]:
            self.buy()


@hand("AAPL", "Buy 100 shares when RSI(7) < 25 and sell when RSI(7) > 65")
class FixedUnits(RsiBase):
    period = 7

    def next(self) -> None:
        if self.position:
            if self.rsi[-1] > 65:
                self.position.close()
        elif self.rsi[-1] < 25:
            self.buy(size=100)


@hand("AAPL", "Invest $5000 per trade. Buy when RSI(7) < 25 and sell when RSI(7) > 65.")
class FixedCash(RsiBase):
    period = 7

    def next(self) -> None:
        if self.position:
            if self.rsi[-1] > 65:
                self.position.close()
        elif self.rsi[-1] < 25 and self.data.Close[-1] <= 5000:
            self.buy(size=int(5000 // self.data.Close[-1]))


@hand("GOOG", "Use 50% of equity. Buy when CCI < -100, sell when CCI > 100.")
class HalfOfEquity(Strategy):
    def init(self) -> None:
        self.cci = self.I(talib.CCI, self.data.High, self.data.Low, self.data.Close, 14)

    def next(self) -> None:
        if self.position:
            if self.cci[-1] > 100:
                self.position.close()
        elif self.cci[-1] < -100:
            self.buy(size=0.5)


@hand("GOOG", "Risk 1% per trade with a 4% stop. Buy when RSI < 40, sell when RSI > 60.")
class RiskPerTrade(RsiBase):
    stop = 4

    def next(self) -> None:
        close = self.data.Close[-1]
        if self.position:
            if self.rsi[-1] > 60:
                self.position.close()
        elif self.rsi[-1] < 40:
            self.enter(1, size=int(self.equity * 0.01 / (close * 0.04)))


@hand("EURUSD", "On 1h EURUSD buy when RSI < 35 between 9:00 and 17:00, sell when RSI > 60")
class Session(RsiBase):
    def next(self) -> None:
        if self.position:
            if self.rsi[-1] > 60:
                self.position.close()
        elif self.rsi[-1] < 35 and time(9) <= self.data.index[-1].time() < time(17):
            self.buy()


@hand("GOOG", "Buy on Mondays when the close is below the 20-day SMA, sell on Fridays")
class Weekdays(Strategy):
    def init(self) -> None:
        self.sma = self.I(talib.SMA, self.data.Close, 20)

    def next(self) -> None:
        day = self.data.index[-1].weekday()
        if self.position:
            if day == 4:
                self.position.close()
        elif day == 0 and self.data.Close[-1] < self.sma[-1]:
            self.buy()


@hand("GOOG", "Buy when RSI < 45, sell when RSI > 55, wait 10 bars after an exit")
class Cooldown(RsiBase):
    def next(self) -> None:
        if self.position:
            if self.rsi[-1] > 55:
                self.position.close()
        elif self.rsi[-1] < 45:
            last = self.closed_trades[-1].exit_bar if self.closed_trades else -100
            if len(self.data) - 1 - last >= 10:
                self.buy()


@hand(
    "GOOG",
    "Buy when momentum(10) > 0, sell when momentum(10) < 0. Commission 0.1%, spread 0.05%.",
    commission=0.001,
    spread=0.0005,
)
class Costs(Strategy):
    def init(self) -> None:
        self.momentum = self.I(talib.MOM, self.data.Close, 10)

    def next(self) -> None:
        if self.position:
            if self.momentum[-1] < 0:
                self.position.close()
        elif self.momentum[-1] > 0:
            self.buy()


@hand("AAPL", "Buy at the close when RSI < 30, sell when RSI > 70", trade_on_close=True)
class AtTheClose(RsiLevels):
    pass


@hand(
    "GOOG", "Buy when the close is above the weekly 10 SMA and RSI < 50, sell when the close is below the weekly 10 SMA"
)
class WeeklyFilter(RsiBase):
    def init(self) -> None:
        super().init()
        weeks = self.data.df.index.to_period("W-SUN")
        weekly = self.data.df["Close"].groupby(weeks).last().rolling(10).mean()
        days = self.data.df.index
        sessions = SESSIONS
        last = pd.Series(sessions, sessions.to_period("W-SUN")).groupby(level=0).max()
        known = np.where(days == last.reindex(weeks), weekly.reindex(weeks), weekly.shift(1).reindex(weeks))
        known[weeks == weeks[0]] = np.nan  # a week of two days: its first bar is not its own
        self.weekly = self.I(lambda: known, name="weekly")

    def next(self) -> None:
        close = self.data.Close[-1]
        if self.position:
            if close < self.weekly[-1]:
                self.position.close()
        elif close > self.weekly[-1] and self.rsi[-1] < 50:
            self.buy()


@hand(
    "EURUSD",
    "Trade EURUSD 1h. Buy when %K crosses above %D and %K is below 20, sell when %K is above 80. "
    "Short when %K crosses below %D and %K is above 80, cover when %K is below 20.",
)
class StochasticBothSides(Strategy):
    def init(self) -> None:
        self.k, self.d = self.I(talib.STOCH, self.data.High, self.data.Low, self.data.Close, 14, 3, 0, 3, 0)

    def next(self) -> None:
        k, d = self.k, self.d
        up = k[-2] <= d[-2] and k[-1] > d[-1] and k[-1] < 20
        down = k[-2] >= d[-2] and k[-1] < d[-1] and k[-1] > 80
        if self.position.is_long:
            if k[-1] > 80:
                self.position.close()
                if down:
                    self.sell()
        elif self.position.is_short:
            if k[-1] < 20:
                self.position.close()
                if up:
                    self.buy()
        elif up:
            self.buy()
        elif down:
            self.sell()


@hand("AAPL", "Buy when RSI < 50 and MACD crossed above its signal line within the last 3 bars, sell when RSI > 65")
class Within(RsiBase):
    def init(self) -> None:
        super().init()
        self.line, self.signal, _ = self.I(talib.MACD, self.data.Close)

    def next(self) -> None:
        crossed = any(
            self.line[-2 - k] <= self.signal[-2 - k] and self.line[-1 - k] > self.signal[-1 - k] for k in range(3)
        )
        if self.position:
            if self.rsi[-1] > 65:
                self.position.close()
        elif self.rsi[-1] < 50 and crossed:
            self.buy()


@hand("GOOG", "Buy when RSI < 40. Sell when the unrealized profit is above 6% or the unrealized loss is above 4%.")
class OpenReturn(RsiBase):
    def next(self) -> None:
        if self.position:
            gain = self.data.Close[-1] / self.trades[0].entry_price - 1
            if gain > 0.06 or gain < -0.04:
                self.position.close()
        elif self.rsi[-1] < 40:
            self.buy()


@hand("AAPL", "Short when the close is below the 50 EMA, trailing stop 3 ATR")
class ShortTrailingAtr(FromFill):
    def levels(self, price: float, side: int) -> tuple[float | None, float | None]:
        return price + self.distance, None

    def init(self) -> None:
        self.watch()
        self.ema = self.I(talib.EMA, self.data.Close, 50)
        self.atr = self.I(talib.ATR, self.data.High, self.data.Low, self.data.Close, 14)
        self.distance = math.nan

    def next(self) -> None:
        close = self.data.Close[-1]
        for trade in self.trades:
            trade.sl = min(trade.sl, close + self.distance)
        if not self.position and close < self.ema[-1]:
            self.distance = 3 * self.atr[-1]
            self.enter(-1)


@hand(
    "GOOG",
    "Buy when volume is above twice its 20-day average and the close is above the open, sell after 10 bars, stop 6%",
)
class VolumeSpike(Percent):
    stop = 6

    def init(self) -> None:
        self.watch()
        self.volume = self.I(talib.SMA, self.data.Volume.astype(float), 20)

    def next(self) -> None:
        if self.position:
            if len(self.data) - self.trades[0].entry_bar >= 10:
                self.position.close()
        elif self.data.Volume[-1] > 2 * self.volume[-1] and self.data.Close[-1] > self.data.Open[-1]:
            self.enter(1)


FIRST = 200  # the first bar that is judged; the two wait differently for their indicators
COLUMNS = {"EntryBar": "entry_bar", "ExitBar": "exit_bar", "EntryPrice": "entry_price", "ExitPrice": "exit_price"}


@pytest.mark.parametrize(("symbol", "sentence", "strategy", "settings"), CASES)
def test_the_sentence_trades_as_the_strategy_written_by_hand(
    symbol: str, sentence: str, strategy: type[Strategy], settings: dict[str, Any], run: Any, prices: Any
) -> None:
    frame: pd.DataFrame = prices(symbol).frame.tz_localize(None)
    close, end = frame["Close"].iloc[-1], frame.index[-1] + (frame.index[-1] - frame.index[-2])
    marked = pd.DataFrame({"Open": close, "High": close, "Low": close, "Close": close, "Volume": 0.0}, index=[end])

    def from_first(self: Strategy) -> None:
        if len(self.data) > FIRST:
            strategy.next(self)

    late = type(strategy.__name__, (strategy,), {"next": from_first})
    theirs = Backtest(
        pd.concat([frame, marked]), late, cash=100_000, finalize_trades=True, **settings
    ).run()  # fmt: skip
    trades = theirs["_trades"].sort_values(["EntryBar", "ExitBar"], kind="stable")
    trades = trades[trades["EntryBar"] < len(frame)]
    trades["ExitBar"] = trades["ExitBar"].clip(upper=len(frame) - 1)
    ours = run(sentence, replace(prices(symbol), first=FIRST))
    assert len(trades) >= 5, "a comparison of hardly any trades shows nothing"
    for theirs_name, our_name in COLUMNS.items():
        np.testing.assert_array_equal(trades[theirs_name], ours.trades[our_name], err_msg=theirs_name)
    np.testing.assert_array_equal(trades["Size"].abs(), ours.trades["size"])
    assert (trades["Size"] > 0).tolist() == (ours.trades["side"] == "long").tolist()
    assert ours.metrics["Return [%]"] == pytest.approx(theirs["Return [%]"], rel=1e-9)


def test_there_are_enough_of_them_on_all_three_symbols() -> None:
    assert len(CASES) >= 25
    assert {case.values[0] for case in CASES} == {"GOOG", "AAPL", "EURUSD"}
