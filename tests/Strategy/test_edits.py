"""Changes in words: what each does to the plain English of a strategy, and what is asked instead of guessed."""

from __future__ import annotations

import jsonpatch
import pytest
from hypothesis import given, settings

from Backtest.canonical import CanonicalStrategy
from Backtest.errors import StrategyError
from Strategy.changes import Operation, Patch, edit_by_rules, patched
from Strategy.talk.intents import wanted
from Strategy.text_parser import parse_strategy
from tests.explore import examples
from tests.random_strategies import strategies

STRATEGY = parse_strategy(
    "Buy GOOG when RSI < 30 and close > SMA(200), sell when RSI > 70, stop 5%, target 10%"
).require()
ENTRY = "Buy when RSI(14) is below 30 and Close is above SMA(200)"


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("make the stop 3%", [("Stop loss: 5% from the entry price.", "Stop loss: 3% from the entry price.")]),
        ("make the stop 3% and only trade Mondays", [
            (f"{ENTRY}.", f"{ENTRY} and the bar falls on Monday."),
            ("Stop loss: 5% from the entry price.", "Stop loss: 3% from the entry price."),
        ]),
        ("please tighten the stop to 2% and drop the take profit", [
            ("Stop loss: 5% from the entry price.", "Stop loss: 2% from the entry price."), ("Take profit: 10% from the entry price.", ""),
        ]),
        ("remove the target", [("Take profit: 10% from the entry price.", "")]),
        ("use RSI 21 instead of 14", [
            (f"{ENTRY}.", f"{ENTRY}.".replace("14", "21")), ("Exit long when RSI(14) is above 70.", "Exit long when RSI(21) is above 70."),
        ]),
        ("change the RSI threshold from 30 to 25", [(f"{ENTRY}.", f"{ENTRY}.".replace("30", "25"))]),
        ("replace 200 with 100", [(f"{ENTRY}.", f"{ENTRY}.".replace("200", "100"))]),
        ("trade MSFT instead", [("Trade GOOG on daily bars.", "Trade MSFT on daily bars.")]),
        ("use weekly bars", [("Trade GOOG on daily bars.", "Trade GOOG on weekly bars.")]),
        ("commission 0.1%", [("", "Commission: 0.1%.")]),
        ("risk 1% per trade", [("Position size: 100% of equity.", "Position size: risk 1% of equity per trade.")]),
        ("start with 50k", [("Start with $100,000 in cash.", "Start with $50,000 in cash.")]),
        ("don't trade on Fridays", [(f"{ENTRY}.", f"{ENTRY} and not (the bar falls on Friday).")]),
        ("only buy when volume is above its 20-day average", [(f"{ENTRY}.", f"{ENTRY} and Volume is above SMA(20) of Volume.")]),
        ("also sell when the close is below the 50-day average", [("", "Exit long when Close is below SMA(50).")]),
        ("also buy when MACD crosses above its signal", [("", "Buy when MACD(12,26,9) macd crosses above MACD(12,26,9) signal.")]),
        ("change the target to 3R", [("Take profit: 10% from the entry price.", "Take profit: 3 times the risk.")]),
        ("sell when RSI > 80 instead", [("Exit long when RSI(14) is above 70.", "Exit long when RSI(14) is above 80.")]),
        ("exit on Fridays", [("", "Exit long when the bar falls on Friday.")]),
        ("buy when MACD crosses above its signal instead", [
            (f"{ENTRY}.", "Buy when MACD(12,26,9) macd crosses above MACD(12,26,9) signal."),
        ]),
        ("change RSI < 30 to RSI < 25", [(f"{ENTRY}.", f"{ENTRY}.".replace("30", "25"))]),
        ("buy when RSI < 25 instead of RSI < 30", [(f"{ENTRY}.", f"{ENTRY}.".replace("30", "25"))]),
        ("change the stop from 5% to 4%", [("Stop loss: 5% from the entry price.", "Stop loss: 4% from the entry price.")]),
        ("don't use the stop", [("Stop loss: 5% from the entry price.", "")]),
        ("exit after 10 bars, no target", [("Take profit: 10% from the entry price.", "Exit after 10 bars.")]),
    ],
)  # fmt: skip
def test_what_words_change(words: str, changes: list[tuple[str, str]]) -> None:
    edit = edit_by_rules(STRATEGY, words)
    assert edit is not None
    assert [(c["was"], c["is"]) for c in edit.changes] == changes
    again = jsonpatch.apply_patch(STRATEGY.model_dump(mode="json"), edit.patch)
    assert CanonicalStrategy.model_validate(again) == edit.strategy
    assert edit.strategy.provenance.source == "edit"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("make the stop 3% and the stop 5%", "two different values for the stop loss: 3% and 5%"),
        ("remove the trailing stop", "There is no trailing stop to remove"),
        ("change 99 to 3", "There is no 99 in the strategy"),
        ("stop 5%", "no change in that"),
        ("sell when RSI > 80", "has a rule for when to sell already"),
        ("buy when MACD crosses above its signal", "has a rule for when to buy already"),
        ("change 30 to 300", "RSI threshold must be between 0 and 100"),
    ],
)
def test_what_cannot_be(words: str, said: str) -> None:
    with pytest.raises(StrategyError) as caught:
        edit_by_rules(STRATEGY, words)
    assert said in str(caught.value)


