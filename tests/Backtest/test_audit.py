"""What backtesting.py does passes the audit, whatever the strategy; a changed number does not."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from Backtest.code_check import streams
from Backtest.errors import ExecutionError
from Backtest.kernel import order_book
from Backtest.sandbox import EngineSettings, ProcessSandbox, SandboxJob, pool
from Backtest.sandbox.audit import TRADE_COLUMNS, Claim, Forged, follow, plain, settle

# Orders of every kind, in parts, several at once, both ways: nothing AlgoAgent would generate.
RESTLESS = """
import random
import pandas as pd
from backtesting import Strategy

R = random.Random({seed})


class Restless(Strategy):
    def init(self):
        self.average = self.I(lambda x: pd.Series(x).rolling({period}).mean().to_numpy(), self.data.Close)

    def next(self):
        kind, close = R.random(), self.data.Close[-1]
        try:
            if kind < 0.12:
                self.buy(size=R.choice([1, 5, 20, 0.3, 0.9]), sl=R.choice([None, close * 0.97]), tp=R.choice([None, close * 1.03]))
            elif kind < 0.2:
                self.sell(size=R.choice([1, 7, 0.3, 0.5]), sl=R.choice([None, close * 1.05]), tp=R.choice([None, close * 0.95]))
            elif kind < 0.25:
                self.buy(size=R.choice([2, 0.2]), limit=close * 0.99)
            elif kind < 0.28:
                self.sell(size=3, stop=close * 0.98)
            elif kind < 0.40 and self.trades:
                R.choice(self.trades).close(R.choice([0.3, 0.5, 1]))
            elif kind < 0.45:
                self.position.close()
            elif kind < 0.5 and self.trades:
                trade = R.choice(self.trades)
                trade.sl = close * (0.95 if trade.is_long else 1.05)
        except (ValueError, AssertionError):
            pass
"""


def market(seed: int) -> tuple[pd.DataFrame, EngineSettings, int]:
    rng, choose = np.random.default_rng(seed), random.Random(seed)
    bars = choose.choice([5, 40, 200, 600])
    close = choose.choice([100, 5000, 0.02]) * np.exp(np.cumsum(rng.normal(0, choose.choice([0.01, 0.05]), bars)))
    open_ = np.r_[close[0], close[:-1]] * np.exp(rng.normal(0, 0.005, bars))
    high = np.maximum(open_, close) * (1 + abs(rng.normal(0, 0.01, bars)))
    low = np.minimum(open_, close) * (1 - abs(rng.normal(0, 0.01, bars)))
    index = pd.date_range("2020-01-01", periods=bars, unit="us")
    frame = pd.DataFrame({"Open": open_, "High": high, "Low": low, "Close": close, "Volume": 1.0}, index=index)
    settings = EngineSettings(
        cash=choose.choice([1000, 100_000]),
        commission=choose.choice([0, 0.002, 0]),
        commission_fixed=choose.choice([0, 0, 1, 5.5]),
        spread=choose.choice([0, 0.001]),
        margin=choose.choice([1, 1, 0.2, 0.05]),
        trade_on_close=choose.random() < 0.3,
        fractional_unit=choose.choice([1, 1, 1e-3, 1e-6]),
        risk_free_rate=choose.choice([0, 0.02]),
    )
    return frame, settings, choose.choice([1, 3, 10])


@pytest.mark.parametrize("batch", range(8))
def test_every_honest_run_passes(sandbox: ProcessSandbox, batch: int) -> None:
    trades = 0
    for seed in range(batch * 15, batch * 15 + 15):
        frame, settings, period = market(seed)
        job = SandboxJob(RESTLESS.format(seed=seed, period=period), frame, settings, generated=True)
        try:
            trades += len(sandbox.run(job).trades)
        except ExecutionError as error:
            if error.exit_reason != "error":  # backtesting.py's own assertions are no forgery
                raise
    assert trades > 200


STREAMED = """
    def init(self):
        self.count = 0

    def next(self):
        self.count += 1
        seen = self.data.df["Close"].iloc[-{period}:].to_numpy()
        if list(seen) != list(self.data.Close[-{period}:]) or seen[-1] != self.data.Close.s.iloc[-1]:
            raise RuntimeError("the prices differ from themselves")
