"""Where and when a symbol trades: what it names, its trading days, and the lengths of bars.

`sessions.py` is imported by its own name: it needs pandas, half a second that `--help` of a command does not have to take.
"""

from Backtest.market.days import day_of, no_such_day
from Backtest.market.instruments import (
    COINS,
    CRYPTO_UNIT,
    CURRENCIES,
    SYMBOL_FORMS,
    TradingDays,
    asset_class,
    codes,
    is_crypto,
    price_steps,
    traded_unit,
    trading_days,
)
from Backtest.market.timeframes import TIMEFRAMES, Timeframe, bars_of, in_words, is_intraday, meant_timeframe, seconds

__all__ = [
    "COINS",
    "CRYPTO_UNIT",
    "CURRENCIES",
    "SYMBOL_FORMS",
    "TIMEFRAMES",
    "Timeframe",
    "TradingDays",
    "asset_class",
    "bars_of",
    "codes",
    "day_of",
    "in_words",
    "is_crypto",
    "is_intraday",
    "meant_timeframe",
    "no_such_day",
    "price_steps",
    "seconds",
    "traded_unit",
    "trading_days",
]  # fmt: skip
