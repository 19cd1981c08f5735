"""The way to production: checks, sandbox tests, deployment with gates, rollback, and who may what."""

from __future__ import annotations

import html
import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.db import DatabaseError
from rest_framework.test import APIClient

from auth_api.models import User
from Backtest.data import PriceRequest
from Backtest.errors import Conflict, ExecutionError
from backtest_api import tasks
from data_api.providers import get_data_manager
from strategy_api import engine, lifecycle, production
from strategy_api.models import Deployment, StateChange, Strategy
from strategy_api.repository import DeployRepository
from tests.conftest import SENTENCE, client_of
from tests.live import Server, http

DeploymentSave = Deployment.save
GOOD = """
from backtesting import Strategy


class Mine(Strategy):
    def init(self):
        pass

    def next(self):
        if not self.position:
            self.buy(sl=self.data.Close[-1] * 0.9)
        elif len(self.data) % 50 == 0:
            print("closing")
            self.position.close()
"""
CANONICAL = {"strategy_name": "Dip", "entry_rules": [{"side": "long", "when": {
    "type": "compare", "left": {"type": "indicator", "id": "RSI_14"}, "op": "<", "right": {"type": "value", "value": 30}}}],
    "indicators": [{"name": "RSI", "timeperiod": 14}], "risk": {"stop_loss": {"type": "percent", "value": 5}}}  # fmt: skip


