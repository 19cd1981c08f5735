"""POST data/datasets/preview/ and upload/, and manage.py import_data."""

from __future__ import annotations

import gzip
import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from algoagent_api import uploads
from backtest_api import tasks
from data_api.models import DataSet

HEADER = "Date,Open,High,Low,Close,Volume\n"
DAILY = HEADER + "2024-01-02,10,11,9,10.5,100\n2024-01-03,10.5,12,10,11,200\n2024-01-04,11,11.5,10.5,11.25,300\n"
UNCLEAR = HEADER + "03/01/2024,10,11,9,10,5\n04/01/2024,11,12,10,11,5\n"
TWO = "Ticker,Date,Open,High,Low,Close\nAAA,2024-01-02,5,5,5,5\nAAA,2024-01-03,5,5,5,5\nBBB,2024-01-02,7,7,7,7\n"
HOURS = HEADER + "2024-07-01 09:00,10,11,9,10,5\n2024-07-01 10:00,11,12,10,11,5\n2024-07-01 11:00,11,12,10,11,5\n"


def post(api: APIClient, where: str, text: str | bytes, name: str = "prices.csv", **fields: Any) -> Any:
    content = text.encode() if isinstance(text, str) else text
    return api.post(
        f"/api/data/datasets/{where}/", {"file": SimpleUploadedFile(name, content), **fields}, format="multipart"
    )


def test_a_preview_shows_what_is_understood_and_stores_nothing(api: APIClient) -> None:
    answer = post(api, "preview", DAILY, "ACME.csv")
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["symbol"], shown["timeframe"], shown["timezone"], shown["rows"]) == ("ACME", "1d", "", 3)
    assert shown["columns"]["close"] == "Close"
    assert (shown["encoding"], shown["separator"], shown["header_rows"]) == ("utf-8", ",", 1)
    bar = {"time": "2024-01-02", "Open": 10.0, "High": 11.0, "Low": 9.0, "Close": 10.5, "Volume": 100.0}
    assert shown["first_rows"][0] == bar
    assert shown["last_rows"][-1]["Close"] == 11.25
    assert shown["questions"] == []
    assert DataSet.objects.count() == 0


def test_a_preview_of_a_file_with_an_open_question_shows_its_own_rows(api: APIClient) -> None:
    shown = post(api, "preview", UNCLEAR).json()
    assert shown["rows"] == 0
    assert shown["first_rows"][0] == {
        "time": "03/01/2024", "Open": "10", "High": "11", "Low": "9", "Close": "10", "Volume": "5",
    }  # fmt: skip
    assert {q["field"]: (q["choices"], q["blocking"]) for q in shown["questions"]} == {
        "date_order": (["dmy", "mdy"], True), "symbol": ([], False),
    }  # fmt: skip


def test_an_upload_that_reads_in_two_ways_is_asked_about(api: APIClient) -> None:
    answer = post(api, "upload", UNCLEAR, symbol="ACME")
    assert answer.status_code == 422
    body = answer.json()
    [detail] = body["details"]
    assert (detail["field"], detail["suggestion"]) == ("date_order", "Give date_order=dmy or date_order=mdy")
    assert body["clarifying_questions"] == [detail["message"]]
    assert DataSet.objects.count() == 0
    stored = post(api, "upload", UNCLEAR, symbol="ACME", date_order="dmy")
    assert (stored.status_code, stored.json()["start"]) == (201, "2024-01-03T00:00:00Z")


def test_the_symbol_is_that_of_the_request_the_file_or_its_name(api: APIClient) -> None:
    assert post(api, "upload", DAILY, "ACME.csv").json()["symbol"] == "ACME"
    assert post(api, "upload", DAILY, "ACME.csv", symbol="other").json()["symbol"] == "OTHER"
    refused = post(api, "upload", DAILY)
    assert (refused.status_code, refused.json()["details"][0]["field"]) == (422, "symbol")


def test_a_name_that_may_mean_two_symbols_is_asked_about_with_both(api: APIClient) -> None:
    refused = post(api, "upload", DAILY, "ACME_OTHER.csv")
    assert refused.status_code == 422
    [detail] = refused.json()["details"]
    assert (detail["field"], detail["suggestion"]) == ("symbol", "Give symbol=ACME or symbol=OTHER")
    assert refused.json()["clarifying_questions"] == ["Which symbol are these prices of: ACME or OTHER?"]
    asked = {q["field"]: q["choices"] for q in post(api, "preview", DAILY, "ACME_OTHER.csv").json()["questions"]}
    assert asked == {"symbol": ["ACME", "OTHER"]}


