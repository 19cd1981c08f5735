"""Conversations: by rules alone, with a model, streamed, many at once, and of somebody else."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from auth_api.models import User
from backtest_api import tasks
from backtest_api.models import BacktestRun
from strategy_api.models import ConversationMemory, Strategy
from tests.conftest import SENTENCE, client_of
from tests.live import http, serve
from tests.model_server import ModelServer, Reply

JSON = {"accept": "application/json"}


@pytest.fixture(autouse=True)
def _no_waiting(settings: Any) -> None:
    settings.CHAT_WAIT_S = 0


def say(api: APIClient, message: str, session: str = "s", status: int = 200) -> dict[str, Any]:
    answer = api.post("/api/chat/", {"message": message, "session_id": session}, headers=JSON)
    assert answer.status_code == status, answer.json()
    return dict(answer.json())


def test_a_whole_conversation_by_rules(api: APIClient) -> None:
    made = say(api, SENTENCE)
    assert (made["intent"], made["answered_by"], made["actions"][0]["action"]) == ("create", "rules", "created")
    assert "Buy when RSI(14) is below 30." in made["text"]
    assert "Assumed: Daily bars" in made["text"]
    strategy = Strategy.objects.get()
    changed = say(api, "make the stop 3% and only trade Mondays")
    assert not Strategy.objects.filter(warnings__icontains="canonical_json").exists(), "nobody here sent one"
    assert "added" not in changed["text"]
    assert "-> Stop loss: 3% from the entry price." in changed["text"]
    strategy.refresh_from_db()
    assert (strategy.version, strategy.canonical_json["risk"]["stop_loss"]["value"]) == (2, 3)
    queued = say(api, "test it since 2005")
    assert queued[
        "text"
    ] == 'Backtest 1 on GOOG is queued.\nBacktest 1 is queued. Ask "how did it go?" in a while.\n'.replace(
        "1", str(BacktestRun.objects.get().pk)
    )
    tasks.work()
    done = say(api, "how did it go?")
    run = BacktestRun.objects.get()
    assert run.summary.rstrip(".") in done["text"]
    low, high = (run.ranges["sharpe_ratio"][name] for name in ("low", "high"))
    assert f"Sharpe {run.sharpe_ratio:.2f} ({low:.2f} to {high:.2f} on other paths" in done["text"]
    assert done["actions"][0]["run_id"] == run.pk
    assert {"type": "csv", "name": "trades.csv", "path": f"/api/backtests/{run.pk}/artifacts/trades.csv/"} in done[
        "actions"
    ][0]["artifacts"]
    why = say(api, "why no trade on 2007-03-01?")
    assert why["text"].startswith("No trade. Smallest change for one:")
    assert say(api, "explain it")["text"].count("Monday") == 1
    kinds = list(ConversationMemory.objects.filter(session_id="s").values_list("interaction_type", flat=True))
    assert kinds.count("chat") == 6
    entries = api.get("/api/conversations/s/").json()["results"]
    assert entries[-1]["user_message"] == "explain it"


def test_an_order_is_done_whole_or_not_at_all(api: APIClient) -> None:
    say(api, SENTENCE)
    told = say(api, "test it on MSFT with a 3% stop")
    assert "these words would be lost: '3% stop'" in told["text"]
    assert (told["actions"], BacktestRun.objects.count()) == ([], 0)
    both = say(api, "make the stop 3% and then test it on MSFT since 2005")
    assert [a["action"] for a in both["actions"]] == ["changed", "queued"]
    run = BacktestRun.objects.get()
    assert (run.symbol, str(run.start_date), run.canonical_json["risk"]["stop_loss"]["value"]) == (
        "MSFT",
        "2005-01-01",
        3,
    )


def test_every_symbol_of_a_strategy_is_tested(api: APIClient) -> None:
    say(api, SENTENCE)
    say(api, "trade AAPL and MSFT")
    assert [a["symbol"] for a in say(api, "test it")["actions"]] == ["AAPL", "MSFT"]
    say(api, "Buy when RSI < 30, sell when RSI > 70", session="t")
    assert "name one in the request" in say(api, "test it", session="t")["text"]


def test_comparing(api: APIClient) -> None:
    say(api, SENTENCE)
    assert "nothing to compare yet" in say(api, "compare")["text"]
    assert [a["symbol"] for a in say(api, "compare it on AAPL and MSFT")["actions"]] == ["AAPL", "MSFT"]
    tasks.work()
    told = say(api, "which one is better?")["text"]
    assert told.count("Sharpe") == 3
    assert "did best. The past is no promise." in told


def test_optimising(api: APIClient) -> None:
    say(api, SENTENCE)
    assert "Which number, from what to what?" in say(api, "optimise it")["text"]
    queued = say(api, "optimise the RSI period from 10 to 14 and the stop from 4 to 6 in steps of 2")
    assert [a["action"] for a in queued["actions"]] == ["queued"]
    tasks.work()
    told = say(api, "how did it go?")["text"]
    assert "The best of 10 combinations: rsi_period 1" in told or "The best of 10 combinations: indicators" in told
    assert any(word in told for word in ("Likely overfit", "Fragile", "Robust"))


def test_deploying_needs_a_yes(api: APIClient, isolated: None, settings: Any, tmp_path: Path) -> None:
    settings.DEPLOY_REPO = str(tmp_path / "deploy")
    say(api, SENTENCE)
    say(api, "yes")
    assert 'Say "yes" to go on' in say(api, "deploy it")["text"]
    assert Strategy.objects.get().status == "draft"
    say(api, "make the stop 4%")
    say(api, "yes")
    assert Strategy.objects.get().status == "draft", "a yes to something else is none to this"
    say(api, "deploy it")
    canonical = api.get("/api/strategies/?ordering=id").json()["results"][0]
    canonical["canonical_json"]["risk"]["stop_loss"]["value"] = 6
    api.patch(f"/api/strategies/{canonical['id']}/", {"canonical_json": canonical["canonical_json"]})
    assert "version 3" in say(api, "yes")["text"], "it became another version after the question"
    assert Strategy.objects.get().status == "draft"
    done = say(api, "yes")
    assert done["actions"][0]["action"] == "deployed"
    assert Strategy.objects.get().status == "deployed"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("make it moonish", "No language model is configured|no language model is configured"),
        ("kauf was Schönes", "rules read English only"),
        ("🚀🚀🚀", "names no rule"),
        ("<script>alert(1)</script>", "not understood|names no rule"),
        ("test it", "There is no strategy in this conversation yet"),
        ("how did it go?", "No backtest was asked for"),
        ("deploy it", "There is no strategy"),
        ("use the rules' reading", "There is no strategy"),
        ("yes", "nothing I asked you to confirm"),
        ("optimise it", "There is no strategy in this conversation"),
        ("search for momentum", "set SEARXNG_ENDPOINT"),
        ("hello", "Describe a strategy"),
        ("x" * 10_000, "not understood|names no rule"),
    ],
)
def test_what_cannot_be_answered_has_a_clear_answer(api: APIClient, message: str, said: str) -> None:
    import re

    assert re.search(said, say(api, message)["text"])


@pytest.mark.parametrize("message", ["", "   \n", "x" * 10_001])
def test_bad_messages(api: APIClient, message: str) -> None:
    body = say(api, message, status=400)
    assert "empty" in body["error"] or "10001 characters" in body["error"] or "blank" in str(body)
    assert ConversationMemory.objects.count() == 0


def test_a_contradiction_is_asked_about(api: APIClient) -> None:
    say(api, SENTENCE)
    told = say(api, "make the stop 3% and the stop 8%")
    assert "Which stop loss is meant: 3% or 8%?" in told["text"]
    assert Strategy.objects.get().version == 1


def test_somebody_elses_session(api: APIClient, other_user: User) -> None:
    """Names are each user's own: one that somebody else uses, as all do who follow the README, is free and tells nothing."""
    say(api, SENTENCE, session="mine")
    theirs = client_of(other_user)
    assert theirs.get("/api/conversations/mine/").status_code == 404
    answer = theirs.post("/api/chat/", {"message": "test it", "session_id": "mine"}, headers=JSON)
    assert answer.status_code == 200
    assert "There is no strategy in this conversation yet" in answer.json()["text"]
    kept = theirs.get("/api/conversations/mine/").json()
    assert kept["count"] == 1
    assert APIClient().post("/api/chat/", {"message": "hi"}).status_code == 401
    fresh = theirs.post("/api/chat/", {"message": "hello"}, headers=JSON).json()
    assert len(fresh["session_id"]) == 36


