"""Sentences as traders write them become the strategy they mean, or a clear question."""

from __future__ import annotations

import pytest

from Backtest.errors import StrategyError
from Backtest.indicators import REGISTRY, spoken
from Strategy.reading.rules.statements import Statements
from Strategy.reading.text.cursor import Cursor
from Strategy.reading.text.draft import Draft
from Strategy.reading.text.lexer import tokenize
from Strategy.text_parser import is_notation, parse_notation, parse_strategy
from Strategy.words import corrector, orders


def described(text: str) -> str:
    return parse_strategy(text).require().describe()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "Buy when RSI < 30, sell when RSI > 70, stop 5%",
            [
                "Buy when RSI(14) is below 30.",
                "Exit long when RSI(14) is above 70.",
                "Stop loss: 5% from the entry price.",
            ],
        ),
        (
            "Buy AAPL when the 50-day moving average crosses above the 200-day moving average. Sell when it crosses below.",
            [
                "Trade AAPL on daily bars.",
                "Buy when SMA(50) crosses above SMA(200).",
                "Exit long when SMA(50) crosses below SMA(200).",
            ],
        ),
        (
            "Buy when RSI below 30 and rising, unless volume is below its 20-day average. Sell when RSI is above 70.",
            [
                "Buy when RSI(14) is below 30 and RSI(14) is rising for 1 bar and not (Volume is below SMA(20) of Volume)."
            ],
        ),
        (
            "Long while close > SMA(200), flat otherwise.",
            ["Buy when Close is above SMA(200).", "Exit long when not (Close is above SMA(200))."],
        ),
    ],
)
def test_it_understands(text, lines):
    assert set(lines) <= set(described(text).splitlines())


def test_words_it_does_not_know_are_quoted():
    result = parse_strategy("buy when the moon is full and RSI < 30, sell when RSI > 70")
    assert result.strategy is None
    assert any("moon" in words for words in result.leftover)


def test_what_it_says_can_be_read_back():
    text = "Buy when MACD crosses above its signal line and ADX > 25, sell when MACD crosses below signal. Trailing stop 3 ATR."
    strategy = parse_strategy(text).require()
    assert parse_strategy(strategy.describe()).require().trading_core() == strategy.trading_core()


PERIODS = (
    "{name}(17)", "{name} (17)", "17-period {name}", "17-day {name}", "17 {name}", "the 17 {name}", "{name} 17",
    "{name} with a period of 17", "17-bar {name}", "{name} over 17 days", "{name}(length=17)", "{name}(period 17)",
    "17d {name}",
)  # fmt: skip


@pytest.mark.parametrize("indicator", spoken())
def test_every_indicator_by_every_name_with_its_period_in_every_form(indicator):
    entry = REGISTRY[indicator]
    period = next((p.name for p in entry.params if p.name in ("timeperiod", "fastk_period")), None)
    for alias in dict.fromkeys([indicator.lower(), entry.title, *entry.aliases]):
        for form in ("{name}", *(PERIODS if period else ())):
            phrase = form.format(name=alias)
            timeframe = "5m" if entry.reads_session else "1d"
            strategy = parse_strategy(f"Buy when {phrase} is rising for 2 bars, stop 5%", timeframe=timeframe).require()
            (found,) = strategy.indicators
            assert found.name == indicator, phrase
            assert form == "{name}" or found.params[period] == 17, phrase


USUAL = [
    ("stochastic %K < 20", "STOCH with its usual setting 14/3/3 (TradingView: 14/1/3)"),
    ("%K crosses above %D", "STOCH with its usual setting 14/3/3 (TradingView: 14/1/3)"),
    ("STOCH(5).k < 20", "STOCH with its usual setting 5/3/3 (TradingView: 5/1/3)"),
    ("CCI < -100", "CCI with its usual setting 14 (TradingView: 20)"),
    ("the rate of change is positive", "ROC with its usual setting 10 (TradingView: 9)"),
    ("the close is above the hull moving average", "HMA with its usual setting 20 (TradingView: 9)"),
    ("the close is above the EMA", "EMA with its usual setting 20 (TradingView: 9)"),
    ("RSI < 30", "RSI with its usual setting 14"),
    ("the histogram is positive", "MACD with its usual setting 12/26/9"),
    ("the close is below the lower band of BB(30)", "BB with its usual setting 30/2"),
]


@pytest.mark.parametrize(("rule", "said"), USUAL)
def test_parameters_left_open_are_said_and_tradingviews_where_they_differ(rule, said):
    parsed = parse_strategy(f"Buy when {rule}, stop 5%")
    assert [a.text for a in parsed.assumptions if a.code == "default_period"] == [said]


@pytest.mark.parametrize("rule", ["STOCH(14, 1, 3).k < 20", "CCI(20) < -100", "the 9-day ROC > 0", "OBV is rising"])
def test_parameters_that_were_said_are_no_assumption(rule):
    assert "default_period" not in {a.code for a in parse_strategy(f"Buy when {rule}, stop 5%").assumptions}


@pytest.mark.parametrize(
    "text",
    ["Buy when " + "(" * 400 + "RSI < 30" + ")" * 400, "Buy when close > " + "3 * " * 1500 + "3", "Buy when close > " + "EMA of " * 250 + "close"],
    ids=["brackets", "products", "averages of averages"],
)  # fmt: skip
def test_what_is_nested_too_deeply_is_said_to_be(text: str) -> None:
    with pytest.raises(StrategyError, match="too tangled to be read"):
        parse_strategy(text)


