"""VWAP by the session: what it is, where sessions begin, and that VWAP means it on bars finer than a day only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from Backtest.backtesting_adapter import check_data
from Backtest.canonical import history_bars
from Backtest.code.generator import generate_code
from Backtest.code.parameters import numbers
from Backtest.data import PriceData
from Backtest.data_manager import add_indicators
from Backtest.decision.series import compute_indicators
from Backtest.diagnostics import Loaded, load_canonical
from Backtest.kernel import Kernel
from Strategy.changes.edits import edit_by_rules
from Strategy.reading.older_shape import canonical_json_of
from Strategy.text_parser import parse_strategy
from tests.Backtest.parity import difference
from tests.Backtest.test_figures import fx_hours, weekdays
from tests.Backtest.test_figures import session as in_sessions

NAN = np.nan
HOLIDAYS = ("2024-09-02", "2024-11-28")
HALF_DAY = "2024-11-29"


def walk(index: pd.DatetimeIndex, seed: int = 1) -> pd.DataFrame:
    """Random prices and volumes; a bar in ten has no volume."""
    draw = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 0.003, len(index))))
    open_ = np.r_[100, close[:-1]]
    high, low = np.maximum(open_, close) * 1.002, np.minimum(open_, close) * 0.998
    volume = draw.integers(1, 9_000, len(index)) * (draw.random(len(index)) > 0.1).astype(float)
    columns = {"Open": open_, "High": high, "Low": low, "Close": close, "Volume": volume}
    return pd.DataFrame(columns, index=index.as_unit("us"))


def exchange(minutes: int) -> pd.DatetimeIndex:
    """Bars of the New York Stock Exchange from 9:30 to 16:00, and to 13:00 on the day after Thanksgiving."""
    days = pd.DatetimeIndex([d for d in weekdays("2024-08-26", 75, "1111100") if str(d.date()) not in HOLIDAYS])
    half = days == pd.Timestamp(HALF_DAY)
    whole, short = in_sessions(days[~half], range(570, 960, minutes)), in_sessions(days[half], range(570, 780, minutes))
    return whole.union(short).tz_localize("America/New_York")


def around_the_clock(minutes: int) -> pd.DatetimeIndex:
    return pd.date_range("2024-03-01", periods=9 * 1440 // minutes, freq=f"{minutes}min", tz="UTC")


def vwap(frame: pd.DataFrame) -> list[float]:
    """What AlgoAgent computes for VWAP without a period."""
    return add_indicators(frame, [{"name": "VWAP"}], "5m")["SESSION_VWAP"].tolist()


def grouped(frame: pd.DataFrame, days: Any) -> list[float]:
    """The same with pandas: money over volume, both summed up within a day."""
    money = (frame["High"] + frame["Low"] + frame["Close"]) / 3 * frame["Volume"]
    return (money.groupby(days).cumsum() / frame["Volume"].groupby(days).cumsum()).tolist()


# -- Values ------------------------------------------------------------------------------------


def test_by_hand() -> None:
    """Two days of three bars: 10 x 100, 13 x 200, 9 x 0 shares, then 20 x 0, 22 x 50, 28 x 150."""
    index = in_sessions(weekdays("2024-03-04", 2, "1111100"), range(570, 585, 5))
    typical, volume = [10.0, 13, 9, 20, 22, 28], [100.0, 200, 0, 0, 50, 150]
    frame = pd.DataFrame({"Open": typical, "High": np.add(typical, 1), "Low": np.subtract(typical, 1),
                          "Close": typical, "Volume": volume}, index=index.as_unit("us"))  # fmt: skip
    assert vwap(frame) == pytest.approx([10, 12, 12, NAN, 22, 26.5], nan_ok=True)


@pytest.mark.parametrize("minutes", [5, 30, 60])
def test_an_exchange_with_a_half_day(minutes: int) -> None:
    frame = walk(exchange(minutes))
    found = vwap(frame)
    np.testing.assert_allclose(found, grouped(frame, frame.index.date), rtol=1e-12)
    short = frame.index.normalize() == pd.Timestamp(HALF_DAY, tz=frame.index.tz)
    assert short.sum() == -(-210 // minutes)


@pytest.mark.parametrize("minutes", [5, 60])
def test_a_market_around_the_clock_begins_at_midnight(minutes: int) -> None:
    frame = walk(around_the_clock(minutes))
    np.testing.assert_allclose(vwap(frame), grouped(frame, frame.index.date), rtol=1e-12)


def test_foreign_exchange_begins_at_five_in_new_york() -> None:
    frame = walk(fx_hours(6, "America/New_York").tz_convert("UTC"))
    days = (frame.index.tz_convert("America/New_York").tz_localize(None) + pd.Timedelta(hours=7)).normalize()
    np.testing.assert_allclose(vwap(frame), grouped(frame, days), rtol=1e-12)


def test_a_first_session_without_its_beginning_has_no_value() -> None:
    frame = walk(exchange(30)).iloc[4:]
    found = vwap(frame)
    assert np.isnan(found[:9]).all()
    np.testing.assert_allclose(found[9:], grouped(frame, frame.index.date)[9:], rtol=1e-12)


def test_what_happened_in_other_sessions_does_not_matter() -> None:
    frame = walk(exchange(30))
    other = frame.copy()
    other.iloc[:13] *= 3
    other.iloc[26:] *= 0.5
    assert vwap(frame)[13:26] == vwap(other)[13:26]


def test_on_coarser_bars_it_is_made_of_those() -> None:
    frame = walk(exchange(30))
    hours = frame.groupby([frame.index.date, (np.asarray(frame.index.hour * 60 + frame.index.minute) - 570) // 60]).agg(
        {"High": "max", "Low": "min", "Close": "last", "Volume": "sum"}
    )
    expected = grouped(hours, hours.index.get_level_values(0))
    found = add_indicators(frame, [{"name": "VWAP", "timeframe": "1h"}], "30m")["SESSION_VWAP@1h"].tolist()
    assert np.isnan(found[0])  # the first hour ends with the second bar
    assert found[1] == found[2] == pytest.approx(expected[0])
    assert found[12] == pytest.approx(expected[6])  # 15:30 to 16:00, the last of the day
    assert found[13] == found[12]
    assert found[14] == pytest.approx(expected[7])


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(20, 600), around=st.booleans())
def test_it_knows_no_future(cut: int, around: bool) -> None:
    frame = walk(around_the_clock(15) if around else exchange(30))
    changed = frame.copy()
    changed.iloc[cut:] *= 1.7
    np.testing.assert_array_equal(vwap(frame)[:cut], vwap(changed)[:cut])
    np.testing.assert_array_equal(vwap(frame)[:cut], vwap(frame.iloc[:cut]))


# -- What VWAP means ---------------------------------------------------------------------------


def load(bars: str, *, ref: str, **indicator: Any) -> Loaded:
    rule = {"type": "compare", "left": {"type": "price"}, "op": ">", "right": {"type": "indicator", "id": ref}}
    data = {"timeframe": bars, "indicators": [indicator], "entry_rules": [{"when": rule}], "risk": {"max_bars": 3}}
    return load_canonical(data)


@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h", "4h"])
def test_without_a_period_it_is_the_sessions_on_bars_finer_than_a_day(timeframe: str) -> None:
    strategy = load(timeframe, ref="SESSION_VWAP", name="vwap").require()
    assert [i.name for i in strategy.indicators] == ["SESSION_VWAP"]
    assert "above session VWAP" in strategy.describe()
    assert not [
        path for path in numbers(strategy) if path.startswith("indicators.")
    ]  # nothing that a search could vary


@pytest.mark.parametrize("timeframe", ["5m", "1d", "1wk"])
def test_with_a_period_it_rolls_on_any_bars(timeframe: str) -> None:
    """So do strategies stored before there was a session VWAP: they all have their period."""
    strategy = load(timeframe, ref="VWAP_20", name="VWAP", id="VWAP_20", timeperiod=20).require()
    assert strategy.indicators[0].params == {"timeperiod": 20}
    assert "above VWAP(20)" in strategy.describe()
    again = load_canonical(strategy.model_dump(mode="json")).require()
    assert again.content_hash() == strategy.content_hash()


def test_an_id_with_a_period_is_a_period() -> None:
    strategy = load("5m", ref="VWAP_20", name="VWAP", id="VWAP_20").require()
    assert strategy.indicators[0].name == "VWAP"


@pytest.mark.parametrize("more", [{}, {"timeframe": "1wk"}])
def test_without_a_period_on_days_it_is_twenty_bars_with_a_warning(more: dict[str, str]) -> None:
    loaded = load("1d", ref="vwap", name="VWAP", id="vwap", **more)
    assert loaded.require().indicators[0].params == {"timeperiod": 20}
    (found,) = [d for d in loaded.warnings if d.code == "session_of_one_bar"]
    assert "a session has one bar, so VWAP without a period is VWAP(20)" in found.message
    again = load_canonical(loaded.require().model_dump(mode="json"))
    assert not [d for d in again.diagnostics if d.code == "session_of_one_bar"]


@pytest.mark.parametrize(("timeframe", "more"), [("1d", {}), ("1wk", {}), ("5m", {"timeframe": "1d"})])
def test_by_name_it_does_not_exist_on_days(timeframe: str, more: dict[str, str]) -> None:
    loaded = load(timeframe, ref="vwap", name="SESSION_VWAP", id="vwap", **more)
    (found,) = loaded.errors
    assert found.code == "session_of_one_bar"
    assert "VWAP(20)" in found.suggestion


def test_a_change_in_words_reads_vwap_on_the_strategys_bars() -> None:
    strategy = parse_strategy("5m bars. Buy when RSI < 30, sell when RSI > 70, stop 2%").require()
    edit = edit_by_rules(strategy, "only buy when the close is above VWAP")
    assert edit is not None
    assert {i.id for i in edit.strategy.indicators} == {"RSI_14", "SESSION_VWAP"}


def test_rules_as_strings_read_vwap_on_their_time_frame() -> None:
    data = {"timeframe": "5m", "entry_rules": ["close > VWAP"], "exit_rules": ["close < VWAP"]}
    assert [i["name"] for i in canonical_json_of(data)["indicators"]] == ["SESSION_VWAP"]


# -- Runs --------------------------------------------------------------------------------------

CROSSES = "{} bars. Buy when the close crosses above VWAP, sell when the close crosses below VWAP, stop 2%"


def prices(frame: pd.DataFrame, timeframe: str) -> PriceData:
    return PriceData("X", timeframe, frame, "test")


@pytest.mark.parametrize("timeframe", ["1h", "30m"])
def test_a_run_that_begins_within_a_session_knows_of_its_open(timeframe: str) -> None:
    """Midnight UTC is within a day of foreign exchange; the run is two days long, without a Sunday evening of its own."""
    strategy = parse_strategy(CROSSES.format(timeframe)).require()
    hours = fx_hours(8, "America/New_York").tz_convert("UTC")
    index = hours if timeframe == "1h" else hours.union(hours + pd.Timedelta(minutes=30))
    frame = walk(index)
    day = frame.index[len(frame) // 2].normalize()
    while day.day_name() != "Wednesday":
        day += pd.Timedelta(days=1)
    asked = prices(frame, timeframe).between(day.date(), day.date() + pd.Timedelta(days=1), history_bars(strategy))
    whole, part = (compute_indicators(strategy, f)["SESSION_VWAP"][0] for f in (frame, asked.frame))
    first = frame.index.get_loc(asked.start)
    assert len(asked.frame) > asked.first > 0
    np.testing.assert_array_equal(part[asked.first :], whole[first : first + len(part) - asked.first])
    assert not difference(strategy, asked.frame)


@pytest.mark.parametrize("index", [exchange(5), exchange(60), around_the_clock(5), fx_hours(6, "America/New_York")])
@pytest.mark.parametrize("more", ["", " and above the 2h VWAP"])
def test_both_engines_trade_alike(index: pd.DatetimeIndex, more: str) -> None:
    text = CROSSES.format("5m").replace("above VWAP,", f"above VWAP{more},")
    strategy, frame = (
        parse_strategy(text.replace("VWAP and above", "VWAP and the close is above")).require(),
        walk(index),
    )
    assert not difference(strategy, frame)
    assert len(Kernel(strategy, frame).run().trades) > 3


def test_the_code_runs_by_itself_with_the_days_of_the_clock() -> None:
    """Without the columns of the calendar a session is a day, which is the same for an exchange."""
    strategy, frame = parse_strategy(CROSSES.format("30m")).require(), walk(exchange(30))
    code = generate_code(strategy).code
    assert "session, _ = periods(self.data.df" in code
    space: dict[str, Any] = {"__name__": "alone"}
    exec(code, space)
    stats = space["backtest"](frame).run(first_bar=30)
    ours = Kernel(strategy, frame, first=30).run().trades
    assert stats["_trades"]["EntryBar"].tolist() == ours["EntryBar"].tolist()
    np.testing.assert_allclose(stats["_trades"]["EntryPrice"], ours["EntryPrice"], rtol=1e-12)


def test_a_run_says_what_its_sessions_are() -> None:
    strategy = parse_strategy(CROSSES.format("30m")).require()
    notes = check_data(strategy, prices(walk(exchange(30)), "30m"))
    assert "SESSION_VWAP begins anew each session: Monday to Friday, 09:30 to 16:00, holidays of XNYS" in notes


def test_history_is_five_days() -> None:
    strategy = parse_strategy(CROSSES.format("5m")).require()
    assert 5 * 288 <= history_bars(strategy) < 6 * 288
