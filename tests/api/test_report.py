"""The report of a backtest: what stands in it agrees with the run, and nothing in it is anybody else's script."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from backtest_api import results, services, written
from backtest_api.models import BacktestRun
from tests.conftest import SENTENCE, client_of

COUNTING = '''
from backtesting import Strategy


class EveryOther(Strategy):
    """Buys & sells <b>on and on</b>."""

    def init(self):
        pass

    def next(self):
        if self.position:
            self.position.close()
        else:
            self.buy(size=1)
'''


def quick(api: APIClient, text: str = SENTENCE, **options: Any) -> BacktestRun:
    answer = api.post("/api/backtests/quick-run/", {"user_description": text, **options})
    assert answer.status_code == 200, answer.data
    return BacktestRun.objects.get(pk=answer.json()["id"])


def report(api: APIClient, run: BacktestRun) -> str:
    answer = api.get(f"/api/backtests/{run.pk}/report/")
    assert answer.status_code == 200, answer.content[:500]
    return str(answer.content.decode())


def section(page: str, name: str) -> str:
    """Return a section of the page as text, cells apart by `|`."""
    inside = page.partition(f'<section id="{name}">')[2].partition("</section>")[0]
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</t[dh]>\s*<t[dh][^>]*>", " | ", inside)))


def rows(page: str, name: str) -> list[list[str]]:
    """Return the cells of a section's table, without its head."""
    inside = page.partition(f'<section id="{name}">')[2].partition("</section>")[0].partition("<tbody>")[2]
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in inside.split("</tr>")]
    return [[html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in cells if row]


def upload(api: APIClient, frame: pd.DataFrame, symbol: str, **answers: str) -> None:
    file = SimpleUploadedFile("p.csv", frame.to_csv(index_label="Date").encode())
    answer = api.post("/api/data/datasets/upload/", {"file": file, "symbol": symbol, **answers}, format="multipart")
    assert answer.status_code == 201, answer.data


def walk(index: pd.DatetimeIndex) -> pd.DataFrame:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.002, len(index))))
    open_ = np.concatenate([[100.0], close[:-1]])
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    return pd.DataFrame({"Open": open_, "High": top, "Low": bottom, "Close": close, "Volume": 10}, index).round(4)


def test_it_tells_strategy_settings_data_warnings_and_figures(api: APIClient) -> None:
    run = quick(api, SENTENCE, commission=0.0012, cash=50_000)
    page = report(api, run)
    assert f'<p class="summary">{html.escape(run.summary)}.</p>' in page
    assert "Buy when RSI(14) is below 30." in section(page, "strategy")
    assert SENTENCE in section(page, "strategy")
    told = section(page, "settings")
    for row in ("Cash at the start | $50,000.00", "Commission | 0.12% of an order's value", "Risk-free rate | none",
                "Position size | 100% of equity", "Orders are filled | at the open of the next bar"):  # fmt: skip
        assert row in told
    told = section(page, "data")
    for row in ("Symbol | GOOG", "Source | bundled", "First graded bar | 2004-09-09", "Last graded bar | 2013-03-01",
                "History before them | 14 bars from 2004-08-19 on", f"SHA-256 | {run.data_sha256[:12]}"):  # fmt: skip
        assert row in told
    assert run.warnings
    for warning in run.warnings:
        assert f"<li>{html.escape(warning)}</li>" in page
    assert html.escape(run.outcome["trials"]["text"]) in page
    run.refresh_from_db()
    told, ranges = section(page, "figures"), run.ranges
    assert ranges
    low, high = (ranges["total_return_pct"][end] for end in ("low", "high"))
    assert (
        f"Return | {run.total_return_pct:,.2f}% | {run.buy_and_hold_return_pct:,.2f}% | {low:,.2f}% to {high:,.2f}%"
        in told
    )
    assert f"Win Rate | {100 * (run.win_rate or 0):.2f}%" in told
    assert "commission from 0% to 0.24%" in told
    assert "mean(r − f) / standard deviation of r × √P" in section(page, "definitions")


