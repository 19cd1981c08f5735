"""What a symbol names, and in which units it trades."""

from __future__ import annotations

import pytest

from Backtest.canonical import CanonicalStrategy
from Backtest.indicators import REGISTRY, indicator_name
from Backtest.market.instruments import PriceSteps, asset_class, is_crypto, price_steps, smallest_unit, traded_unit
from Strategy.text_parser import parse_strategy

CLASSES = {
    "crypto": "BTCUSDT BTC-USD SOLUSD XBTUSD HYPEUSDC ETHBTC ADAEUR DOGE-USD 1000PEPEUSDT LTC/USD BTCUSDT.P BTC-PERP ETH AVAXUSDC XBTEUR XXBTZUSD XETHXXBT XREPZUSD USDTUSD USDTZUSD USDCEUR TUSDUSD",
    "fx": "EURUSD EURUSD=X GBPJPY USDTRY XAUUSD USD/CHF JPY=X ZEURZUSD EURTUSD",
    "future": "ES=F NQ=F CL=F 6E=F",
    "index": "^GSPC ^NDX US30 NAS100 GER40 SPX",
    "etf": "SPY QQQ GLD TLT",
    "stock": "AAPL BRK-B BRK.B RELIANCE.NS 7203.T VOD.L LINK META 0700.HK",
}


@pytest.mark.parametrize(("symbol", "kind"), [(s, kind) for kind, names in CLASSES.items() for s in names.split()])
def test_a_symbol_is_told_by_its_form(symbol: str, kind: str) -> None:
    assert asset_class(symbol) == kind
    assert is_crypto(symbol) == (kind == "crypto")
    assert smallest_unit(symbol) == (1e-6 if kind == "crypto" else 1.0)


@pytest.mark.parametrize(
    "symbol", [s for names in CLASSES.values() for s in names.split() if "/" not in s and s != "LINK"]
)
def test_a_sentence_takes_it_as_a_symbol(symbol: str) -> None:
    strategy = parse_strategy(f"Trade {symbol} on 1h bars. Buy when RSI < 30, sell when RSI > 70.").require()
    wanted = {"EURUSD=X": "EURUSD", "ETH": "ETH-USD"}.get(symbol, symbol)
    assert strategy.symbols == [wanted]
    assert (strategy.execution.fractional_unit < 1) == is_crypto(symbol)
    assert parse_strategy(strategy.describe()).require().trading_core() == strategy.trading_core()


@pytest.mark.parametrize("word", ["IBS", "ROI", "HA", "NR", "PM", "ATH", "TTM", "HMA", "PSAR"])
def test_an_acronym_is_no_symbol(word: str) -> None:
    parsed = parse_strategy(f"Buy when RSI < 30 {word}, sell when RSI > 70")
    assert word not in (parsed.strategy.symbols if parsed.strategy else parsed.partial.get("symbols", []))


@pytest.mark.parametrize(
    ("name", "known"),
    [("BBANDS", "BB"), ("Bollinger Bands", "BB"), ("rsi", "RSI"), ("Momentum", "MOM"), ("bollinger_bands", "BB"), ("Stochastic", "STOCH")],
)  # fmt: skip
def test_an_indicator_goes_by_any_of_its_names(name: str, known: str) -> None:
    assert indicator_name(name) == known
    when = {
        "type": "compare",
        "left": {"type": "indicator", "id": "a"},
        "op": ">",
        "right": {"type": "value", "value": 50},
    }
    if len(REGISTRY[known].outputs) > 1:
        when["left"]["output"] = REGISTRY[known].outputs[0].name  # type: ignore[index]
    strategy = CanonicalStrategy.model_validate(
        {"indicators": [{"id": "a", "name": name}], "entry_rules": [{"when": when}]}
    )
    assert strategy.indicators[0].name == known


def test_a_name_of_nothing_is_none() -> None:
    assert indicator_name("moon phase") is None


