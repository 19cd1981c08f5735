"""What the oracle reads, and what it refuses to guess."""

from __future__ import annotations

import pytest

from tests.oracle.expressions import average_true_range, holds, price
from tests.oracle.prices import Bar
from tests.oracle.random_cases import Json
from tests.oracle.reading import case

BARS = (Bar(10, 12, 9, 11, 1), Bar(13, 14, 12, 12, 2), Bar(12, 13, 8, 9, 3))
ENTRY: Json = {"id": "a", "side": "long", "when": "V == 1", "size": {"units": 1}}


@pytest.mark.parametrize(
    ("text", "bar", "value"),
    [
        ("Close - 2", 0, 9),
        ("-1 + High * 2 / 4", 1, 6),
        ("lowest(Low, 2)", 1, 9),
        ("highest(High - Low, 3)", 2, 5),
        ("SMA(Close, 3) + 0.5", 2, 32 / 3 + 0.5),
        ("lowest(Low, 3)", 1, None),
        ("SMA(Close, 2) - 1", 0, None),
    ],
)
def test_price_is_that_of_its_bar_or_missing(text: str, bar: int, value: float | None) -> None:
    assert price(text, BARS, bar) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "bar", "truth"),
    [
        ("V == 2", 1, True),
        ("Close > 11 and Open <= 13", 1, True),
        ("Close > 11 or V >= 3", 2, True),
        ("not V != 1", 0, True),
        ("Low < lowest(Low, 3)", 0, False),
        ("not Low < lowest(Low, 3)", 0, False),
        ("Low < lowest(Low, 3) or V == 1", 0, True),
    ],
)
def test_condition_with_a_missing_value_does_not_fire_and_neither_does_its_negation(
    text: str, bar: int, truth: bool
) -> None:
    assert holds(text, BARS, bar) is truth


@pytest.mark.parametrize("text", ["open('x')", "Close.real", "EMA(Close, 3)", "Price", "1 if V else 2", "Close ** 2"])
def test_price_outside_the_language_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no price"):
        price(text, BARS, 2)


def test_average_true_range_is_wilders() -> None:
    # True ranges 12 - 9, 14 - 11 (from the close before), 13 - 8.
    assert average_true_range(BARS, 0, 2) is None
    assert average_true_range(BARS, 1, 2) == pytest.approx(3)
    assert average_true_range(BARS, 2, 2) == pytest.approx(3 + (5 - 3) / 2)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"stop_loss": 3}, "stop_loss"),
        ({"risk": {"stop": {"points": 3, "after": 2}}}, "too many values"),
        ({"order": {"type": "iceberg"}}, "iceberg"),
        ({"order": {"life": {"days": 1}}}, "days"),
        ({"adds": {"size": {"units": 1}, "max_units": 2}}, "both or neither"),
    ],
)
def test_field_that_nobody_knows_is_refused(changed: Json, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        case({"strategy": {"entries": [{**ENTRY, **changed}]}, "bars": []})


def test_bar_whose_close_lies_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="between low and high"):
        Bar(10, 11, 9, 12)
