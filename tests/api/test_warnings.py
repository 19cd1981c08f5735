"""Every answer carries what the reading, the data and the run warn of, in one place and in this order."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from backtest_api import tasks
from backtest_api.models import BacktestRun
from backtest_api.warnings import of_several
from Strategy.text_parser import parse_strategy

# Without a stop it is warned that nothing bounds a loss; the reading has the warning, no run has it by itself.
BARE = "Buy GOOG when RSI < 30, sell when RSI > 70"
TWO = "Buy GOOG and AAPL when RSI < 30, sell when RSI > 70, stop 5%"


def spoken(text: str = BARE) -> str:
    warning = parse_strategy(text).warnings[0]
    return warning.message.rstrip(".")


def test_the_sentence_has_a_warning_to_lose() -> None:
    assert spoken()


def test_a_quick_run_keeps_the_warnings_of_the_reading_first(api: APIClient) -> None:
    run = api.post("/api/backtests/quick-run/", {"user_description": BARE, "commission": 0.001}).json()
    assert run["warnings"][0].startswith(spoken())
    assert api.get(f"/api/backtests/{run['id']}/").json()["warnings"] == run["warnings"]
    assert len(run["warnings"]) == len(set(run["warnings"]))


def test_so_does_a_stored_strategy_queued_or_at_once(api: APIClient) -> None:
    made = api.post("/api/strategies/", {"user_description": BARE}).json()
    queued = api.post("/api/backtests/", {"strategy_id": made["id"]}).json()
    assert queued["warnings"][0].startswith(spoken())
    tasks.work()
    done = api.get(f"/api/backtests/{queued['id']}/").json()
    assert done["status"] == "completed"
    assert done["warnings"][: len(queued["warnings"])] == queued["warnings"]
    canonical = api.post("/api/backtests/quick-run/", {"canonical_json": made["canonical_json"]}).json()
    assert canonical["warnings"][0].startswith(spoken())


def test_so_does_a_job(api: APIClient) -> None:
    job = api.post("/api/backtests/jobs/", {"strategy": BARE, "symbols": ["GOOG", "AAPL"]}).json()
    tasks.work()
    tasks.work()
    done = api.get(f"/api/backtests/jobs/{job['id']}/").json()
    assert done["warnings"][0].startswith(spoken())
    assert all(r["warnings"][0].startswith(spoken()) for r in done["results"])
    assert not any("alone" in w for w in done["warnings"]), "each of them is run"


def test_so_does_a_conversation(api: APIClient) -> None:
    said = api.post("/api/chat/", {"message": BARE, "session_id": "w"}, HTTP_ACCEPT="application/json").json()
    assert f"Warning: {spoken()}" in said["text"]


@pytest.mark.django_db
def test_so_does_the_command_line() -> None:
    out = io.StringIO()
    call_command("backtest", BARE, "--json", "--no-report", stdout=out)
    found = json.loads(out.getvalue())
    assert found["warnings"][0].startswith(spoken())


@pytest.mark.django_db
def test_so_does_the_tester() -> None:
    from rich.console import Console

    from algoagent_api.tester import Tester
    from auth_api.cli import local_user

    shown = io.StringIO()
    tester = Tester(local_user("local"), Console(file=shown, highlight=False, width=400))
    tester.answer(BARE)
    assert tester.as_dict()["run"]["warnings"][0].startswith(spoken())
    assert shown.getvalue().count(spoken()) == 1


def test_one_of_several_symbols_is_named_with_the_way_to_the_others(api: APIClient) -> None:
    parsed = parse_strategy(TWO)
    assert parsed.strategy is not None
    assert len(parsed.strategy.symbols) == 2
    run = api.post("/api/backtests/quick-run/", {"user_description": TWO}).json()
    (told,) = [w for w in run["warnings"] if "alone" in w]
    assert f"this run is of {run['symbol']} alone" in told
    assert "/api/backtests/jobs/" in told
    other = api.post("/api/backtests/quick-run/", {"user_description": TWO, "symbol": "AAPL"}).json()
    assert not any("alone" in w for w in other["warnings"])


def test_a_try_says_what_it_counts(api: APIClient) -> None:
    def text(**body: Any) -> str:
        return str(api.post("/api/backtests/quick-run/", body).json()["trials"]["text"])

    assert text(user_description=BARE).startswith(
        "This is the 1st try on GOOG 1d, counting yours of strategies that differ in their numbers alone."
    )
    made = api.post("/api/strategies/", {"user_description": BARE}).json()
    assert "counting yours of this strategy in all its versions" in text(strategy_id=made["id"])
    assert BacktestRun.objects.count() == 2


def test_a_job_says_which_symbol_a_warning_belongs_to(api: APIClient) -> None:
    job = api.post(
        "/api/backtests/jobs/", {"strategy": BARE, "symbols": ["GOOG", "FB"], "from": "2004-08-19", "to": "2012-12-31"}
    ).json()
    tasks.work()
    tasks.work()
    done = api.get(f"/api/backtests/jobs/{job['id']}/").json()
    goog, fb = (result["warnings"] for result in done["results"])
    assert set(goog) != set(fb), "the prices of FB begin in 2012"
    common = [w for w in goog if w in fb]
    alone = [f"GOOG: {w}" for w in goog if w not in fb] + [f"FB: {w}" for w in fb if w not in goog]
    assert sorted(done["warnings"]) == sorted([*common, *alone])


def test_warnings_of_several_symbols() -> None:
    found = [("A", ["x", "y", "y"]), ("B", ["y", "z"]), ("C", ["y", "z"])]
    assert of_several(found) == ["A: x", "y", "B and C: z"]
    assert of_several([("A", ["x"])]) == ["x"]


# -- What a run was given is not assumed ---------------------------------------------------------


def assumed(run: dict[str, Any]) -> set[str]:
    return {a["text"] for a in run["assumptions"]}


def test_what_the_request_gives_is_not_assumed(api: APIClient) -> None:
    text = "Buy when RSI(14) < 30, sell when RSI(14) > 70, stop 5%"
    plain = api.post("/api/backtests/quick-run/", {"user_description": text, "symbol": "GOOG"}).json()
    assert {"Start with 100000 in cash", "No commission", "No spread", "Daily bars"} <= assumed(plain)
    assert not any("symbol" in a for a in assumed(plain)), "the request names one"
    given = {"symbol": "GOOG", "commission": 0.001, "cash": 5000}
    run = api.post("/api/backtests/quick-run/", {"user_description": text, **given}).json()
    assert {"No spread", "Daily bars", "Every trade takes the full equity"} <= assumed(run)
    assert not assumed(run) & {"No commission", "Start with 100000 in cash"}


def test_neither_does_a_report_assume_it(api: APIClient) -> None:
    made = api.post("/api/strategies/", {"user_description": BARE}).json()
    run = api.post("/api/backtests/quick-run/", {"strategy_id": made["id"], "commission": 0.002}).json()
    page = api.get(f"/api/backtests/{run['id']}/report/").content.decode()
    said = page.partition("<h3>Assumed</h3>")[2].partition("</ul>")[0]
    assert "No spread" in said
    assert "No commission" not in said
    assert "0.2% of an order" in page