def test_its_months_make_the_total_return(api: APIClient) -> None:
    run = quick(api, start_date="2006-03-15", end_date="2009-07-10")
    years = rows(report(api, run), "calendar")
    assert [year[0] for year in years] == ["2006", "2007", "2008", "2009"]
    assert years[0][1:3] == ["–", "–"]  # it began in March
    assert years[3][8:13] == ["–"] * 5  # and ended in July
    growth = np.prod([1 + float(cell.strip("%")) / 100 for year in years for cell in year[1:13] if cell != "–"])
    assert (growth - 1) * 100 == pytest.approx(run.total_return_pct, abs=0.3)  # of cells with two decimals
    for year in years:
        total = np.prod([1 + float(cell.strip("%")) / 100 for cell in year[1:13] if cell != "–"]) - 1
        assert total * 100 == pytest.approx(float(year[13].strip("%")), abs=0.1)


def test_its_trades_are_those_of_the_file(api: APIClient) -> None:
    run = quick(api)
    shown = rows(report(api, run), "trades")
    trades = api.get(f"/api/backtests/{run.pk}/trades/").json()["results"]
    assert len(shown) == run.total_trades == len(trades)
    for row, trade in zip(shown, trades, strict=True):
        assert (row[0], row[2], row[4]) == (trade["side"], trade["entry_time"], trade["exit_time"])
        assert float(row[3].replace(",", "")) == pytest.approx(trade["entry_price"], abs=0.01)
        assert row[6].replace("$", "").replace(",", "") == f"{trade['pnl']:.2f}"
        assert row[8] == str(trade["exit_bar"] - trade["entry_bar"])
        assert row[9] == trade["exit_reason"].replace("_", " ")


def test_it_is_one_page_that_loads_nothing_and_has_no_script_of_its_own(api: APIClient) -> None:
    answer = api.get(f"/api/backtests/{quick(api).pk}/report/")
    page = answer.content.decode()
    outside = re.sub(r'srcdoc="[^"]*"', "", page)
    assert "<script" not in outside
    assert not re.search(r"\b(src|href)=\"(?!#)", outside)
    assert outside.count("<iframe") == 1
    assert '<iframe sandbox="allow-scripts"' in outside
    (chart,) = re.findall(r'srcdoc="([^"]*)"', page)
    assert "Bokeh" in html.unescape(chart)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert html.unescape(policy).startswith("default-src 'none'; ")
    assert answer["Content-Security-Policy"] == f"{html.unescape(policy)}; sandbox allow-scripts"


def test_what_users_wrote_is_text(api: APIClient) -> None:
    evil = "<script>alert(1)</script>"
    canonical = quick(api).canonical_json | {"strategy_name": evil}
    answer = api.post("/api/backtests/quick-run/", {"canonical_json": canonical, "symbol": "GOOG"})
    run = BacktestRun.objects.get(pk=answer.json()["id"])
    run.warnings = [f"it printed {evil}"]
    run.save()
    page = report(api, run)
    assert evil not in page
    assert page.count(html.escape(evil)) >= 3  # title, heading, warning


def test_a_run_without_trades(api: APIClient) -> None:
    run = quick(api, "Buy GOOG when RSI < 2, sell when RSI > 70", end_date="2006-01-01")
    page = report(api, run)
    assert run.total_trades == 0
    assert "No trade was made." in section(page, "trades")
    assert "There was none." in section(page, "drawdowns")
    figures = section(page, "figures")
    for name in ("Sharpe Ratio", "Win Rate", "Profit Factor", "SQN"):
        assert f"{name} | –" in figures, name
    assert "nan" not in figures
    assert "inf" not in figures
    assert "<iframe" in page


def test_a_run_within_days_tells_the_time_and_its_zone(api: APIClient) -> None:
    index = pd.DatetimeIndex(
        [
            day + pd.Timedelta(hours=h, minutes=30)
            for day in pd.bdate_range("2024-02-26", periods=40)
            for h in range(9, 16)
        ]
    )
    upload(api, walk(index), "HOURLY", timezone="America/New_York")
    run = quick(api, "Buy on hourly bars when close is above open, sell when close is below open", symbol="HOURLY")
    page = report(api, run)
    assert "Time zone | America/New_York" in section(page, "data")
    assert "First graded bar | 2024-02-26 09:30" in section(page, "data")
    shown = rows(page, "trades")
    assert all(re.fullmatch(r"2024-\d\d-\d\d \d\d:30", row[2]) for row in shown)
    (year,) = rows(page, "calendar")
    cells = [float(cell.strip("%")) for cell in year[1:13] if cell != "–"]
    assert len(cells) == 3  # February to April
    assert (np.prod([1 + c / 100 for c in cells]) - 1) * 100 == pytest.approx(run.total_return_pct, abs=0.05)


