"""Lists are cut into pages, and what is no page or no size of one is refused on every list."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from rest_framework.generics import GenericAPIView
from rest_framework.test import APIClient

from auth_api.pagination import Pagination
from backtest_api import selectors
from backtest_api.models import BacktestRun
from backtest_api.results import artifact_folder
from tests.api.test_unknown_fields import ROUTES
from tests.conftest import SENTENCE

LISTS = [(path, view) for path, view in ROUTES if issubclass(view, GenericAPIView) and view.pagination_class]
PLAIN = [path for path, _ in LISTS if "<" not in path]


def test_every_list_has_our_pages() -> None:
    assert len(LISTS) >= 8
    assert all(issubclass(view.pagination_class, Pagination) for _, view in LISTS)


@pytest.mark.parametrize("path", PLAIN)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page_size", "abc"), ("page_size", "0"), ("page_size", "-1"), ("page_size", "1.5"), ("page_size", "201"),
        ("page_size", "9" * 30), ("page_size", "²"), ("page", "x"), ("page", "0"), ("page", "-2"), ("page", "1e3"),
    ],
)  # fmt: skip
def test_what_is_no_page_is_refused(api: APIClient, path: str, name: str, value: str) -> None:
    answer = api.get(path, {name: value})
    assert answer.status_code == 400, answer.content
    (found,) = answer.json()["details"]
    assert found["field"] == name
    assert f"{name}={value[:40]!r}" in found["message"]
    assert found["suggestion"].startswith("Use 1")


def test_pages_go_from_the_first_to_the_last(api: APIClient) -> None:
    for name in ("A", "B", "C"):
        api.post("/api/strategies/", {"user_description": SENTENCE, "name": name})

    def names(**query: Any) -> list[str]:
        answer = api.get("/api/strategies/", {"ordering": "name", "page_size": 2, **query})
        return [s["name"] for s in answer.json()["results"]]

    assert (names(), names(page=1), names(page=2), names(page="last")) == (["A", "B"], ["A", "B"], ["C"], ["C"])
    assert api.get("/api/strategies/", {"page_size": 200}).status_code == 200
    beyond = api.get("/api/strategies/", {"page": 3, "page_size": 2})
    assert (beyond.status_code, beyond.json()["error"]) == (404, "There is no page 3: the last is 2")


def test_pages_of_rows_are_the_file_and_no_more_is_read(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    run = api.post("/api/backtests/quick-run/", {"user_description": SENTENCE, "symbol": "GOOG"}).json()
    path = artifact_folder(BacktestRun.objects.get(pk=run["id"])) / "equity_curve.csv"
    whole, cells, value = pd.read_csv(path), [], selectors._value
    monkeypatch.setattr(selectors, "_value", lambda key, text: cells.append(text) or value(key, text))
    rows, page, size = [], 1, 700
    while True:
        found = api.get(f"/api/backtests/{run['id']}/equity/", {"page": page, "page_size": size}).json()
        assert found["count"] == len(whole)
        assert len(cells) == len(found["results"]) * len(whole.columns)
        cells.clear()
        rows += found["results"]
        page += 1
        if not found["next"]:
            break
    assert page - 1 == -(-len(whole) // size) > 2
    assert [row["time"] for row in rows] == whole["time"].to_list()
    assert [row["Equity"] for row in rows] == whole["Equity"].to_list()
    last = api.get(f"/api/backtests/{run['id']}/equity/", {"page": "last", "page_size": size}).json()["results"]
    assert last == rows[-(len(whole) % size) :]
    assert api.get(f"/api/backtests/{run['id']}/equity/", {"page": page, "page_size": size}).status_code == 404


def test_rows_of_a_run_come_in_larger_pages(api: APIClient) -> None:
    run = api.post("/api/backtests/quick-run/", {"user_description": SENTENCE, "symbol": "GOOG"}).json()
    equity = f"/api/backtests/{run['id']}/equity/"
    assert len(api.get(equity, {"page_size": 1500}).json()["results"]) == 1500
    for query in ({"page_size": 10_001}, {"page": "x"}, {"format": "csv", "page": 2}):
        assert api.get(equity, query).status_code == 400, query
