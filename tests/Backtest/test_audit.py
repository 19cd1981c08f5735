"""What backtesting.py does passes the audit, whatever the strategy; a changed number does not."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from Backtest.code.check import streams
from Backtest.code.generator import HELPERS
from Backtest.errors import ExecutionError
from Backtest.kernel import order_book
from Backtest.sandbox import EngineSettings, ProcessSandbox, SandboxJob, SandboxResult, pool
from Backtest.sandbox.audit import TRADE_COLUMNS, Claim, Forged, follow, plain, settle

# Orders of every kind, in parts, several at once, both ways: nothing AlgoAgent would generate.
RESTLESS = """
import random
import pandas as pd
from backtesting import Strategy

R = random.Random({seed})

{protect_fills}


class Restless(Strategy):
    def protect(self, trade):
        far = R.choice([0, 0.005, 0.03])
        if far:
            trade.sl = trade.entry_price * (1 - far if trade.is_long else 1 + far)
        if R.random() < 0.5:
            trade.tp = trade.entry_price * (1.01 if trade.is_long else 0.99)

    def init(self):
        if {seed} % 2:
            protect_fills(self)
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
            elif kind < 0.34:
                order, far = R.choice([self.buy, self.sell]), [0.9, 0.98, 1, 1.01, 1.1]
                order(size=R.choice([2, 0.2]), stop=close * R.choice(far), limit=R.choice([None, close * R.choice(far)]))
            elif kind < 0.44 and self.trades:
                R.choice(self.trades).close(R.choice([0.3, 0.5, 1]))
            elif kind < 0.48:
                self.position.close()
            elif kind < 0.53 and self.trades:
                trade = R.choice(self.trades)
                trade.sl = close * (0.95 if trade.is_long else 1.05)
        except (ValueError, AssertionError):
            pass
""".replace("{protect_fills}", HELPERS["protect_fills"].strip())


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


def assert_within_their_bars(trades: pd.DataFrame, frame: pd.DataFrame, settings: EngineSettings) -> None:
    """A price that is paid or got, spread apart, is one that there was in the bar."""
    spread = np.where(trades["Size"] > 0, 1 + settings.spread, 1 - settings.spread)
    for price, bar in ((trades["EntryPrice"] / spread, trades["EntryBar"]), (trades["ExitPrice"], trades["ExitBar"])):
        low, high = (frame[name].to_numpy()[bar] for name in ("Low", "High"))
        assert ((price >= low * (1 - 1e-9)) & (price <= high * (1 + 1e-9))).all()


@pytest.mark.parametrize("batch", range(8))
def test_every_honest_run_passes(sandbox: ProcessSandbox, batch: int) -> None:
    trades = 0
    for seed in range(batch * 15, batch * 15 + 15):
        frame, settings, period = market(seed)
        job = SandboxJob(RESTLESS.format(seed=seed, period=period), frame, settings, generated=True)
        try:
            done = sandbox.run(job).trades
            trades += len(done)
            assert_within_their_bars(done, frame, settings)
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
        ([BUY] * 11_001, "times a bar"),
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


BY_HAND = """
from backtesting import Strategy
{helper}

class ByHand(Strategy):
    def protect(self, trade):
        print(len(self.data), self.data.High[-1], self.rising[-1], trade.entry_price, trade.entry_bar)
        {protect}

    def init(self):
        {init}
        self.rising = self.I(lambda: self.data.Close * 2, name="rising")

    def next(self):
        bar = len(self.data) - 1
        {next}
