"""What code that trades through a Book decides crosses the sandbox's border, and what it comes to is worked out outside."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from Backtest.backtesting_adapter import run_backtest_from_canonical
from Backtest.code.generator import generate_code
from Backtest.data import PriceData
from Backtest.errors import ExecutionError
from Backtest.kernel import actions
from Backtest.sandbox import ProcessSandbox, SandboxJob
from Backtest.sandbox.audit import FIRST_ACTION, Claim, Forged, settle
from Backtest.verification.lookahead import check_lookahead
from tests import random_orders
from tests.claims import claim_of
from tests.engines import run_code
from tests.explore import examples

SEED = 3  # of a strategy with several rules, stops and targets
DO = 2  # the column of a decision that says what is done


@pytest.fixture(scope="module")
def sandbox() -> Any:
    box = ProcessSandbox()
    yield box
    box.close()


def honest(seed: int = SEED) -> tuple[Claim, SandboxJob]:
    return claim_of(random_orders.strategy(seed), random_orders.bars(seed), 4)


@given(st.integers(0, 100_000))
@settings(max_examples=examples(60), deadline=None)
def test_what_a_book_decides_comes_to_the_same_outside(seed: int) -> None:
    try:
        claim, job = honest(seed)
    except RuntimeError as error:
        assert "too many levels" in str(error)  # noqa: PT017 - the bars of this seed hold too many levels
        return
    settled = settle(claim, job)
    assert len(settled.trades) == len(claim.trades)


def _rows(claim: Claim, do: int) -> np.ndarray[Any, Any]:
    return np.flatnonzero(claim.decisions[:, DO] == FIRST_ACTION + do)


def _tampered(claim: Claim, how: str) -> Claim:
    decisions, tickets, trades = claim.decisions.copy(), np.array(claim.tickets), claim.trades.copy()
    placed = _rows(claim, actions.PLACE)
    first = int(np.flatnonzero(decisions[placed, 0] < trades[0, 1])[-1])  # the order that the first trade came of
    match how:
        case "a better price":
            trades[0, 3] -= 0.01
        case "a trade less":
            trades = trades[1:]
        case "more equity":
            return dataclasses.replace(claim, equity=claim.equity + 1)
        case "an order less":
            decisions, tickets = np.delete(decisions, placed[first], axis=0), np.delete(tickets, first, axis=0)
        case "a ticket less":
            tickets = tickets[1:]
        case "a larger size":
            tickets[first, actions.SIZE] = 1e6
        case "a price below zero":
            tickets[0, actions.FIRST_STOP + actions.MEASURE] = 99
        case "a size that is no number":
            tickets[0, actions.SIZE] = np.nan
        case "an earlier bar":
            decisions[placed[-1], 0] = decisions[placed[0], 0] - 1
        case "a bar that never comes":
            decisions[-1, 0] = 1e6
        case "another signal":
            tickets[0, actions.SIGNAL] -= 1
        case "an unknown action":
            decisions[0, DO] = FIRST_ACTION + 17
        case "an action of another kind":
            decisions[0, DO] = 1
        case "a decision within the bar":
            decisions[0, 1] = 1
        case "a stop that is not there":
            row = decisions[placed[0]].copy()
            row[DO], row[3], row[4], row[5] = FIRST_ACTION + actions.MOVE, 9, 0, 100.0
            decisions = np.insert(decisions, placed[0], row, axis=0)
        case "too many":
            decisions = np.repeat(decisions, 20_000 // len(decisions) + 1, axis=0)
    return dataclasses.replace(claim, decisions=decisions, tickets=tickets, trades=trades)


@pytest.mark.parametrize(
    "how",
    [
        "a better price", "a trade less", "more equity", "an order less", "a ticket less", "a larger size", "a price below zero",
        "a size that is no number", "an earlier bar", "a bar that never comes", "another signal", "an unknown action",
        "an action of another kind", "a decision within the bar", "a stop that is not there", "too many",
    ],
)  # fmt: skip
def test_a_claim_that_was_tampered_with_is_refused(how: str) -> None:
    claim, job = honest()
    assert len(settle(claim, job).trades) > 2
    with pytest.raises(Forged):
        settle(_tampered(claim, how), job)


def _prices(seed: int) -> PriceData:
    frame = random_orders.bars(seed)[["Open", "High", "Low", "Close", "Volume"]]
    return PriceData("TEST", "1h", frame, "test")


def test_the_sandbox_gives_the_trades_of_the_code(sandbox: Any) -> None:
    strategy, prices = random_orders.strategy(SEED), _prices(SEED)

    result = run_backtest_from_canonical(strategy, prices, sandbox=sandbox)

    events, equity = run_code(strategy, random_orders.bars(SEED), first=result.begin)
    closing = [e for e in events if e["do"] == "filled" and e["reason"] not in ("entry", "add")]
    assert result.equity["Equity"].iloc[-1] == pytest.approx(equity[-1])
    assert len(result.trades) >= len(closing) > 2
    assert set(result.trades["exit_reason"]) <= {
        "stop_loss", "trailing_stop", "break_even", "take_profit", "exit_rule", "reversal", "max_bars", "session_end", "end_of_data",
    }  # fmt: skip


def test_code_that_an_author_changed_goes_the_same_way_and_is_refused_where_it_cheats(sandbox: Any) -> None:
    strategy = random_orders.strategy(SEED)
    code = generate_code(strategy).code
    settings_ = claim_of(strategy, random_orders.bars(SEED), 4)[1].settings
    frame = random_orders.bars(SEED)

    def run(changed: str) -> Any:
        assert changed != code
        return sandbox.run(SandboxJob(changed, frame, settings_, generated=True))

    assert len(run(code + "\n# mine\n").trades) > 2
    told = "        self.fills += (Fill(unit.number, order.side * size, paid),)"
    with pytest.raises(ExecutionError, match="The result was refused"):
        run(code.replace(told, f"        paid -= order.side\n{told}"))  # a point better
    with pytest.raises(ExecutionError, match="trades through it alone"):
        run(code.replace("        book.close_comes()", "        self.buy(size=1)\n        book.close_comes()"))


def test_another_way_through_a_bar_than_the_settings_say_is_refused() -> None:
    seed = 22  # its bars hold levels that one way reaches and another does not
    strategy = random_orders.strategy(seed)
    best = strategy.model_copy(update={"execution": strategy.execution.model_copy(update={"path": "best"})})
    claim, _ = claim_of(best, random_orders.bars(seed), 4)
    with pytest.raises(Forged):
        settle(claim, honest(seed)[1])


@pytest.mark.parametrize("seed", [3, 8])
def test_generated_code_does_not_look_ahead(seed: int, sandbox: Any) -> None:
    strategy = random_orders.strategy(seed)
    code, job = generate_code(strategy).code, honest(seed)[1]
    frame = random_orders.bars(seed, 120)
    prices = PriceData("TEST", "1h", frame[["Open", "High", "Low", "Close", "Volume"]], "test")
    report = check_lookahead(code, prices, job.settings, sandbox=sandbox, cuts=8, generated=True)
    assert not report.findings, [str(finding) for finding in report.findings]
