"""Exports that were understood wrongly in silence: each is read right, asked about or refused."""

from __future__ import annotations

from typing import Any

import pytest

from Backtest.data.importing import ImportChoices, Understood, read_file
from Backtest.errors import DataError


def read(text: str, name: str = "prices.csv", **choices: Any) -> Understood:
    return read_file(text.encode(), name, choices=ImportChoices(**choices))


def asked(found: Understood) -> dict[str, tuple[str, ...]]:
    return {question.field: question.choices for question in found.blocking}


# Columns without names -------------------------------------------------------------------------

PRICES = (
    "100.000,100.151,99.900,100.051", "100.051,100.300,100.010,100.200", "100.200,100.250,99.700,99.800",
    "99.800,100.100,99.750,100.020",
)  # fmt: skip


@pytest.mark.parametrize("volumes", [(1682971, 1500222, 1733001, 1400000), (48, 48, 48, 48), (900, 900, 900, 900), (100, 99, 101, 100)])  # fmt: skip
def test_a_volume_before_unnamed_prices_is_asked_about(volumes: tuple[int, ...]) -> None:
    text = "".join(f"2021-01-0{4 + i},{v},{p}\n" for i, (v, p) in enumerate(zip(volumes, PRICES, strict=True)))
    order = "time,volume,open,high,low,close"
    found = read(text)
    assert found.prices is None
    assert asked(found)["columns"][0] == order
    bar = read(text, columns=order).require().frame.iloc[0]
    assert bar.tolist() == [100.0, 100.151, 99.9, 100.051, volumes[0]]


def test_an_unusual_order_of_unnamed_columns_is_asked_about() -> None:
    text = "2021-01-04,12,9,10,11,500\n2021-01-05,13,10,11,12,600\n2021-01-06,14,11,12,13,700\n"
    found = read(text)
    assert asked(found) == {"columns": ("time,high,low,open,close,volume", "time,high,low,close,open,volume")}
    assert read(text, columns=asked(found)["columns"][0]).require().frame.iloc[0].tolist() == [10, 12, 9, 11, 500]


def test_a_small_volume_beside_a_high_is_not_the_low_of_unnamed_bars() -> None:
    rows = ((48, 102, 98, 99, 101), (48, 103, 99, 101, 102), (48, 104, 100, 102, 103))
    text = "".join(f"2021-01-0{4 + i},{','.join(map(str, row))}\n" for i, row in enumerate(rows))
    assert "columns" in asked(read(text))  # time, volume, high, low, open, close; Coinbase has low, high first


def test_an_adjusted_close_behind_unnamed_prices_is_no_volume() -> None:
    text = "2021-01-04,10,12,9,11,10.5,500\n2021-01-05,11,13,10,12,11.5,600\n2021-01-06,12,14,11,13,12.5,700\n"
    choices = asked(read(text))["columns"]
    assert choices == ("time,open,high,low,close,volume", "time,open,high,low,close,adj_close,volume")
    assert read(text, columns=choices[1], adjustment="none").require().frame["Volume"].tolist() == [500, 600, 700]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2), (2, 1, 0, 3)])
def test_the_usual_orders_of_unnamed_columns_need_no_question(order: tuple[int, ...]) -> None:
    text = ""
    for i in range(12):
        bar = (100 + i, 102 + i, 99 + i, 101 + i)
        text += f"2021-01-{4 + i:02},{','.join(str(bar[at]) for at in order)},{5000 + i}\n"
    found = read(text)
    assert asked(found) == {}
    assert found.require().frame.iloc[0].tolist() == [100, 102, 99, 101, 5000]
