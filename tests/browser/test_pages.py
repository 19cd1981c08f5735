"""What people see, in a real Chromium that reaches nothing but loopback."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from backtest_api.services import REPORT_POLICY
from tests.live import Server, http

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
        http.post(f"{server.url}/api/auth/login/", json={"username": "boss", "password": password}, timeout=60)
        .raise_for_status()
        .json()
    )
    header = {"Authorization": f"Bearer {session['access']}"}
    strategy = http.post(
        f"{server.url}/api/strategies/", json={"user_description": SENTENCE, "name": "Dip"}, headers=header, timeout=60
    ).json()
    http.post(
        f"{server.url}/api/strategies/{strategy['id']}/generate-code/", json={}, headers=header, timeout=60
    ).raise_for_status()
    run = http.post(
        f"{server.url}/api/backtests/quick-run/", json={"strategy_id": strategy["id"]}, headers=header, timeout=60
    ).json()
    html = http.get(f"{server.url}/api/backtests/{run['id']}/report/", headers=header, timeout=60).text
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


DRAWN = (
    "() => { const all = []; const walk = (r) => { r.querySelectorAll('*').forEach(e => { if (e.tagName === 'CANVAS') all.push(e);"
    " if (e.shadowRoot) walk(e.shadowRoot); }); }; walk(document); return all.filter(c => c.width > 300).length > 0; }"
)


def told_of(page: Any) -> tuple[list[str], list[str]]:
    """Return two lists that fill with the page's requests and with what its console complains of."""
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    return requests, complaints


def see_report(page: Any, made: dict[str, Any]) -> None:
    """Look at heading, figures, months and trades, and wait for the chart in its frame."""
    assert page.inner_text("h1").endswith("on GOOG")
    figures = page.inner_text("#figures")
    assert f"{made['run']['total_return_pct']:,.2f}%" in figures
    assert page.locator("#calendar tbody tr").count() == 10
    assert page.locator("#trades tbody tr").count() == made["run"]["total_trades"]
    frame = page.locator("iframe").element_handle()
    frame.scroll_into_view_if_needed()
    chart = frame.content_frame()
    chart.wait_for_function(DRAWN, timeout=30_000)
    heights = chart.evaluate("[document.documentElement.scrollHeight, innerHeight]")
    assert heights[0] <= heights[1]  # nothing of it has to be scrolled to


def test_the_report_draws_without_a_network(page: Any, made: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(made["report"], encoding="utf-8")
    requests, complaints = told_of(page)
    page.goto(f"file://{path}")
    see_report(page, made)
    assert requests == [f"file://{path}"]
    assert complaints == []


def test_the_report_draws_as_it_is_served(page: Any, server: Server, made: dict[str, Any]) -> None:
    log_in(page, server, made)
    url = f"{server.url}/admin/backtest_api/backtestrun/{made['run']['id']}/files/report.html"
    requests, complaints = told_of(page)
    page.goto(url)
    see_report(page, made)
    assert requests == [url]
    assert complaints == []


def test_a_report_fits_on_a_phone(browser: Any, made: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(made["report"], encoding="utf-8")
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    phone = context.new_page()
    phone.goto(f"file://{path}")
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
    light = "rgb(255, 255, 255)"
    assert phone.evaluate("getComputedStyle(document.documentElement).backgroundColor") != light
    context.close()


FORGED = """<html><head></head><body><script>
window.told = [];
const attempt = (name, what) => { try { what(); told.push(name); } catch (error) { } };
attempt("page", () => { parent.document.querySelector("h1").textContent = "Forged"; });
attempt("cookie", () => document.cookie.length);
attempt("window", () => window.open("URL/opened").focus());
fetch("URL/fetched").then(() => told.push("fetch"), () => { });
new Image().src = "URL/image.png";
attempt("top", () => { top.location = "URL/top"; });
setTimeout(() => { location.href = "URL/left"; }, 300);
</script></body></html>"""


@contextmanager
def serving(policy: str) -> Iterator[tuple[str, dict[str, str], list[str]]]:
    """Serve pages under a policy; give the address, the pages by their paths, and a list that fills with what is asked for."""
    pages: dict[str, str] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(pages.get(self.path, "").encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the library
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", pages, asked
        running.shutdown()


@pytest.mark.parametrize("served", [False, True], ids=["from a file", "as it is served"])
def test_a_forged_chart_reaches_neither_page_nor_network(
    browser: Any, made: dict[str, Any], tmp_path: Path, served: bool
) -> None:
    with serving(REPORT_POLICY) as (url, pages, asked):
        forged = escape(FORGED.replace("URL", url))
        html = re.sub(r'srcdoc="[^"]*"', lambda _: f'srcdoc="{forged}"', made["report"])
        path = tmp_path / "report.html"
        path.write_text(html, encoding="utf-8")
        pages["/report.html"] = html
        context = browser.new_context()
        opened = context.new_page()
        address = f"{url}/report.html" if served else f"file://{path}"
        opened.goto(address)
        opened.wait_for_timeout(1500)
        assert opened.inner_text("h1") == re.findall(r"<h1>(.*?)</h1>", html)[0]
        assert opened.url == address
        assert len(context.pages) == 1
        context.close()
    assert [path for path in asked if path != "/favicon.ico"] == ["/report.html"] * served


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
