"""Indicators of another symbol: aligned by time, on its own bars, missing where it did not trade, and never known early."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from Backtest.backtesting_adapter import run_backtest_from_canonical
from Backtest.canonical import CanonicalStrategy, make_indicator
from Backtest.code.generator import generate_code
from Backtest.data import PriceData, PriceRequest
from Backtest.data_manager import DataManager
from Backtest.decision import compute_indicators
from Backtest.diagnostics import load_canonical
from Backtest.errors import DataError
from Backtest.indicators import PRICE_COLUMNS, REGISTRY
from Backtest.kernel import Kernel
from Backtest.market.others import aligned, other_bars
from Backtest.sandbox import Sandbox
from Backtest.verification.lookahead import check_lookahead
from tests.Backtest.parity import difference
from tests.Backtest.test_figures import fx_hours
from tests.Backtest.test_periods import exchange, exchange_days, walk
from tests.explore import examples
from tests.written import assert_clean

Node = dict[str, Any]


def numbered(index: pd.DatetimeIndex, first: float = 1) -> pd.DataFrame:
    """Bars whose close is their number, so that it tells which one is shown."""
    close = np.arange(len(index)) + first
    columns = {
        "Open": close,
        "High": close + 0.5,
        "Low": close - 0.5,
        "Close": close,
        "Volume": np.full(len(index), 5.0),
    }
    return pd.DataFrame(columns, index.as_unit("us"))


def shown(main: pd.DatetimeIndex, other: pd.DatetimeIndex) -> list[float]:
    return aligned(numbered(main, 1000), "SPY", numbered(other))["SPY.Close"].tolist()


def strategy(indicators: list[Node], left: Node, right: Node, **more: Any) -> CanonicalStrategy:
    rule = {"when": {"type": "compare", "left": left, "op": ">", "right": right}}
    risk = {"max_bars": 3, "stop_loss": {"type": "percent", "value": 5}}
    return load_canonical({"indicators": indicators, "entry_rules": [rule], "risk": risk, **more}).require()


def ref(name: str, output: str | None = None) -> Node:
    return {"type": "indicator", "id": name, "output": output}


def price(column: str) -> Node:
    return {"type": "price", "column": column}


NAN = float("nan")


# -- Alignment, by hand ------------------------------------------------------------------------


def test_days_show_the_bar_of_their_date() -> None:
    """Of a coin that trades on all days, beside an exchange that was closed at the weekend and on Martin Luther King's day, January 15."""
    main = pd.date_range("2024-01-11", "2024-01-17", freq="D")
    found = shown(main, pd.DatetimeIndex(["2024-01-10", "2024-01-11", "2024-01-12", "2024-01-16", "2024-01-17"]))
    np.testing.assert_array_equal(found, [2, 3, NAN, NAN, NAN, 4, 5])


def test_a_holiday_of_what_is_traded_is_a_bar_less() -> None:
    """London was closed on August 26, 2024, New York was not."""
    main = pd.DatetimeIndex(["2024-08-23", "2024-08-27"])
    frame = aligned(numbered(main), "SPY", numbered(pd.DatetimeIndex(["2024-08-23", "2024-08-26", "2024-08-27"])))
    assert frame["SPY.Close"].tolist() == [1, 3]
    assert frame["SPY.Bar"].tolist() == [0, 2]


def test_weeks_show_the_bar_of_their_week() -> None:
    """One provider dates a week by its Monday, another by its Friday."""
    main = pd.date_range("2024-01-01", periods=5, freq="W-MON")
    np.testing.assert_array_equal(
        shown(main, pd.date_range("2024-01-12", periods=3, freq="W-FRI")), [NAN, 1, 2, 3, NAN]
    )