@pytest.mark.parametrize(
    ("text", "symbol", "unit"),
    [
        ("Buy BTCUSDT when RSI < 30, sell when RSI > 70, cash 1000", "BTCUSDT", 1e-6),
        ("Buy BTCUSDT when RSI < 30, sell when RSI > 70, cash 1000", "GOOG", 1.0),
        ("Buy ^N225 and BTC-USD when RSI < 30, sell when RSI > 70", "^N225", 1.0),
        ("Buy ^N225 and BTC-USD when RSI < 30, sell when RSI > 70", "BTC-USD", 1e-6),
        ("Buy GOOG when RSI < 30, sell when RSI > 70", "XXBTZUSD", 1e-6),
        ("Buy GOOG when RSI < 30, sell when RSI > 70. Smallest tradable fraction: 0.01.", "AAPL", 0.01),
        ("Buy BTCUSDT when RSI < 30, sell when RSI > 70. Smallest tradable fraction: 0.000001.", "GOOG", 1e-6),
        ("Buy BTCUSDT when RSI < 30, sell when RSI > 70. Smallest fraction 1", "BTCUSDT", 1.0),
    ],
)
def test_the_unit_is_that_of_what_is_traded(text: str, symbol: str, unit: float) -> None:
    strategy = parse_strategy(text).require()
    found = traded_unit(strategy.execution.fractional_unit, symbol, symbols=strategy.symbols, text=text)
    assert found == unit
    assert parse_strategy(strategy.describe()).require().trading_core() == strategy.trading_core()


@pytest.mark.parametrize(
    ("symbol", "tick", "pip"),
    [
        ("AAPL", 0.01, 0.01), ("SPY", 0.01, 0.01), ("EURUSD", 0.00001, 0.0001), ("EURUSD=X", 0.00001, 0.0001),
        ("USDJPY", 0.001, 0.01), ("JPY=X", 0.001, 0.01), ("GBP-JPY", 0.001, 0.01), ("XAUUSD", 0.01, 0.1), ("ES=F", 0.25, 0.25),
        ("NQ1!", 0.25, 0.25), ("CL=F", 0.01, 0.01), ("GC=F", 0.1, 0.1), ("ZN=F", 0.015625, 0.015625), ("6J=F", 5e-7, 5e-7),
        ("BTC-USD", 0.01, 0.01), ("DOGEUSDT", 0.00001, 0.00001), ("SHIB-USD", 1e-8, 1e-8),
    ],
)  # fmt: skip
def test_the_steps_of_a_price(symbol: str, tick: float, pip: float) -> None:
    assert price_steps(symbol) == PriceSteps(tick, pip)


def test_a_future_nobody_listed_has_no_steps() -> None:
    assert price_steps("QQQQ=F") is None


RULE = {"when": {"type": "compare", "left": {"type": "price"}, "op": ">", "right": {"type": "value", "value": 1}}}
STOP = {"stop_loss": {"type": "points", "value": 20, "unit": "pips"}}


def test_ticks_and_pips_are_those_of_what_is_traded() -> None:
    strategy = CanonicalStrategy.model_validate({"entry_rules": [RULE], "risk": STOP})
    assert strategy.on("EURUSD").execution.pip == 0.0001
    assert strategy.on("USDJPY").execution.tick == 0.001
    said = CanonicalStrategy.model_validate({"entry_rules": [RULE], "risk": STOP, "execution": {"pip": 0.5}})
    assert (said.on("EURUSD").execution.pip, said.on("EURUSD").execution.tick) == (0.5, 0.00001)


def test_a_strategy_without_ticks_keeps_its_hash_on_any_symbol() -> None:
    strategy = CanonicalStrategy.model_validate({"entry_rules": [RULE], "risk": {"max_bars": 3}})
    assert {strategy.on(symbol).content_hash() for symbol in ("AAPL", "EURUSD", "ES=F")} == {strategy.content_hash()}
