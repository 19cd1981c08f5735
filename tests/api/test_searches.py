"""Optimising over REST, in words, by command and by many workers; trials that are counted without being asked."""

from __future__ import annotations

import html
import json
import os
import re
from io import StringIO
from typing import Any

import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from auth_api.models import User
from Backtest.canonical import Execution
from Backtest.machine.owners import own_name
from backtest_api import queue, services, tasks
from backtest_api.kinds import chunks, search
from backtest_api.models import BacktestRun, SearchChunk, Worker
from backtest_api.results import artifact_folder
from backtest_api.services import run_again
from strategy_api.models import Trial
from tests.conftest import client_of

CROSS = "Buy GOOG when SMA(10) crosses above SMA(30), sell when SMA(10) crosses below SMA(30), stop 5%"
SMALL = {"sma_10_period": {"min": 5, "max": 15, "step": 5}, "sma_30_period": [20, 40, 60]}


@pytest.fixture
def strategy(api: APIClient) -> int:
    return int(api.post("/api/strategies/", {"user_description": CROSS, "name": "Cross"}).json()["id"])


def asked(api: APIClient, **body: Any) -> dict[str, Any]:
    answer = api.post("/api/backtests/optimize/", body)
    assert answer.status_code == 202, answer.json()
    return dict(answer.json())


def test_a_search_from_request_to_verdict(api: APIClient, strategy: int) -> None:
    queued = asked(api, strategy_id=strategy, parameters=SMALL, end_date="2010-12-31")
    assert (queued["status"], queued["best"], queued["verdict"]) == ("queued", None, None)
    tasks.work()
    found = api.get(f"/api/backtests/optimize/{queued['id']}/").json()
    assert (found["status"], found["tried"], found["combinations"], found["confirmed"]) == ("completed", 9, 9, True), (
        found["error"]
    )
    assert found["verdict"]["word"] in ("robust", "fragile", "likely overfit")
    assert found["verdict"]["reasons"]
    assert found["isolated"] is False
    assert set(found["best"]["values"]) == {"sma_10_period", "sma_30_period"}
    assert len(found["top"]) == 9
    names = {a["name"] for a in found["artifacts"]}
    assert {"table.parquet", "table.csv", "optimisation.html", "trades.csv", "strategy.py", "manifest.json"} <= names
    # The best is a backtest like any other, with backtesting.py's figures.
    run = api.get(f"/api/backtests/{queued['id']}/").json()
    assert run["sharpe_ratio"] == found["best"]["figures"]["Sharpe Ratio"]
    assert run["ranges"]["sharpe_ratio"]["low"] <= run["sharpe_ratio"] <= run["ranges"]["sharpe_ratio"]["high"]
    table = pd.read_csv(artifact_folder(BacktestRun.objects.get(pk=queued["id"])) / "table.csv")
    assert table["Sharpe Ratio"].max() == run["sharpe_ratio"]
    page = api.get(f"/api/backtests/{queued['id']}/artifacts/optimisation.html/")
    text = b"".join(page.streaming_content).decode()  # type: ignore[attr-defined]
    assert "Bokeh" in text
    assert found["verdict"]["text"] in text
    assert "Deflated Sharpe ratio" in text
    assert "for the best Sharpe Ratio; 0 failed" in text
    assert "mean Sharpe Ratio; the best is marked" in text
    assert "sharpe_ratio" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert "<td>Commission and spread</td><td>none</td>" in html.unescape(text)
    assert not re.findall(r"""<(?:script|link|iframe)[^>]+(?:src|href)=["']?http""", text), "it loads nothing"
    told = [e.data.get("text", "") for e in BacktestRun.objects.get(pk=queued["id"]).events.filter(kind="log")]
    assert any("9 combinations" in t for t in told)
    assert any("Confirming" in t for t in told)
    assert not list(artifact_folder(BacktestRun.objects.get(pk=queued["id"])).parent.glob("*.search"))


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        ({}, "none"),
        ({"commission": 0.001}, "commission 0.1% of an order's value"),
        ({"commission_fixed": 2, "spread": 0.0005}, "commission $2.00 an order, spread 0.05%"),
        ({"commission": 0.002, "commission_fixed": 1.5}, "commission 0.2% of an order's value and $1.50 an order"),
    ],
)
def test_costs_in_words(costs: dict[str, float], told: str) -> None:
    assert search._costs(Execution(**costs)) == told