def test_bars_within_days_show_the_last_that_has_ended() -> None:
    """Hours of a coin in UTC beside hours of New York that begin at half past: 9:30 there is 14:30 UTC, and its bar ends at 15:30."""
    main = pd.date_range("2024-01-12 13:00", "2024-01-13 02:00", freq="h", tz="UTC")
    other = exchange("2024-01-10", "2024-01-16", 60)
    found = pd.Series(shown(main, other), main.tz_convert("America/New_York").strftime("%H:%M"))
    assert found[["08:00", "09:00"]].isna().all()  # nothing of that day had ended
    of_day = other.get_loc(pd.Timestamp("2024-01-12 09:30", tz="America/New_York")) + 1
    assert found["10:00":"15:00"].tolist() == [of_day + k for k in range(6)]  # type: ignore[misc]
    assert found["16:00":"20:00"].tolist() == [of_day + 6] * 5  # type: ignore[misc] # the bar of 15:30, held


def test_a_saturday_shows_nothing() -> None:
    main = pd.date_range("2024-01-13 06:00", "2024-01-15 12:00", freq="h", tz="UTC")  # Monday was a holiday
    assert np.isnan(shown(main, exchange("2024-01-10", "2024-01-16", 60))).all()


def test_each_bar_counts_once_where_it_is_shown_often() -> None:
    main = pd.date_range("2024-01-12 13:00", "2024-01-17 23:00", freq="h", tz="UTC")
    other = exchange("2024-01-10", "2024-01-17", 60)
    frame = aligned(numbered(main), "SPY", numbered(other))
    bars, count = other_bars(frame, "SPY")
    assert bars["Close"].is_unique
    assert len(bars) == 7 * 3
    item = make_indicator("SMA", timeperiod=3, symbol="SPY")
    found = compute_indicators(strategy([item.model_dump()], price("Close"), ref(item.id)), frame)[item.id][0]
    expected = np.append(NAN, bars["Close"].rolling(3).mean().to_numpy())[count]
    np.testing.assert_allclose(found, expected)
    assert np.isnan(found[count == 0]).all()


def test_times_of_which_one_bears_a_zone_cannot_be_brought_together() -> None:
    main = pd.date_range("2024-01-12 13:00", periods=30, freq="h")
    with pytest.raises(DataError, match="The times of these bear no zone and those of SPY do"):
        shown(main, exchange("2024-01-10", "2024-01-16", 60))


# -- Indicators --------------------------------------------------------------------------------


def test_an_average_of_another_symbol_is_that_of_its_closes() -> None:
    days = exchange_days("2023-01-03", "2024-06-28")
    main, other = walk(days, 1), walk(days, 2)
    item = make_indicator("SMA", timeperiod=50, symbol="SPY")
    assert item.id == "SMA_50_SPY"
    found = compute_indicators(strategy([item.model_dump()], price("Close"), ref(item.id)), aligned(main, "SPY", other))
    np.testing.assert_allclose(found[item.id][0], other["Close"].rolling(50).mean(), rtol=1e-9)


def test_weeks_of_another_symbol_are_complete_with_its_own_last_day() -> None:
    """A coin's week ends on Sunday, that of the exchange on Friday, or on Thursday before Good Friday."""
    days = exchange_days("2023-09-01", "2024-04-12")
    frame = aligned(numbered(pd.date_range("2023-09-01", "2024-04-12", freq="D")), "SPY", numbered(days))
    item = make_indicator("SMA", timeperiod=1, symbol="SPY", timeframe="1wk")
    found = pd.Series(compute_indicators(strategy([item.model_dump()], price("Close"), ref(item.id)), frame)[item.id][0], frame.index)  # fmt: skip
    closes = pd.Series(np.arange(len(days)) + 1.0, days)
    assert found["2024-03-21"] == closes["2024-03-15"]
    assert found["2024-03-22"] == closes["2024-03-22"]
    assert np.isnan(found["2024-03-23"])  # a Saturday
    assert found["2024-03-28"] == closes["2024-03-28"]


