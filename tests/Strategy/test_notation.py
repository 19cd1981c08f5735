"""The notation: printed and read by the same phrases, every strategy back to the same hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings

from Backtest.canonical import CONDITIONS, LEVELS, ORDERS, SIZES, CanonicalStrategy
from Backtest.errors import StrategyError
from Strategy.notation import read_notation
from Strategy.text_parser import parse_notation, parse_strategy
from tests.explore import examples
from tests.random_strategies import strategies

# A page that says something of every kind, and beside it what it means, written by hand.
PAGE = """\
Trade EURUSD=X on 15-minute bars.
Buy as "dip" with a limit at (Low - 2 pips) for 4 bars when RSI(7) 1 bar ago is below 25, at most 2 times a session, in group "morning".
For entry 1: Stop loss: at Low.
For entry 1: Target: 1.5 times the risk for 40% of the trade.
For entry 1: Target: 3 times the risk.
For entry 1: Break-even: once target 1 is reached, 1 ticks better.
For entry 1: Position size: 2 lots of 1000 units.
Sell short with a stop at min(Low, Low 1 bar ago) until the session ends when first (High crosses above BB(20,2) upper) then within 3 bars (Close is falling for 2 bars), in group "morning".
Exit long 50% at this close of "dip" when Close is above (the entry price * 1.01).
Exit short when on at least 2 of the last 5 bars (Close is above Open), each time.
Stop loss: 1.5 times ATR(10).
Stop: 20 pips, following the best price since the entry, from 3 bars after the entry on.
Profit table: 2% from the entry price after 0 bars.
Profit table: 15 pips after 12 bars.
Exit after 40 bars.
Add every 10 points against the trade, at most 2 times, 2 times the unit before.
Levels of several units: one set, from the average price.
Position size: a volatility of 12% of equity a year by 30 days.
Start with $25,000 in cash.
Limits are filled by a price beyond them.
"""
LOW = {"type": "price", "column": "Low"}
MEANT: dict[str, Any] = {
    "symbols": ["EURUSD=X"],
    "timeframe": "15m",
    "indicators": [{"name": "RSI", "timeperiod": 7}, {"name": "BB"}],
    "entry_rules": [
        {
            "id": "dip",
            "group": "morning",
            "most_per_session": 2,
            "order": {
                "type": "limit",
                "bars": 4,
                "price": {
                    "type": "math",
                    "left": LOW,
                    "op": "-",
                    "right": {"type": "ticks", "value": 2, "unit": "pips"},
                },
            },
            "when": {
                "type": "compare",
                "left": {"type": "indicator", "id": "RSI_7", "offset": 1},
                "op": "<",
                "right": {"type": "value", "value": 25},
            },
            "risk": {
                "stop_loss": {"type": "price", "price": LOW},
                "targets": [
                    {"level": {"type": "risk_reward", "ratio": 1.5}, "portion": 0.4},
                    {"level": {"type": "risk_reward", "ratio": 3}},
                ],
                "break_even": {"after": {"type": "target", "target": 1}, "offset": 1, "unit": "ticks"},
                "position_size": {"type": "lots", "value": 2, "contract_size": 1000},
            },
        },
        {
            "side": "short",
            "group": "morning",
            "order": {
                "type": "stop",
                "session": True,
                "price": {"type": "function", "name": "min", "operands": [LOW, {**LOW, "offset": 1}]},
            },
            "when": {
                "type": "then",
                "bars": 3,
                "first": {
                    "type": "cross",
                    "left": {"type": "price", "column": "High"},
                    "direction": "above",
                    "right": {"type": "indicator", "id": "BB_20_2", "output": "upper"},
                },
                "second": {"type": "falling", "operand": {"type": "price"}, "bars": 2},
            },
        },
    ],
    "exit_rules": [
        {
            "portion": 0.5,
            "at": "close",
            "of": ["dip"],
            "when": {
                "type": "compare",
                "left": {"type": "price"},
                "op": ">",
                "right": {
                    "type": "math",
                    "left": {"type": "position", "what": "entry_price"},
                    "op": "*",
                    "right": {"type": "value", "value": 1.01},
                },
            },
        },
        {
            "side": "short",
            "repeat": True,
            "when": {
                "type": "count",
                "least": 2,
                "bars": 5,
                "condition": {
                    "type": "compare",
                    "left": {"type": "price"},
                    "op": ">",
                    "right": {"type": "price", "column": "Open"},
                },
            },
        },
    ],
    "risk": {
        "stop_loss": {"type": "atr", "multiple": 1.5, "timeperiod": 10},
        "stops": [{"level": {"type": "points", "value": 20, "unit": "pips"}, "follow": "extreme", "after_bars": 3}],
        "profit_table": [
            {"after_bars": 0, "level": {"type": "percent", "value": 2}},
            {"after_bars": 12, "level": {"type": "points", "value": 15, "unit": "pips"}},
        ],
        "max_bars": 40,
        "adds": [{"every": {"type": "points", "value": 10}, "direction": "against", "most": 2, "factor": 2}],
        "unit_levels": "from_average",
        "position_size": {"type": "volatility_target", "value": 12, "timeperiod": 30},
    },
    "execution": {"cash": 25_000, "limit_fill": "through"},
}


def test_a_page_means_what_is_written_beside_it() -> None:
    strategy = CanonicalStrategy.model_validate(MEANT)
    assert CanonicalStrategy.model_validate(read_notation(PAGE)).trading_core() == strategy.trading_core()
    assert f"{strategy.notation()}\n" == PAGE
    assert parse_notation(PAGE).require().content_hash() == strategy.content_hash()


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies(ordered=True))
def test_every_strategy_is_read_back_to_the_same_hash(strategy: CanonicalStrategy) -> None:
    assert (
        CanonicalStrategy.model_validate(read_notation(strategy.notation())).trading_core() == strategy.trading_core()
    )


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies())
def test_so_is_every_one_of_version_1(strategy: CanonicalStrategy) -> None:
    assert (
        CanonicalStrategy.model_validate(read_notation(strategy.notation())).content_hash() == strategy.content_hash()
    )


def test_indicators_keep_their_names_and_their_order() -> None:
    close = {"type": "price"}
    rule = {
        "type": "cross",
        "left": {"type": "indicator", "id": "fast"},
        "direction": "above",
        "right": {"type": "indicator", "id": "twin"},
    }
    data = {
        "indicators": [
            {"name": "EMA", "timeperiod": 50, "id": "unused"},
            {"name": "RSI", "timeperiod": 9, "id": "fast"},
            {"name": "RSI", "timeperiod": 9, "id": "twin"},
        ],
        "entry_rules": [{"when": rule}, {"when": {"type": "rising", "operand": close, "bars": 2}}],
    }
    strategy = CanonicalStrategy.model_validate(data)
    text = strategy.notation()
    assert text.splitlines()[1:5] == [
        "Let `unused` be EMA(50).", "Let `fast` be RSI(9).", "Let `twin` be RSI(9).", "Buy when RSI(9) crosses above `twin`.",
    ]  # fmt: skip
    assert CanonicalStrategy.model_validate(read_notation(text)).trading_core() == strategy.trading_core()
    assert "Let" not in strategy.describe()


def test_series_of_ones_own_other_symbols_and_outputs_as_sources() -> None:
    text = """\
