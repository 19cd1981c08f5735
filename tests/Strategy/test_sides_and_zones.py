"""A level said of one side is asked about, as a strategy has one for both; a zone named once is that of all times."""

from __future__ import annotations

import pytest

from Backtest.canonical import Time, walk
from Strategy.text_parser import parse_strategy

ONE_SIDED = {
    "Buy MSFT when RSI < 25, hold 12 days. Short MSFT when RSI > 75, cover when RSI < 45.": ["time limit of the long side"],
    "Long IBM when CCI < -100, take profit 6%. Short IBM when CCI > 100, stop 4%. Exit longs when CCI > 0, exit shorts when CCI < 0.": ["target of the long side"],
    "Buy AAPL when RSI < 20, sell when RSI > 60. Short AAPL when RSI > 85, cover when RSI < 55. Only the shorts have a 2% stop.": ["stop of the short side"],
    "Buy AAPL when RSI < 20, sell when RSI > 60. Short AAPL when RSI > 85, cover when RSI < 55. Longs get a target of 9%": ["target of the long side"],
    "Longs: buy GOOG when MFI < 20, trailing stop 7%. Shorts: sell short when MFI > 80, exit after 6 days.": ["trailing stop of the long side"],
    "Buy IBM when RSI < 30 with a 3% stop and short IBM when RSI > 70 with a 9% target": ["stop of the long side"],
}  # fmt: skip


@pytest.mark.parametrize(("text", "asked"), ONE_SIDED.items())
def test_a_level_of_one_side_is_asked_about(text: str, asked: list[str]) -> None:
    read = parse_strategy(text)
    assert read.strategy is None
    for what in asked:
        other = "short" if "long" in what else "long"
        assert f"Shall the {what} be that of the {other} side as well?" in read.questions
    assert not [q for q in read.questions if "instead" in q]


@pytest.mark.parametrize(
    "end",
    ["Stop 6%.", "Stop 6% for all trades.", "Stop 6% on every trade."],
)
def test_a_level_behind_both_sides_is_that_of_both(end: str) -> None:
    text = f"Buy MSFT when RSI < 25, sell when RSI > 60. Short when RSI > 75, cover when RSI < 40. {end}"
    read = parse_strategy(text)
    assert read.strategy is not None, read.questions
    assert read.strategy.risk.stop_loss is not None
    assert read.strategy.risk.stop_loss.value == 6  # type: ignore[union-attr]
    assert "The stop is that of both sides" in [a.text for a in read.assumptions]


def zones(text: str) -> list[tuple[str | None, str | None]]:
    made = parse_strategy(text).require()
    rules = [rule.when for rule in (*made.entry_rules, *made.exit_rules)]
    return [(n.start, n.timezone) for rule in rules for n in walk(rule) if isinstance(n, Time)]


@pytest.mark.parametrize(
    "text",
    [
        "Buy EURUSD 1h when RSI < 35 between 7:00 and 10:00 London time, sell at 15:00",
        "Buy EURUSD 1h when RSI < 35 between 7:00 and 10:00, sell at 15:00 London time",
        "Short EURUSD 1h when RSI > 65 between 7am and 10am London time, cover when RSI < 50 or at 3pm",
    ],
)
def test_a_zone_named_once_is_that_of_all_times(text: str) -> None:
    found = zones(text)
    assert len(found) == 2
    assert {zone for _, zone in found} == {"Europe/London"}
    assert "All times are in Europe/London, which is named once" in [a.text for a in parse_strategy(text).assumptions]


def test_two_zones_and_a_time_without_one_are_asked_about() -> None:
    text = "Buy EURUSD 1h when RSI < 35 between 7:00 and 10:00 London time. Sell when RSI > 60 or at 16:00 New York time. No entries after 20:00."
    read = parse_strategy(text)
    assert read.strategy is None
    assert any("In which zone is 20:00" in question for question in read.questions)