# -- With a model --------------------------------------------------------------------------------


def test_a_change_the_rules_cannot_read(api: APIClient, llm: ModelServer) -> None:
    say(api, SENTENCE)
    operations = [{"op": "replace", "path": "/risk/stop_loss/value", "value": "12"}]
    right = [{"op": "replace", "path": "/risk/stop_loss/value", "value": "3"}]
    llm.will(Reply(output={"operations": operations}), Reply(output={"operations": right}))
    told = say(api, "mach den stop bitte 3 prozent eng")
    assert (told["answered_by"], told["actions"][0]["version"]) == ("model", 2)
    assert "These numbers stand nowhere in the words: 12" in llm.asked[1].text
    assert Strategy.objects.get().canonical_json["risk"]["stop_loss"]["value"] == 3


def test_talking(api: APIClient, llm: ModelServer) -> None:
    say(api, SENTENCE)
    llm.will(Reply(text="Gut gefragt. Es ist ein Rücksetzer."))
    told = say(api, "und was hältst du davon so insgesamt?")
    assert (told["text"], told["answered_by"]) == ("Gut gefragt. Es ist ein Rücksetzer.", "model")
    (asked,) = llm.asked
    assert "Buy when RSI(14) is below 30." in asked.text
    assert sorted(asked.tools) == ["backtest", "change_strategy", "explain_day", "list_strategies"]
    say(api, "und sonst?")
    assert "Gut gefragt" in llm.asked[1].text, "it remembers"
    assert list(api.get("/api/ai/calls/").json()["results"][0].items())[1] == ("session_id", "s")


