"""Where and when a symbol trades: what it names, its trading days and sessions, and the lengths of bars."""

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
    traded_unit,
    trading_days,
)
from Backtest.market.sessions import (
    DAY_S,
    NEW_YORK,
    VENUES,
    TradingSession,
    calendar_of,
    coarser,
    resample,
    with_periods,
    with_sessions,
)
from Backtest.market.timeframes import TIMEFRAMES, Timeframe, bars_of, in_words, is_intraday, meant_timeframe, seconds

__all__ = [
    "COINS",
    "CRYPTO_UNIT",
    "CURRENCIES",
    "DAY_S",
    "NEW_YORK",
    "SYMBOL_FORMS",
    "TIMEFRAMES",
    "VENUES",
    "Timeframe",
    "TradingDays",
    "TradingSession",
    "asset_class",
    "bars_of",
    "calendar_of",
    "coarser",
    "codes",
    "day_of",
    "in_words",
    "is_crypto",
    "is_intraday",
    "meant_timeframe",
    "no_such_day",
    "resample",
    "seconds",
    "traded_unit",
    "trading_days",
    "with_periods",
    "with_sessions",
]  # fmt: skip
