"""What people see, in a real Chromium that reaches nothing but loopback."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")
SENTENCE = "Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page whose failed requests and script errors fail the test."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(f"script: {error}"))
    opened.on("requestfailed", lambda request: problems.append(f"request: {request.url} {request.failure}"))
    opened.on(
        "response", lambda answer: problems.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None
    )
    yield opened
    context.close()
    assert [p for p in problems if "favicon" not in p and "net::ERR_ABORTED" not in p] == []


@pytest.fixture(scope="module")
def made(server: Server) -> dict[str, Any]:
    """A strategy with code and a run of the user who may enter the admin."""
    shown = server.manage("create_demo_user", "--username", "boss", "--staff").stdout
    password = re.findall(r"\S{12,}", shown)[-1]
    session = (
        httpx.post(f"{server.url}/api/auth/login/", json={"username": "boss", "password": password}, timeout=60)
        .raise_for_status()
        .json()
    )
    header = {"Authorization": f"Bearer {session['access']}"}
    strategy = httpx.post(
        f"{server.url}/api/strategies/", json={"user_description": SENTENCE, "name": "Dip"}, headers=header, timeout=60
    ).json()
    httpx.post(
        f"{server.url}/api/strategies/{strategy['id']}/generate-code/", json={}, headers=header, timeout=60
    ).raise_for_status()
    run = httpx.post(
        f"{server.url}/api/backtests/quick-run/", json={"strategy_id": strategy["id"]}, headers=header, timeout=60
    ).json()
    html = httpx.get(f"{server.url}/api/backtests/{run['id']}/report/", headers=header, timeout=60).text
    return {"password": password, "strategy": strategy, "run": run, "report": html}


def log_in(page: Any, server: Server, made: dict[str, Any]) -> None:
    page.goto(f"{server.url}/admin/")
    page.fill("input[name=username]", "boss")
    page.fill("input[name=password]", made["password"])
    page.click("button[type=submit], input[type=submit]")
    page.wait_for_url(f"{server.url}/admin/")


def test_swagger_shows_the_operations(page: Any, server: Server) -> None:
    page.goto(f"{server.url}/api/docs/")
    page.wait_for_selector(".opblock", timeout=20_000)
    assert page.locator(".opblock").count() > 35
    page.locator("[id$=backtest_quick_run_create], .opblock-summary-path", has_text="quick-run").first.click()
    page.wait_for_selector(".opblock.is-open")


def test_the_report_draws_without_a_network(page: Any, made: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(made["report"], encoding="utf-8")
    page.goto(f"file://{path}")
    page.wait_for_function(
        "() => { const all = []; const walk = (r) => { r.querySelectorAll('*').forEach(e => { if (e.tagName === 'CANVAS') all.push(e);"
        " if (e.shadowRoot) walk(e.shadowRoot); }); }; walk(document); return all.filter(c => c.width > 300).length > 0; }",
        timeout=30_000,
    )


def test_the_admin_shows_strategies_and_runs(page: Any, server: Server, made: dict[str, Any]) -> None:
    log_in(page, server, made)
    page.goto(f"{server.url}/admin/strategy_api/strategy/{made['strategy']['id']}/change/")
    text = page.inner_text("body")
    assert "Buy when RSI(14) is below 30." in text
    assert "class " in text
    assert page.locator(".highlight span, pre span").count() > 20  # highlighted code
    page.goto(f"{server.url}/admin/backtest_api/backtestrun/{made['run']['id']}/change/")
    text = page.inner_text("body")
    assert "GOOG" in text
    assert "Return [%]" in text or "total_return_pct" in text or "Total return" in text
    link = page.locator("a[href*=report]").first
    assert link.count() or "report" in page.content()


def test_lists_of_the_admin_filter_and_search(page: Any, server: Server, made: dict[str, Any]) -> None:
    log_in(page, server, made)
    for model in (
        "strategy_api/strategy",
        "backtest_api/backtestrun",
        "data_api/dataset",
        "strategy_api/conversationmemory",
        "auth_api/user",
    ):
        page.goto(f"{server.url}/admin/{model}/")
        assert "Internal" not in page.title()
    page.goto(f"{server.url}/admin/strategy_api/strategy/?q=Dip")
    assert "Dip" in page.inner_text("body")
    page.goto(f"{server.url}/admin/strategy_api/strategy/?q=nothing-like-it")
    assert "Dip" not in page.inner_text("#changelist, body").replace("nothing-like-it", "")
