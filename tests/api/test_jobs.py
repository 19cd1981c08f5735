"""Queued backtests: who runs them, whose turn it is, what happens when something is lost."""

from __future__ import annotations

import errno
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.db import DatabaseError
from django.utils import timezone
from rest_framework.test import APIClient

from auth_api.models import User
from Backtest.errors import ExecutionError
from backtest_api import queue, results, tasks
from backtest_api.models import BacktestJob, BacktestRun, RunEvent, Worker
from tests.conftest import SENTENCE, client_of

Status = BacktestRun.Status
GONE = "not-this-machine/1/1"


@pytest.fixture
def strategy(api: APIClient) -> int:
    return int(api.post("/api/strategies/", {"user_description": SENTENCE, "name": "Dip"}).json()["id"])


def queued(api: APIClient, strategy: int, **options: Any) -> BacktestRun:
    answer = api.post("/api/backtests/", {"strategy_id": strategy, **options})
    assert answer.status_code == 202, answer.json()
    assert answer.json()["status"] == "queued"
    return BacktestRun.objects.get(pk=answer.json()["id"])


def of(user: User, strategy: int) -> BacktestRun:
    original = BacktestRun.objects.get(pk=strategy)
    original.pk, original.user = None, user
    original.save()
    return original


def test_a_queued_run_is_completed_by_a_worker(api: APIClient, strategy: int) -> None:
    run = queued(api, strategy, start_date="2006-01-01", commission=0.001)
    tasks.work()
    found = api.get(f"/api/backtests/{run.pk}/").json()
    assert (found["status"], found["progress"], found["attempts"], found["strategy_version"]) == (
        "completed",
        1.0,
        1,
        1,
    )
    assert found["start_date"] == "2006-01-03"
    run.refresh_from_db()
    assert (run.worker, run.beat) == ("", 0)
    assert run.canonical_json["execution"]["commission"] == 0.001
    assert {a["name"] for a in found["artifacts"]} == {
        "trades.csv", "equity_curve.csv", "prices.parquet", "strategy.py", "manifest.json", "log.txt", "backtesting_stats.json",
    }  # fmt: skip
    kinds = [(e.kind, e.data.get("status", "")) for e in run.events.all() if e.kind == "status"]
    assert kinds == [("status", "running"), ("status", "completed")]
    assert "Running on 1802 bars" in "".join(e.data.get("text", "") for e in run.events.filter(kind="log"))


def test_artifacts_are_served_by_name_and_nothing_else(api: APIClient, strategy: int, other_user: User) -> None:
    run = queued(api, strategy)
    tasks.work()
    for artifact in api.get(f"/api/backtests/{run.pk}/").json()["artifacts"]:
        answer = api.get(artifact["path"])
        assert answer.status_code == 200
        assert b"".join(answer.streaming_content)
        assert client_of(other_user).get(artifact["path"]).status_code == 404
    for name in ("..", "%2e%2e%2f%2e%2e%2fdb.sqlite3", "..%2f..%2fdb.sqlite3", "none.txt", ".", "%00"):
        assert api.get(f"/api/backtests/{run.pk}/artifacts/{name}/").status_code in (400, 404, 422), name


def test_a_run_is_taken_once(api: APIClient, strategy: int) -> None:
    run = queued(api, strategy)
    assert queue.take(run_id=run.pk) is not None
    assert queue.take(run_id=run.pk) is None
    assert queue.take_next() is None


def test_users_take_turns(api: APIClient, strategy: int, other_user: User, settings: Any) -> None:
    settings.BACKTEST_PER_USER = 10
    first = [queued(api, strategy) for _ in range(4)]
    late = BacktestRun.objects.get(pk=first[0].pk)
    late.pk, late.user = None, other_user
    late.save()
    taken = [queue.take_next() for _ in range(3)]
    assert [run and run.user.username for run in taken] == ["ada", "bob", "ada"]


def test_one_user_s_share_is_bounded(api: APIClient, strategy: int, settings: Any) -> None:
    settings.BACKTEST_PER_USER = 2
    for _ in range(4):
        queued(api, strategy)
    assert [bool(queue.take_next()) for _ in range(4)] == [True, True, False, False]