def test_a_search_in_words(api: APIClient, strategy: int) -> None:
    words = "optimise the fast period from 5 to 15 in steps of 5 and the slow period over 20, 40, 60 where fast < slow, maximise return"
    queued = asked(
        api,
        strategy_id=strategy,
        instructions=words.replace(", maximise return", "").replace("optimise", "maximise return: optimise"),
    )
    assert queued["request"]["objective"] == "total_return_pct"
    assert queued["request"]["constraint"] == "indicators.SMA_10.timeperiod < indicators.SMA_30.timeperiod"
    assert queued["request"]["parameters"]["indicators.SMA_30.timeperiod"] == [20, 40, 60]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"parameters": {"sma_10_period": {"min": 9, "max": 5}}}, 400, "reversed"),
        ({"parameters": {"sma_10_period": {"min": 5, "max": 9, "step": 0}}}, 400, "step is 0"),
        ({"parameters": {"nothing": [1]}}, 400, "no number 'nothing'"),
        ({"parameters": {"sma_10_period": "five"}}, 400, "parameters"),
        ({"parameters": {"sma_10_period": {"from": 5, "to": 9}}}, 400, "parameters"),
        ({"parameters": {"sma_10_period": []}}, 400, "empty"),
        ({"parameters": {"sma_10_period": [5, None]}}, 400, "parameters.sma_10_period.1: Input should be a valid number"),
        ({"parameters": {"stop_loss_pct": {"min": 1, "max": 99, "step": 0.00001}}}, 400, "at most 100,000"),
        ({"parameters": SMALL, "objective": "luck"}, 400, "no figure 'luck'"),
        ({"parameters": SMALL, "objective": {"a": 1}}, 400, "objective"),
        ({"parameters": SMALL, "constraint": "exit() < 1"}, 400, "more than comparisons"),
        ({"parameters": SMALL, "method": "magic"}, 400, "magic"),
        ({"parameters": SMALL, "max_tries": 0}, 400, "max_tries"),
        ({}, 400, "Give one of parameters and instructions"),
        ({"instructions": "make me rich"}, 422, "No range was given"),
        ({"instructions": "the moon from 1 to 5"}, 422, "no number"),
        ({"parameters": SMALL, "symbol": "NOSUCH"}, 404, "NOSUCH"),
        ({"parameters": {"sma_10_period": {"min": 1, "max": 1000}, "sma_30_period": {"min": 1, "max": 1000},
                         "stop_loss_pct": {"min": 1, "max": 50}}}, 400, "50,000,000 combinations"),
    ],
)  # fmt: skip
def test_bad_requests_are_named_and_store_nothing(
    api: APIClient, strategy: int, body: Any, status: int, said: str
) -> None:
    answer = api.post("/api/backtests/optimize/", {"strategy_id": strategy, **body})
    assert said in json.dumps(answer.json()), answer.json()
    assert answer.status_code in (status, 400, 422), answer.json()
    assert not BacktestRun.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "field", "said"),
    [
        ({"parameters": {"sma_10_period": {"min": 5, "max": 10, "step": 0.5}}}, 400, "parameters.sma_10_period.step",
         "sma_10_period is a whole number, and the step 0.5 is none: use whole numbers, such as 1"),
        ({"parameters": {"sma_10_period": [5, 9.5]}}, 400, "parameters.sma_10_period.1", "and 9.5 is none"),
        ({"instructions": "the fast period from 5 to 10 in steps of 0.5"}, 400,
         "instructions", "sma_10_period is a whole number, and the step 0.5 is none"),
        ({"instructions": "the fast period from 0 to 10"}, 422, "instructions", "sma_10_period may be from 1 to 1000, not 0"),
        ({"instructions": "the fast period from 10 to 5"}, 400, "instructions", "sma_10_period: the range 10 to 5 is reversed"),
        ({"instructions": "the fast period from 5 to 10 where fast < 2"}, 400, "instructions", "'sma_10_period < 2'"),
        ({"parameters": {"fast": [5, 9.5]}}, 400, "parameters.fast.1", "fast is a whole number, and 9.5 is none"),
        ({"parameters": {"fast": [5, 9]}, "constraint": "fast < 2"}, 400, "constraint", "'fast < 2'"),
        ({"parameters": {"sma_10_period": {"min": -5, "max": 10}}}, 422, "parameters.sma_10_period",
         "sma_10_period may be from 1 to 1000, not -5"),
        ({"instructions": "stop from 0.01 to 0.03 in steps of 0.01"}, 422, "instructions", "stop_loss_pct of 0.03 may be 0.03% or 3%"),
        ({"instructions": "stop over 0.01, 0.02"}, 422, "instructions", "may be 0.02% or 2%"),
        ({"parameters": {"stop": {"min": 0.01, "max": 0.03, "step": 0.01}}}, 422, "parameters.stop", "stop of 0.03 may be 0.03% or 3%"),
    ],
)  # fmt: skip
def test_fractions_where_none_can_be_meant(
    api: APIClient, strategy: int, body: Any, status: int, field: str, said: str
) -> None:
    answer = api.post("/api/backtests/optimize/", {"strategy_id": strategy, **body})
    assert (answer.status_code, answer.json()["details"][0]["field"]) == (status, field), answer.json()
    assert said in answer.json()["error"]
    assert "pattern" not in json.dumps(answer.json())
    assert not BacktestRun.objects.exists()


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ({"instructions": "stop from 0.5% to 0.9% in steps of 0.2%"}, {"min": 0.5, "max": 0.9, "step": 0.2}),
        ({"instructions": "stop from 0.5 to 2 in steps of 0.5"}, {"min": 0.5, "max": 2, "step": 0.5}),
    ],
)
def test_percent_that_is_said_or_plain(api: APIClient, strategy: int, body: Any, values: Any) -> None:
    assert asked(api, strategy_id=strategy, **body)["request"]["parameters"] == {"risk.stop_loss.value": values}