@pytest.fixture(autouse=True)
def repository(isolated: None, tmp_path: Path, settings: Any) -> None:
    """A repository of the test's own."""
    settings.DEPLOY_REPO = str(tmp_path / "deploy")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine too, a closer look at code is part of the answer."""
    monkeypatch.setattr(production, "CLOSELY_S", 3600.0)
    monkeypatch.setattr("Backtest.search.ranges.CODE_S", 3600.0)


@pytest.fixture
def strategy(api: APIClient) -> int:
    return int(api.post("/api/strategies/", {"user_description": SENTENCE, "name": "Dip & Rip ../x"}).json()["id"])


def git(*arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", project_settings.DEPLOY_REPO, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# -- Checks --------------------------------------------------------------------------------------


def test_validate_schema(api: APIClient) -> None:
    good = api.post("/api/production/strategies/validate-schema/", {"canonical_json": CANONICAL}).json()
    assert good["valid"] is True, good
    assert good["errors"] == []
    assert len(good["hash"]) == 64
    assert good["normalized"]["indicators"][0]["id"] == "RSI_14"
    assert "RSI(14)" in good["description"]
    again = api.post("/api/production/strategies/validate-schema/", {"canonical_json": good["normalized"]}).json()
    assert again["hash"] == good["hash"]
    bad = api.post(
        "/api/production/strategies/validate-schema/", {"canonical_json": {**CANONICAL, "entry_rules": [], "luck": 1}}
    ).json()
    assert bad["valid"] is False
    assert {"luck"} <= {e["field"] for e in bad["errors"]}
    assert bad["normalized"] is None
    assert api.post("/api/production/strategies/validate-schema/", {"canonical_json": []}).status_code == 400


def test_validate_code(api: APIClient) -> None:
    url = "/api/production/strategies/validate-code/"
    assert api.post(url, {"code": GOOD}).json() == {"safe": True, "issues": []}
    found = api.post(url, {"code": GOOD + "\nimport os\n"}).json()
    assert found["safe"] is False
    assert found["issues"][0] == {
        "line": 16, "column": 0, "pattern": "import", "severity": "error",
        "message": "os is not among the pre-approved packages",
        "suggestion": "Use only backtesting, numpy, pandas, talib, math, datetime and the like",
    }  # fmt: skip
    assert api.post(url, {"code": ""}).json()["safe"] is False
    assert api.post(url, {}).status_code == 400
    assert api.post(url, {"code": "x" * 200_001}).status_code == 400


def test_sandbox_test(api: APIClient) -> None:
    body = {"code": GOOD, "symbol": "goog", "start_date": "2010-06-01", "commission": 0.001}
    found = api.post("/api/production/strategies/sandbox-test/", body).json()
    assert (found["success"], found["exit_reason"], found["backend"], found["isolated"]) == (
        True,
        "completed",
        "bubblewrap",
        True,
    )
    assert found["trades_count"] == len(found["trades"]) == found["metrics"]["# Trades"] > 10
    assert {t["exit_reason"] for t in found["trades"]} <= {"stop_loss", "exit_rule", "end_of_data"}
    assert all(found["resources"][n] > 0 for n in ("wall_ms", "cpu_ms", "peak_memory_mb"))
    assert "closing" in found["log"]
    assert found["code_issues"] == []
    assert found["ranges"]["total_return_pct"]["worse_path"] == found["metrics"]["Return [%]"]
    assert found["ranges"]["costs"]["commission"] == [0, 0.002]
    assert found["warnings"] == []


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        ({"code": GOOD.replace("pass", "1 / 0")}, "error", "ZeroDivisionError"),
        ({"code": GOOD.replace("pass", "import requests")}, "error", "Only pre-approved packages"),
        ({"code": GOOD.replace("pass", "while True: x = 1"), "limits": {"timeout_s": 1}}, "timeout", "exceeded 1 s"),
        ({"code": GOOD.replace("pass", "x = bytearray(2**30)"), "limits": {"memory_mb": 512}}, "memory", "512 MiB"),
        (
            {"code": GOOD.replace("pass", "import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)")},
            "violation",
            "asked the system",
        ),
        ({"code": "nonsense("}, "error", "SyntaxError"),
    ],
)
def test_what_code_does_wrong_is_an_answer(api: APIClient, change: dict[str, Any], reason: str, said: str) -> None:
    answer = api.post("/api/production/strategies/sandbox-test/", {"code": GOOD, "symbol": "GOOG", **change})
    assert answer.status_code == 200, answer.json()
    found = answer.json()
    assert (found["success"], found["exit_reason"]) == (False, reason)
    assert said in found["error"]
    assert found["trades_count"] == 0
    if reason == "error":
        assert "line" in found["traceback"]


def test_bad_sandbox_tests(api: APIClient) -> None:
    url = "/api/production/strategies/sandbox-test/"
    assert api.post(url, {"code": GOOD}).status_code == 400
    assert api.post(url, {"code": GOOD, "symbol": "NOPE"}).status_code == 422
    assert api.post(url, {"code": GOOD, "symbol": "GOOG", "limits": {"timeout_s": -1}}).status_code == 400
    late = {"code": GOOD, "symbol": "GOOG", "start_date": "2012-01-01", "end_date": "2010-01-01"}
    assert "swap them" in str(api.post(url, late).json())


@pytest.mark.parametrize("path", ["strategies/sandbox-test/", "backtests/run-sandbox/"])
def test_without_isolation_nothing_runs(api: APIClient, settings: Any, path: str) -> None:
    settings.SANDBOX_BACKEND = "process"
    engine.get_sandbox().close()
    engine.get_sandbox.cache_clear()
    answer = api.post(f"/api/production/{path}", {"code": GOOD, "symbol": "GOOG"})
    assert answer.status_code == 503
    assert "install bubblewrap" in answer.json()["error"]


# -- Backtests -----------------------------------------------------------------------------------


def test_run_sandbox_with_code(api: APIClient, other_user: User) -> None:
    body = {"code": GOOD, "symbol": "GOOG", "cash": 5000, "start_date": "2011-01-01"}
    run = api.post("/api/production/backtests/run-sandbox/", body).json()
    assert (run["status"], run["symbol"], run["strategy_id"]) == ("completed", "GOOG", None)
    assert run["summary"].startswith("The code on GOOG returned")
    assert run["metrics"]["Equity Final [$]"] == pytest.approx(5000 + run["total_pnl"])
    assert api.get(f"/api/backtests/{run['id']}/trades/").json()["count"] == run["total_trades"]
    assert b"class Mine" in api.get(f"/api/backtests/{run['id']}/code/").content
    assert b"<html" in api.get(f"/api/backtests/{run['id']}/report/").content[:2000]
    assert api.get(f"/api/backtests/{run['id']}/explain/?at=2008-01-02").status_code == 422
    assert client_of(other_user).get(f"/api/backtests/{run['id']}/").status_code == 404
    sharpe, total = run["ranges"]["sharpe_ratio"], run["ranges"]["total_return_pct"]
    assert sharpe["low"] < run["sharpe_ratio"] <= sharpe["high"]
    assert total["worse_path"] == run["total_return_pct"]
    assert run["ranges"]["costs"]["commission"] == [0, 0.001]
    assert api.get(f"/api/backtests/{run['id']}/").json()["ranges"] == run["ranges"]


def test_code_that_has_no_range(api: APIClient) -> None:
    code = GOOD.replace(
        "if not self.position:",
        "assert not self._broker._commission_relative, 'too dear'\n        if not self.position:",
    )
    body = {"code": code, "symbol": "GOOG", "start_date": "2011-01-01"}
    run = api.post("/api/production/backtests/run-sandbox/", body).json()
    assert run["status"] == "completed"
    (line,) = (number for number, text in enumerate(code.splitlines(), 1) if "_broker" in text)
    finding = next(w for w in run["warnings"] if w.startswith(f"Line {line} of the code: _broker"))
    assert "private" in finding, "what the code check finds stands beside the figures, here and in the report"
    assert run["ranges"] is None
    assert "There is no range over paths and costs: AssertionError: too dear" in run["warnings"]
    assert api.get(f"/api/backtests/{run['id']}/").json() == run
    assert html.escape(finding) in api.get(f"/api/backtests/{run['id']}/report/").content.decode()


@pytest.mark.parametrize("path", ["strategies/sandbox-test/", "backtests/run-sandbox/"])
def test_quick_code_that_peeks_is_told_of_in_the_answer(
    api: APIClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code peeks: its indicator is the close of five bars later."""
    monkeypatch.setattr(production, "CLOSELY_S", 600.0)
    peeks = GOOD.replace("pass", "self.later = self.I(lambda close: np.roll(close, -5), self.data.Close)").replace(
        "if not self.position:", "if not self.position and self.later[-1] > self.data.Close[-1]:"
    )
    body = {"code": "import numpy as np\n" + peeks, "symbol": "GOOG", "start_date": "2012-01-01"}
    found = api.post(f"/api/production/{path}", body).json()
    assert found["lookahead"]["checked"]
    assert not found["lookahead"]["clean"]
    assert found["ranges"]
    assert found["follow_up"] is None