Trade SPY on daily bars.
Let `Range` be the series (High - Low).
Let `SMA_25_Range` be SMA(25) of `Range`.
Let `SMA_10@^VIX` be SMA(10) of ^VIX.
Let `Vix` be the series Close, in ^VIX, on weekly bars.
Let `HEIKIN_ASHI` be HEIKIN_ASHI.
Let `EMA_9_HEIKIN_ASHI.close` be EMA(9) of HEIKIN_ASHI close.
Buy when Close is below (HIGHEST(10) - (2.5 * SMA(25) of `Range`)) and SMA(10) of ^VIX is below `Vix`."""
    low = {"type": "indicator", "id": "HIGHEST_10"}
    away = {
        "type": "math",
        "left": {"type": "value", "value": 2.5},
        "op": "*",
        "right": {"type": "indicator", "id": "SMA_25_Range"},
    }
    data = {
        "symbols": ["SPY"],
        "indicators": [
            {"name": "SERIES", "id": "Range", "operand": {"type": "math", "left": {"type": "price", "column": "High"}, "op": "-",
                                                          "right": {"type": "price", "column": "Low"}}},
            {"name": "SMA", "timeperiod": 25, "source": "Range"},
            {"name": "SMA", "timeperiod": 10, "symbol": "^VIX", "id": "SMA_10@^VIX".replace("@^", "_")},
            {"name": "SERIES", "id": "Vix", "operand": {"type": "price"}, "symbol": "^VIX", "timeframe": "1wk"},
            {"name": "HEIKIN_ASHI"},
            {"name": "EMA", "timeperiod": 9, "source": "HEIKIN_ASHI.close"},
            {"name": "HIGHEST", "timeperiod": 10},
        ],
        "entry_rules": [
            {"when": {"type": "all", "conditions": [
                {"type": "compare", "left": {"type": "price"}, "op": "<", "right": {"type": "math", "left": low, "op": "-", "right": away}},
                {"type": "compare", "left": {"type": "indicator", "id": "SMA_10_VIX"}, "op": "<", "right": {"type": "indicator", "id": "Vix"}},
            ]}}
        ],
    }  # fmt: skip
    strategy = CanonicalStrategy.model_validate(data)
    said = strategy.notation()
    assert said.splitlines()[1:7] == [
        "Let `Range` be the series (High - Low).",
        "Let `SMA_25_Range` be SMA(25) of `Range`.",
        "Let `SMA_10_VIX` be SMA(10) of ^VIX.",
        "Let `Vix` be the series Close, in ^VIX, on weekly bars.",
        "Let `HEIKIN_ASHI` be HEIKIN_ASHI.",
        f"Let `{strategy.indicators[5].id}` be EMA(9) of HEIKIN_ASHI close.",
    ]
    assert said.splitlines()[-3] == text.splitlines()[-1]
    assert CanonicalStrategy.model_validate(read_notation(said)).trading_core() == strategy.trading_core()


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("Close is less than 5", "Close is below 5"),
        ("Close is greater than Open", "Close is above Open"),
        ("Close crosses over Open 1 bars ago", "Close crosses above Open 1 bar ago"),
        ("Close is rising for 3 bar", "Close is rising for 3 bars"),
    ],
)
def test_other_words_of_a_phrase_are_read_and_the_first_are_printed(said: str, printed: str) -> None:
    strategy = CanonicalStrategy.model_validate(read_notation(f"Trade on daily bars.\nBuy when {said}."))
    assert strategy.describe().splitlines()[1] == f"Buy when {printed}."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Trade on daily bars.\nBuy when Close is nearly 5.", "'nearly' cannot stand behind 'Buy when Close is'"),
        ("Trade on daily bars.\nBuy when Close is above.", "Sentence 2 is not in the notation"),
        ("Trade on daily bars.\nBuy when RSI(14,3) is above 5.", "RSI has 1 parameters, not 2"),
        (
            "Trade on daily bars.\nBuy when Close is above 5.\nStop loss: 2%.\nStop loss: 3%.",
            "Two sentences say stop loss",
        ),
        ("Trade on daily bars.\nFor entry 2: Stop loss: 2%.", "There is no entry 2"),
        ("Trade on daily bars.\nBuy when Close is above 5.\nStop loss: 2 times RSI(14).", "RSI has to stand there|ATR"),
    ],
)
def test_what_is_not_the_notation_is_refused_with_the_word_and_its_place(text: str, says: str) -> None:
    with pytest.raises(StrategyError, match=says):
        read_notation(text)


def test_a_page_with_everyday_english_in_it_is_still_read() -> None:
    text = "Trade GOOG on daily bars.\nBuy when RSI(14) is below 30.\nSell when the RSI gets above 70."
    assert parse_strategy(text).require().exit_rules


def test_a_page_with_a_mistake_says_which_sentence_is_not_of_the_notation() -> None:
    found = parse_strategy(
        "Trade GOOG on daily bars.\nBuy when TRADING_DAY equals 3.\nExit long when TRADING_DAY equals five."
    )
    assert found.strategy is None
    assert found.errors[0].message.startswith("Sentence 3 is not in the notation: 'five' cannot stand behind")


def test_everything_that_can_be_said_is_in_the_reference() -> None:
    page = Path("docs/notation.md").read_text(encoding="utf-8")
    kinds = [kind for kinds in (CONDITIONS, LEVELS, SIZES, ORDERS) for kind in kinds if kind.phrases]
    assert len(kinds) > 25
    missing = [kind.__name__ for kind in kinds if str(kind.__doc__).split()[:6] != _first_words(kind, page)]
    assert not missing


def _first_words(kind: type, page: str) -> list[str]:
    """The first six words that the page says of a kind, empty where it says nothing."""
    first = " ".join(str(kind.__doc__).split()[:6])
    return first.split() if f"| {first}" in page else []


def test_the_reference_is_what_the_command_writes(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("notation")
    assert capsys.readouterr().out.strip() in Path("docs/notation.md").read_text(encoding="utf-8")