def test_a_gzip_is_previewed_stored_and_read_by_the_command(api: APIClient, tmp_path: Path) -> None:
    days = pd.bdate_range("2024-01-02", periods=40).strftime("%Y-%m-%d")
    content = gzip.compress((HEADER + "".join(f"{day},10,11,9,10.5,100\n" for day in days)).encode())
    shown = post(api, "preview", content, "ACME.csv.gz").json()
    assert (shown["symbol"], shown["rows"]) == ("ACME", 40)
    assert post(api, "upload", content, "ACME.csv.gz").json()["rows"] == 40
    path = tmp_path / "ACME.csv.gz"
    path.write_bytes(content)
    out = StringIO()
    call_command("import_data", str(path), "--preview", "--json", stdout=out)
    assert json.loads(out.getvalue())["rows"] == 40


def test_a_continuous_future_is_stored_and_run(api: APIClient) -> None:
    stored = post(api, "upload", DAILY, "CME_MINI_ES1!, 1D.csv").json()
    assert stored["symbol"] == "ES1!"
    run = api.post(
        "/api/backtests/quick-run/", {"user_description": "Buy when close > 1, sell when close < 1", "symbol": "ES1!"}
    ).json()
    assert (run["symbol"], run["status"]) == ("ES1!", "completed")


def test_each_symbol_of_a_file_can_be_stored(api: APIClient) -> None:
    refused = post(api, "upload", TWO, symbol="X")
    assert (refused.status_code, refused.json()["details"][0]["field"]) == (422, "symbol_in_file")
    one = post(api, "upload", TWO, symbol="X", symbol_in_file="BBB").json()
    assert (one["symbol"], one["rows"], one["others"]) == ("X", 1, [])
    each = post(api, "upload", TWO, symbol_in_file="*").json()
    assert (each["symbol"], each["rows"]) == ("AAA", 2)
    assert [(other["symbol"], other["rows"]) for other in each["others"]] == [("BBB", 1)]
    assert post(api, "upload", TWO, symbol="X", symbol_in_file="*").status_code == 400


def test_the_zone_of_intraday_bars_is_kept(api: APIClient) -> None:
    unknown = post(api, "upload", HOURS, symbol="ACME").json()
    assert (unknown["timezone"], unknown["start"]) == ("", "2024-07-01T09:00:00Z")
    assert any("no zone" in note for note in unknown["notes"])
    known = post(api, "upload", HOURS, symbol="ACME", timezone="Europe/Berlin").json()
    assert (known["timezone"], known["start"]) == ("Europe/Berlin", "2024-07-01T07:00:00Z")
    kept = pd.read_parquet(DataSet.objects.get(pk=known["id"]).path)
    assert str(kept.index[0]) == "2024-07-01 09:00:00+02:00"
    assert post(api, "upload", HOURS, symbol="ACME", timezone="Moon").status_code == 422
    assert post(api, "upload", DAILY, symbol="ACME").json()["timezone"] == ""


def test_what_was_left_out_and_adjusted_is_kept_with_the_data_set(api: APIClient) -> None:
    text = "Date,Open,High,Low,Close,Adj Close\n2024-01-02,40,44,36,40,20\n2024-01-03,,,,,\n2024-01-04,21,22,20,21,21\n"
    stored = post(api, "upload", text, "ACME.csv").json()
    assert (stored["rows"], stored["adjustment"]) == (2, "splits and dividends")
    assert (stored["preview"][0]["time"], stored["preview"][0]["Open"]) == ("2024-01-02", 20)
    assert stored["quality"]["missing_values"]["count"] == 1
    assert any("1 row without a price" in note for note in stored["notes"])
    traded = post(api, "upload", text, "ACME.csv", adjustment="none").json()
    assert (traded["adjustment"], traded["preview"][0]["Open"]) == ("none", 40)
    assert traded["quality"]["split_suspects"]["count"] == 0  # two bars tell nothing
    fetched = api.post("/api/data/fetch/", {"symbol": "ACME", "interval": "1d"}).json()
    assert (fetched["source"], fetched["adjustment"]) == ("uploaded", "none")


def test_a_wrong_tick_is_warned_of_by_preview_upload_and_run(api: APIClient) -> None:
    closes = [100.0 + day % 3 for day in range(40)]
    closes[20] = 1010.0
    days = pd.bdate_range("2024-01-01", periods=40)  # the 21st is 29 January
    text = HEADER + "".join(f"{day:%Y-%m-%d},{c},{c},{c},{c},5\n" for day, c in zip(days, closes, strict=True))
    says = "The close of 2024-01-29 is 1,010 between prices about 101 (+900%)"
    assert any(says in warning for warning in post(api, "preview", text, symbol="TICK").json()["warnings"])
    assert any(says in note for note in post(api, "upload", text, symbol="TICK").json()["notes"])
    made = api.post(
        "/api/backtests/quick-run/",
        {"user_description": "Buy TICK when close > 101, exit when close < 101", "symbol": "TICK"},
    )
    assert says in str(made.json())