@pytest.mark.parametrize(
    ("levels", "otherwise"),
    [
        ("", "only a stop would close it"),
        (", stop 4%", "only a stop would close it"),
        (", target 9%", "only a target would close it"),
        (", stop 4%, trailing stop 6%", "only a stop or trailing stop would close it"),
        (", exit after 25 days", "only a time limit would close it"),
        (". Exit longs after 5 days, exit shorts after 8 days", "only a time limit would close it"),
    ],
)
def test_an_opposite_entry_that_turns_a_position_round_is_said_whatever_levels_there_are(levels, otherwise):
    text = f"Buy NVDA when EMA(7) crosses above EMA(33), short when EMA(7) crosses below EMA(33){levels}"
    said = [a for a in parse_strategy(text).assumptions if a.code == "reverse"]
    assert [a.text for a in said] == [
        "The short entry closes the long position",
        "The long entry closes the short position",
    ]
    assert {a.other for a in said} == {otherwise}


@pytest.mark.parametrize(
    ("exit_rule", "said"),
    [
        ("MFI crosses 55", ["A cross without a direction closes a position in either direction"]),
        ("RSI crosses 20", ["A cross without a direction is upward for buying and downward for selling"]),
        ("MFI crosses above 55", []),
    ],
)
def test_the_way_of_a_cross_that_was_not_said_is_an_assumption(exit_rule, said):
    parsed = parse_strategy(f"Buy when RSI crosses above 20, sell when {exit_rule}")
    assert [a.text for a in parsed.assumptions if a.code == "cross_direction"] == said


@pytest.mark.parametrize(
    "rule",
    [
        "RSI = 100", "STOCH(14, 1, 3).k = 0", "volume = 0", "the close = the open", "the close equals the previous close",
        "supertrend direction = 1", "RSI > 50", "RSI crosses above 50",
    ],
)  # fmt: skip
def test_what_is_equal_now_and_then_is_not_warned_of(rule):
    parsed = parse_strategy(f"Buy when {rule}, stop 5%")
    assert parsed.strategy is not None, parsed.diagnostics
    assert "exact_equality" not in {d.code for d in parsed.warnings}


def test_a_warning_of_an_exact_equality_says_what_to_write():
    (warning,) = [d for d in parse_strategy("Buy when MFI = 35, stop 5%").warnings if d.code == "exact_equality"]
    assert warning.message == "MFI(14) is hardly ever exactly 35, so that this is almost never true"
    assert warning.suggestion == "Write 'MFI(14) crosses 35' for the bar that passes it"


NOTATION = "Trade GOOG on daily bars.\nBuy when RSI(14) is below 30.\nExit long when Close is above 200.\nStart with $100,000 in cash."


def test_the_notation_of_describe_is_read_as_it_stands_and_that_is_said() -> None:
    parsed = parse_strategy(NOTATION)
    assert "notation" in {a.code for a in parsed.assumptions}
    assert parsed.strategy == parse_notation(NOTATION).strategy
    assert "notation" not in {a.code for a in parse_strategy("Buy GOOG when RSI < 30, sell when RSI > 70").assumptions}


def test_what_is_not_in_the_notation_is_refused_by_its_own_entry_point() -> None:
    assert not is_notation("Buy when RSI < 30")
    with pytest.raises(StrategyError, match="not the notation of a strategy"):
        parse_notation("Buy when RSI < 30, sell when RSI > 70")


def test_a_reading_that_finds_nothing_leaves_the_draft_as_it_was() -> None:
    draft = Draft()
    cursor = Cursor(tokenize("buy when RSI < 30", corrector()), draft)
    before = draft.snapshot()

    def fails() -> bool:
        cursor.take(orders.ENTER_LONG)
        draft.set_risk("stop_loss", {"type": "percent", "value": 5})
        draft.assume("size", "Every trade takes the full equity")
        draft.reversing = True
        return False

    assert cursor.first([fails]) is None
    assert draft.snapshot() == before
    assert cursor.position == 0
    assert not cursor.consumed


@pytest.mark.parametrize(
    "text",
    ["Buy when RSI < 30, sell when the close is 5% below entry or up 10%", "Stop 5%. Only on Mondays.", NOTATION],
)
def test_no_reader_keeps_what_it_read(text: str) -> None:
    """What a reading finds out stands in the draft, so that it can be taken back."""
    draft = Draft()
    statements = Statements(Cursor(tokenize(text, corrector()), draft), draft)
    before = state(statements)
    statements.read()
    assert state(statements) == before


def state(reader: object, seen: frozenset[int] = frozenset()) -> dict[str, object]:
    """Return the plain values of a reader and of the readers it holds."""
    found: dict[str, object] = {}
    for name, value in vars(reader).items():
        if isinstance(value, Draft | Cursor) or id(value) in seen:
            continue
        if type(value).__module__.startswith("Strategy."):
            found |= {f"{name}.{inner}": v for inner, v in state(value, seen | {id(reader)}).items()}
        elif not callable(value):
            found[name] = value
    return found


def test_a_page_without_a_rule_is_read_to_its_end() -> None:
    """As much text as may be given: it says no rule, and is not refused as too much work."""
    prose = "I have watched technology companies for years and believe that patience matters more than timing. " * 110
    said = str(parse_strategy(prose[:10_000]).diagnostics)
    assert "rule" in said
    assert "tangled" not in said