def test_cancelling_what_waits(api: APIClient, strategy: int) -> None:
    run = queued(api, strategy)
    answer = api.post(f"/api/backtests/{run.pk}/cancel/")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert api.post(f"/api/backtests/{run.pk}/cancel/").status_code == 200
    tasks.work()
    run.refresh_from_db()
    assert run.status == Status.CANCELLED
    assert run.finished_at is not None


def test_cancelling_what_runs(api: APIClient, strategy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = queued(api, strategy)
    real = queue.Keeper.__call__

    def cancel_then_keep(self: queue.Keeper, progress: float) -> None:
        if progress == 0.0:
            BacktestRun.objects.filter(pk=run.pk).update(cancel_requested=True)
        self._next = 0.0
        real(self, progress)

    monkeypatch.setattr(queue.Keeper, "__call__", cancel_then_keep)
    tasks.work()
    run.refresh_from_db()
    assert (run.status, run.error) == (Status.CANCELLED, "Cancelled")


def test_what_is_done_cannot_be_cancelled(api: APIClient, strategy: int) -> None:
    run = queued(api, strategy)
    tasks.work()
    answer = api.post(f"/api/backtests/{run.pk}/cancel/")
    assert answer.status_code == 409
    assert "is completed: there is nothing to cancel" in answer.json()["error"]


def lose(run: BacktestRun, **more: Any) -> None:
    """Make a run one that a worker held when it was lost."""
    BacktestRun.objects.filter(pk=run.pk).update(status=Status.RUNNING, worker=GONE, **more)


def found_lost() -> int:
    """Return how many lost runs a worker finds that looks now and again after 61 s."""
    clock = iter((0.0, 61.0))
    watch = queue.Watch(queue.SILENT_S, clock=lambda: next(clock))
    return queue.requeue_lost(watch) + queue.requeue_lost(watch)


def test_what_a_lost_worker_held_is_queued_again_once(api: APIClient, strategy: int) -> None:
    run = queued(api, strategy)
    lose(run, attempts=1)
    assert found_lost() == 1
    tasks.work()
    run.refresh_from_db()
    assert (run.status, run.attempts) == (Status.COMPLETED, 2)
    lose(run, attempts=2)
    assert found_lost() == 1
    run.refresh_from_db()
    assert run.status == Status.FAILED
    assert "The worker ended 2 times" in run.error


def test_a_dead_process_of_this_machine_is_known_at_once(api: APIClient, strategy: int) -> None:
    run = queued(api, strategy)
    assert queue.take(run_id=run.pk)
    watch = queue.Watch(queue.SILENT_S)
    assert queue.requeue_lost(watch) == 0  # this process lives
    machine, pid, started = queue.own_name().split("/")
    BacktestRun.objects.filter(pk=run.pk).update(worker=f"{machine}/{pid}/{int(started or 0) + 1}")
    assert queue.requeue_lost(watch) == 1


def test_a_run_whose_worker_counts_on_is_nobody_elses(api: APIClient, strategy: int) -> None:
    """Also of another machine, whatever the clocks of the day say there and here."""
    run = queued(api, strategy)
    taken = queue.take(run_id=run.pk)
    assert taken is not None
    clock = iter((0.0, 59.0, 61.0, 121.0, 122.1))
    watch = queue.Watch(queue.SILENT_S, clock=lambda: next(clock))
    assert [queue.requeue_lost(watch) for _ in range(2)] == [0, 0]
    queue.Keeper(taken)(0.5)
    BacktestRun.objects.filter(pk=run.pk).update(worker=GONE)  # seen for the first time at 61 s
    assert [queue.requeue_lost(watch) for _ in range(3)] == [0, 0, 1]


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_worker_that_died_is_not_seen_whatever_the_clock_was_set_to_since(user: User, hours: int) -> None:
    """Its last word is of an hour ago, or of an hour to come where the clock was set back."""
    then = timezone.now() + timedelta(hours=hours)
    Worker.objects.create(name=GONE, concurrency=1, sandbox="process", isolated=False, started_at=then, seen_at=then)
    assert queue.workers_seen() == []
    queue.see(concurrency=1, sandbox="process", isolated=False, started_at=timezone.now())
    assert [worker.name for worker in queue.workers_seen()] == [queue.own_name()]
    assert Worker.objects.count() == 1


def test_a_user_has_so_many_runs_queued_and_no_more(api: APIClient, strategy: int, settings: Any) -> None:
    settings.BACKTEST_QUEUE_PER_USER = 2
    first = queued(api, strategy)
    queued(api, strategy)
    answer = api.post("/api/backtests/", {"strategy_id": strategy})
    assert (answer.status_code, answer.json()["error"]) == (
        429,
        "You have 2 backtests queued: wait until some are done, or cancel some",
    )
    search = {"strategy_id": strategy, "parameters": {"rsi_14_period": [10, 14]}}
    assert api.post("/api/backtests/optimize/", search).status_code == 429
    jobs = api.post("/api/backtests/jobs/", {"strategy": SENTENCE, "symbols": ["GOOG", "AAPL"]})
    assert (jobs.status_code, BacktestJob.objects.count()) == (429, 0)
    assert api.post("/api/backtests/quick-run/", {"strategy_id": strategy}).status_code == 200  # it does not wait
    api.post(f"/api/backtests/{first.pk}/cancel/")
    queued(api, strategy)


def test_a_lost_run_that_was_to_be_cancelled_is_cancelled(api: APIClient, strategy: int) -> None:
    run = queued(api, strategy)
    lose(run, cancel_requested=True)
    assert found_lost() == 1
    run.refresh_from_db()
    assert run.status == Status.CANCELLED


def test_a_worker_that_was_taken_for_dead_stores_nothing(api: APIClient, strategy: int) -> None:
    run = queued(api, strategy)
    taken = queue.take(run_id=run.pk)
    assert taken is not None
    lose(run, attempts=1)
    assert found_lost() == 1
    tasks.execute(taken)
    run.refresh_from_db()
    assert (run.status, run.total_trades) == (Status.QUEUED, None)
    tasks.work()
    run.refresh_from_db()
    assert run.status == Status.COMPLETED


def test_a_full_disk(api: APIClient, strategy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(results, "write_artifacts", full)
    run = queued(api, strategy)
    tasks.work()
    run.refresh_from_db()
    assert run.status == Status.FAILED
    assert run.error == "The results could not be written (No space left on device): make room and run it again"
    assert not list(results.artifact_folder(run).parent.glob("*.new"))


def test_a_database_that_does_not_answer_while_it_runs(
    api: APIClient, strategy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(self: queue.Keeper, progress: float) -> None:
        raise DatabaseError("database is locked")

    monkeypatch.setattr(queue.Keeper, "_renew", locked)
    run = queued(api, strategy)
    tasks.work()
    run.refresh_from_db()
    assert run.status == Status.COMPLETED


@pytest.mark.parametrize(("failures", "status", "attempts"), [(1, Status.COMPLETED, 2), (9, Status.FAILED, 2)])
def test_a_database_that_fails_when_the_result_is_stored(
    api: APIClient, strategy: int, monkeypatch: pytest.MonkeyPatch, failures: int, status: str, attempts: int
) -> None:
    """The run is queued again; where it fails again the reason is the true one."""
    from django.db import OperationalError

    finish, left = queue.finish, iter(range(failures))

    def locked(run: BacktestRun) -> None:
        if next(left, None) is not None:
            raise OperationalError("database is locked")
        finish(run)

    run = queued(api, strategy)
    monkeypatch.setattr(queue, "finish", locked)
    tasks.work()
    run.refresh_from_db()
    assert (run.status, run.attempts) == (status, attempts)
    failed = "The database failed 2 times while this backtest ran: run it again"
    assert run.error == (failed if status == Status.FAILED else "")


def test_storing_is_patient(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> None:
    """A broken connection is given up for a new one; what is a part of a transaction, or lasts too long, is not tried again."""
    from django.db import OperationalError, transaction

    monkeypatch.setattr(queue.time, "sleep", lambda _: None)
    tried: list[int] = []

    def store() -> None:
        tried.append(len(tried))
        if len(tried) < 3:
            raise OperationalError("the connection is closed")

    queue.patiently(store)
    assert len(tried) == 3
    tried.clear()
    with pytest.raises(OperationalError), transaction.atomic():
        queue.patiently(store)
    assert len(tried) == 1
    tried.clear()
    monkeypatch.setattr(queue, "PATIENCE_S", -1.0)
    with pytest.raises(OperationalError):
        queue.patiently(store)
    assert len(tried) == 1


def test_a_broker_that_is_away(api: APIClient, strategy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import kombu.exceptions

    def away(**_: Any) -> None:
        raise kombu.exceptions.OperationalError("Connection refused")

    monkeypatch.setattr(tasks.work, "apply_async", away)
    run = queued(api, strategy)
    tasks.work()  # which a worker starts by itself
    run.refresh_from_db()
    assert run.status == Status.COMPLETED


def test_a_fault_of_ours_is_told(api: APIClient, strategy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(tasks, "run_execute", broken)
    run = queued(api, strategy)
    tasks.work()
    run.refresh_from_db()
    assert (run.status, run.error) == (Status.FAILED, "The server failed; it has been logged")


def test_a_worker_that_ends_gives_its_run_back(api: APIClient, strategy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = queued(api, strategy)
    taken = queue.take_next()
    assert taken == run
    monkeypatch.setattr(queue, "stopping", lambda: True)
    monkeypatch.setattr(queue, "STOP_S", 0.0)
    tasks.execute(taken)
    run.refresh_from_db()
    assert (run.status, run.attempts, run.worker, run.error) == (Status.QUEUED, 0, "", "")
    tasks.work()  # it takes nothing more
    run.refresh_from_db()
    assert run.status == Status.QUEUED
    monkeypatch.undo()
    tasks.work()
    run.refresh_from_db()
    assert (run.status, run.attempts) == (Status.COMPLETED, 1)


def test_attending_keeps_the_list_of_workers(user: User) -> None:
    import threading

    old = timezone.now() - timedelta(hours=1)
    Worker.objects.create(name=GONE, concurrency=1, sandbox="process", isolated=False, started_at=old, seen_at=old)
    stop = threading.Event()
    stop.set()
    tasks.attend(stop)
    (worker,) = Worker.objects.all()
    assert (worker.name, worker.concurrency) == (queue.own_name(), project_settings.BACKTEST_CONCURRENCY)
    assert queue.workers_seen() == [worker]


@pytest.mark.parametrize(("problem", "isolated"), [("", True), ("bubblewrap does not start", False)])
def test_a_worker_whose_sandbox_does_not_work_is_not_isolated(
    user: User, monkeypatch: pytest.MonkeyPatch, problem: str, isolated: bool
) -> None:
    import threading

    sandbox = type(tasks.get_sandbox())
    monkeypatch.setattr(sandbox, "isolated", True)
    monkeypatch.setattr(sandbox, "problem", lambda self: problem)
    stop = threading.Event()
    stop.set()
    tasks.attend(stop)
    assert Worker.objects.get().isolated is isolated


# -- The envelope --------------------------------------------------------------------------------


def test_a_job_on_several_symbols(api: APIClient) -> None:
    body = {"strategy": "Buy when EMA(20) crosses above EMA(50), sell when it crosses below", "symbols": ["aapl", "MSFT", "AAPL", "NOPE"],
            "timeframe": "1d", "from": "2005-01-01", "to": "2010-12-31", "notes": "three at once"}  # fmt: skip
    answer = api.post("/api/backtests/jobs/", body)
    assert answer.status_code == 202, answer.json()
    made = answer.json()
    assert (made["status"], made["metrics"], made["notes"]) == ("queued", None, "three at once")
    assert made["request"]["from"] == "2005-01-01"
    assert [r["symbol"] for r in made["results"]] == ["AAPL", "MSFT", "NOPE"]
    tasks.work()
    found = api.get(f"/api/backtests/jobs/{made['id']}/").json()
    assert found["status"] == "completed"
    assert [r["status"] for r in found["results"]] == ["completed", "completed", "failed"]
    assert "NOPE" in found["results"][2]["error"]
    assert [r["isolated"] for r in found["results"]] == [False, False, False]  # tests run code in plain processes
    for row, result in zip(found["table"], found["results"], strict=False):
        assert result["ranges"]["sharpe_ratio"]["low"] < row["sharpe"] <= result["ranges"]["sharpe_ratio"]["high"]
    assert found["results"][2]["ranges"] is None
    assert [row["symbol"] for row in found["table"]] == ["AAPL", "MSFT"]
    assert all(row["trades"] > 5 and row["max_drawdown"] < 0 for row in found["table"])
    assert "AAPL" in found["summary"]
    assert "buy-and-hold" in found["summary"]
    types = {a["type"]: a["path"] for a in found["results"][0]["artifacts"]}
    assert set(types) == {"plot", "csv", "log", "manifest", "code", "data"}
    picture = b"".join(api.get(types["plot"]).streaming_content)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000
    assert found["results"][0]["container"]["backend"]


def test_a_job_on_one_symbol_by_name_and_by_number(api: APIClient, strategy: int) -> None:
    for named in ("Dip", str(strategy)):
        made = api.post("/api/backtests/jobs/", {"strategy": named}).json()
        tasks.work()
        found = api.get(f"/api/backtests/jobs/{made['id']}/").json()
        run = BacktestRun.objects.get(pk=found["results"][0]["run_id"])
        assert run.strategy_id == strategy
        assert found["metrics"]["cagr"] == (run.cagr or 0) / 100
        assert found["metrics"] == found["results"][0]["metrics"]
        assert any(a["type"] == "plot" for a in found["artifacts"])


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "required"),
        ({"strategy": "the moon is full"}, 422, "could not"),
        ({"strategy": "99999"}, 404, "99999"),
        ({"strategy": "0" * 5000}, 422, "could not"),
        ({"strategy": "Buy when RSI < 30, sell when RSI > 70"}, 400, "No symbol"),
        ({"strategy": SENTENCE, "symbols": ["a b"]}, 400, ""),
        ({"strategy": SENTENCE, "symbols": ["GOOG"] * 51}, 400, "50"),
        ({"strategy": SENTENCE, "from": "2012-01-01", "to": "2010-01-01"}, 400, "swap them"),
        ({"strategy": SENTENCE, "timeframe": "2s"}, 400, "2s"),
    ],
)
def test_bad_jobs(api: APIClient, body: dict[str, Any], status: int, said: str) -> None:
    answer = api.post("/api/backtests/jobs/", body)
    assert answer.status_code == status, answer.json()
    assert said in str(answer.json())
    assert not BacktestJob.objects.exists()
    assert not BacktestRun.objects.exists()


def test_another_user_s_strategy_is_no_strategy_of_mine(api: APIClient, strategy: int, other_user: User) -> None:
    assert client_of(other_user).post("/api/backtests/jobs/", {"strategy": str(strategy)}).status_code == 404
    assert client_of(other_user).post("/api/backtests/jobs/", {"strategy": "Dip"}).status_code == 422


def test_pruning_takes_what_a_lost_attempt_left(api: APIClient, strategy: int) -> None:
    from backtest_api.results import artifact_folder, artifacts_prune

    run = queued(api, strategy)
    left = artifact_folder(run).with_name(f"{run.pk}.1.new")
    left.mkdir(parents=True)
    (left / "trades.csv").write_text("x")
    tasks.work()
    assert not Path(left).exists()
    left.mkdir()
    BacktestRun.objects.filter(pk=run.pk).update(status=Status.RUNNING)
    artifacts_prune(days=1)
    assert Path(left).exists(), "it may be at work there"
    BacktestRun.objects.filter(pk=run.pk).update(status=Status.COMPLETED)
    artifacts_prune(days=1)
    assert not Path(left).exists()
    assert artifact_folder(run).is_dir()


def test_events_refuse_what_is_no_number(api: APIClient, strategy: int) -> None:
    run = queued(api, strategy)
    answer = api.get(f"/api/backtests/{run.pk}/events/", headers={"Last-Event-ID": "x"})
    assert answer.status_code == 400
    assert "Last-Event-ID is 'x'" in answer.json()["error"]
    assert RunEvent.objects.filter(run=run).count() == 0


def test_a_failure_keeps_the_strategy_s_own_words(
    api: APIClient, strategy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from Backtest import backtesting_adapter

    def failing(*_: Any, **__: Any) -> None:
        raise ExecutionError("ValueError: too bad", traceback="line 3, in next: x")

    monkeypatch.setattr(backtesting_adapter, "run_backtest_from_canonical", failing)
    run = queued(api, strategy)
    tasks.work()
    run.refresh_from_db()
    assert (run.status, run.error) == (Status.FAILED, "ValueError: too bad")