"""


def by_hand(
    sandbox: ProcessSandbox, bars: list[tuple[float, ...]], next_: str, protect: str = "", **settings: Any
) -> SandboxResult:
    """Run code on bars of open, high, low and close, the first of which is bar 1."""
    frame = pd.DataFrame([(100.0,) * 4, *bars], columns=["Open", "High", "Low", "Close"], dtype=float).assign(
        Volume=1.0
    )
    frame.index = pd.date_range("2020-01-01", periods=len(frame), unit="us")
    parts = {
        "helper": HELPERS["protect_fills"] if protect else "",
        "init": "protect_fills(self)" if protect else "pass",
    }
    code = BY_HAND.format(**parts, protect=protect or "pass", next=next_.replace("\n", "\n        "))
    return sandbox.run(SandboxJob(code, frame, EngineSettings(**settings), generated=True))


def fills(result: SandboxResult) -> list[tuple[float, ...]]:
    found = result.trades[["Size", "EntryBar", "EntryPrice", "ExitBar", "ExitPrice"]]
    return [tuple(row) for row in found.round(9).to_numpy().tolist()]


STILL, UP, GAP = (100, 101, 99, 100), (100, 112, 98, 110), (120, 130, 108, 125)


@pytest.mark.parametrize(
    ("order", "filled"),
    [
        # The bar after next opens at 120: stops below it are reached at the open, whatever the limit.
        ("self.buy(size=1, stop=0.01, limit=1e6)", 120),
        ("self.buy(size=1, stop=115, limit=1e6)", 120),
        ("self.buy(size=1, stop=115, limit=110)", 110),  # a limit order from the open on, which the low of 108 reaches
        ("self.buy(size=1, stop=115)", 120),
        ("self.buy(size=1, stop=125, limit=128)", 125),  # reached on the way up
        ("self.sell(size=1, stop=121, limit=0.01)", 120),
        ("self.sell(size=1, stop=110, limit=109)", 110),
        ("self.sell(size=1, stop=119)", 119),
    ],
)
@pytest.mark.parametrize("at_close", [False, True])
def test_stops_are_filled_within_the_bar(sandbox: ProcessSandbox, order: str, filled: float, at_close: bool) -> None:
    done = by_hand(sandbox, [STILL, STILL, GAP, GAP], f"if bar == 2: {order}", trade_on_close=at_close)
    assert [(row[1], row[2]) for row in fills(done)] == [(3, filled)]


def test_levels_are_given_by_what_is_known_at_the_fill(sandbox: ProcessSandbox) -> None:
    """Bar 3 opens at 100 and reaches 112; who knows it at the open would leave at 112. What is seen is bar 2, and its high 101."""
    done = by_hand(sandbox, [STILL, STILL, UP, UP], "if bar == 2: self.buy(size=1)", "trade.tp = self.data.High[-1]")
    assert done.log.split() == ["3", "101.0", "200.0", "100.0", "3"]
    assert fills(done) == [(1, 3, 100, 3, 101)]


def test_levels_of_a_fill_within_the_bar_hold_from_the_next_on(sandbox: ProcessSandbox) -> None:
    """Filled at 105 on the way up of bar 3; whether its high of 112 came after that nobody knows, so the target waits for bar 4."""
    wait = [STILL, STILL, UP, (108, 109, 107, 108), (110, 113, 109, 110)]
    done = by_hand(sandbox, wait, "if bar == 2: self.buy(size=1, stop=105)", "trade.tp = 112")
    assert done.log.split()[3:] == ["105.0", "3"]
    assert fills(done) == [(1, 3, 105, 5, 112)]


def test_an_order_is_paid_by_what_there_is_at_its_fill(sandbox: ProcessSandbox) -> None:
    """1,000 at a margin of 0.1 carry 100 shares at 100. The second 50 shares are too many at the open of bar 3, though not at its
    close of 110, when the first 60 have won 600."""
    both = "if bar == 2:\n    self.buy(size=60)\n    self.buy(size=50)"
    done = by_hand(sandbox, [STILL, STILL, (100, 110, 100, 110), STILL], both, cash=1000, margin=0.1)
    assert [row[0] for row in fills(done)] == [60]
    part = "if bar == 2:\n    self.buy(size=60)\n    self.buy(size=0.5)"  # half of what the other 40 shares need
    done = by_hand(sandbox, [STILL, STILL, (100, 110, 100, 110), STILL], part, cash=1000, margin=0.1)
    assert [row[0] for row in fills(done)] == [60, 20]


def test_the_open_comes_before_the_rest_of_a_bar(sandbox: ProcessSandbox) -> None:
    """What is to be sold at the open is, though its stop is reached later in the bar and stands first in the queue."""
    turn = "if bar == 1: self.buy(size=5, sl=99.5)\nif bar == 2: self.sell(size=8)"
    done = by_hand(sandbox, [(100, 101, 100, 100), (100, 101, 100, 100), (100, 100, 90, 91), STILL], turn)
    assert fills(done) == [(5, 2, 100, 3, 100), (-3, 3, 100, 4, 100)]


def test_a_share_is_bought_at_each_of_many_bars(sandbox: ProcessSandbox) -> None:
    """2,500 trades are open at the end, all of them honest."""
    index = pd.date_range("2010-01-01", periods=2502, unit="us")
    frame = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close", "Volume"), 10.0), index=index)
    code = "from backtesting import Strategy\nclass S(Strategy):\n    def init(self): pass\n    def next(self): self.buy(size=1)\n"
    done = sandbox.run(SandboxJob(code, frame, EngineSettings(cash=1e6), generated=True))
    assert len(done.trades) == 2500
    assert set(done.trades["ExitBar"]) == {2501}


def test_what_would_take_long_to_follow_is_refused() -> None:
    """Thousands of orders that cost too much, at each of which all open trades are looked at."""
    orders = [(1, 0, order_book.ORDER, -1, 1)] * 9_000
    orders += [(bar, 0, order_book.ORDER, -1, 1e9) for bar in range(2, 2_990) for _ in range(60)]
    rows = np.array([[*d, NAN, NAN, NAN, NAN] for d in orders])
    index = pd.date_range("2010-01-01", periods=3_000, unit="us")
    flat = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close", "Volume"), 10.0), index=index)
    with pytest.raises(Forged, match="looked at too often"):
        follow(rows, 1, flat, EngineSettings(), room=10_000)
    wait = np.array([[1, 0, order_book.ORDER, -1, 1, 5, NAN, NAN, NAN]] * 20_002)  # for a price that never comes
    with pytest.raises(Forged, match="one too many"):
        follow(wait, 1, flat, EngineSettings(), room=1)


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
