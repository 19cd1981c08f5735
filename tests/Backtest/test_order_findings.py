"""What is said of orders, levels and further units that cannot work, or hardly are meant."""

from __future__ import annotations

from typing import Any

import pytest

from Backtest.diagnostics import load_canonical
from Strategy.notation import read_notation

RULE = "when Close is above Open"


def found(*lines: str, first: str = "Trade on daily bars.") -> dict[str, str]:
    """Return the codes that are said of a page of notation, with their messages."""
    loaded = load_canonical(read_notation("\n".join([first, *lines])))
    return {d.code: d.message for d in loaded.diagnostics}


ORDERS = {
    f"Buy with a limit at 0 {RULE}.": "never_filled",
    f"Buy with a stop at -3 {RULE}.": "never_filled",
    f"Buy with a limit at High {RULE}.": "order_at_market",
    f"Sell short with a limit at Low {RULE}.": "order_at_market",
    f"Buy with a stop at Low {RULE}.": "order_at_market",
    f"Sell short with a stop at High {RULE}.": "order_at_market",
    f"Buy with a limit at (Low - 0.5) {RULE}.": "",
    f"Buy with a stop at High {RULE}.": "",
    f"Sell short with a limit at High {RULE}.": "",
    f"Buy at this close {RULE}.": "",
}


@pytest.mark.parametrize(("entry", "code"), ORDERS.items())
def test_orders_that_are_never_filled_or_at_once(entry: str, code: str) -> None:
    said = found(entry, "Stop loss: 5%.").keys() & {"never_filled", "order_at_market"}
    assert said == ({code} if code else set())


LEVELS = {
    (f"Buy {RULE}.", "Stop loss: at High."): "The stop of a long, at High, is never below the close of the signal",
    (
        f"Sell short {RULE}.",
        "Stop loss: at Low.",
    ): "The stop of a short, at Low, is never above the close of the signal",
    (
        f"Buy with a limit at Low {RULE}.",
        "Stop loss: at Open.",
    ): "The stop of a long, at Open, is never below the entry",
    (f"Buy {RULE}.", "Target: at Low."): "The target of a long, at Low, is never above the close of the signal",
    (f"Buy {RULE}.", "Stop loss: at Low."): "",
    (f"Buy {RULE}.\nSell short when Close is below Open.", "Stop loss: at Low or for shorts at High."): "",
    (f"Buy with a stop at High {RULE}.", "Stop loss: at Open."): "",
}


@pytest.mark.parametrize(("lines", "message"), LEVELS.items())
def test_levels_on_the_wrong_side_of_the_entry(lines: tuple[str, str], message: str) -> None:
    said = found(*lines, "Exit after 5 bars.").get("level_beyond_entry", "")
    assert said.startswith(message) if message else said == ""


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["Add every 5% against the trade, at most 3 times, 2 times the unit before."], "martingale"),
        (["Add every 5% against the trade, at most 3 times."], "averaging_down"),
        (["Target: 0.2%.", "Commission: 0.1%."], "target_in_costs"),
        (["Exit long 50% when Close is below Open."], "part_stays"),
    ],
)
def test_further_units_costs_and_portions(lines: list[str], code: str) -> None:
    more = [] if code == "part_stays" else ["Exit long when Close is below Low 1 bar ago."]
    assert code in found(f"Buy {RULE}.", *more, *lines)


def test_a_message_names_the_numbers() -> None:
    said = found(
        f"Buy {RULE}.",
        "Exit after 5 bars.",
        "Add every 5% against the trade, at most 3 times, 2 times the unit before.",
    )
    assert "the last 8 times the first" in said["martingale"]  # 2 * 2 * 2
    said = found(f"Buy {RULE}.", "Exit after 5 bars.", "Target: 0.2%.", "Commission: 0.1%.", "Spread: 0.05%.")
    assert said["target_in_costs"] == "A target of 0.2% is nearer than what a trade costs, 0.25%"


def test_what_a_plain_target_and_shifted_levels_say() -> None:
    said = found(f"Buy {RULE}.", "Exit after 5 bars.", "Take profit: 0.05%.", "Commission: 0.2%.")
    assert said["target_in_costs"] == "A target of 0.05% is nearer than what a trade costs, 0.4%"
    for beyond in ("Stop: at (High + 50).", "Target: at (Low - 50)."):
        assert "level_beyond_entry" in found(f"Buy {RULE}.", "Exit after 5 bars.", beyond)
    for fine in ("Stop: at (High - 50).", "Target: at (Low + 50)."):
        assert "level_beyond_entry" not in found(f"Buy {RULE}.", "Exit after 5 bars.", fine)


def test_a_group_of_one_order_is_warned_of() -> None:
    alone = f'Buy with a stop at High {RULE}, in group "range".'
    assert "lonely_group" in found(alone, "Stop loss: 5%.")
    assert "lonely_group" not in found(
        alone, f'Sell short with a stop at Low {RULE}, in group "range".', "Stop loss: 5%."
    )


def problem(**risk: Any) -> str:
    """Return the first error of a strategy with such a protection."""
    rule = {"when": {"type": "rising", "operand": {"type": "price"}, "bars": 2}}
    errors = load_canonical({"entry_rules": [rule], "risk": risk}).errors
    return errors[0].message if errors else ""


PERCENT = {"type": "percent", "value": 5}


@pytest.mark.parametrize(
    ("risk", "message"),
    [
        ({"targets": [{"level": PERCENT, "portion": 0.7}, {"level": PERCENT, "portion": 0.7}]}, "sum to more than 1"),
        ({"targets": [{"level": PERCENT}], "take_profit": PERCENT}, "take_profit is one target for all"),
        ({"targets": [{"level": {"type": "risk_reward", "ratio": 2}}]}, "risk_reward needs a stop loss"),
        ({"stops": [{"level": PERCENT, "follow": "level"}]}, "needs a price, not 'percent'"),
        (
            {"profit_table": [{"after_bars": 5, "level": PERCENT}, {"after_bars": 5, "level": PERCENT}]},
            "one after the other",
        ),
        ({"adds": [{"most": 2}]}, "give `when` or `every`"),
        ({"adds": [{"every": PERCENT, "most": 15}, {"every": PERCENT, "most": 15}]}, "at most 16 units"),
    ],
)
def test_protection_that_says_too_much_or_too_little_is_refused(risk: dict[str, Any], message: str) -> None:
    assert message in problem(**risk)
