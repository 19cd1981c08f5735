"""Trading days and hours of exchanges: those that are kept in a file are those exchange_calendars tells."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from Backtest.market import venue_hours
from Backtest.market.venue_hours import hours_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where hours are kept during a test: nothing is, at first."""
    monkeypatch.setattr(venue_hours, "cache_folder", lambda name: tmp_path)
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    for kept in (venue_hours._all_hours_of, hours_of):
        kept.cache_clear()


@pytest.mark.parametrize(
    ("venue", "first", "last"),
    [("XNYS", 1970, 1971), ("XNYS", 2004, 2013), ("XNYS", 2100, 2100), ("XTKS", 1997, 1999), ("XBOM", 2020, 2026)],
)
def test_the_hours_of_some_years_are_those_computed_for_them(venue: str, first: int, last: int) -> None:
    for kept, computed in zip(
        hours_of(venue, first, last), venue_hours._computed(venue, f"{first}-01-01", f"{last}-12-31"), strict=True
    ):
        assert kept.dtype == computed.dtype
        np.testing.assert_array_equal(kept, computed)


def test_years_that_are_not_kept_are_computed() -> None:
    days = hours_of("XNYS", 2099, 2102)[0]
    assert (days[0].year, days[-1].year) == (2099, 2102)


@pytest.mark.parametrize(("venue", "first", "last"), [("XTKS", 1996, 2000), ("XBOM", 2020, 2027), ("XHKG", 2049, 2050)])
def test_years_whose_holidays_are_not_known_are_refused(venue: str, first: int, last: int) -> None:
    with pytest.raises(ValueError, match=venue):
        hours_of(venue, first, last)


def test_a_damaged_file_is_written_again(folder: Path) -> None:
    days, opens, closes = hours_of("XETR", 2020, 2021)
    whole = (folder / "XETR.npz").read_bytes()
    for damaged in (b"", whole[:1000], whole[:5000] + b"\1" + whole[5001:]):
        (folder / "XETR.npz").write_bytes(damaged)
        forget()
        for now, then in zip(hours_of("XETR", 2020, 2021), (days, opens, closes), strict=True):
            np.testing.assert_array_equal(now, then)
        assert (folder / "XETR.npz").stat().st_size == len(whole)


def test_without_a_folder_of_ones_own_they_are_computed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(venue_hours, "cache_folder", lambda name: None)
    assert len(hours_of("XETR", 2020, 2020)[0])
    assert not list(folder.iterdir())


def test_the_next_process_needs_no_calendar_package() -> None:
    hours_of("XNYS", 2004, 2013)
    program = (
        "import sys; from Backtest.market.venue_hours import hours_of; hours_of('XNYS', 2004, 2013);"
        "assert 'exchange_calendars' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