def test_a_name_with_its_unit_is_not_asked_about(api: APIClient, strategy: int) -> None:
    made = asked(api, strategy_id=strategy, parameters={"stop_loss_pct": [0.5, 0.9]})
    assert made["request"]["parameters"] == {"stop_loss_pct": [0.5, 0.9]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sma_10_period=5:10:0.5", "sma_10_period is a whole number, and the step 0.5 is none"),
        ("stop=0.01:0.03:0.01", "stop of 0.03 may be 0.03% or 3%"),
        ("stop from 0.01 to 0.03 in steps of 0.01", "stop_loss_pct of 0.03 may be 0.03% or 3%"),
    ],
)
def test_fractions_at_the_command_line(words: str, said: str) -> None:
    with pytest.raises(CommandError, match=re.escape(said)):
        call_command("optimize", CROSS, words, "--no-report")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"instructions": "make me rich"}, "instructions"),
        ({"instructions": "the moon from 1 to 5"}, "instructions"),
        ({"instructions": "the fast period from 5 to 15 where period < 20"}, "instructions"),
        ({"parameters": {"period": [5, 10]}}, "parameters"),  # of two averages
        ({"parameters": SMALL, "constraint": "period < 20"}, "constraint"),
        ({"parameters": {"stop_loss_pct": [5, 500]}}, "parameters.stop_loss_pct"),
    ],
)
def test_what_is_understood_but_not_possible_names_its_field(
    api: APIClient, strategy: int, body: Any, field: str
) -> None:
    answer = api.post("/api/backtests/optimize/", {"strategy_id": strategy, **body})
    assert answer.status_code == 422, answer.json()
    assert {found["field"] for found in answer.json()["details"]} == {field}, answer.json()


def test_a_search_of_a_draft_names_the_field_of_the_strategy(api: APIClient) -> None:
    draft = api.post("/api/strategies/", {"user_description": "Buy when RSI < 30 for AAPL"}).json()["id"]
    for body in ({"instructions": "the RSI period from 5 to 10"}, {"parameters": {"rsi_period": [5, 10]}}):
        answer = api.post("/api/backtests/optimize/", {"strategy_id": draft, **body})
        assert (answer.status_code, answer.json()["details"][0]["field"]) == (422, "strategy_id")


def test_a_search_without_a_trade_fails_with_a_reason(api: APIClient) -> None:
    made = api.post(
        "/api/strategies/", {"user_description": "Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%"}
    ).json()
    queued = asked(api, strategy_id=made["id"], parameters={"rsi_entry_level": [1, 2]}, end_date="2006-01-01")
    tasks.work()
    found = api.get(f"/api/backtests/optimize/{queued['id']}/").json()
    assert (found["status"], found["error"]) == ("failed", "None of the 2 combinations made a trade")