def test_a_bar_outside_its_range_is_refused_in_both(api: APIClient) -> None:
    text = HEADER + "2024-01-02,10,11,9,10,5\n2024-01-03,12,11,9,10,5\n"
    for where in ("preview", "upload"):
        answer = post(api, where, text, symbol="ACME")
        assert answer.status_code == 422
        assert "open above the high: 12 and 11 in the bar of 2024-01-03 (line 3)" in answer.json()["error"]


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"simbol": "X"}, "simbol", "did you mean `symbol`?"),
        ({"symbol": "X", "date_order": "day"}, "date_order", "not a valid choice"),
        ({"symbol": "X", "timeframe": "7m"}, "timeframe", "not a valid choice"),
        ({"symbol": "a b"}, "symbol", "required pattern"),
    ],
)
def test_fields_nobody_reads_are_refused(api: APIClient, fields: dict[str, str], field: str, says: str) -> None:
    for where in ("preview", "upload"):
        answer = post(api, where, DAILY, **fields)
        assert answer.status_code == 400
        assert [(d["field"], says in d["message"]) for d in answer.json()["details"]] == [(field, True)]


def test_epochs_of_any_unit_are_taken(api: APIClient) -> None:
    for unit in (1, 10**3, 10**6, 10**9):
        text = "time,open,high,low,close\n" + "".join(
            f"{1704153600 * unit + d * 86400 * unit},1,1,1,1\n" for d in range(3)
        )
        assert post(api, "upload", text, symbol="ACME").json()["start"] == "2024-01-02T00:00:00Z"


def test_nobody_previews_without_a_token(db: None) -> None:
    assert post(APIClient(), "preview", DAILY).status_code == 401


# manage.py import_data -------------------------------------------------------------------------


