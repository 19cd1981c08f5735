"""Columns and times of exports that were not read: older clocks, German volumes, zones of headers, months and years."""

from __future__ import annotations

import pytest

from Backtest.data.importing import ImportChoices, read_file

BAR = "10,12,9,11"


def rows(header: str, times: list[str], tail: str = "") -> bytes:
    return "\n".join([header, *(f"{t},{BAR}{tail}" for t in times)]).encode()


def test_the_older_hours_of_cryptodatadownload() -> None:
    times = ["2019-07-02 01-AM", "2019-07-02 12-AM", "2019-07-01 11-PM", "2019-07-01 10-PM", "2019-07-01 12-PM"]
    found = read_file(
        rows("Date,Open,High,Low,Close", times), "BTC.csv", choices=ImportChoices(timeframe="1h")
    ).require()
    assert [str(t)[:16] for t in found.frame.index] == [
        "2019-07-01 12:00", "2019-07-01 22:00", "2019-07-01 23:00", "2019-07-02 00:00", "2019-07-02 01:00",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["Stücke", "Stuecke", "Stück"])
def test_german_volumes(name: str) -> None:
    days = [f"2024-01-0{d}" for d in range(2, 6)]
    found = read_file(rows(f"Datum,Eröffnung,Hoch,Tief,Schluss,{name}", days, ",7"), "A.csv", choices=ImportChoices())
    assert found.require().frame["Volume"].tolist() == [7.0] * 4
    unknown = read_file(rows("Date,Open,High,Low,Close,Foo", days, ",7"), "A.csv", choices=ImportChoices())
    assert any("volume" in note for note in unknown.notes)


@pytest.mark.parametrize(("header", "zone"), [("Time (EET)", "EET"), ("Time (UTC)", "UTC"), ("Date [ET]", "America/New_York"), ("Time (Europe/Berlin)", "Europe/Berlin")])  # fmt: skip
def test_the_zone_of_a_header(header: str, zone: str) -> None:
    hours = [f"2024-07-01 {h:02}:00" for h in range(5, 20)]
    found = read_file(rows(f"{header},Open,High,Low,Close", hours), "A.csv", choices=ImportChoices())
    assert found.timezone == zone
    assert str(found.require().frame.index.tz) == zone  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("header", "times", "first"),
    [("Month", ["2023-01", "2023-02", "2023-03", "2023-04"], "2023-01-01"), ("Year", ["2000", "2001", "2002", "2003"], "2000-01-01")],
)  # fmt: skip
def test_months_and_years(header: str, times: list[str], first: str) -> None:
    found = read_file(rows(f"{header},Open,High,Low,Close", times), "A.csv", choices=ImportChoices())
    if found.prices is None:  # years are no time frame of ours; they are at least not taken for seconds
        raise AssertionError((found.questions, found.warnings))
    assert str(found.prices.frame.index[0])[:10] == first


def test_of_volumes_in_two_currencies_the_coins_is_taken() -> None:
    text = "Date,Open,High,Low,Close,Volume USD,Volume BTC\n2024-01-02,40,42,39,41,8200,200\n2024-01-03,41,43,40,42,8400,201\n"
    found = read_file(text.encode(), "BTCUSD.csv").require()
    assert found.frame["Volume"].tolist() == [200, 201]


def test_the_last_second_of_a_bar_is_not_its_start() -> None:
    body = "".join(f"2024-01-16 {hour}:59:59,40,42,39,41,5\n" for hour in (10, 11, 12, 13))
    found = read_file(f"time,open,high,low,close,volume\n{body}".encode(), "XYZ.csv")
    assert str(found.require().frame.index[0]) == "2024-01-16 10:00:00"
    assert any("10:59:59" in note and "10:00:00" in note for note in found.notes)


@pytest.mark.parametrize(
    "times", [("2024-01-16", "2024-01-17", "2024-01-18"), ("1705363200", "1705449600", "1705536000")]
)
def test_the_column_of_times_may_stand_last(times: tuple[str, ...]) -> None:
    body = "".join(f"40,42,39,41,5,3,40.5,{time}\n" for time in times)
    found = read_file(f"open,high,low,close,volume,trades,vwap,time\n{body}".encode(), "XYZ.csv").require()
    assert [str(day.date()) for day in found.frame.index] == ["2024-01-16", "2024-01-17", "2024-01-18"]
    assert found.frame["Volume"].tolist() == [5, 5, 5]