def test_a_ratio_of_two_symbols_has_an_average() -> None:
    days = exchange_days("2023-01-03", "2024-06-28")
    main, other = walk(days, 1), walk(days, 2)
    spy = {"name": "SERIES", "id": "spy", "symbol": "SPY", "operand": price("Close")}
    strength = {"name": "SERIES", "id": "strength", "operand": {"type": "math", "left": price("Close"), "op": "/", "right": ref("spy")}}  # fmt: skip
    mean = {"name": "SMA", "id": "mean", "source": "strength", "timeperiod": 20}
    found = strategy([spy, strength, mean], ref("strength"), ref("mean"))
    assert "(Close / Close of SPY) is above SMA(20) of (Close / Close of SPY)" in found.describe()
    values = compute_indicators(found, aligned(main, "SPY", other))
    ratio = main["Close"] / other["Close"]
    np.testing.assert_allclose(values["strength"][0], ratio)
    np.testing.assert_allclose(values["mean"][0], ratio.rolling(20).mean(), rtol=1e-9)


def test_what_is_made_of_another_symbol_is_made_of_that_alone() -> None:
    listed = [{"name": "RSI"}, {"name": "SMA", "source": "RSI_14", "symbol": "SPY"}]
    rule = {"when": {"type": "compare", "left": price("Close"), "op": ">", "right": price("Open")}}
    loaded = load_canonical({"indicators": listed, "entry_rules": [rule], "risk": {"max_bars": 3}})
    assert "is computed on what is traded" in loaded.errors[0].message


def test_a_plain_strategy_keeps_its_hash() -> None:
    found = strategy([{"name": "RSI"}], price("Close"), ref("RSI_14"))
    assert "symbol" not in found.trading_core()["indicators"][0]
    spy = strategy([{"name": "RSI", "id": "RSI_14", "symbol": "SPY"}], price("Close"), ref("RSI_14"))
    assert spy.content_hash() != found.content_hash()


@pytest.mark.parametrize(
    ("more", "code"),
    [({"symbols": ["SPY"]}, "own_symbol"), ({"execution": {"trade_on_close": True}}, "close_of_another")],
)
def test_what_is_warned_of(more: Node, code: str) -> None:
    rule = {"when": {"type": "compare", "left": price("Close"), "op": ">", "right": ref("SMA_20_SPY")}}
    data = {"indicators": [{"name": "SMA", "symbol": "SPY"}], "entry_rules": [rule], "risk": {"max_bars": 3}, **more}
    assert code in [d.code for d in load_canonical(data).warnings]


# -- Prices ------------------------------------------------------------------------------------


class Files:
    """A provider of the frames it is given."""

    name = "files"

    def __init__(self, **frames: pd.DataFrame) -> None:
        self.frames = frames

    def fetch(self, request: PriceRequest) -> PriceData:
        if request.symbol not in self.frames:
            raise DataError(f"files has no symbol {request.symbol}")
        return PriceData(request.symbol, request.timeframe, self.frames[request.symbol], "files")


DAYS = exchange_days("2023-01-03", "2024-06-28")
SMA = strategy([{"name": "SMA", "symbol": "SPY", "timeperiod": 20}], price("Close"), ref("SMA_20_SPY")).model_copy(update={"symbols": ["X"]})  # fmt: skip


def asked(found: CanonicalStrategy, **frames: pd.DataFrame) -> PriceData:
    start = pd.Timestamp("2024-01-02").date()
    return DataManager([Files(**frames)]).fetch(PriceRequest("X", "1d", start, None, 100, others=found.others))


def test_the_data_manager_brings_the_other_symbol_for_the_same_dates() -> None:
    prices = asked(SMA, X=walk(DAYS, 1), SPY=walk(exchange_days("2020-01-02", "2024-12-31"), 2))
    assert prices.first == 100
    assert prices.frame["SPY.Close"].notna().all()
    assert any("Prices of SPY come from files" in note for note in prices.notes)
    alone = PriceData("X", "1d", prices.frame[list(PRICE_COLUMNS)], "files")
    assert prices.sha256() != alone.sha256()