def test_a_model_that_fails_says_so(api: APIClient, llm: ModelServer) -> None:
    say(api, SENTENCE)
    llm.will(Reply(status=401))
    assert "No language model answered" in say(api, "und sonst so?")["text"]


# -- Streamed ------------------------------------------------------------------------------------


def events_of(lines: Any) -> list[tuple[str, dict[str, Any], float]]:
    found, kind = [], ""
    for line in lines:
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            found.append((kind, json.loads(line[6:]), time.perf_counter()))
    return found


def test_streams_many_at_once_while_a_worker_tests(vendor: ModelServer, tmp_path: Path) -> None:
    vendor.will(
        Reply(text="This is a rather long answer that comes word by word, and that is all of it.", delay_s=0.05)
    )
    options = {
        "GEMINI_API_KEY": "test-key",
        "GEMINI_BASE_URL": vendor.url,
        "CHAT_WAIT_S": "60",
        "AI_BUDGET_USER_USD": "100",
        "AI_BUDGET_TOTAL_USD": "100",
    }
    with serve(tmp_path, workers=1, **options) as server:
        mine = {"Authorization": f"Bearer {server.token('ada')}", "Accept": "text/event-stream"}

        def talk(message: str, session: str) -> list[tuple[str, dict[str, Any], float]]:
            body = {"message": message, "session_id": session}
            with http.stream("POST", f"{server.url}/api/chat/", json=body, headers=mine, timeout=120) as answer:
                assert answer.status_code == 200
                assert answer.headers["content-type"] == "text/event-stream"
                return events_of(answer.iter_lines())

        talk(SENTENCE, "s")
        tested = talk("test it", "s")
        assert [e[0] for e in tested] == ["session", "action", "text", "action", "text", "done"]
        assert tested[3][1]["status"] == "completed"
        assert tested[3][2] > tested[2][2], "it says that the backtest is queued before it is done"
        all_of_them: dict[int, list[tuple[str, dict[str, Any], float]]] = {}
        threads = [
            threading.Thread(target=lambda n=n: all_of_them.__setitem__(n, talk("und was meinst du?", f"s{n}")))
            for n in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(all_of_them) == 12
        assert {e[-1][0] for e in all_of_them.values()} == {"done"}
        assert {e[-1][1]["text"][:22] for e in all_of_them.values()} == {"This is a rather long "}
        assert all(sum(kind == "text" for kind, _, _ in e) > 3 for e in all_of_them.values())
        refused = http.post(f"{server.url}/api/chat/", json={"message": ""}, headers=mine, timeout=30)
        assert (refused.status_code, refused.headers["content-type"]) == (400, "application/json")


def test_a_conversation_keeps_a_time_zone_for_its_backtests(api: APIClient) -> None:
    first = {"message": SENTENCE, "timezone": "America/New_York"}
    session = api.post("/api/chat/", first, HTTP_ACCEPT="application/json").json()["session_id"]
    api.post("/api/chat/", {"message": "test it", "session_id": session}, HTTP_ACCEPT="application/json")
    assert BacktestRun.objects.latest("id").timezone == "America/New_York"
    refused = api.post("/api/chat/", {"message": "hi", "timezone": "Mars/Olympus"}, HTTP_ACCEPT="application/json")
    assert refused.status_code == 400
    assert "Mars/Olympus" in refused.content.decode()


def test_what_a_user_has_is_listed_to_that_user_alone(api: APIClient, other_user: User) -> None:
    assert say(api, "list my strategies")["text"] == "You have no strategies yet: describe one."
    assert say(api, "What backtests do I have?")["text"] == 'You have no backtests yet: say "test it".'
    say(api, SENTENCE)
    found = say(api, "please show me all my strategies")
    made = Strategy.objects.get()
    assert (found["intent"], found["text"]) == (
        "list",
        f"Your strategies, newest first:\n- {made.pk}: {made.name}, version 1, draft\n",
    )
    say(api, "test it since 2005")
    assert f"- {BacktestRun.objects.get().pk}: GOOG, queued" in say(api, "list my backtests")["text"]
    for _ in range(10):
        say(api, SENTENCE.replace("30", str(31 + _)), session=f"s{_}")
    assert say(api, "list my strategies")["text"].endswith("and 1 more.\n")
    assert "no strategies yet" in say(client_of(other_user), "list my strategies", session="t")["text"]
    assert "these words would be lost: 'GOOG'" in say(api, "list my strategies on GOOG")["text"]
    assert say(api, "list my strategies that buy when RSI < 30, sell when RSI > 70")["intent"] == "create"


def test_runs_of_different_dates_are_not_ranked(api: APIClient) -> None:
    say(api, SENTENCE)
    say(api, "test it since 2008")
    tasks.work()
    say(api, "test it")
    tasks.work()
    told = say(api, "compare")["text"]
    assert "not of the same dates" in told
    assert "did best" not in told