def test_what_is_said_counts_where_it_is_a_default() -> None:
    strategy = parse_strategy(
        "Buy GOOG when RSI < 30, sell when RSI > 70, use 50% of equity, commission 0.2%, start with 5000"
    ).require()
    for words, told in (
        ("use 100% of equity", "Position size: 100% of equity."), ("no commission", ""), ("start with 100000", "Start with $100,000 in cash."),
    ):  # fmt: skip
        edit = edit_by_rules(strategy, words)
        assert edit is not None
        assert [c["is"] for c in edit.changes] == [told]


@pytest.mark.parametrize(
    ("costs", "words", "told"),
    [
        ("spread 0.05%", "set slippage to 0.1%", "the slippage alone would make it 0.2%"),
        ("slippage 0.1%", "spread 0.05%", "the spread alone would make it 0.05%"),
        ("spread 0.05%, slippage 0.1%", "no slippage", "the slippage alone would make it 0%"),
        ("spread 0.05%", "slippage 0.1% and no spread", ["Spread: 0.2%."]),
        ("spread 0.05%", "spread 0.05% and slippage 0.1%", ["Spread: 0.25%."]),
        ("spread 0.05%", "spread 0.1%", ["Spread: 0.1%."]),
        ("slippage 0.1%", "slippage 0.3%", ["Spread: 0.6%."]),
        ("spread 0.1%", "change the spread from 0.1% to 0.2%", ["Spread: 0.2%."]),
        ("commission $5", "commission 0.1%", ["Commission: 0.1%."]),
        ("commission $5", "no commission", [""]),
        ("commission 0.1%", "commission $5 per trade", ["Fixed commission: $5."]),
    ],
)
def test_no_cost_is_lost(costs: str, words: str, told: str | list[str]) -> None:
    """Spread and slippage are one number: one that would replace the other is asked about. A commission replaces one."""
    strategy = parse_strategy(f"Buy GOOG when RSI < 30, sell when RSI > 70, {costs}").require()
    if isinstance(told, str):
        with pytest.raises(StrategyError) as caught:
            edit_by_rules(strategy, words)
        assert told in str(caught.value)
        assert caught.value.questions
    else:
        edit = edit_by_rules(strategy, words)
        assert edit is not None
        assert [c["is"] for c in edit.changes] == told


def test_a_number_that_stands_twice_is_asked_about() -> None:
    strategy = parse_strategy("Buy GOOG when RSI(30) < 30, sell when RSI(30) > 70").require()
    with pytest.raises(StrategyError) as caught:
        edit_by_rules(strategy, "change 30 to 25")
    assert caught.value.questions == (
        "Which 30 shall become 25: indicators[0].timeperiod, entry_rules[0].when.right.value?",
    )


