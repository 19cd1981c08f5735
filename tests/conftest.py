"""What tests share: users, clients, a sandbox, prices."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import settings
from rest_framework.test import APIClient
from xdist.scheduler import LoadScopeScheduling

from auth_api.models import User
from Backtest.backtesting_adapter import BacktestResult, run_backtest_from_canonical
from Backtest.canonical import CanonicalStrategy
from Backtest.data import PriceData, PriceRequest
from Backtest.data_manager import DataManager
from Backtest.sandbox import ProcessSandbox
from Strategy.text_parser import parse_strategy
from tests.live import Server, serve, shared
from tests.model_server import ModelServer, Reply, model_server

# The same examples in every run; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)  # a busy machine fails no test
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# The modules that take longest begin first, so that no worker is left alone with one of them at the end.
LONGEST = (
    "test_workers",
    "test_image",
    "test_openapi",
    "test_model_code",
    "escape/",
    "test_explain",
    "test_chat",
    "test_searches",
    "lookahead/",
    "test_search",
    "test_kernel",
    "test_settings",
    "test_commands",
)

SENTENCE = "Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%"


# Looking for cycles among the objects of pandas, Django and 5,000 tests takes a twentieth of all time.
gc.set_threshold(100_000, 50, 50)


def pytest_configure() -> None:
    shared()  # before there are processes of xdist's, which are told of it


def pytest_collection_finish() -> None:
    gc.freeze()  # modules and tests stay: nothing to look for there, neither in between nor at the end


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((i for i, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST)))


def pytest_xdist_auto_num_workers() -> int:
    """Three more than there are cores: some tests wait for servers, containers and clocks."""
    return (os.cpu_count() or 1) + 3


class Scheduling(LoadScopeScheduling):
    """The tests of a module stay together, and so do all attempts to escape: one Docker Engine serves them."""

    def _split_scope(self, nodeid: str) -> str:
        return "escape" if nodeid.startswith("tests/escape/") else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[ProcessSandbox]:
    box = ProcessSandbox(ready=1)
    box.warm_up()
    yield box
    box.close()


@pytest.fixture(scope="session")
def prices() -> Callable[[str], PriceData]:
    """Return the bundled prices of a symbol, hourly for EURUSD."""
    return lambda symbol: DataManager().fetch(PriceRequest(symbol, "1h" if symbol == "EURUSD" else "1d"))


@pytest.fixture(scope="session")
def run(sandbox: ProcessSandbox, prices: Callable[[str], PriceData]) -> Callable[..., BacktestResult]:
    """Backtest a sentence or a canonical on bundled prices or on a frame."""

    def backtest(
        strategy: str | CanonicalStrategy, on: str | pd.DataFrame | PriceData = "GOOG", **options: Any
    ) -> BacktestResult:
        canonical = parse_strategy(strategy).require() if isinstance(strategy, str) else strategy
        data = prices(on) if isinstance(on, str) else on
        if isinstance(data, pd.DataFrame):
            data = PriceData("TEST", canonical.timeframe, data, "test")
        return run_backtest_from_canonical(canonical, data, sandbox=sandbox, **options)

    return backtest


@pytest.fixture(autouse=True)
def _clean_throttles() -> None:
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user(username="ada", email="ada@example.com", password="a-long-passphrase")


@pytest.fixture
def other_user(db: None) -> User:
    return User.objects.create_user(username="bob", email="bob@example.com", password="a-long-passphrase")


def client_of(user: User) -> APIClient:
    from auth_api.services import tokens_for

    client = APIClient(raise_request_exception=True)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens_for(user=user)['access']}")
    return client


@pytest.fixture
def api(user: User) -> APIClient:
    return client_of(user)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def bubblewrap_works() -> None:
    from Backtest.sandbox.bubblewrap import problem

    if why := problem():
        pytest.skip(f"bubblewrap is needed: apt-get install bubblewrap libseccomp2 ({why})")


@pytest.fixture
def isolated(settings: Any, bubblewrap_works: None) -> Iterator[None]:
    """The server's sandbox is bubblewrap."""
    from strategy_api import engine

    settings.SANDBOX_BACKEND = "bubblewrap"
    engine.get_sandbox.cache_clear()
    yield
    engine.get_sandbox().close()
    engine.get_sandbox.cache_clear()


@pytest.fixture(scope="session")
def vendor() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def llm(vendor: ModelServer, settings: Any) -> Iterator[ModelServer]:
    """A language model is configured: a server of this machine that speaks Gemini's protocol."""
    from ai_api.services import get_models

    vendor.asked.clear()
    vendor.will(Reply(text="yes"))
    settings.LLM_MODEL = ["google-gla:gemini-2.5-flash"]
    settings.LLM_KEYS = {"google-gla": ("test-key",)}
    settings.LLM_BASE_URLS = {"google-gla": vendor.url}
    get_models.cache_clear()
    yield vendor
    get_models().close()
    get_models.cache_clear()