def run(*arguments: Any) -> str:
    out = StringIO()
    call_command("import_data", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_the_command_previews_and_stores(db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ACME.csv"
    path.write_text(DAILY, encoding="utf-8")
    assert json.loads(run(path, "--preview", "--json"))["timeframe"] == "1d"
    run(path, "--preview")
    assert "time = Date" in capsys.readouterr().out
    assert DataSet.objects.count() == 0
    assert "ACME: 3 daily bars, 2024-01-02 to 2024-01-04" in run(path)
    [stored] = json.loads(run(path, "--symbol", "mine", "--json"))
    assert (stored["symbol"], stored["rows"]) == ("MINE", 3)


def test_the_command_asks_what_is_unclear(db: None, tmp_path: Path) -> None:
    path = tmp_path / "ACME.csv"
    path.write_text(UNCLEAR, encoding="utf-8")
    with pytest.raises(CommandError, match="date_order=dmy or date_order=mdy"):
        run(path)
    assert "2024-01-03" in run(path, "--date-order", "dmy")
    with pytest.raises(CommandError, match="cannot be read"):
        run(tmp_path / "none.csv")


def test_the_tester_imports_a_file(user: Any, tmp_path: Path) -> None:
    from rich.console import Console

    from algoagent_api.tester import Tester
    from Backtest.errors import AlgoAgentError

    path = tmp_path / "my prices.csv"
    path.write_text(UNCLEAR, encoding="utf-8")
    out = StringIO()
    tester = Tester(user, Console(file=out))
    with pytest.raises(AlgoAgentError, match="more than one way"):
        tester.answer(f":import '{path}'")
    tester.answer(f":import '{path}' date_order=dmy symbol=acme")
    assert "ACME: 2 daily bars from my prices.csv" in out.getvalue()
    assert tester.symbol == "ACME"
    for wrong in ("", f"'{path}", f"'{path}' nonsense", f"'{path}' order=dmy", f"'{path}' date_order=day"):
        with pytest.raises(AlgoAgentError):
            tester.answer(f":import {wrong}")


def test_a_zone_given_with_the_run_is_that_of_its_prices(api: APIClient) -> None:
    """Bars without a zone, 09:00 to 15:00 of ten days: bought on the bar that opens at 10:00 in New York, so filled at 11:00."""
    times = [day + pd.Timedelta(hours=h) for day in pd.bdate_range("2024-03-11", periods=10) for h in range(9, 16)]
    text = HEADER + "".join(f"{time:%Y-%m-%d %H:%M},10,11,9,10,5\n" for time in times)
    assert post(api, "upload", text, symbol="NAIVE").status_code == 201
    rule = "On 1h bars buy NAIVE when close > 5 between 10:00 and 10:59 New York time, exit at 14:00 New York time"
    run = {"user_description": rule, "symbol": "NAIVE"}
    asked = api.post("/api/backtests/quick-run/", run)
    assert (asked.status_code, "timezone" in str(asked.json()["ai_suggestions"])) == (422, True)
    made = api.post("/api/backtests/quick-run/", {**run, "timezone": "America/New_York"}).json()
    trades = api.get(f"/api/backtests/{made['id']}/trades/").json()["results"]
    assert {trade["entry_time"][11:16] for trade in trades} == {"11:00"}
    assert len(trades) == 10
    job = {"strategy": rule, "symbols": ["NAIVE"]}
    for more, status in (({}, "failed"), ({"timezone": "America/New_York"}, "completed")):
        queued = api.post("/api/backtests/jobs/", {**job, **more}).json()
        tasks.work()
        found = api.get(f"/api/backtests/jobs/{queued['id']}/").json()
        assert (found["status"], found["request"].get("timezone")) == (status, more.get("timezone"))


def test_a_user_keeps_so_many_data_sets(api: APIClient, settings: Any) -> None:
    settings.DATASETS_PER_USER = 2
    for symbol in ("AAA", "BBB"):
        assert post(api, "upload", DAILY, symbol=symbol).status_code == 201
    refused = post(api, "upload", DAILY, symbol="CCC")
    assert refused.status_code == 413
    assert "You have 2 data sets, and at most 2 are kept: delete one" in refused.json()["error"]
    assert api.delete(f"/api/data/datasets/{DataSet.objects.get(symbol='AAA').pk}/").status_code == 204
    assert post(api, "upload", DAILY, symbol="CCC").status_code == 201


def test_a_user_keeps_so_many_mebibytes_of_data_sets(api: APIClient, settings: Any) -> None:
    assert post(api, "upload", DAILY, symbol="AAA").status_code == 201
    settings.DATASETS_MB_PER_USER = 0.001
    refused = post(api, "upload", DAILY, symbol="BBB")
    assert refused.status_code == 413
    assert "MiB of data sets, and at most 0.001 are kept" in refused.json()["error"]


def test_an_upload_lies_below_var_while_it_arrives_and_goes_when_its_process_was_killed(settings: Any) -> None:
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    assert folder.parent == settings.VAR_DIR
    assert folder.stat().st_mode & 0o077 == 0
    with TemporaryUploadedFile("a.csv", "text/csv", 1, None) as arriving:
        left = folder / "tmpleft.upload.csv"
        left.write_bytes(b"Date,Close")
        uploads.forget_left()
        assert left.exists(), "somebody may still write it"
        os.utime(left, (0, 0))
        uploads.forget_left()
        assert list(folder.iterdir()) == [Path(arriving.temporary_file_path())]


def test_the_symbols_that_are_here_are_listed_with_their_finest_bars(api: APIClient, settings: Any) -> None:
    for name, step in (("MINE", "2020-01-02"), ("GOOG", "2020-01-02")):
        file = SimpleUploadedFile("p.csv", f"Date,Open,High,Low,Close\n2020-01-01,1,2,1,2\n{step},2,3,2,3\n".encode())
        api.post("/api/data/datasets/upload/", {"file": file, "symbol": name, "timeframe": "1d"}, format="multipart")
    minutes = b"Time,Open,High,Low,Close\n" + b"".join(
        b"2020-01-01 %02d:00:00+00:00,1,2,1,2\n" % hour for hour in range(9)
    )
    api.post(
        "/api/data/datasets/upload/",
        {"file": SimpleUploadedFile("m.csv", minutes), "symbol": "MINE"},
        format="multipart",
    )
    found = api.get("/api/data/symbols/").data["symbols"]
    assert found[:3] == [
        {"symbol": "GOOG", "timeframe": "1d", "source": "uploaded"},
        {"symbol": "MINE", "timeframe": "1h", "source": "uploaded"},
        {"symbol": "AAPL", "timeframe": "1d", "source": "bundled"},
    ]
    assert {one["symbol"] for one in found} == {"MINE", "GOOG", "AAPL", "IBM", "MSFT", "FB", "EURUSD", "BTCUSD"}
    settings.DATA_PROVIDERS = ["yahoo"]
    assert [one["symbol"] for one in api.get("/api/data/symbols/").data["symbols"]] == ["GOOG", "MINE"]