def test_searches_are_their_owner_s(api: APIClient, strategy: int, other_user: User) -> None:
    queued = asked(api, strategy_id=strategy, parameters=SMALL)
    stranger = client_of(other_user)
    assert stranger.get(f"/api/backtests/optimize/{queued['id']}/").status_code == 404
    assert stranger.post("/api/backtests/optimize/", {"strategy_id": strategy, "parameters": SMALL}).status_code == 404
    assert stranger.post(f"/api/backtests/{queued['id']}/cancel/").status_code == 404
    plain = api.post("/api/backtests/", {"strategy_id": strategy}).json()["id"]
    assert api.get(f"/api/backtests/optimize/{plain}/").status_code == 404, "a plain backtest is no search"


def test_cancelling(api: APIClient, strategy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {
        "sma_10_period": {"min": 2, "max": 200},
        "sma_30_period": {"min": 2, "max": 200},
        "stop_loss_pct": {"min": 1, "max": 90},
    }
    queued = asked(api, strategy_id=strategy, parameters=wide)
    monkeypatch.setattr("Backtest.search.sweeping.MOST_IN_CHUNK", 2000)
    run = BacktestRun.objects.get(pk=queued["id"])
    seen = services._guarded

    def cancel_soon(run: BacktestRun) -> Any:
        BacktestRun.objects.filter(pk=run.pk).update(cancel_requested=True)
        return seen(run)

    monkeypatch.setattr(services, "_guarded", cancel_soon)
    tasks.work()
    run.refresh_from_db()
    assert (run.status, run.error) == ("cancelled", "Cancelled")
    assert not SearchChunk.objects.exists()


@pytest.mark.parametrize(("objective", "method"), [("max_drawdown", "grid"), ("exposure", "tpe")])
def test_what_never_trades_is_never_the_best(api: APIClient, objective: str, method: str) -> None:
    """An RSI below 1 never comes; no loss and no exposure are no merit then."""
    made = api.post(
        "/api/strategies/", {"user_description": "Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%"}
    ).json()
    wanted = {"rsi_entry_level": [1, 2, 30, 35]}
    queued = asked(
        api,
        strategy_id=made["id"],
        parameters=wanted,
        objective=objective,
        method=method,
        max_tries=4,
        end_date="2006-06-30",
    )
    tasks.work()
    found = api.get(f"/api/backtests/optimize/{queued['id']}/").json()
    assert found["status"] == "completed", found["error"]
    assert found["best"]["figures"]["# Trades"] > 0
    assert found["best"]["values"]["rsi_entry_level"] >= 30


def test_a_search_ends_when_its_time_is_over(api: APIClient, strategy: int, settings: Any) -> None:
    settings.SEARCH_TIMEOUT_S = 1e-12
    made = asked(api, strategy_id=strategy, parameters=SMALL)
    tasks.work()
    run = BacktestRun.objects.get(pk=made["id"])
    assert (run.status, run.error) == (
        "failed",
        "It was ended after 1e-12 s, the limit (SEARCH_TIMEOUT_S), 0% of it done",
    )
    assert not SearchChunk.objects.exists()


def test_searches_leave_a_place_to_other_runs(api: APIClient, strategy: int, settings: Any) -> None:
    """Of three places searches of three users have two; a backtest of a fourth, asked for last, has the third."""
    settings.BACKTEST_CONCURRENCY = 3
    searching = [asked(api, strategy_id=strategy, parameters=SMALL)["id"] for _ in range(3)]
    for number, run in enumerate(searching):
        other = User.objects.create_user(f"searcher-{number}", f"{number}@example.com", "a long password 1")
        BacktestRun.objects.filter(pk=run).update(user=other)
    plain = api.post("/api/backtests/", {"strategy_id": strategy}).json()["id"]
    taken = [run.pk for _ in range(4) if (run := queue.take_next()) is not None]
    assert taken == [searching[0], searching[1], plain]
    BacktestRun.objects.filter(pk=searching[1]).update(status="completed")
    third = queue.take_next()
    assert third is not None
    assert (third.pk, queue.take_next()) == (searching[2], None)


# -- Many workers -------------------------------------------------------------------------------


def test_what_a_lost_helper_took_is_redone(api: APIClient, strategy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that took chunks and was lost has them redone; the table is that of one worker alone, bit for bit."""
    monkeypatch.setattr("Backtest.search.sweeping.MOST_IN_CHUNK", 3)
    wide = {"sma_10_period": {"min": 3, "max": 14}, "sma_30_period": {"min": 20, "max": 60, "step": 10}}
    alone = asked(api, strategy_id=strategy, parameters=wide)
    tasks.work()
    expected = pd.read_parquet(artifact_folder(BacktestRun.objects.get(pk=alone["id"])) / "table.parquet")

    def lose_some(run: BacktestRun, count: int) -> None:
        assert count == 19
        SearchChunk.objects.filter(run=run, number__in=[0, 7]).update(worker="far-away/1/1", takes=1)
        gone = own_name().replace(str(os.getpid()), "4194303")
        SearchChunk.objects.filter(run=run, number=9).update(worker=gone, takes=1)

    now = timezone.now()
    Worker.objects.create(name="w", concurrency=2, sandbox="process", isolated=False, started_at=now, seen_at=now)
    monkeypatch.setattr(chunks, "CHUNK_S", 0.5)
    monkeypatch.setattr(chunks, "_call_helpers", lose_some)
    shared = asked(api, strategy_id=strategy, parameters=wide)
    tasks.work()
    found = api.get(f"/api/backtests/optimize/{shared['id']}/").json()
    assert found["status"] == "completed", found["error"]
    table = pd.read_parquet(artifact_folder(BacktestRun.objects.get(pk=shared["id"])) / "table.parquet")
    assert table.to_numpy().tobytes() == expected.to_numpy().tobytes()
    assert not SearchChunk.objects.exists()


def test_helping_what_is_over_does_nothing(api: APIClient, strategy: int) -> None:
    queued = asked(api, strategy_id=strategy, parameters=SMALL)
    assert chunks.help_search(run_id=queued["id"], attempt=0) == 0
    assert chunks.help_search(run_id=10**9, attempt=1) == 0


# -- Trials -------------------------------------------------------------------------------------


def test_every_try_counts_once(api: APIClient, strategy: int) -> None:
    def tested(**options: Any) -> dict[str, Any]:
        return dict(api.post("/api/backtests/quick-run/", {"strategy_id": strategy, **options}).json())

    first = tested()
    assert first["trials"]["number"] == 1
    assert (
        first["trials"]["text"]
        == "This is the 1st try on GOOG 1d, counting yours of this strategy in all its versions."
    )
    assert first["trials"]["deflated_sharpe"] is None
    assert tested()["trials"]["number"] == 1, "the same again is no other try"
    second = tested(commission=0.002)
    assert second["trials"]["number"] == 2
    assert tested(symbol="AAPL")["trials"]["number"] == 1, "another data set"
    asked(api, strategy_id=strategy, parameters=SMALL)
    tasks.work()
    search = api.get(f"/api/backtests/optimize/{BacktestRun.objects.latest('id').pk}/").json()
    assert search["statistics"]["trials"]["before"] == 2
    assert search["statistics"]["trials"]["total"] == 11
    third = tested(commission=0.003)
    assert third["trials"]["number"] == 12
    assert third["trials"]["text"].startswith(
        "This is the 12th try on GOOG 1d, counting yours of this strategy in all its versions."
    )
    assert 0 <= third["trials"]["deflated_sharpe"] <= third["trials"]["probabilistic_sharpe"]
    assert 0 <= third["trials"]["pbo"] <= 1
    api.post("/api/strategies/", {"user_description": CROSS, "name": "Other"})
    assert api.post("/api/backtests/quick-run/", {"strategy_id": strategy + 1}).json()["trials"]["number"] == 1


def test_sentences_that_differ_in_numbers_are_one_lineage(api: APIClient) -> None:
    numbers = []
    for period in (10, 12, 14):
        text = CROSS.replace("SMA(10)", f"SMA({period})")
        numbers.append(api.post("/api/backtests/quick-run/", {"user_description": text}).json()["trials"]["number"])
    assert numbers == [1, 2, 3]
    other = api.post(
        "/api/backtests/quick-run/", {"user_description": "Buy GOOG when RSI < 30, sell when RSI > 70"}
    ).json()
    assert other["trials"]["number"] == 1


def test_measured_recommendations_are_tries(api: APIClient, strategy: int) -> None:
    answer = api.post(f"/api/strategies/{strategy}/recommendations/", {"measure": True}).json()
    measured = [r for r in answer["recommendations"] if r["effect"]]
    assert Trial.objects.filter(kind="recommendation").count() >= len(measured) > 0


def test_trials_are_their_owner_s(api: APIClient, other_user: User) -> None:
    api.post("/api/backtests/quick-run/", {"user_description": CROSS})
    assert (
        client_of(other_user).post("/api/backtests/quick-run/", {"user_description": CROSS}).json()["trials"]["number"]
        == 1
    )


# -- By command ---------------------------------------------------------------------------------


def test_the_command(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command(
        "optimize", CROSS, "the fast period from 5 to 15 in steps of 5", "-p", "sma_30_period=20:60:20", "--no-report"
    )
    said = capsys.readouterr().out
    assert "9 of 9 combinations" in said
    assert "Deflated Sharpe" in said
    assert any(word in said for word in ("Robust", "Fragile", "Likely overfit"))
    assert "the same trades, the same figures" in " ".join(said.split())


def test_the_command_as_json_and_with_processes(db: None) -> None:
    out = StringIO()
    call_command(
        "optimize", CROSS, "-p", "sma_10_period=5,10", "-p", "stop_loss_pct=2:10:4", "--objective", "total_return_pct",
        "--objective", "max_drawdown", "--workers", "2", "--no-report", "--json", stdout=out,
    )  # fmt: skip
    found = json.loads(out.getvalue())
    assert found["tried"] == 6
    assert found["pareto"]


def test_a_search_can_be_run_again(api: APIClient, strategy: int) -> None:
    queued = asked(api, strategy_id=strategy, parameters=SMALL)
    tasks.work()
    _, different = run_again(run=BacktestRun.objects.get(pk=queued["id"]))
    assert different == {}


def test_looking_ahead_over_rest(api: APIClient, isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from strategy_api import production
    from tests.lookahead.programs import CHEATS, HONEST

    monkeypatch.setattr(production, "CLOSELY_S", 3600.0)  # on a busy machine too
    short = {"symbol": "GOOG", "end_date": "2005-03-31"}
    cheat = CHEATS["negative shift, declared"]
    found = api.post("/api/production/strategies/check-lookahead/", {"code": cheat, **short}).json()
    assert (found["checked"], found["clean"]) == (True, False)
    assert "looks ahead" in found["findings"][0]["text"]
    tested = api.post("/api/production/strategies/sandbox-test/", {"code": cheat, **short}).json()
    assert (tested["success"], tested["lookahead"]["clean"]) == (True, False)
    clean = api.post("/api/production/strategies/sandbox-test/", {"code": HONEST["moving averages"], **short}).json()
    assert (clean["lookahead"]["clean"], clean["lookahead"]["findings"]) == (True, [])
    few = api.post(
        "/api/production/strategies/check-lookahead/", {"code": cheat, "symbol": "GOOG", "end_date": "2004-09-10"}
    )
    assert few.status_code == 422
    assert "60 are needed" in few.json()["error"]


def test_the_sharpe_ratio_of_the_evidence_is_that_of_the_table(api: APIClient) -> None:
    made = api.post("/api/strategies/", {"user_description": f"{CROSS}, risk-free rate 3%"}).json()
    queued = asked(api, strategy_id=made["id"], parameters=SMALL, end_date="2010-12-31")
    tasks.work()
    found = api.get(f"/api/backtests/optimize/{queued['id']}/").json()
    figure = pytest.approx(found["best"]["figures"]["Sharpe Ratio"], rel=1e-9)
    assert found["statistics"]["sharpe_ratio"]["annual"] == figure
    assert found["statistics"]["intervals"]["sharpe_ratio"]["estimate"] == figure
    for window in found["statistics"]["walk_forward"]["windows"]:
        assert window["sharpe_in_sample"] == pytest.approx(window["objective_in_sample"], rel=1e-9)
    page = (artifact_folder(BacktestRun.objects.get(pk=queued["id"])) / "optimisation.html").read_text()
    for said in (
        "Position size",
        "What was searched",
        "sma_10_period",
        "In sample and out of sample",
        "Sharpe ratio, all bars",
        "3% a year",
    ):
        assert said in page, said