@pytest.mark.parametrize("path", ["strategies/sandbox-test/", "backtests/run-sandbox/"])
def test_a_closer_look_that_would_take_long_is_a_backtest_of_its_own(
    api: APIClient, other_user: User, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """The code peeks: its indicator is the close of five bars later."""
    peeks = GOOD.replace("pass", "self.later = self.I(lambda close: np.roll(close, -5), self.data.Close)").replace(
        "if not self.position:", "if not self.position and self.later[-1] > self.data.Close[-1]:"
    )
    monkeypatch.setattr(production, "CLOSELY_S", 0.0)
    body = {"code": "import numpy as np\n" + peeks, "symbol": "GOOG", "start_date": "2012-07-01"}
    now = api.post(f"/api/production/{path}", body).json()
    assert (now["ranges"], now["lookahead"]) == (None, None)
    assert now["metrics"]["# Trades"] > 1
    assert f"backtest {now['follow_up']} is queued" in now["warnings"][-1]
    waiting = api.get(f"/api/backtests/{now['follow_up']}/").json()
    assert (waiting["status"], waiting["ranges"]) == ("queued", None)
    assert client_of(other_user).get(f"/api/backtests/{now['follow_up']}/").status_code == 404
    tasks.work()
    later = api.get(f"/api/backtests/{now['follow_up']}/").json()
    assert (later["status"], later["metrics"], later["follow_up"]) == ("completed", now["metrics"], None)
    assert later["lookahead"]["checked"]
    assert not later["lookahead"]["clean"]
    assert {found["what"] for found in later["lookahead"]["findings"]} >= {"indicator"}
    assert later["ranges"]["total_return_pct"]["worse_path"] == later["total_return_pct"]


def test_a_sandbox_test_whose_client_hangs_up_is_no_server_error(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hung_up(*_: object, **__: object) -> None:
        raise ExecutionError("The client hung up, so the run was ended", exit_reason="cancelled")

    monkeypatch.setattr("Backtest.backtesting_adapter.run_code", hung_up)
    answer = api.post("/api/production/strategies/sandbox-test/", {"code": GOOD, "symbol": "GOOG"})
    assert (answer.status_code, answer.json()["error"]) == (422, "The client hung up, so the run was ended")


def test_limits_hold_for_all_runs_of_a_test_together(api: APIClient) -> None:
    """The code is quick where it sees all bars, and sleeps where some are cut off: only a closer look shows that."""
    bars = len(get_data_manager().fetch(PriceRequest("GOOG")).frame)
    sleeps = GOOD.replace("pass", f"if len(self.data.df) < {bars}:\n            import time; time.sleep(30)")
    body = {"code": sleeps, "symbol": "GOOG", "limits": {"timeout_s": 3}}
    found = api.post("/api/production/strategies/sandbox-test/", body).json()
    assert (found["success"], found["lookahead"], found["ranges"]) == (True, None, None)
    assert found["trades_count"] > 10
    assert f"backtest {found['follow_up']} is queued" in found["warnings"][-1]


def test_run_sandbox_with_a_strategy(api: APIClient, strategy: int) -> None:
    run = api.post("/api/production/backtests/run-sandbox/", {"strategy_id": strategy}).json()
    quick = api.post("/api/backtests/quick-run/", {"strategy_id": strategy}).json()
    assert run["metrics"] == quick["metrics"]


def test_bad_run_sandbox(api: APIClient, strategy: int, other_user: User) -> None:
    url = "/api/production/backtests/run-sandbox/"
    assert api.post(url, {}).status_code == 400
    assert api.post(url, {"strategy_id": strategy, "code": GOOD}).status_code == 400
    assert api.post(url, {"code": GOOD}).status_code == 400
    assert client_of(other_user).post(url, {"strategy_id": strategy}).status_code == 404
    failed = api.post(url, {"code": GOOD.replace("pass", "1 / 0"), "symbol": "GOOG"})
    assert failed.status_code == 422
    assert "ZeroDivisionError" in failed.json()["error"]
    assert api.get("/api/backtests/?status=failed").json()["count"] == 1


def test_validate_config(api: APIClient, strategy: int, other_user: User) -> None:
    url = "/api/production/backtests/validate-config/"
    good = api.post(url, {"strategy_id": strategy, "start_date": "2010-01-01"}).json()
    assert (good["valid"], good["errors"], good["estimate"]["bars"]) == (True, [], 795)
    assert 0 < good["estimate"]["seconds"] < 5
    body = {"strategy_id": strategy, "symbol": "NOPE", "timeframe": "2s", "commission": 5, "cash": -1}
    bad = api.post(url, body).json()
    assert bad["valid"] is False
    fields = {e["field"] for e in bad["errors"]}
    assert fields >= {"symbol", "timeframe", "execution.commission", "execution.cash"}, bad["errors"]
    swapped = api.post(url, {"strategy_id": strategy, "start_date": "2012-01-01", "end_date": "2010-01-01"}).json()
    assert "swap them" in swapped["errors"][0]["message"]
    assert client_of(other_user).post(url, {"strategy_id": strategy}).status_code == 404


# -- Deploying -----------------------------------------------------------------------------------


def test_a_strategy_deployed_on_a_coin_trades_fractions_of_it(api: APIClient) -> None:
    text = "Buy GOOG when Close > SMA(3), sell when Close < SMA(3), monthly bars, start with 100 in cash"
    made = api.post("/api/strategies/", {"user_description": text}).json()
    assert made["canonical_json"]["execution"]["fractional_unit"] == 1.0
    answer = api.post(f"/api/production/strategies/{made['id']}/deploy/", {"symbol": "BTCUSD"})
    assert answer.status_code == 201, answer.content
    deployment = answer.json()
    assert deployment["figures"]["total_trades"] > 0, "100 dollars never bought a whole coin"
    folder = Path(project_settings.DEPLOY_REPO) / Path(deployment["path"]).parent
    committed = json.loads((folder / "canonical.json").read_text())
    assert committed["execution"]["fractional_unit"] == 1e-6
    assert "fractional_unit=" in (folder / "strategy.py").read_text()


def test_deploy(api: APIClient, strategy: int, user: User) -> None:
    answer = api.post(f"/api/production/strategies/{strategy}/deploy/", {"message": "first\n\nTag: forged"})
    assert answer.status_code == 201, answer.json()
    made = answer.json()
    slug = f"dip_rip_x-{strategy}"
    assert (made["tag"], made["path"], made["status"]) == (f"{slug}-v1", f"strategies/{slug}/strategy.py", "deployed")
    assert git("rev-parse", "HEAD").strip() == made["commit"]
    assert git("rev-parse", f"{made['tag']}^{{commit}}").strip() == made["commit"]
    text = git("log", "-1", "--format=%B")
    assert text.startswith("Strategy: Dip & Rip ../x\n\nfirst Tag: forged\n\nSharpe: ")
    for part in (
        "Max. drawdown: -",
        f"Sandbox run: {made['figures']['run_id']}\n",
        "Profit factor: ",
        made["code_sha256"],
        made["canonical_sha256"],
    ):
        assert part in text
    code = git("show", f"HEAD:{made['path']}")
    assert "class " in code
    assert json.loads(git("show", f"HEAD:strategies/{slug}/canonical.json"))["strategy_name"]
    assert git("status", "--porcelain") == ""
    history = api.get(f"/api/production/strategies/{strategy}/deployments/").json()
    assert history["status"] == "deployed"
    steps = [(c["before"], c["after"]) for c in reversed(history["state_changes"])]
    assert steps == [("draft", "validated"), ("validated", "tested"), ("tested", "deployed")]
    again = api.post(f"/api/production/strategies/{strategy}/deploy/", {})
    assert again.status_code == 409
    assert "is deployed already" in again.json()["error"]
    assert Deployment.objects.count() == 1


def change(api: APIClient, strategy: int, level: float) -> None:
    canonical = api.get(f"/api/strategies/{strategy}/").json()["canonical_json"]
    canonical["entry_rules"][0]["when"]["right"]["value"] = level
    assert api.patch(f"/api/strategies/{strategy}/", {"canonical_json": canonical}).status_code == 200


def test_a_new_version_and_back_again(api: APIClient, strategy: int) -> None:
    first = api.post(f"/api/production/strategies/{strategy}/deploy/", {}).json()
    change(api, strategy, 25)
    assert api.get(f"/api/strategies/{strategy}/").json()["status"] == "draft"
    second = api.post(f"/api/production/strategies/{strategy}/deploy/", {}).json()
    assert second["tag"].endswith("-v2")
    back = api.post(f"/api/production/strategies/{strategy}/rollback/", {})
    assert back.status_code == 201, back.json()
    assert (back.json()["version"], back.json()["code_sha256"]) == (1, first["code_sha256"])
    assert git("show", f"HEAD:{first['path']}") == git("show", f"{first['commit']}:{first['path']}")
    history = api.get(f"/api/production/strategies/{strategy}/deployments/").json()
    assert [d["status"] for d in history["deployments"]] == ["deployed", "rolled_back", "superseded"]
    assert (
        api.post(f"/api/production/strategies/{strategy}/rollback/", {"deployment_id": back.json()["id"]}).status_code
        == 409
    )
    assert api.post(f"/api/production/strategies/{strategy}/rollback/", {"deployment_id": 9999}).status_code == 404
    assert len(git("log", "--format=%H").split()) == 3


def test_gates(api: APIClient, strategy: int, settings: Any) -> None:
    url = f"/api/production/strategies/{strategy}/deploy/"
    answer = api.post(url, {"gates": {"min_sharpe": 3, "max_drawdown": 1, "min_trades": 1000}})
    assert answer.status_code == 422
    assert {d["field"] for d in answer.json()["details"]} == {
        "gates.min_sharpe",
        "gates.max_drawdown",
        "gates.min_trades",
    }
    assert not Path(project_settings.DEPLOY_REPO).exists()
    assert api.get(f"/api/strategies/{strategy}/").json()["status"] == "validated"
    settings.DEPLOY_GATES = {"min_sharpe": 3}
    looser = api.post(url, {"gates": {"min_sharpe": -5}})
    assert looser.status_code == 422, "a request cannot loosen the server's gates"
    settings.DEPLOY_GATES = {"min_shrape": 3}
    assert "DEPLOY_GATES: min_shrape" in api.post(url, {}).json()["error"]


def test_no_trade_passes_no_gate(api: APIClient) -> None:
    never = "Buy GOOG when RSI < 1, sell when RSI > 99"
    strategy = api.post("/api/strategies/", {"user_description": never}).json()["id"]
    answer = api.post(f"/api/production/strategies/{strategy}/deploy/", {})
    assert answer.status_code == 422
    assert "min_trades is 1, the sandbox test gave 0" in answer.json()["error"]


def test_retiring(api: APIClient, strategy: int) -> None:
    retired = api.post(f"/api/production/strategies/{strategy}/retire/", {"reason": "enough"}).json()
    assert (retired["status"], retired["state_changes"][0]["reason"]) == ("retired", "enough")
    assert api.post(f"/api/production/strategies/{strategy}/deploy/", {}).status_code == 409
    change(api, strategy, 25)
    assert api.post(f"/api/production/strategies/{strategy}/deploy/", {}).status_code == 201


def test_only_legal_steps(api: APIClient, strategy: int, user: User) -> None:
    found = Strategy.objects.get(pk=strategy)
    with pytest.raises(
        Conflict, match="A strategy that is draft cannot become deployed; it can become: validated, retired"
    ):
        lifecycle.move(strategy=found, to="deployed", user=user)
    lifecycle.move(strategy=found, to="validated", user=user)
    lifecycle.move(strategy=found, to="validated", user=user)
    assert StateChange.objects.count() == 1


def test_validating_and_changing_are_steps_too(api: APIClient, strategy: int) -> None:
    api.post(f"/api/strategies/{strategy}/validate/")
    change(api, strategy, 25)
    history = api.get(f"/api/production/strategies/{strategy}/deployments/").json()
    steps = [(c["before"], c["after"], c["reason"]) for c in reversed(history["state_changes"])]
    assert steps == [("draft", "validated", "validated"), ("validated", "draft", "version 2")]


def test_a_commit_that_fails_leaves_nothing(api: APIClient, strategy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from strategy_api import repository

    api.post(f"/api/production/strategies/{strategy}/deploy/", {})
    before = git("rev-parse", "HEAD")
    change(api, strategy, 22)

    def broken(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(repository.porcelain, "commit", broken)
        with pytest.raises(OSError, match="No space"):
            production.deploy(user=User.objects.get(), strategy=Strategy.objects.get(pk=strategy))
    assert git("status", "--porcelain") == ""
    assert git("rev-parse", "HEAD") == before
    assert Deployment.objects.filter(status="deployed").count() == 1
    assert api.post(f"/api/production/strategies/{strategy}/deploy/", {}).status_code == 201


def test_a_row_that_is_lost_after_the_commit(api: APIClient, strategy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the repository is what it was as well, and the version can still be deployed."""

    def lost(*_: Any, **__: Any) -> None:
        raise DatabaseError("connection lost")

    with monkeypatch.context() as patched:
        patched.setattr(
            Deployment, "save", lambda self, **k: lost() if "update_fields" in k else DeploymentSave(self, **k)
        )
        with pytest.raises(DatabaseError):
            production.deploy(user=User.objects.get(), strategy=Strategy.objects.get(pk=strategy))
    assert Deployment.objects.count() == 0
    assert (git("tag"), git("for-each-ref"), git("status", "--porcelain")) == ("", "", "")
    made = api.post(f"/api/production/strategies/{strategy}/deploy/", {})
    assert made.status_code == 201, made.json()
    assert git("rev-parse", f"{made.json()['tag']}^{{commit}}").strip() == made.json()["commit"]


@pytest.mark.parametrize("folder", ["../out", "/etc", "..", ".", "strategies/../../x", ""])
def test_no_way_out_of_the_repository(tmp_path: Path, folder: str) -> None:
    repository = DeployRepository(tmp_path / "r", lambda _: False)
    with pytest.raises(ValueError, match="outside the repository"), repository.changing() as opened:
        opened.commit(folder=folder, files={"a": "b"}, message="m", tag="t")
    assert not (tmp_path / "out").exists()


def test_deployments_at_once_wait_for_each_other(tmp_path: Path) -> None:
    root, done, failed = tmp_path / "r", [], []

    def one(number: int) -> None:
        try:
            with DeployRepository(root, lambda _: False).changing() as opened:
                files = {"strategy.py": str(number)}
                done.append(
                    opened.commit(folder=f"s/{number % 4}", files=files, message=f"m{number}", tag=f"t{number}")
                )
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    log = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", str(root), "log", "--format=%H"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(log.stdout.split()) == sorted(done)


def test_others_may_not(api: APIClient, strategy: int, other_user: User) -> None:
    stranger = client_of(other_user)
    for path in ("deploy", "rollback", "retire"):
        assert stranger.post(f"/api/production/strategies/{strategy}/{path}/", {}).status_code == 404
    assert stranger.get(f"/api/production/strategies/{strategy}/deployments/").status_code == 404


def test_on_a_real_server(server: Server) -> None:
    header = {"Authorization": f"Bearer {server.token()}"}
    body = {"code": GOOD, "symbol": "GOOG"}
    found = http.post(f"{server.url}/api/production/strategies/sandbox-test/", json=body, headers=header, timeout=240)
    assert found.json()["isolated"] is True
    made = http.post(
        f"{server.url}/api/strategies/", json={"user_description": SENTENCE}, headers=header, timeout=240
    ).json()
    deployed = http.post(
        f"{server.url}/api/production/strategies/{made['id']}/deploy/", json={}, headers=header, timeout=240
    )
    assert deployed.status_code == 201
    assert (Path(server.environment["VAR_DIR"]) / "deploy" / deployed.json()["path"]).is_file()


@pytest.mark.parametrize(
    "text", ["\x1b[2J\x1b]0;owned\x07fine", "fine\r\nSharpe: 9.9\x00", "\u202efine\u2066", "fine\x9b31m"]
)
def test_what_people_write_commands_no_terminal(text: str) -> None:
    said = production.one_line(text)
    assert "fine" in said
    assert said.isprintable()
    message = production.deploy_message(text, text, {}, "a", "b", "t-v1")
    assert all(line.isprintable() for line in message.splitlines())
    assert len([line for line in message.splitlines() if line.startswith("Sharpe: ")]) == 1


@pytest.mark.parametrize("path", ["strategies/sandbox-test/", "backtests/run-sandbox/"])
def test_what_looks_ahead_is_a_warning_beside_the_figures(api: APIClient, path: str) -> None:
    peeks = GOOD.replace(
        "def init(self):", "def init(self):\n        self.later = self.data._Data__df['Close'].to_numpy().copy()", 1
    )
    peeks = peeks.replace(
        "if not self.position:",
        "here = len(self.data)\n        if here + 2 < len(self.later) and self.later[here + 1] > self.later[here] and not self.position:",
        1,
    )
    found = api.post(f"/api/production/{path}", {"code": peeks, "symbol": "GOOG", "start_date": "2011-01-01"}).json()
    assert found["lookahead"]["clean"] is False, found
    told = [w for w in found["warnings"] if w.startswith("The code looks ahead: at ")]
    assert told == [one["text"] for one in found["lookahead"]["findings"] if one["what"] != "result"]
    assert told


def test_code_that_does_not_do_the_same_twice_is_not_said_to_look_ahead(api: APIClient) -> None:
    chance = GOOD.replace(
        "if not self.position:", "import random\n        if random.random() < 0.3 and not self.position:", 1
    )
    found = api.post(
        "/api/production/strategies/sandbox-test/", {"code": chance, "symbol": "GOOG", "start_date": "2011-01-01"}
    ).json()
    assert [one["what"] for one in found["lookahead"]["findings"]] == ["result"]
    assert found["lookahead"]["findings"][0]["text"] in found["warnings"]
    assert not [w for w in found["warnings"] if "looks ahead" in w]
