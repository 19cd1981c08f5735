"""Backtests over REST: the figures are backtesting.py's, the files are there, failures are told."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from rest_framework.test import APIClient

from auth_api.models import User
from backtest_api.models import BacktestRun
from backtest_api.results import summary_text
from tests.conftest import SENTENCE


@pytest.fixture
def run_(api: APIClient) -> dict[str, Any]:
    answer = api.post("/api/backtests/quick-run/", {"user_description": SENTENCE})
    assert answer.status_code == 200, answer.data
    return dict(answer.json())


def by_hand(frame: pd.DataFrame) -> tuple[list[float], list[float]]:
    """Trade RSI(14) below 30 to above 70 with a stop 5% below the fill; return the profits and the equity at each close."""
    import talib

    rsi = talib.RSI(frame["Close"].to_numpy(), 14)
    open_, low, close = (frame[c].to_list() for c in ("Open", "Low", "Close"))
    cash, units, paid, order = 100_000.0, 0, 0.0, ""
    profits, equity = [], []
    for bar in range(len(frame)):
        leaves = open_[bar] if order == "sell" else None
        if order == "buy":
            paid = open_[bar]
            units = int(cash // paid)
        if units and leaves is None and low[bar] <= paid * 0.95:
            leaves = min(open_[bar], paid * 0.95)
        if units and leaves is None and bar == len(frame) - 1:
            leaves = close[bar]
        if units and leaves is not None:
            profits.append(units * (leaves - paid))
            cash, units = cash + profits[-1], 0
        equity.append(cash + units * (close[bar] - paid))
        order = ("sell" if rsi[bar] > 70 else "") if units else "buy" if rsi[bar] < 30 else ""
    return profits, equity


def test_the_figures_are_those_of_the_strategy_traded_by_hand(run_: dict[str, Any], prices: Any) -> None:
    frame = prices("GOOG").frame
    profits, equity = by_hand(frame)
    assert run_["total_trades"] == len(profits) > 10
    assert run_["total_pnl"] == pytest.approx(sum(profits), rel=1e-9)
    assert run_["total_return_pct"] == pytest.approx(sum(profits) / 1000, rel=1e-9)
    assert run_["win_rate"] == pytest.approx(sum(p > 0 for p in profits) / len(profits))
    assert run_["profit_factor"] == pytest.approx(sum(p for p in profits if p > 0) / -sum(p for p in profits if p < 0))
    graded = pd.Series(equity, frame.index)[run_["start_date"] :]
    returns = graded.pct_change().dropna()
    assert run_["sharpe_ratio"] == pytest.approx(returns.mean() / returns.std() * 252**0.5, rel=1e-9)
    assert run_["max_drawdown"] == pytest.approx((graded / graded.cummax() - 1).min() * 100, rel=1e-9)
    close = frame["Close"][run_["start_date"] :]
    assert run_["buy_and_hold_return_pct"] == pytest.approx((close.iloc[-1] / close.iloc[0] - 1) * 100, rel=1e-9)


def test_a_run_says_what_it_was_made_of(run_: dict[str, Any]) -> None:
    assert (run_["status"], run_["progress"], run_["symbol"], run_["timeframe"]) == ("completed", 1.0, "GOOG", "1d")
    assert (run_["start_date"], run_["end_date"], run_["data_source"]) == (
        "2004-09-09",
        "2013-03-01",
        "bundled",
    )  # RSI(14) has its first value on that day
    assert len(run_["data_sha256"]) == len(run_["code_sha256"]) == 64
    assert run_["isolated"] is False  # tests run code in plain processes
    assert run_["description"].startswith("Trade GOOG")
    assert run_["summary"]
    assert run_["duration_ms"] > 0


def test_the_shapes_are_those_of_the_contract(api: APIClient, run_: dict[str, Any]) -> None:
    assert set(run_) >= {
        "id", "strategy_id", "strategy_version", "status", "progress", "symbol", "timeframe", "start_date", "end_date",
        "data_source", "data_sha256", "code_sha256", "total_pnl", "total_return_pct", "win_rate", "max_drawdown",
        "sharpe_ratio", "sortino_ratio", "calmar_ratio", "cagr", "profit_factor", "total_trades",
        "buy_and_hold_return_pct", "metrics", "summary", "artifacts", "trades_csv", "equity_csv", "report_html", "error",
        "warnings", "duration_ms", "created_at", "finished_at",
    }  # fmt: skip
    strategy = api.post("/api/strategies/", {"user_description": SENTENCE}).json()
    assert set(strategy) >= {
        "id", "name", "user_id", "version", "status", "canonical_json", "generated_code", "code_path", "warnings",
        "assumptions", "created_at", "updated_at",
    }  # fmt: skip
    for name in ("trades_csv", "equity_csv", "report_html"):
        answer = api.get(run_[name])
        assert answer.status_code == 200, run_[name]
        answer.close()


def test_trades_equity_code_and_report(api: APIClient, run_: dict[str, Any]) -> None:
    url = f"/api/backtests/{run_['id']}/"
    trades = api.get(f"{url}trades/").json()
    assert trades["count"] == run_["total_trades"]
    assert set(trades["results"][0]) == {
        "side", "size", "entry_bar", "exit_bar", "entry_time", "exit_time", "entry_price", "exit_price", "stop_loss",
        "take_profit", "pnl", "return_pct", "commission", "exit_reason",
    }  # fmt: skip
    assert sum(t["pnl"] for t in trades["results"]) == pytest.approx(run_["total_pnl"])
    text = b"".join(api.get(f"{url}trades/?format=csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert len(list(csv.DictReader(io.StringIO(text)))) == run_["total_trades"]
    equity = api.get(f"{url}equity/?page_size=5000").json()
    assert equity["count"] == 2148 - 14  # without the warm-up of RSI(14)
    assert equity["results"][-1]["Equity"] == pytest.approx(100_000 + run_["total_pnl"])
    assert "class " in api.get(f"{url}code/").content.decode()
    report = api.get(f"{url}report/")
    html = report.content.decode()
    assert "Bokeh" in html
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", html)
    assert "sandbox" in report["Content-Security-Policy"]
    assert api.get(f"{url}trades/?format=xml").status_code == 400


def test_explain_over_rest(api: APIClient, run_: dict[str, Any]) -> None:
    url = f"/api/backtests/{run_['id']}/explain/"
    told = api.get(url, {"at": "2005-03-01"}).json()
    assert told["answer"].startswith("No trade. Smallest change for one: long: RSI_14 was ")
    assert "needed < 30" in told["answer"]
    assert told["rules"][0]["truth"] is False
    assert api.get(url, {"at": "1999-01-01"}).status_code == 422
    for bad in ("yesterday-ish", "", "2008-13-45", "nan"):
        assert api.get(url, {"at": bad}).status_code == 400, bad


def test_a_day_of_hours_is_explained_over_rest_and_by_command(
    api: APIClient, user: User, capsys: pytest.CaptureFixture[str]
) -> None:
    flat, low = "100,100,100,100", "96,96,96,96"
    shown = ["100,102,100,102", "101.2,102,101,101.5", "101,101,95,96"]  # bought at 101.2; 5% below that is 96.14
    days = {19: [flat] * 6, 20: [flat, *shown, low, low], 21: [low] * 6}
    rows = [f"2024-02-{day} {10 + k}:00,{row},5" for day, rows in days.items() for k, row in enumerate(rows)]
    content = "\n".join(["Date,Open,High,Low,Close,Volume", *rows]).encode()
    file = SimpleUploadedFile("p.csv", content)
    made = api.post("/api/data/datasets/upload/", {"file": file, "symbol": "ACME"}, format="multipart")
    assert made.status_code == 201, made.json()
    text = "Trade ACME on hourly bars. Buy when close > 101, sell when close < 50, stop 5%"
    answer = api.post("/api/backtests/quick-run/", {"user_description": text})
    assert answer.status_code == 200, answer.json()
    run = answer.json()
    url = f"/api/backtests/{run['id']}/explain/"
    told = api.get(url, {"at": "2024-02-20"}).json()
    assert told["answer"].startswith("2024-02-20 has 6 bars, 10:00 to 15:00. 11:00: The long entry is true, ")
    assert "12:00: Entered long at 101.2 at the open (order of the bar before). " in told["answer"]
    assert "13:00: The stop loss closed it at 96.14. " in told["answer"]
    assert [event["time"] for event in told["day"]["events"]] == [f"2024-02-20 {hour}:00:00" for hour in (11, 12, 13)]
    one = api.get(url, {"at": "2024-02-20T12:00"}).json()
    assert one["answer"].startswith("Entered long at 101.2 at the open")
    assert "day" not in one
    call_command("explain", str(run["id"]), "--at", "2024-02-20", "--user", user.username)
    assert "13:00: The stop loss closed it at 96.14. " in capsys.readouterr().out


def test_assumptions_of_a_run_are_the_same_wherever_it_is_shown(api: APIClient) -> None:
    text = "Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%, on daily bars"
    made = api.post("/api/strategies/", {"user_description": text}).json()
    quick = api.post("/api/backtests/quick-run/", {"strategy_id": made["id"], "commission": 0.001}).json()
    fields = [a["field"] for a in made["assumptions"]]
    assert {"execution.cash", "execution.commission"} <= set(fields)
    # The commission was given with the run.
    assert [a["field"] for a in quick["assumptions"]] == [f for f in fields if f != "execution.commission"]
    shown = api.get(f"/api/backtests/{quick['id']}/").json()
    assert shown["assumptions"] == quick["assumptions"]
    assert api.get("/api/backtests/").json()["results"][0]["assumptions"] == quick["assumptions"]
    words = api.post("/api/backtests/quick-run/", {"user_description": text}).json()
    assert [a["field"] for a in words["assumptions"]] == fields
    assert api.get(f"/api/backtests/{words['id']}/").json()["assumptions"] == words["assumptions"]
    api.patch(f"/api/strategies/{made['id']}/", {"user_description": text.replace("30", "25")})
    assert api.get(f"/api/backtests/{quick['id']}/").json()["assumptions"] == quick["assumptions"], (
        "of the words it had"
    )


def test_a_commission_of_the_run_takes_the_place_of_one_in_money(api: APIClient) -> None:
    text = "Buy GOOG when RSI < 30, sell when RSI > 70, buy 100 shares, commission $5 per trade"
    paid = []
    for more in ({}, {"commission": 0.0}, {"commission": 0.001}):
        run = api.post("/api/backtests/quick-run/", {"user_description": text, **more}).json()
        first = api.get(f"/api/backtests/{run['id']}/trades/").json()["results"][0]
        paid.append(first["commission"])
    assert paid[:2] == [10, 0]
    assert paid[2] == pytest.approx(100 * (first["entry_price"] + first["exit_price"]) * 0.001)


def test_a_changed_strategy_keeps_the_assumptions_that_are_still_true(api: APIClient) -> None:
    text = "Buy GOOG when RSI drops below 30, sell at the middle Bollinger band, stop 5%, on daily bars"
    made = api.post("/api/strategies/", {"user_description": text}).json()
    texts = [a["text"] for a in made["assumptions"]]
    reading, touch = "RSI(14) crosses below 30 is read as a cross", "A touch is the bar's high at or beyond the level"
    assert {reading, touch, "No commission", "RSI with its usual setting 14"} <= set(texts)
    data = made["canonical_json"]
    data["risk"]["stop_loss"]["value"], data["execution"]["commission"] = 4, 0.001
    changed = api.patch(f"/api/strategies/{made['id']}/", {"canonical_json": data}).json()
    assert changed["version"] == 2
    assert [a["text"] for a in changed["assumptions"]] == [t for t in texts if t != "No commission"]
    run = api.post("/api/backtests/quick-run/", {"strategy_id": made["id"]}).json()
    assert [a["text"] for a in run["assumptions"]] == [t for t in texts if t != "No commission"]
    data["entry_rules"][0]["when"]["right"]["value"] = 25
    changed = api.patch(f"/api/strategies/{made['id']}/", {"canonical_json": data}).json()
    left = {a["text"] for a in changed["assumptions"]}
    assert "RSI with its usual setting 14" in left
    assert not left & {reading, touch}, "the rules are other ones"
    assert api.get(f"/api/backtests/{run['id']}/").json()["assumptions"] == run["assumptions"]
    words = {"user_description": text.replace("30", "25")}
    anew = api.patch(f"/api/strategies/{made['id']}/", words).json()
    assert "RSI(14) crosses below 25 is read as a cross" in {a["text"] for a in anew["assumptions"]}


@pytest.mark.parametrize("symbol", ["goog", "GOOG", "Goog"])
def test_a_symbol_is_found_without_case(api: APIClient, run_: dict[str, Any], symbol: str) -> None:
    assert [r["id"] for r in api.get("/api/backtests/", {"symbol": symbol}).json()["results"]] == [run_["id"]]
    content = b"Date,Open,High,Low,Close\n2024-01-02,5,5,5,5\n2024-01-03,5,5,5,5\n"
    api.post(
        "/api/data/datasets/upload/",
        {"file": SimpleUploadedFile("p.csv", content), "symbol": "GOOG"},
        format="multipart",
    )
    assert api.get("/api/data/datasets/", {"symbol": symbol}).json()["count"] == 1
    assert api.get("/api/data/datasets/", {"symbol": "goo"}).json()["count"] == 0


@pytest.mark.parametrize(
    ("total", "hold", "said"),
    [
        (-0.04, 12.3, "returned 0.0% in 1,200 trades and trailed buy-and-hold by 12.3 points"),
        (-0.04, 1527866.76, "returned 0.0% in 1,200 trades and trailed buy-and-hold by 1,527,866.8 points"),
        (-1.26, -1.25, "returned -1.3% in 1,200 trades and matched buy-and-hold"),
        (1234.56, 0.0, "returned 1,234.6% in 1,200 trades and beat buy-and-hold by 1,234.6 points"),
    ],
)
def test_the_outcome_in_a_sentence(total: float, hold: float, said: str) -> None:
    run = BacktestRun(symbol="GOOG", total_trades=1200, total_return_pct=total, buy_and_hold_return_pct=hold)
    assert summary_text(run).endswith(f" on GOOG {said}")


def test_a_phrase_with_two_readings_is_dated(api: APIClient) -> None:
    text = "Buy GOOG when RSI drops below 30, sell when RSI is above 70, stop 3%"
    run = api.post("/api/backtests/quick-run/", {"user_description": text}).json()
    dated = [a["first_difference"] for a in run["assumptions"] if a["first_difference"]]
    assert len(dated) == 1
    assert dated[0].endswith("read as a cross, no trade; read as a level, buy")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 400, "strategy_id"),
        ({"user_description": "Buy when RSI < 30, sell when RSI > 70"}, 400, "symbol"),
        ({"user_description": SENTENCE, "symbol": "NOPE"}, 422, "NOPE"),
        ({"user_description": SENTENCE, "start_date": "2020-01-01"}, 422, "2004-08-19 to 2013-03-01"),
        ({"user_description": SENTENCE, "start_date": "2010-01-01", "end_date": "2009-01-01"}, 400, "swap"),
        ({"user_description": SENTENCE, "start_date": "-0001-01-01"}, 400, "start_date"),
        ({"user_description": SENTENCE, "start_date": "2010-01-04", "end_date": "2010-01-04"}, 422, "at least 2"),
        ({"user_description": SENTENCE, "start_date": "2010-01-02", "end_date": "2010-01-03"}, 422, "no bar"),
        ({"user_description": SENTENCE, "cash": -5}, 400, "cash"),
        ({"user_description": SENTENCE, "commission": 5}, 400, "commission"),
        ({"user_description": SENTENCE, "timeframe": "7m"}, 400, "timeframe"),
        ({"user_description": SENTENCE, "timeframe": "1h"}, 422, "GOOG"),
        ({"user_description": SENTENCE, "symbol": "../../etc/passwd"}, 400, "symbol"),
        ({"strategy_id": 999_999}, 404, "999999"),
        ({"canonical_json": {"entry_rules": []}}, 422, "entry"),
        ({"canonical_json": [1]}, 400, "object"),
    ],
)
def test_what_cannot_be_run(api: APIClient, body: dict[str, Any], status: int, says: str) -> None:
    answer = api.post("/api/backtests/quick-run/", body)
    assert answer.status_code == status, answer.data
    assert says in str(answer.data), answer.data
    assert set(answer.data) == {"error", "details", "ai_suggestions", "clarifying_questions"}


def test_a_text_is_read_again_for_the_bars_of_its_run(api: APIClient) -> None:
    """Three days of EURUSD are 72 bars of an hour."""
    text = "Buy EURUSD when RSI < 30, sell after 3 days"
    answer = api.post("/api/backtests/quick-run/", {"user_description": text, "timeframe": "1h"})
    assert answer.status_code in (200, 201), answer.data
    run = BacktestRun.objects.get(pk=answer.data["id"])
    assert (run.timeframe, run.canonical_json["risk"]["max_bars"]) == ("1h", 72)
    assert len([w for w in answer.data["warnings"] if "read again for hourly bars" in str(w)]) == 1


def test_a_text_without_a_symbol_counts_the_days_of_the_one_its_run_is_of(api: APIClient) -> None:
    """A week of foreign exchange is 5 x 24 bars of an hour, and one of a market nobody knows 7 x 24."""
    text = "1h bars. Buy when close > 0.01, sell after 1 week"
    made = api.post("/api/strategies/", {"user_description": text}).json()
    assert made["canonical_json"]["risk"]["max_bars"] == 168
    answer = api.post("/api/backtests/quick-run/", {"strategy_id": made["id"], "symbol": "EURUSD"})
    assert answer.status_code in (200, 201), answer.data
    run = BacktestRun.objects.get(pk=answer.data["id"])
    assert run.canonical_json["risk"]["max_bars"] == 120
    assert [w for w in answer.data["warnings"] if "read again for hourly bars of EURUSD" in w and "120 bars" in w]
    checked = api.post(
        "/api/production/backtests/validate-config/", {"strategy_id": made["id"], "symbol": "EURUSD"}
    ).json()
    assert any("120 bars" in w["message"] for w in checked.get("warnings", []))


def test_a_failed_run_keeps_its_reason(api: APIClient) -> None:
    api.post("/api/backtests/quick-run/", {"user_description": SENTENCE, "symbol": "NOPE"})
    (run,) = api.get("/api/backtests/?status=failed").json()["results"]
    assert "NOPE" in run["error"]
    assert api.get(f"/api/backtests/{run['id']}/trades/").status_code == 422


def test_rerun_reproduces_every_figure_and_sees_changed_prices(api: APIClient, run_: dict[str, Any]) -> None:
    import pandas as pd

    from backtest_api.services import run_again

    run = BacktestRun.objects.get(pk=run_["id"])
    _, different = run_again(run=run)
    assert different == {}
    path = Path(settings.MEDIA_ROOT) / "backtests" / str(run.pk) / "prices.parquet"
    frame = pd.read_parquet(path)
    frame.iloc[500, 3] *= 1.01
    frame.to_parquet(path)
    _, different = run_again(run=run)
    assert "data_sha256" in different


def test_a_user_s_upload_comes_before_bundled_prices(api: APIClient) -> None:
    days = "\n".join(f"2020-01-{d:02d},{100 + d},{101 + d},{99 + d},{100 + d},5" for d in range(1, 32))
    content = f"Date,Open,High,Low,Close,Volume\n{days}\n".encode()
    made = api.post(
        "/api/data/datasets/upload/",
        {"file": SimpleUploadedFile("p.csv", content), "symbol": "GOOG"},
        format="multipart",
    )
    assert made.json()["rows"] == 31
    run = api.post("/api/backtests/quick-run/", {"user_description": "Buy GOOG when close > 105, stop 5%"}).json()
    assert (run["data_source"], run["start_date"]) == ("uploaded", "2020-01-01")
    assert run["cautions"]["CAGR [%]"] == "30 days are too short to speak of a year"
    assert run["cautions"]["Win Rate [%]"] == "1 trade is too few to mean much"
    weekly = api.post("/api/data/fetch/", {"symbol": "GOOG", "interval": "1wk"}).json()
    assert weekly["rows"] == 3  # every day from a Wednesday to a Friday: two parts of weeks are left out
    assert api.delete(f"/api/data/datasets/{made.json()['id']}/").status_code == 204


def test_an_upload_is_known_by_its_name_in_any_case(api: APIClient) -> None:
    days = "\n".join(f"2020-01-{d:02d},{100 + d},{101 + d},{99 + d},{100 + d},5" for d in range(1, 32))
    file = SimpleUploadedFile("p.csv", f"Date,Open,High,Low,Close,Volume\n{days}\n".encode())
    text = "Buy mydata when close > 105, stop 5%"
    refused = api.post("/api/strategies/", {"user_description": text})
    assert refused.status_code == 422, refused.json()
    api.post("/api/data/datasets/upload/", {"file": file, "symbol": "MYDATA"}, format="multipart")
    run = api.post("/api/backtests/quick-run/", {"user_description": text}).json()
    assert (run["symbol"], run["data_source"]) == ("MYDATA", "uploaded")


def test_fetching_gives_a_data_set_with_its_report(api: APIClient) -> None:
    body = {
        "symbol": "goog",
        "start_date": "2010-01-01",
        "end_date": "2010-12-31",
        "indicators": [{"name": "RSI", "timeperiod": 14}],
    }
    data = api.post("/api/data/fetch/", body).json()
    assert (data["symbol"], data["rows"], data["source"]) == ("GOOG", 252, "bundled")
    assert "RSI_14" in data["columns"]
    assert data["quality"]["gaps"]["count"] == 0
    assert api.post("/api/data/fetch/", body).json()["id"] == data["id"]
    assert api.post("/api/data/fetch/", {"symbol": "GOOG", "indicators": [{"name": "RSII"}]}).status_code == 422
    names = {i["name"] for i in api.get("/api/data/indicators/").json()}
    assert {"RSI", "SUPERTREND", "ICHIMOKU"} <= names


def test_a_coin_trades_in_fractions_whatever_the_strategy_says(api: APIClient) -> None:
    days = "\n".join(f"2020-01-{d:02d},60000,60001,59999,60000,5" for d in range(1, 32))
    file = SimpleUploadedFile("p.csv", f"Date,Open,High,Low,Close,Volume\n{days}\n".encode())
    api.post("/api/data/datasets/upload/", {"file": file, "symbol": "SOLUSDT"}, format="multipart")
    rule = {"type": "compare", "left": {"type": "price"}, "op": ">", "right": {"type": "value", "value": 1}}
    canonical = {"entry_rules": [{"when": rule}], "risk": {"max_bars": 3}, "execution": {"cash": 1000}}
    run = api.post("/api/backtests/quick-run/", {"canonical_json": canonical, "symbol": "SOLUSDT"}).json()
    rows = api.get(f"/api/backtests/{run['id']}/trades/").json()["results"]
    assert rows[0]["size"] == pytest.approx(1000 / 60000, rel=1e-3)