"""


@pytest.mark.parametrize("batch", range(2))
def test_bars_that_come_one_after_the_other_change_nothing(sandbox: ProcessSandbox, batch: int) -> None:
    """Orders of every kind by code that reads prices in `next` alone, with all costs, leverage and fills at the close."""
    trades = 0
    for seed in range(batch * 12, batch * 12 + 12):
        frame, settings, period = market(seed)
        settings = settings.model_copy(update={"fractional_unit": 1.0})
        code = RESTLESS.replace("{seed}", str(seed))
        start, end = code.index("    def init"), code.index("        kind, close")
        code = code[:start] + STREAMED.removeprefix("\n").replace("{period}", str(period)) + code[end:]
        assert streams(code)
        job = SandboxJob(code, frame, settings, generated=True, first=period)
        came = []
        for stream in (False, True):
            try:
                done = sandbox.run(replace(job, stream=stream))
            except ExecutionError as error:  # backtesting.py's own assertions
                came.append((error.exit_reason, error.message))
                continue
            came.append((done.trades.to_csv(), done.equity.to_csv(), done.metrics, done.begin, done.warnings))
            assert done.streamed == stream
            trades += len(done.trades)
        assert came[0] == came[1], seed
    assert trades > 200


LONG = next(seed for seed in range(99) if len(market(seed)[0]) == 600 and market(seed)[0]["Close"].min() > 50)


@pytest.fixture(scope="module")
def honest(sandbox: ProcessSandbox) -> tuple[Claim, SandboxJob]:
    """A claim that is true, as a sandbox made it, and the job it is of."""
    frame, _, _ = market(LONG)
    settings = EngineSettings(commission=0.001, spread=0.001)
    claims: list[Claim] = []
    job = SandboxJob(RESTLESS.format(seed=LONG, period=3), frame, settings, generated=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "settle", lambda claim, job: claims.append(claim) or settle(claim, job))
        sandbox.run(job)
    return claims[0], job


def refusal(claim: Claim, job: SandboxJob) -> str:
    with pytest.raises(Forged) as caught:
        settle(claim, job)
    return str(caught.value)


def test_the_claim_to_be_changed_is_true(honest: tuple[Claim, SandboxJob]) -> None:
    claim, job = honest
    seen = settle(claim, job)
    assert len(seen.trades) == len(claim.trades) > 20
    assert list(seen.equity.columns) == ["Equity", "DrawdownPct"]
    assert len(claim.decisions) > 100


@pytest.mark.parametrize("name", TRADE_COLUMNS)
def test_one_changed_number_of_a_trade_is_found(honest: tuple[Claim, SandboxJob], name: str) -> None:
    """Each number of ten trades off by the least there is, and the difference is named."""
    claim, job = honest
    column = TRADE_COLUMNS.index(name)
    for row in range(0, len(claim.trades), max(1, len(claim.trades) // 10)):
        trades = claim.trades.copy()
        was = trades[row, column]
        trades[row, column] = 1.0 if np.isnan(was) else np.nextafter(was, np.inf)
        assert refusal(replace(claim, trades=trades), job).startswith(f"trade {row}: its own engine believed {name} ")


def test_a_trade_left_out_or_told_twice_is_found(honest: tuple[Claim, SandboxJob]) -> None:
    claim, job = honest
    for row in range(0, len(claim.trades), 5):
        refusal(replace(claim, trades=np.delete(claim.trades, row, axis=0)), job)
        refusal(replace(claim, trades=np.insert(claim.trades, row, claim.trades[row], axis=0)), job)


def test_changed_equity_is_found(honest: tuple[Claim, SandboxJob]) -> None:
    claim, job = honest
    for bar in range(0, len(claim.equity), 7):
        equity = claim.equity.copy()
        equity[bar] = np.nextafter(equity[bar], np.inf)
        assert f"at bar {bar}," in refusal(replace(claim, equity=equity), job)


def test_what_was_decided_makes_the_result(honest: tuple[Claim, SandboxJob]) -> None:
    """Without the first order, or with one of another size, everything is another run: what is claimed of it is not believed."""
    claim, job = honest
    first = int(np.flatnonzero(claim.decisions[:, order_book.ACTION] == order_book.ORDER)[0])
    refusal(replace(claim, decisions=np.delete(claim.decisions, first, axis=0)), job)
    larger = claim.decisions.copy()
    larger[first, order_book.SIZE_] = 3.0
    refusal(replace(claim, decisions=larger), job)


FLAT = pd.DataFrame(
    dict.fromkeys(("Open", "High", "Low", "Close"), [100.0] * 10) | {"Volume": 1.0},
    pd.date_range("2024-01-01", periods=10),
)
BUY, NAN = (3, 0, order_book.ORDER, -1, 10), float("nan")


@pytest.mark.parametrize(
    ("decisions", "said"),
    [
        ([(3, 0, order_book.CLOSE, 0, 1)], "not there"),
        ([BUY, (4, 0, order_book.CLOSE, 1, 1)], "not there"),
        ([BUY, (4, 0, order_book.CANCEL, 0)], "not there"),  # it was filled at the open of bar 4
        ([BUY, (3, 0, order_book.CANCEL, 0), (3, 0, order_book.CANCEL, 0)], "decision 2"),
        ([BUY, (4, 0, order_book.SET_STOP, 7, 90)], "not there"),
        ([BUY, (2, 0, order_book.ORDER, -1, 10)], "could have been"),  # dated before the one before it
        ([(0, 0, order_book.ORDER, -1, 10)], "could have been"),  # before the strategy began
        ([BUY, (4, 1, order_book.ORDER, -1, 10)], "could have been"),  # in the middle of a bar
        ([BUY, (4, 1, order_book.CLOSE, 0, 1)], "could have been"),
        (
            [BUY, (4, 1, order_book.SET_STOP, 0, 90), (5, 1, order_book.SET_STOP, 0, 95)],
            "could have been",
        ),  # not just filled
        ([(3, 0, order_book.ORDER, -1, 1.5)], "can be placed"),
        ([(3, 0, order_book.ORDER, -1, 0)], "can be placed"),
        ([(3, 0, order_book.ORDER, -1, NAN)], "can be placed"),
        ([(3, 0, order_book.ORDER, -1, float("inf"))], "can be placed"),
        ([(3, 0, order_book.ORDER, -1, 10, -5)], "can be placed"),  # a limit below zero
        ([(3, 0, order_book.ORDER, -1, 10, NAN, NAN, 101)], "can be placed"),  # a stop above a long entry
        ([(3, 0, order_book.ORDER, -1, -10, NAN, NAN, 99)], "can be placed"),
        ([BUY, (4, 0, order_book.CLOSE, 0, 1.5)], "can be placed"),
        ([BUY, (4, 0, order_book.CLOSE, 0, -1)], "can be placed"),
        ([BUY, (4, 0, order_book.SET_TARGET, 0, float("inf"))], "can be placed"),
        ([(10, 0, order_book.ORDER, -1, 10)], "after the end"),
        ([(NAN, 0, order_book.ORDER, -1, 10)], "agreed form"),
        ([(3, 0, 9, -1, 10)], "agreed form"),
        ([(3, 0, -1, -1, 10)], "agreed form"),
        ([(3.5, 0, order_book.ORDER, -1, 10)], "agreed form"),
        ([(3, 0, order_book.ORDER, 1e300, 10)], "agreed form"),
        ([BUY] * 10_001, "times a bar"),
        # Limits that wait for a price which never comes.
        ([(3, 0, order_book.ORDER, -1, 10, 50)] * 2_002, "one too many"),
        # More trades than were claimed, and more parts of one.
        ([(3, 0, order_book.ORDER, -1, 1)] * 11, "one too many"),
        ([(3, 0, order_book.ORDER, -1, 30), *[(4, 0, order_book.CLOSE, 0, 0.01)] * 11], "one too many"),
    ],
)
def test_decisions_that_cannot_be_followed(decisions: list[tuple[float, ...]], said: str) -> None:
    rows = np.array([[*d, *[NAN] * (order_book.DECISION - len(d))] for d in decisions], dtype=float)
    with pytest.raises(Forged, match=said):
        follow(rows, 1, FLAT, EngineSettings(), room=10)


def test_more_than_there_is_buys_nothing() -> None:
    """A thousand times the money, and each of many orders for all of it: the broker's rules refuse them, one after the other."""
    rows = np.full((201, order_book.DECISION), NAN)
    rows[:, :5] = BUY
    rows[0, order_book.SIZE_] = 1_000_000
    rows[1:, order_book.SIZE_] = 900
    trades, equity = follow(rows, 1, FLAT, EngineSettings(), room=10)
    assert trades[:, 0].tolist() == [900.0]
    assert set(equity) == {100_000.0}


def test_no_entry_is_filled_at_a_price_of_the_past(sandbox: ProcessSandbox) -> None:
    """An order of the last bar: backtesting.py alone would fill it at that bar's open."""
    code = "from backtesting import Strategy\nclass S(Strategy):\n    def init(self): pass\n    def next(self):\n        if len(self.data) == 40: self.buy()\n"
    frame = market(LONG)[0]
    done = sandbox.run(SandboxJob(code, frame.iloc[:40], EngineSettings(), generated=True))
    assert not len(done.trades)
    assert done.metrics["Equity Final [$]"] == 100_000


def test_plain() -> None:
    assert plain(float("nan")) is None
    assert plain(float("inf")) is None
    assert plain(pd.NaT) is None
    assert plain(3) == 3
    assert plain(pd.Timedelta(days=2)) == "2 days 00:00:00"
