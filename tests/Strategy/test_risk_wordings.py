"""Stops, targets, sizes and costs, in the words traders have for them."""

from __future__ import annotations

from typing import Any

import pytest

from Strategy.text_parser import parse_strategy

TABLE: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"stop_loss": {"type": "percent", "value": 5}},
        [
            "stop 5%",
            "5% stop",
            "stop loss 5%",
            "stop-loss of 5%",
            "with a 5% stop loss",
            "stop loss at 5%",
            "SL 5%",
            "SL: 5%",
            "stoploss 5 percent",
            "stop out at -5%",
            "stop at 5% below entry",
            "stop 5% below the entry price",
            "place a stop 5% under entry",
            "use a five percent stop",
            "cut losses at 5%",
            "cut the loss at 5%",
            "max loss 5%",
            "exit if it loses 5%",
            "sell if price falls 5% below entry",
            "exit if down 5%",
            "get out at a 5% loss",
            "stop loss: 5%",
            "protective stop of 5%",
            "hard stop at 5%",
            "limit losses to 5%",
            "stop loss = 5%",
            "5 % stop",
            "initial stop 5%",
        ],
    ),
    (
        {"take_profit": {"type": "percent", "value": 10}},
        [
            "target 10%",
            "take profit 10%",
            "take profit at 10%",
            "TP 10%",
            "10% profit target",
            "profit target of 10%",
            "take profits at +10%",
            "exit with a 10% gain",
            "sell when up 10%",
            "exit at 10% profit",
            "take-profit: 10%",
            "target of 10 percent",
            "cash out at 10% profit",
            "book profit at 10%",
            "sell at a 10% profit",
            "exit when profit reaches 10%",
            "10% target",
            "price target 10% above entry",
            "sell if it gains 10%",
            "take gains at 10%",
        ],
    ),
    (
        {"trailing_stop": {"type": "percent", "value": 8}},
        [
            "trailing stop 8%",
            "8% trailing stop",
            "trail the stop by 8%",
            "trailing stop of 8 percent",
            "use a trailing stop loss of 8%",
            "trailing stop at 8%",
            "trail 8%",
            "with an 8% trailing stop",
            "trailing SL 8%",
            "trail by 8%",
        ],
    ),
    (
        {"stop_loss": {"type": "atr", "multiple": 2, "timeperiod": 14}},
        [
            "stop 2 ATR",
            "2 ATR stop",
            "stop loss at 2x ATR",
            "stop 2*ATR",
            "stop at 2 times the ATR",
            "2xATR stop",
            "ATR stop of 2",
            "stop loss of 2 ATRs",
            "stop two ATR below entry",
            "use a 2 ATR stop loss",
            "stop 2 ATR(14)",
            "2 x ATR(14) stop",
            "stop loss 2 times ATR 14",
        ],
    ),
    ({"stop_loss": {"type": "atr", "multiple": 1.5, "timeperiod": 10}}, ["stop 1.5 ATR(10)"]),
    (
        {"trailing_stop": {"type": "atr", "multiple": 3, "timeperiod": 14}},
        [
            "trailing stop 3 ATR",
            "3 ATR trailing stop",
            "trail by 3 ATR",
            "trailing stop of 3x ATR",
            "chandelier stop 3 ATR",
        ],
    ),
    (
        {"take_profit": {"type": "atr", "multiple": 3, "timeperiod": 14}},
        ["target 3 ATR", "take profit at 3 ATR", "3 ATR target", "profit target of 3 times ATR"],
    ),
    (
        {"stop_loss": {"type": "percent", "value": 5}, "take_profit": {"type": "risk_reward", "ratio": 2}},
        [
            "stop 5%, target 2R",
            "stop 5%, risk reward 1:2",
            "stop 5% with a 2:1 reward to risk ratio",
            "stop 5%, take profit at twice the risk",
            "stop 5% and a risk/reward of 1:2",
            "stop 5%, RR 2",
            "stop 5%, 2:1 reward/risk",
            "5% stop and a 2R target",
            "stop 5%, target twice the stop",
            "stop 5%, reward:risk 2:1",
        ],
    ),
    (
        {"max_bars": 10},
        [
            "hold for 10 days",
            "exit after 10 days",
            "max holding period 10 days",
            "time stop of 10 days",
            "sell after 10 bars",
            "hold at most 10 days",
            "close after ten days",
            "exit after 10 trading days",
            "hold 10 bars",
            "maximum holding time: 10 days",
            "get out after 10 sessions",
            "time exit after 10 bars",
            "sell 10 days later",
        ],
    ),
    (
        {"cooldown_bars": 3},
        [
            "wait 3 days after an exit, stop 5%",
            "cooldown 3 bars, stop 5%",
            "cool down of 3 days, stop 5%",
            "wait 3 bars between trades, stop 5%",
            "3 day cooldown, stop 5%",
            "no new trade for 3 days after an exit, stop 5%",
            "pause 3 bars after each trade, stop 5%",
        ],
    ),
    (
        {"position_size": {"type": "percent_of_equity", "value": 25}},
        [
            "use 25% of equity, stop 5%",
            "position size 25%, stop 5%",
            "size 25%, stop 5%",
            "25% of capital per trade, stop 5%",
            "invest 25% of the account, stop 5%",
            "allocate 25% of equity to each trade, stop 5%",
            "position size: 25% of equity, stop 5%",
            "bet 25% of my account, stop 5%",
            "each position is 25% of equity, stop 5%",
            "trade with 25% of capital, stop 5%",
            "25% position size, stop 5%",
        ],
    ),
    (
        {"position_size": {"type": "risk_percent", "value": 1}},
        [
            "risk 1% per trade, stop 5%",
            "risk 1% of equity per trade, stop 5%",
            "risking 1% of capital, stop 5%",
            "1% risk per trade, stop 5%",
            "risk one percent on each trade, stop 5%",
            "risk per trade 1%, stop 5%",
            "risk 1 percent of the account, stop 5%",
            "each trade risks 1%, stop 5%",
            "position sizing: 1% risk, stop 5%",
            "size positions to risk 1%, stop 5%",
        ],
    ),
    (
        {"position_size": {"type": "fixed_units", "value": 100}},
        [
            "buy 100 shares",
            "trade 100 shares, stop 5%",
            "100 shares per trade, stop 5%",
            "position size 100 shares, stop 5%",
            "size: 100 units, stop 5%",
            "use 100 shares, stop 5%",
            "fixed size of 100 shares, stop 5%",
        ],
    ),
    (
        {"position_size": {"type": "fixed_cash", "value": 5000}},
        [
            "invest $5000 per trade, stop 5%",
            "$5,000 per trade, stop 5%",
            "use 5000 dollars per trade, stop 5%",
            "position size $5000, stop 5%",
            "put $5k in each trade, stop 5%",
            "trade size $5000, stop 5%",
        ],
    ),
    (
        {"commission": 0.001},
        [
            "commission 0.1%, stop 5%",
            "0.1% commission, stop 5%",
            "fees of 0.1% per trade, stop 5%",
            "commission of 10 bps, stop 5%",
            "commissions 0.1 percent, stop 5%",
            "with 0.1% fees, stop 5%",
        ],
    ),
    ({"commission_fixed": 1}, ["$1 commission per trade, stop 5%", "commission $1, stop 5%"]),
    ({"spread": 0.0002}, ["spread 0.02%, stop 5%", "slippage 0.01%, stop 5%"]),
    (
        {"cash": 50000},
        [
            "start with $50,000, stop 5%",
            "initial capital 50000, stop 5%",
            "starting cash of $50k, stop 5%",
            "account size 50000, stop 5%",
        ],
    ),
    (
        {"margin": 0.5},
        ["use 2x leverage, stop 5%", "leverage 2, stop 5%", "leverage 2:1, stop 5%", "margin 50%, stop 5%"],
    ),
]
CASES = [pytest.param(said, expected, id=said) for expected, several in TABLE for said in several]


@pytest.mark.parametrize(("said", "expected"), CASES)
def test_wording(said: str, expected: dict[str, Any]) -> None:
    text = (
        f"{said} when RSI < 30, stop 5%"
        if said.startswith("buy")
        else f"Buy when RSI < 30. {said[0].upper()}{said[1:]}."
    )
    strategy = parse_strategy(text).require()
    got = {**strategy.risk.model_dump(), **strategy.execution.model_dump()}
    assert {name: got[name] for name in expected} == expected
    assert not strategy.exit_rules