def test_bars_that_are_not_shown_are_said() -> None:
    prices = asked(SMA, X=walk(DAYS[::2], 1), SPY=walk(DAYS, 2))
    assert any("bars of SPY fall between those of X" in note for note in prices.notes)


def test_a_symbol_nobody_has_is_named_with_its_clause_and_the_remedy() -> None:
    with pytest.raises(
        DataError, match=r"indicators\[0\] \(SMA_20_SPY\) reads the prices of SPY, and there are none"
    ) as raised:
        asked(SMA, X=walk(DAYS, 1))
    assert any("upload prices of SPY" in s for s in raised.value.suggestions)


def test_a_symbol_that_trades_on_none_of_the_days_is_refused() -> None:
    with pytest.raises(DataError, match="reads the prices of SPY"):
        asked(SMA, X=walk(DAYS, 1), SPY=walk(exchange_days("2020-01-02", "2021-12-31"), 2))


def test_prices_without_the_columns_are_refused() -> None:
    with pytest.raises(DataError, match=r"The prices come without those of SPY: the columns SPY.Open"):
        Kernel(SMA, walk(DAYS)).run()


# -- Both engines, the sandbox, and the code by itself -------------------------------------------

PAIRS = {
    "days": (exchange_days("2022-01-03", "2024-06-28"), exchange_days("2022-01-03", "2024-06-28").delete([50, 51, 200])),
    "coin": (pd.date_range("2022-01-03", "2024-06-28", freq="D"), exchange_days("2021-06-01", "2024-06-28")),
    "hours": (pd.date_range("2024-01-03", periods=1500, freq="h", tz="UTC"), exchange("2024-01-03", "2024-04-26", 60)),
    "half hours": (exchange("2024-01-03", "2024-05-31", 30), exchange("2024-01-03", "2024-05-31", 30).delete([70, 71, 72])),
    "currencies": (exchange("2021-01-04", "2021-03-26", 60), fx_hours(12, "America/New_York")),
}  # fmt: skip


class Maker:
    """Random indicators of another symbol, on coarser bars and of each other too."""

    def __init__(self, seed: int, *, intraday: bool) -> None:
        self.chance, self.intraday = random.Random(seed), intraday

    def listed(self) -> list[Node]:
        chance, found = self.chance, list[Node]()
        for k in range(chance.randint(1, 3)):
            entry = REGISTRY[chance.choice([n for n, e in REGISTRY.items() if self.intraday or not e.reads_session])]
            frames = [None, None, *(["4h"] if self.intraday else [] if entry.calendar else ["1wk"])]
            params = {"fastperiod": 3, "slowperiod": 6} if entry.name == "MACD" else {"timeperiod": 5} if any(p.name == "timeperiod" for p in entry.params) else {}  # fmt: skip
            found.append(
                {"name": entry.name, "id": f"i{k}", "symbol": "SPY", "timeframe": chance.choice(frames), **params}
            )
            if chance.random() < 0.5:
                of = f"i{k}" + (f".{entry.outputs[-1].name}" if len(entry.outputs) > 1 else "")
                found.append({"name": "WMA", "id": f"w{k}", "source": of, "timeperiod": 3, "symbol": "SPY", "timeframe": found[-1]["timeframe"]})  # fmt: skip
        return found

    def strategy(self) -> CanonicalStrategy | None:
        listed = self.listed()
        listed.append({"name": "SERIES", "id": "spy", "symbol": "SPY", "operand": price("Close")})
        listed.append({"name": "SERIES", "id": "ratio", "operand": {"type": "math", "left": price("Close"), "op": "/", "right": ref("spy")}})  # fmt: skip
        listed.append({"name": "EMA", "id": "mean", "source": "ratio", "timeperiod": 5})
        one = self.chance.choice(listed)
        outputs = REGISTRY[one["name"]].outputs if one["name"] in REGISTRY else ()
        left = ref(one["id"], outputs[0].name if len(outputs) > 1 else None)
        right = self.chance.choice([price("Close"), ref("spy"), ref("mean"), {"type": "value", "value": 1}])
        rule = {"when": {"type": "compare", "left": left, "op": self.chance.choice("<>"), "right": right}}
        more: Node = {"execution": {"fractional_unit": 1e-6}} if self.chance.random() < 0.2 else {}
        data = {"timeframe": "1h" if self.intraday else "1d", "indicators": listed, "entry_rules": [rule], "risk": {"max_bars": 3}}  # fmt: skip
        return load_canonical({**data, **more}).strategy


