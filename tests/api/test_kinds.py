"""Runs of each kind: its file, what becomes of runs of before there were kinds, and that looking at one changes nothing."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from auth_api.models import User
from backtest_api import tasks
from backtest_api.kinds import kind_of
from backtest_api.kinds.base import Kind
from backtest_api.models import BacktestRun
from tests.conftest import SENTENCE
from tests.lookahead.programs import HONEST

CODE = HONEST["moving averages"]


@pytest.mark.parametrize("name", BacktestRun.Kind.values)
def test_each_has_a_file_of_its_name(name: str) -> None:
    assert isinstance(kind_of(BacktestRun(kind=name)), Kind)


def test_runs_of_before_are_told_by_the_fields_that_were_filled(user: User) -> None:
    given: list[tuple[dict[str, Any], str]] = [
        ({}, "canonical"), ({"code": "x = 1"}, "code"), ({"search": {"parameters": {}}}, "search")
    ]  # fmt: skip
    runs = [BacktestRun.objects.create(user=user, symbol="X", timeframe="1d", **fields) for fields, _ in given]
    migration = import_module("backtest_api.migrations.0007_kinds")
    migration.fill(apps, SimpleNamespace(connection=connection))
    found = [BacktestRun.objects.get(pk=run.pk).kind for run in runs]
    assert found == [name for _, name in given]


def of_canonical(api: APIClient) -> list[str]:
    run = api.post("/api/backtests/quick-run/", {"user_description": SENTENCE}).json()["id"]
    return [*pages(run), f"/api/backtests/{run}/explain/?at=2008-03-03"]


def of_code(api: APIClient) -> list[str]:
    body = {"code": CODE, "symbol": "GOOG", "end_date": "2005-12-31"}
    return pages(api.post("/api/production/backtests/run-sandbox/", body).json()["id"])


def of_search(api: APIClient) -> list[str]:
    made = api.post("/api/strategies/", {"user_description": SENTENCE}).json()["id"]
    body = {"strategy_id": made, "parameters": {"rsi_entry_level": [25, 30]}}
    run = api.post("/api/backtests/optimize/", body).json()["id"]
    tasks.work()
    return [*pages(run), f"/api/backtests/optimize/{run}/"]


def of_job(api: APIClient) -> list[str]:
    job = api.post("/api/backtests/jobs/", {"strategy": SENTENCE, "symbols": ["GOOG", "AAPL"]}).json()["id"]
    tasks.work()
    return [f"/api/backtests/jobs/{job}/"]


def pages(run: int) -> list[str]:
    page = f"/api/backtests/{run}/"
    return ["/api/backtests/", page, *(f"{page}{part}/" for part in ("trades", "equity", "code", "report"))]


@pytest.mark.parametrize("make", [of_canonical, of_code, of_search, of_job])
@pytest.mark.usefixtures("isolated")
def test_looking_at_one_changes_nothing(api: APIClient, make: Any) -> None:
    shown = make(api)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answers = {page: api.get(page).status_code for page in shown}
    assert set(answers.values()) == {200}, answers
    asked = [query["sql"] for query in queries]
    assert asked
    assert [sql for sql in asked if not sql.startswith("SELECT")] == []