@pytest.mark.parametrize(
    "words",
    [
        "make it moonish",
        "change RSI < 30 to RSI > 25",
        "change the moon from 30 to 25",
        "change the target from 5 to 3",
        "",
        "???",
        "🚀",
        "mach den Stopp enger",
    ],
)
def test_what_is_not_read_is_not_guessed(words: str) -> None:
    assert edit_by_rules(STRATEGY, words) is None


@settings(max_examples=examples(30), deadline=None)
@given(strategies())
def test_any_strategy_can_have_its_stop_changed(strategy: CanonicalStrategy) -> None:
    """A change of one part leaves every other part as it was."""
    edit = edit_by_rules(strategy, "make the stop 7.25%")
    assert edit is not None
    before, after = strategy.model_dump(), edit.strategy.model_dump()
    assert after["risk"]["stop_loss"] == {"type": "percent", "value": 7.25}
    for data in (before, after):
        data["risk"].pop("stop_loss")
        for name in ("provenance", "parameters"):
            data.pop(name)
    used = [i for i in before["indicators"] if i in after["indicators"]]
    assert after["indicators"] == used
    before.pop("indicators")
    after.pop("indicators")
    assert after == before


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (Operation(op="replace", path="/provenance/original_text", value='"x"'), "is no part that a change may touch"),
        (Operation(op="replace", path="/risk/stop_loss", value="{"), "is not JSON"),
        (Operation(op="remove", path="/entry_rules/7"), "does not fit"),
        (Operation(op="add", path="/risk/luck", value="7"), "luck"),
    ],
)
def test_patches_of_a_model_that_cannot_be(operation: Operation, said: str) -> None:
    with pytest.raises(StrategyError) as caught:
        patched(STRATEGY, Patch(operations=[operation]))
    assert said in str(caught.value) + str(caught.value.details)


@pytest.mark.parametrize(
    ("message", "intent", "symbols", "since"),
    [
        ("Buy when RSI < 30, sell when RSI > 70", "create", (), ""),
        ("make the stop 3% and only trade Mondays", "change", (), ""),
        ("test it on MSFT since 2005", "backtest", ("MSFT",), "2005-01-01"),
        ("please run it from 2006-02-03", "backtest", (), "2006-02-03"),
        ("compare it on AAPL and MSFT", "compare", ("AAPL", "MSFT"), ""),
        ("why no trade on 2007-03-01?", "explain", (), ""),
        ("what does the strategy do?", "explain", (), ""),
        ("deploy it", "deploy", (), ""),
        ("yes", "confirm", (), ""),
        ("optimise the RSI period", "optimise", (), ""),
        ("search for momentum strategies", "research", (), ""),
        ("hello", "small_talk", (), ""),
        ("how did it go?", "status", (), ""),
        ("use the rules' reading", "choose", (), ""),
        ("und jetzt?", "", (), ""),
        ("Someone wrote me a long letter and in the midst of it he says that one could deploy it", "", (), ""),
    ],
)
def test_intents(message: str, intent: str, symbols: tuple[str, ...], since: str) -> None:
    found = wanted(message, has_strategy=True)
    assert (found.intent, found.symbols, str(found.since or "")) == (intent, symbols, since)


@pytest.mark.parametrize(
    ("message", "unread"),
    [
        ("test it on MSFT since 2005", ""),
        ("please run it again from 2006-02-03 to 2010", ""),
        ("compare it on AAPL and MSFT", ""),
        ("which one is better?", ""),
        ("test it on MSFT with a 3% stop", "3% stop"),
        ("run it weekly", "weekly"),
        ("compare it on AAPL and MSFT without costs", "without costs"),
        ("compare them by drawdown", "by drawdown"),
        ("please list my strategies again.", ""),
        ("list my strategies on GOOG", "GOOG"),
        ("show me my runs that won", "won"),
    ],
)
def test_no_word_of_an_order_is_lost(message: str, unread: str) -> None:
    assert wanted(message, has_strategy=True).unread == unread
