"""Files that were misread in silence: marks of thousands, clocks, years, spacings, units, zones, bad ticks."""

from __future__ import annotations

from typing import Any

import pytest

from Backtest.data.importing import ImportChoices, Understood, read_file


def read(text: str, name: str = "ACME.csv", **choices: Any) -> Understood:
    return read_file(text.encode(), name, choices=ImportChoices(**choices))


def asked(found: Understood) -> dict[str, tuple[str, ...]]:
    return {question.field: question.choices for question in found.blocking}


def first(found: Understood) -> list[float]:
    return [float(v) for v in found.require().frame.iloc[0]]


# A dot that groups thousands --------------------------------------------------------------------

SPANISH = '"Fecha","Último","Apertura","Máximo","Mínimo","Vol.","% var."\n'


@pytest.mark.parametrize(("volume", "change", "kept"), [("12,3K", "0,52%", 12_300.0), ("", "0,52%", 0.0), ("1,25M", "", 1_250_000.0)])  # fmt: skip
def test_a_decimal_comma_beside_prices_makes_their_dots_thousands(volume: str, change: str, kept: float) -> None:
    row = f'"42.469","43.210","43.612","42.105","{volume}","{change}"\n'
    found = read(SPANISH + '"03.01.2023",' + row + '"02.01.2023",' + row)
    assert first(found) == [43_210.0, 43_612.0, 42_105.0, 42_469.0, kept]


@pytest.mark.parametrize("volume", ["850", "1.500", "15000", ""])
def test_dots_before_three_digits_alone_are_asked_about(volume: str) -> None:
    text = "Datum;Erster;Hoch;Tief;Schlusskurs;Volumen\n" + "".join(
        f"0{day}.01.2023;12.345;12.410;12.300;12.381;{volume}\n" for day in (2, 3, 4)
    )
    found = read(text)
    assert asked(found) == {"decimal": (".", ",")}
    assert found.questions[0].text == "Is 12.345 12.345 (decimal .) or 12345 (decimal ,)?"
    assert first(read(text, decimal=","))[:4] == [12_345.0, 12_410.0, 12_300.0, 12_381.0]
    assert first(read(text, decimal="."))[:4] == [12.345, 12.41, 12.3, 12.381]


def test_commas_before_three_digits_are_settled_by_other_cells() -> None:
    text = "Date;Open;High;Low;Close;Vol.;Change %\n2023-01-02;43,210;43,612;42,105;42,469;12.3K;0.52%\n2023-01-03;43,210;43,612;42,105;42,469;1.5K;1.2%\n"
    assert first(read(text)) == [43_210.0, 43_612.0, 42_105.0, 42_469.0, 12_300.0]


def test_three_decimals_of_a_program_and_beside_plain_volumes_need_no_question() -> None:
    metatrader = "".join(f"2024.01.02,09:{m},151.250,151.375,151.125,151.300,40\n" for m in (30, 31, 32, 33))
    assert first(read(metatrader)) == [151.25, 151.375, 151.125, 151.3, 40]
    plain = "Date,Open,High,Low,Close,Volume\n" + "".join(
        f"2024-01-0{day},12.345,12.410,12.300,12.381,15000\n" for day in (2, 3, 4)
    )
    assert first(read(plain)) == [12.345, 12.41, 12.3, 12.381, 15_000]


def test_a_volume_has_its_own_decimal_mark() -> None:
    text = (
        'Date,Open,High,Low,Close,Vol.\n2024-01-02,10.5,11.5,9.5,10.5,"12,3K"\n2024-01-03,10.5,11.5,9.5,10.5,"2,25M"\n'
    )
    assert read(text).require().frame["Volume"].tolist() == [12_300, 2_250_000]


# An adjusted close without a name ---------------------------------------------------------------

YAHOO_ROWS = (
    ("2023-01-02", 100.0, 100.35, 99.92, 100.03, 80.02, 2756713), ("2023-01-03", 100.1, 101.5, 99.8, 101.25, 81.0, 3102288),
    ("2023-01-04", 101.3, 101.9, 100.2, 100.5, 80.4, 1988104), ("2023-01-05", 100.4, 103.1, 100.4, 102.75, 82.2, 4410020),
    ("2023-01-06", 102.5, 103.0, 101.0, 101.25, 81.0, 2500000),
)  # fmt: skip


@pytest.mark.parametrize(("order", "choice"), [((0, 1, 2, 3, 4, 5, 6), "adj_close,volume"), ((0, 1, 2, 3, 4, 6, 5), "volume,adj_close")])  # fmt: skip
def test_an_adjusted_close_below_unnamed_prices_is_proposed_beside_the_volume(
    order: tuple[int, ...], choice: str
) -> None:
    text = "".join(",".join(str(row[at]) for at in order) + "\n" for row in YAHOO_ROWS)
    other = choice.replace("adj_close", "-")
    found = read(text)
    assert asked(found) == {
        "columns": (f"time,open,high,low,close,{choice}", f"time,open,high,low,close,{other}"),
    }
    traded = read(text, columns=asked(found)["columns"][0], adjustment="none")
    assert first(traded) == [100.0, 100.35, 99.92, 100.03, 2_756_713]
    adjusted = first(read(text, columns=asked(found)["columns"][0]))
    assert adjusted[3:] == [80.02, 2_756_713]
    assert first(read(text, columns=asked(found)["columns"][1])) == [100.0, 100.35, 99.92, 100.03, 2_756_713]


def test_columns_without_names_that_are_not_used_are_said() -> None:
    text = "".join(f"2023-01-0{day},10,12,9,11,{4000 + day * day},{day % 3}\n" for day in range(1, 7))
    found = read(text)
    assert asked(found) == {}
    assert found.ignored_columns == ("column 7",)
    assert "column 7 is not used" in found.notes[0]