def pair(name: str, seed: int = 3) -> pd.DataFrame:
    main, other = PAIRS[name]
    return aligned(walk(main, seed), "SPY", walk(other, seed + 1))


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**9), name=st.sampled_from(sorted(PAIRS)))
def test_engines_trade_alike(seed: int, name: str) -> None:
    found = Maker(seed, intraday=name not in ("days", "coin")).strategy()
    if found is not None:
        assert not difference(found, pair(name), seed)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**9), name=st.sampled_from(sorted(PAIRS)), share=st.floats(0.5, 0.95))
def test_prices_to_come_change_nothing(seed: int, name: str, share: float) -> None:
    """Other prices of both symbols from a bar on, aligned anew, give the same values before it."""
    found = Maker(seed, intraday=name not in ("days", "coin")).strategy()
    if found is None:
        return
    main, other = PAIRS[name]
    cut = int(len(main) * share)
    frames = walk(main, 3), walk(other, 4)
    rng = np.random.default_rng(seed)
    later = other > main[cut - 1]
    changed = frames[0].copy(), frames[1].copy()
    changed[0].iloc[cut:] *= rng.uniform(0.5, 2, (len(main) - cut, 1))
    changed[1][later] *= rng.uniform(0.5, 2, (int(later.sum()), 1))
    before, after = (compute_indicators(found, aligned(a, "SPY", b)) for a, b in (frames, changed))
    for name_, arrays in before.items():
        for one, two in zip(arrays, after[name_], strict=True):
            np.testing.assert_allclose(one[:cut], two[:cut], rtol=1e-9)


def test_a_run_in_the_sandbox(sandbox: Sandbox) -> None:
    prices = asked(SMA, X=walk(DAYS, 2), SPY=walk(DAYS, 1))
    result = run_backtest_from_canonical(SMA, prices, sandbox=sandbox)
    ours = Kernel(SMA, prices.frame, first=prices.first).run().trades
    assert result.trades["entry_bar"].tolist() == ours["EntryBar"].tolist()
    assert len(ours) > 3


def test_the_lookahead_check_finds_nothing(sandbox: Sandbox) -> None:
    prices = PriceData("X", "1d", pair("coin"), "test")
    item = {"name": "SMA", "symbol": "SPY", "timeperiod": 3, "timeframe": "1wk"}
    found = strategy([item], price("Close"), ref("SMA_3_SPY@1wk"))
    code = generate_code(found).code
    from Backtest.backtesting_adapter import engine_settings

    report = check_lookahead(code, prices, engine_settings(found), sandbox=sandbox, generated=True, seed=1)
    assert not report.findings


def test_the_code_by_itself_reads_columns_and_says_when_they_are_missing() -> None:
    code = generate_code(SMA).code
    space: dict[str, Any] = {"__name__": "alone"}
    exec(code, space)
    frame = pair("days")
    by_hand = frame.drop(columns="SPY.Bar")
    trades = space["backtest"](by_hand).run(first_bar=100)["_trades"]
    assert trades["EntryBar"].tolist() == Kernel(SMA, frame, first=100).run().trades["EntryBar"].tolist()
    with pytest.raises(ValueError, match=r"The strategy reads SPY: add the columns SPY.Open, SPY.High"):
        space["backtest"](frame[list(PRICE_COLUMNS)]).run()


def test_the_code_is_formatted_and_linted(tmp_path: Path) -> None:
    made = [Maker(seed, intraday=seed % 2 == 0).strategy() for seed in range(80)]
    assert_clean((m for m in made if m is not None), tmp_path)
