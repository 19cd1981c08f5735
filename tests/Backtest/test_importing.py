"""Files as vendors export them: each is a few bars written by hand, with the bars they have to become."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from Backtest.data import PriceData
from Backtest.data.importing import ImportChoices, UnderstoodFile, read_file
from Backtest.errors import DataError

# Three bars of one stock in the days of New Year 2024; every daily file below says the same in its own words.
DAYS = ("2024-01-02", "2024-01-03", "2024-01-04")
BARS = ((10.5, 11.25, 10.25, 11.0, 1500.0), (11.0, 11.5, 10.75, 10.875, 2500.0), (10.875, 12.0, 10.5, 11.75, 3500.0))


def read(content: str | bytes, name: str = "prices.csv", **choices: Any) -> UnderstoodFile:
    return read_file(content.encode() if isinstance(content, str) else content, name, choices=ImportChoices(**choices))


def prices(content: str | bytes, name: str = "prices.csv", **choices: Any) -> PriceData:
    return read(content, name, **choices).require()


def times(data: PriceData) -> list[str]:
    return [str(time) for time in data.frame.index]


def rows(data: PriceData) -> list[tuple[float, ...]]:
    return [tuple(row) for row in data.frame.to_numpy().tolist()]


def lines(template: str, header: str = "", dates: tuple[str, ...] = DAYS) -> str:
    """Fill a line for each bar: {t} is its date, {o} {h} {l} {c} {v} its numbers."""
    body = [
        template.format(t=t, o=f"{o:.4f}", h=f"{h:.4f}", l=f"{low:.4f}", c=f"{c:.4f}", v=int(v))
        for t, (o, h, low, c, v) in zip(dates, BARS, strict=True)
    ]
    return "\n".join([header, *body] if header else body) + "\n"


YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume"
ADJUSTED_AV = "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient"
BINANCE = "{t},{o},{h},{l},{c},{v},{t}9,99.5,7,1.5,2.5,0"
CDD = "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume USDT,Volume BTC,tradecount"
DAY_MS = ("1704153600000", "1704240000000", "1704326400000")


GERMAN = """Datum;Eröffnung;Hoch;Tief;Schluss;Stück
02.01.2024;10,5;11,25;10,25;11;1.500
03.01.2024;11;11,5;10,75;10,875;2.500
04.01.2024;10,875;12;10,5;11,75;3.500
"""

DAILY = {
    "tradingview": ("NASDAQ_ACME, 1D.csv", lines("{t},{o},{h},{l},{c},{v},5", "time,open,high,low,close,Volume,Volume MA", ("1704205800", "1704292200", "1704378600")), "TradingView", "ACME"),
    "yahoo without adjustment": ("ACME.csv", lines("{t},{o},{h},{l},{c},{c},{v}", YAHOO), "Yahoo Finance", "ACME"),
    "yahoo web": ("x.csv", lines("{t}\t{o}\t{h}\t{l}\t{c}\t{c}\t{v}", "Date\tOpen\tHigh\tLow\tClose Close price adjusted for splits.\tAdj Close Adjusted close price adjusted for splits and dividend and/or capital gain distributions.\tVolume", ("Jan 2, 2024", "Jan 3, 2024", "Jan 4, 2024")), "Yahoo Finance", ""),
    "yfinance": ("x.csv", "Price,Close,High,Low,Open,Volume\nTicker,ACME,ACME,ACME,ACME,ACME\nDate,,,,,\n" + lines("{t},{c},{h},{l},{o},{v}"), "Yahoo Finance", "ACME"),
    "yfinance history": ("x.csv", lines("{t} 00:00:00-05:00,{o},{h},{l},{c},{v},0.0,0.0", "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits"), "Yahoo Finance", ""),
    "metatrader 5": ("ACME_Daily.csv", lines("{t}\t{o}\t{h}\t{l}\t{c}\t{v}\t0\t2", "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>", ("2024.01.02", "2024.01.03", "2024.01.04")), "MetaTrader 5", "ACME"),
    "ninjatrader": ("ACME.Last.txt", lines("{t};{o};{h};{l};{c};{v}", "", ("20240102", "20240103", "20240104")), "NinjaTrader", "ACME"),
    "binance without names": ("ACMEUSDT-1d-2024-01.csv", lines(BINANCE, "", DAY_MS), "Binance", "ACMEUSDT"),
    "binance microseconds": ("ACMEUSDT-1d-2024-01.csv", lines(BINANCE, "", tuple(t + "000" for t in DAY_MS)), "Binance", "ACMEUSDT"),
    "binance with names": ("x.csv", lines(BINANCE, "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore", DAY_MS), "Binance", ""),
    "kraken": ("ACMEUSD_1440.csv", lines("{t},{o},{h},{l},{c},{v},12", "", ("1704153600", "1704240000", "1704326400")), "Kraken", "ACMEUSD"),
    "cryptodatadownload": ("Binance_BTCUSDT_d.csv", CDD + "\n" + "\n".join(reversed(lines("{t},2024-01-02,BTCUSDT,{o},{h},{l},{c},9.5,{v},3", "", DAY_MS).split("\n")[:3])), "CryptoDataDownload", "BTCUSDT"),
    "stooq web": ("acme_us_d.csv", lines("{t},{o},{h},{l},{c},{v}", "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen"), "Stooq", "ACME"),
    "stooq bulk": ("acme.us.txt", lines("ACME.US,D,{t},000000,{o},{h},{l},{c},{v},0", "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>", ("20240102", "20240103", "20240104")), "Stooq", "ACME"),
    "alpaca": ("x.csv", lines("ACME,{t}T05:00:00Z,{o},{h},{l},{c},{v},31,{c}", "symbol,timestamp,open,high,low,close,volume,trade_count,vwap"), "Alpaca", "ACME"),
    "alpha vantage": ("x.csv", lines("{t},{o},{h},{l},{c},{c},{v},0.0,1.0", ADJUSTED_AV), "Alpha Vantage", ""),
    "nasdaq": ("HistoricalData_1.csv", lines("{t},${c},{v},${o},${h},${l}", "Date,Close/Last,Volume,Open,High,Low", ("01/02/2024", "01/03/2024", "01/04/2024")), "Nasdaq", ""),
    "investing": ("x.csv", '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"\n"01/17/2024","1,011.75","1,010.875","1,012.00","1,010.5","3.50K","8.05%"\n"01/16/2024","1,010.875","1,011","1,011.5","1,010.75","2.5K","-1%"\n', "Investing.com", ""),
    "dukascopy": ("ACME_Candlestick_1_D_BID_01.01.2024-05.01.2024.csv", lines("{t} 00:00:00.000,{o},{h},{l},{c},{v}", "Gmt time,Open,High,Low,Close,Volume", ("02.01.2024", "03.01.2024", "04.01.2024")), "Dukascopy", "ACME"),
    "german": ("x.csv", GERMAN.encode("cp1252"), "", ""),
    "utf-16": ("x.csv", lines("{t}\t{o}\t{h}\t{l}\t{c}\t{v}", "Date\tOpen\tHigh\tLow\tClose\tVolume").encode("utf-16"), "", ""),
    "utf-16 without a mark": ("x.csv", lines("{t};{o};{h};{l};{c};{v}", "Date;Open;High;Low;Close;Volume").encode("utf-16-le"), "", ""),
    "spreadsheet days": ("x.csv", lines("{t},{o},{h},{l},{c},{v}", "Date,Open,High,Low,Close,Volume", ("45293", "45294", "45295")), "", ""),
    "month names": ("x.csv", lines("{t},{o},{h},{l},{c},{v}", "Date,Open,High,Low,Close,Volume", ("02-Jan-2024", "03-Jan-24", "4 January 2024")), "", ""),
    "nanoseconds": ("x.csv", lines("{t},{o},{h},{l},{c},{v}", "timestamp,open,high,low,close,volume", tuple(t + "000000" for t in DAY_MS)), "", ""),
    "sep=": ("x.csv", "sep=;\n" + lines("{t};{o};{h};{l};{c};{v}", "Date;Open;High;Low;Close;Volume"), "", ""),
    "japanese": ("x.csv", lines("{t},{o},{h},{l},{c},{v}", "日付,始値,高値,安値,終値,出来高", ("2024/1/2", "2024/1/3", "2024/1/4")).encode("shift_jis"), "", ""),
}  # fmt: skip


@pytest.mark.parametrize("form", DAILY)
def test_a_daily_export_becomes_the_bars_it_says(form: str) -> None:
    name, content, vendor, symbol = DAILY[form]
    found = read(content, name)
    data = found.require()
    if form == "investing":
        assert times(data) == ["2024-01-16 00:00:00", "2024-01-17 00:00:00"]
        assert rows(data) == [(1011.0, 1011.5, 1010.75, 1010.875, 2500.0), (1010.875, 1012.0, 1010.5, 1011.75, 3500.0)]
    else:
        assert times(data) == [f"{day} 00:00:00" for day in DAYS]
        assert rows(data) == list(BARS)
    assert (found.vendor, found.symbol, data.timeframe, found.timezone) == (vendor, symbol, "1d", "")


INTRADAY = {
    "metatrader 4": (
        "2024.01.02,09:30,1.5,1.75,1.25,1.625,10\n2024.01.02,09:45,1.625,1.875,1.5,1.75,20\n2024.01.02,10:00,1.75,2,1.5,1.875,30\n",
        "15m", "", "2024-01-02 09:30:00",
    ),
    "metatrader 5": (
        ("<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2024.01.02\t09:30:00\t1.5\t1.75\t1.25\t1.625\t10\t0\t1\n"
        "2024.01.02\t09:31:00\t1.625\t1.875\t1.5\t1.75\t20\t0\t1\n2024.01.02\t09:32:00\t1.75\t2\t1.5\t1.875\t30\t0\t1\n"),
        "1m", "", "2024-01-02 09:30:00",
    ),
    "ninjatrader": (
        "20240102 093000;1.5;1.75;1.25;1.625;10\n20240102 093500;1.625;1.875;1.5;1.75;20\n20240102 094000;1.75;2;1.5;1.875;30\n",
        "5m", "", "2024-01-02 09:30:00",
    ),
    "dukascopy local": (
        ("Local time,Open,High,Low,Close,Volume\n02.01.2024 09:30:00.000 GMT+0100,1.5,1.75,1.25,1.625,10\n"
        "02.01.2024 10:00:00.000 GMT+0100,1.625,1.875,1.5,1.75,20\n02.01.2024 10:30:00.000 GMT+0100,1.75,2,1.5,1.875,30\n"),
        "30m", "Etc/GMT-1", "2024-01-02 09:30:00+01:00",
    ),
    "gmt": (
        ("Gmt time,Open,High,Low,Close,Volume\n02.01.2024 09:00:00.000,1.5,1.75,1.25,1.625,10\n"
        "02.01.2024 10:00:00.000,1.625,1.875,1.5,1.75,20\n02.01.2024 11:00:00.000,1.75,2,1.5,1.875,30\n"),
        "1h", "UTC", "2024-01-02 09:00:00+00:00",
    ),
    "twelve hours": (
        ("Date,Open,High,Low,Close,Volume\n01/31/2024 11:00:00 AM,1.5,1.75,1.25,1.625,10\n"
        "01/31/2024 12:00:00 PM,1.625,1.875,1.5,1.75,20\n01/31/2024 1:00:00 PM,1.75,2,1.5,1.875,30\n"),
        "1h", "", "2024-01-31 11:00:00",
    ),
    "interactive brokers": (
        "Date,Open,High,Low,Close,Volume\n20240102  09:30:00 US/Eastern,1.5,1.75,1.25,1.625,10\n20240102  10:00:00 US/Eastern,1.625,1.875,1.5,1.75,20\n20240102  10:30:00 US/Eastern,1.75,2,1.5,1.875,30\n",
        "30m", "US/Eastern", "2024-01-02 09:30:00-05:00",
    ),
    "tradingview": (
        "time,open,high,low,close,Volume\n1704205800,1.5,1.75,1.25,1.625,10\n1704209400,1.625,1.875,1.5,1.75,20\n1704213000,1.75,2,1.5,1.875,30\n",
        "1h", "UTC", "2024-01-02 14:30:00+00:00",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", INTRADAY)
def test_an_intraday_export_becomes_the_bars_it_says(form: str) -> None:
    content, timeframe, zone, first = INTRADAY[form]
    found = read(content)
    data = found.require()
    assert (data.timeframe, found.timezone, times(data)[0]) == (timeframe, zone, first)
    assert rows(data) == [(1.5, 1.75, 1.25, 1.625, 10), (1.625, 1.875, 1.5, 1.75, 20), (1.75, 2, 1.5, 1.875, 30)]
    assert [q.field for q in found.questions if q.field == "timezone"] == ([] if zone else ["timezone"])


# JSON, workbooks, Parquet, archives ------------------------------------------------------------

ALPACA = [
    {"t": f"{t}T05:00:00Z", "o": o, "h": h, "l": low, "c": c, "v": v, "n": 3, "vw": c}
    for t, (o, h, low, c, v) in zip(DAYS, BARS, strict=True)
]
VANTAGE = {
    t: {"1. open": f"{o}", "2. high": f"{h}", "3. low": f"{low}", "4. close": f"{c}", "5. volume": f"{v:.0f}"}
    for t, (o, h, low, c, v) in zip(DAYS, BARS, strict=True)
}
COLUMNS = list(zip(*BARS, strict=True))
CHART = {
    "meta": {"symbol": "ACME", "exchangeTimezoneName": "America/New_York"},
    "timestamp": [1704205800, 1704292200, 1704378600],
    "indicators": {"quote": [dict(zip(("open", "high", "low", "close", "volume"), COLUMNS, strict=True))]},
}


@pytest.mark.parametrize(
    "head",
    [
        "[Date],[Open],[High],[Low],[Close],[Volume]",
        "{Date},{Open},{High},{Low},{Close},{Volume}",
        "[Date],Open,High,Low,Close,Volume",
        "[exported daily]\nDate,Open,High,Low,Close,Volume",
        "{note: daily}\nDate,Open,High,Low,Close,Volume",
    ],
)
def test_what_only_begins_like_json_is_text(head: str) -> None:
    found = prices(f"{head}\n2024-01-02,1,2,1,2,5\n2024-01-03,2,3,2,3,5\n", "acme.csv")
    assert times(found) == ["2024-01-02 00:00:00", "2024-01-03 00:00:00"]
    assert rows(found)[1] == (2.0, 3.0, 2.0, 3.0, 5.0)


def test_broken_json_is_said_to_be_that_where_its_name_says_json() -> None:
    broken = '[{"time": "2024-01-02", "open": 1'
    with pytest.raises(DataError, match="no JSON"):
        read(broken, "answer.json")
    with pytest.raises(DataError, match="no column of times"):
        read(broken, "answer.txt")


@pytest.mark.parametrize(
    ("document", "symbol"),
    [
        ({"bars": ALPACA, "symbol": "ACME", "next_page_token": None}, "ACME"),
        ({"bars": {"ACME": ALPACA}}, "ACME"),
        ({"Meta Data": {"2. Symbol": "ACME"}, "Time Series (Daily)": VANTAGE}, "ACME"),
        ({"chart": {"result": [CHART], "error": None}}, "ACME"),
        ([[int(t), *map(str, bar), int(t) + 86_399_999, "1", 2, "3", "4", "0"] for t, bar in zip(DAY_MS, BARS, strict=True)], ""),
        (dict(zip("tohlcv", [[1704153600, 1704240000, 1704326400], *COLUMNS], strict=True)), ""),
        ({"columns": ["open", "high", "low", "close", "volume"], "index": list(DAYS), "data": BARS}, ""),
    ],
)  # fmt: skip
def test_json_by_rows_columns_or_times(document: Any, symbol: str) -> None:
    found = read(json.dumps(document), "x.json")
    assert times(found.require()) == [f"{day} 00:00:00" for day in DAYS]
    assert rows(found.require()) == list(BARS)
    assert found.symbol == symbol


def frame(index: Any) -> pd.DataFrame:
    return pd.DataFrame(BARS, columns=["Open", "High", "Low", "Close", "Volume"], index=index)


def parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def test_parquet_with_a_zone_decimals_and_two_index_levels() -> None:
    tokyo = pd.date_range("2024-01-02 09:00", periods=3, freq="1h", tz="Asia/Tokyo", name="time")
    data = prices(parquet(frame(tokyo)), "x.parquet")
    assert (times(data)[0], data.timeframe) == ("2024-01-02 09:00:00+09:00", "1h")
    exact = frame(pd.DatetimeIndex(DAYS, name="Date")).map(lambda v: Decimal(str(v)))
    assert rows(prices(parquet(exact), "x.parquet")) == list(BARS)
    levels = frame(pd.MultiIndex.from_product([["ACME"], pd.DatetimeIndex(DAYS)], names=["symbol", "Date"]))
    found = read(parquet(levels), "x.parquet")
    assert (found.symbol, times(found.require())) == ("ACME", [f"{day} 00:00:00" for day in DAYS])
    wide = pd.concat({"ACME": frame(pd.DatetimeIndex(DAYS)), "OTHER": frame(pd.DatetimeIndex(DAYS)) * 2}, axis=1)
    assert rows(prices(parquet(wide), "x.parquet", symbol_in_file="OTHER"))[0] == (21.0, 22.5, 20.5, 22.0, 3000.0)


def workbook(cells: list[list[str | float]]) -> bytes:
    """The smallest workbook there is: one sheet with numbers, and texts in place."""

    def cell(value: str | float) -> str:
        return (
            f"<c><v>{value}</v></c>" if not isinstance(value, str) else f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        )

    sheet = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in cells)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="Prices" sheetId="1" r:id="s"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="s" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>',
    }  # fmt: skip
    return zipped(files)


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def test_a_workbook_whose_days_are_numbers() -> None:
    header: list[str | float] = ["Date", "Open", "High", "Low", "Close", "Volume"]
    found = read(
        workbook([["Prices of ACME"], header, *([45293 + i, *bar] for i, bar in enumerate(BARS))]), "ACME.xlsx"
    )
    assert (found.kind, found.symbol, found.epoch_unit) == ("excel", "ACME", "excel")
    assert times(found.require()) == [f"{day} 00:00:00" for day in DAYS]
    assert rows(found.require()) == list(BARS)


def test_archives_of_one_file() -> None:
    text = lines("{t},{o},{h},{l},{c},{v}", "Date,Open,High,Low,Close,Volume")
    inside = read(zipped({"__MACOSX/._ACME.csv": "x", "ACME.csv": text}), "download.zip")
    assert (inside.symbol, rows(inside.require())) == ("ACME", list(BARS))
    assert rows(prices(gzip.compress(text.encode()), "ACME.csv.gz")) == list(BARS)


# What is said ----------------------------------------------------------------------------------


def test_the_adjusted_close_is_used_and_recorded_or_left() -> None:
    content = f"{YAHOO}\n2024-01-02,40,44,36,40,20,100\n2024-01-03,21,22,20,21,21,200\n"
    adjusted = prices(content)
    assert rows(adjusted) == [(20, 22, 18, 20, 100), (21, 22, 20, 21, 200)]
    assert adjusted.adjustment == "splits and dividends"
    traded = prices(content, adjustment="none")
    assert rows(traded)[0] == (40, 44, 36, 40, 100)
    assert traded.adjustment == "none"
    asked = next(q for q in read(content).questions if q.field == "adjustment")
    assert (asked.choices, asked.blocking) == (("adjusted", "none"), False)


def test_a_bar_outside_its_range_by_rounding_is_widened_and_counted() -> None:
    found = read("Date,Open,High,Low,Close\n2024-01-02,10.12344,10.1234,9.5,10\n2024-01-03,10,10.5,9.75,10.25\n")
    assert found.counts["widened"] == 1
    assert rows(found.require())[0][:4] == (10.12344, 10.12344, 9.5, 10)


def test_rows_left_out_are_counted_and_said() -> None:
    text = lines("{t},{o},{h},{l},{c},{v}", "Date,Open,High,Low,Close,Volume")
    found = read(
        f"{text}2024-01-05,null,null,null,null,null\n\n2024-01-04,10.875,12,10.5,11.75,3500\nSource: the exchange\n"
    )
    assert {name: found.counts[name] for name in ("read", "missing_price", "blank", "duplicate", "footer")} == {
        "read": 7, "missing_price": 1, "blank": 1, "duplicate": 1, "footer": 1,
    }  # fmt: skip
    assert rows(found.require()) == list(BARS)
    assert any("1 row without a price, the first is line 5" in warning for warning in found.warnings)


def test_an_unadjusted_split_is_warned_of() -> None:
    closes = [100, 101, 102, 101, 100, 25.1, 25.2, 25.1, 25.3, 25.2]
    body = "".join(f"2024-01-{d:02d},{c},{c},{c},{c}\n" for d, c in enumerate(closes, 2))
    warnings = read("Date,Open,High,Low,Close\n" + body).warnings
    assert any("2024-01-07" in warning and "split 4 for 1" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("dates", "timeframe"),
    [
        (["2023-12-29", "2024-01-05", "2024-01-12", "2024-01-19"], "1wk"),
        (["2024-01-31", "2024-02-29", "2024-03-28", "2024-04-30"], "1mo"),
        (["2024-01-02", "2024-02-01", "2024-03-01", "2024-04-01"], "1mo"),
        (["2024-01", "2024-02", "2024-03"], "1mo"),
        (["2023-03-31", "2023-06-30", "2023-09-29", "2023-12-29"], "3mo"),
        (["2020-12-31", "2021-12-31", "2022-12-30", "2023-12-29"], "1y"),
        (["2024-01-02 09:31", "2024-01-02 09:34", "2024-01-02 09:36", "2024-01-02 09:37", "2024-01-02 09:42"], "1m"),
        (["2024-01-02 09:30", "2024-01-02 13:30", "2024-01-03 09:30", "2024-01-03 13:30", "2024-01-04 09:30"], "4h"),
    ],
)
def test_the_time_frame_by_the_distance_of_bars(dates: list[str], timeframe: str) -> None:
    text = "Date,Open,High,Low,Close\n" + "".join(f"{d},1,2,0.5,1\n" for d in dates)
    assert prices(text).timeframe == timeframe


def polygon(step_ms: int, first_ms: int = 1704186000000) -> str:
    """Return aggregates as Polygon answers them: the time is the seventh member. 1704186000 is 09:00 UTC on 2 January 2024."""
    results = [
        {"v": v, "vw": o, "o": o, "c": c, "h": h, "l": low, "t": first_ms + i * step_ms, "n": 40}
        for i, (o, h, low, c, v) in enumerate(BARS)
    ]
    return json.dumps({"ticker": "QZX", "queryCount": 3, "results": results, "status": "OK"})


def test_polygons_aggregates() -> None:
    minutes = read(polygon(60_000), "answer.json")
    assert (minutes.vendor, minutes.timeframe, minutes.symbol) == ("Polygon", "1m", "QZX")
    assert times(minutes.require())[0] == "2024-01-02 09:00:00+00:00"
    assert rows(minutes.require()) == list(BARS)
    days = read(polygon(86_400_000, 1704171600000), "answer.json")  # midnight in New York
    assert (days.timeframe, times(days.require())[:1]) == ("1d", ["2024-01-02 00:00:00"])


def test_polygons_flat_files() -> None:
    head = "ticker,volume,open,close,high,low,window_start,transactions\n"
    body = [
        f"QZX,{v:.0f},{o},{c},{h},{low},{1704186000 + 60 * i}000000000,7" for i, (o, h, low, c, v) in enumerate(BARS)
    ]
    found = read(head + "\n".join(body) + "\n", "2024-01-02.csv.gz.csv")
    assert (found.vendor, found.timeframe, found.symbol, found.epoch_unit) == ("Polygon", "1m", "QZX", "ns")
    assert rows(found.require()) == list(BARS)


def test_tiingos_export_is_named_and_adjusted() -> None:
    head = "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor\n"
    body = [
        f"{t},{c},{h},{low},{o},{v},{c / 2},{h / 2},{low / 2},{o / 2},{2 * v},0.0,1.0"
        for t, (o, h, low, c, v) in zip(DAYS, BARS, strict=True)
    ]
    found = read(head + "\n".join(body) + "\n", "QZX.csv")
    assert (found.vendor, found.adjustment) == ("Tiingo", "splits and dividends")
    assert rows(found.require())[0] == (5.25, 5.625, 5.125, 5.5, 1500.0)


def test_an_adjusted_close_by_another_name_is_not_called_yahoos() -> None:
    found = read(lines("{t},{o},{h},{l},{c},{c},{v}", "date,open,high,low,close,adjClose,volume"), "QZX.csv")
    assert found.vendor == ""