def test_of_many_trades_the_last_stand_in_it(api: APIClient, isolated: None, user: Any) -> None:
    index = pd.bdate_range("2015-01-01", periods=1_200)
    upload(api, walk(index), "MANY")
    run = services.run_isolated(user=user, code=COUNTING, symbol="MANY")
    page = report(api, run)
    assert run.total_trades == 599  # filled at the opens of bars 2, 4, ... 1198
    assert "The last 500 of 599; all are in trades.csv" in section(page, "trades")
    shown = rows(page, "trades")
    assert len(shown) == 500
    trades = pd.read_csv(results.artifact_folder(run) / "trades.csv")
    assert [row[2] for row in shown] == trades["entry_time"].tail(500).to_list()
    told = section(page, "strategy")
    assert "given as code, the class EveryOther" in told
    assert "Buys & sells <b>on and on</b>." in told
    assert "&lt;b&gt;on and on&lt;/b&gt;" in page
    assert "Position size | as the code orders" in section(page, "settings")


def test_a_chart_that_cannot_be_drawn_is_said(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from Backtest.errors import ExecutionError

    def fails(**_: Any) -> Any:
        raise ExecutionError("it took longer than <600> s", exit_reason="timeout")

    monkeypatch.setattr(services, "run_again", fails)
    page = report(api, quick(api))
    assert "There is no interactive chart: it took longer than <600> s." in section(page, "chart")
    assert "<iframe" not in page


def test_it_is_made_once_and_not_of_prices_that_are_gone(api: APIClient) -> None:
    run, other = quick(api), quick(api, end_date="2010-01-01")
    path = services.report_ensure(run=run)
    made = path.stat().st_mtime_ns
    assert services.report_ensure(run=run) == path
    assert path.stat().st_mtime_ns == made
    assert not list(path.parent.parent.glob("*.html"))
    (Path(settings.MEDIA_ROOT) / "backtests" / str(other.pk) / "prices.parquet").unlink()
    answer = api.get(f"/api/backtests/{other.pk}/report/")
    assert answer.status_code == 422
    assert "pruned" in answer.json()["error"]


def test_it_is_its_owner_s(api: APIClient, other_user: Any) -> None:
    run = quick(api)
    assert client_of(other_user).get(f"/api/backtests/{run.pk}/report/").status_code == 404
    assert APIClient().get(f"/api/backtests/{run.pk}/report/").status_code == 401


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (written.number(None), "–"), (written.number(1234.5), "1,234.50"), (written.number(-0.0047), "-0.0047"),
        (written.number(-1e-9), "0.00"), (written.number(6e24), "6e+24"), (written.percent(12.345), "12.35%"),
        (written.money(-1234.5), "-$1,234.50"), (written.money(0.0), "$0.00"), (written.price(309.0), "309.00"),
        (written.price(1.08345), "1.08345"), (written.price(0.00001234), "0.00001234"), (written.amount(355.0), "355"),
        (written.amount(0.0166), "0.0166"), (written.duration("1536 days 00:00:00"), "1,536 days"),
        (written.duration("1 days 03:30:00"), "1 day 03:30"), (written.duration("0 days 00:15:00"), "00:15"),
        (written.duration(None), "–"), (written.duration("77 days 02:07:03.529412"), "77 days"), (written.duration("13 days 23:30:00"), "13 days 23:30"),
        (written.prices([107.37, 98.1855, 1200.5]), ["107.37", "98.19", "1,200.50"]),
        (written.prices([1.0834, 1.1, 1.09]), ["1.0834", "1.1000", "1.0900"]), (written.prices([]), []),
        (written.figure("Start", "2004-10-28 00:00:00"), "2004-10-28"),
    ],
)  # fmt: skip
def test_figures_are_written_for_people(shown: str | list[str], text: str | list[str]) -> None:
    assert shown == text
