"""What a user can do with backtests, searches and jobs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.forms import IntegerField
from django_filters.rest_framework import CharFilter, ChoiceFilter, FilterSet, NumberFilter

from actions import Cost, Permission, Target, action, listing
from auth_api.models import User
from auth_api.requests import Nothing
from Backtest.errors import AlgoAgentError
from Backtest.market import TIMEFRAMES
from backtest_api import queue, searches, selectors, serializers, services
from backtest_api.models import BacktestJob, BacktestRun
from backtest_api.outcomes import ConfigCheck
from backtest_api.tasks import ring
from strategy_api.outcomes import SandboxTest
from strategy_api.production_serializers import SandboxTestRequest

READ, RUN, WRITE = Permission.READ, Permission.RUN, Permission.WRITE
LOOK, COMPUTE, MODEL = Cost.LOOK, Cost.COMPUTE, Cost.MODEL
ONE = Target("run", "run_id", selectors.run_get)
DONE = Target("run", "run_id", selectors.completed_run)
A_SEARCH = Target("run", "run_id", searches.search_get)
A_JOB = Target("job", "job_id", selectors.job_get)


class WholeNumberFilter(NumberFilter):  # type: ignore[misc] # django-filter carries no types
    field_class = IntegerField  # NumberFilter's own is of decimals, and 1.5 would find strategy 1


class BacktestFilter(FilterSet):  # type: ignore[misc] # django-filter carries no types
    # Of whose strategy it is, nothing is said.
    strategy = WholeNumberFilter(field_name="strategy_id", min_value=0, max_value=2**63 - 1)
    timeframe = ChoiceFilter(choices=[(name, name) for name in TIMEFRAMES])
    symbol = CharFilter(lookup_expr="iexact")

    class Meta:
        model = BacktestRun
        fields = ("status", "symbol", "strategy", "timeframe")


# -- Making runs -------------------------------------------------------------------------------


@action(
    "backtests.create", takes=serializers.RunCreateSerializer, gives=serializers.RunSerializer, permission=RUN, cost=COMPUTE, status=202
)  # fmt: skip
def backtest_create(*, user: User, here: bool = False, **given: Any) -> BacktestRun:
    """Queue a backtest of a stored strategy."""
    return _begun(services.run_from_strategy(user=user, here=here, **given), here=here)


def _begun(run: BacktestRun, *, here: bool) -> BacktestRun:
    """Run it in this process, where a command has no worker, or tell the workers of it. What fails is told by its row."""
    if here:
        with contextlib.suppress(AlgoAgentError):
            services.run_execute(run=run)
    else:
        ring()
    return run


@action(
    "backtests.quick_run",
    takes=serializers.QuickRunSerializer,
    gives=serializers.QuickRunResultSerializer,
    permission=RUN,
    cost=MODEL,
)
def quick_run(*, user: User, **given: Any) -> BacktestRun:
    """Backtest a stored strategy, a canonical or a sentence, and answer when it is done."""
    run, description = services.quick_run(user=user, **given)
    run.description = description  # type: ignore[attr-defined]
    return run


@action(
    "backtests.run_sandbox",
    takes=serializers.RunSandboxRequest,
    gives=serializers.RunSerializer,
    permission=RUN,
    cost=COMPUTE,
)
def run_isolated(*, user: User, **given: Any) -> BacktestRun:
    """Run a stored strategy or code in isolation and answer when it is done; 503 where there is no isolation."""
    run = services.run_isolated(user=user, **given)
    if run.follow_up:
        ring()
    return run


@action("code.sandbox_test", takes=SandboxTestRequest, gives=SandboxTest, permission=RUN, cost=COMPUTE)
def sandbox_test(*, user: User, **given: Any) -> SandboxTest:
    """Run code on prices in isolation. What the code does wrong is told in the answer."""
    found = services.sandbox_test(user=user, **given)
    if found.follow_up:
        ring()
    return found


@action(
    "backtests.validate_config",
    takes=serializers.ConfigCheckRequest,
    gives=ConfigCheck,
    permission=READ,
    cost=LOOK,
)
def config_check(*, user: User, **given: Any) -> ConfigCheck:
    """Tell every problem of a request for a backtest at once, and what the run would cost."""
    return services.config_check(user=user, **given)


@action(
    "searches.create",
    takes=serializers.SearchCreateSerializer,
    gives=serializers.SearchSerializer,
    permission=RUN,
    cost=COMPUTE,
    status=202,
)
def search_create(*, user: User, here: bool = False, **given: Any) -> BacktestRun:
    """Search for the best numbers of a stored strategy, and say whether what was found is skill or luck."""
    return _begun(searches.search_from_request(user=user, here=here, **given), here=here)


@action(
    "jobs.create",
    takes=serializers.JobRequestSerializer,
    gives=serializers.JobSerializer,
    permission=RUN,
    cost=MODEL,
    status=202,
)
def job_create(*, user: User, **given: Any) -> BacktestJob:
    """Queue a backtest of one strategy on several symbols: a name, a number or a text in, an envelope out."""
    dates = {"start_date": given.pop("from", None), "end_date": given.pop("to", None)}
    job = services.job_create(user=user, **given, **dates)
    ring()
    return job


@action("backtests.cancel", of=ONE, takes=Nothing, gives=serializers.RunSerializer, permission=RUN, cost=LOOK)
def backtest_cancel(*, user: User, run: BacktestRun) -> BacktestRun:
    """Cancel a backtest: at once while it waits, within two seconds while it runs."""
    return queue.cancel(run)


# -- Looking at them ---------------------------------------------------------------------------


@listing(
    "backtests.list", gives=serializers.RunSerializer, rows=BacktestRun, filters=BacktestFilter,
    orders=("id", "created_at", "total_return_pct", "sharpe_ratio", "max_drawdown", "total_trades"),
)  # fmt: skip
def backtests(*, user: User) -> QuerySet[BacktestRun]:
    """Your backtests, newest first."""
    return selectors.runs_of(user=user).select_related("strategy")


@action("backtests.get", of=ONE, gives=serializers.RunSerializer, permission=READ, cost=LOOK)
def backtest(*, user: User, run: BacktestRun) -> BacktestRun:
    """One of your backtests: what was asked, how far it is, and what came of it."""
    return run


@action("searches.get", of=A_SEARCH, gives=serializers.SearchSerializer, permission=READ, cost=LOOK)
def search(*, user: User, run: BacktestRun) -> BacktestRun:
    """How far a search is, and when it is done what it found. Events and cancelling are those of backtests."""
    return run


@action("jobs.get", of=A_JOB, gives=serializers.JobSerializer, permission=READ, cost=LOOK)
def job(*, user: User, job: BacktestJob) -> BacktestJob:
    """The envelope of a job: how far it is, and when it is done the figures and files of each symbol."""
    return job


@action("backtests.events", of=ONE, gives=serializers.EventSerializer, permission=READ, cost=LOOK)
def events(*, user: User, run: BacktestRun, after: int = 0) -> AsyncIterator[bytes]:
    """What happens to a backtest, as server-sent events: status, progress, log. Ends with the run."""
    return selectors.event_stream(run=run, after=after)


@action("backtests.artifact", of=DONE, permission=READ, cost=LOOK)
def artifact(*, user: User, run: BacktestRun, name: str) -> Path:
    """A file of a completed run, by the name its artifacts give."""
    return selectors.artifact(run=run, name=name)


@action("backtests.trades", of=DONE, gives=serializers.TradeRowSerializer, many=True, permission=READ, cost=LOOK)
def trades(*, user: User, run: BacktestRun) -> selectors.Rows:
    """The trades, in order of entry."""
    return selectors.Rows(run=run, name="trades.csv")


@action("backtests.equity", of=DONE, gives=serializers.EquityRowSerializer, many=True, permission=READ, cost=LOOK)
def equity(*, user: User, run: BacktestRun) -> selectors.Rows:
    """Equity and drawdown (a fraction) at each bar."""
    return selectors.Rows(run=run, name="equity_curve.csv")


@action("backtests.report", of=DONE, permission=READ, cost=COMPUTE)
def report(*, user: User, run: BacktestRun) -> Path:
    """Strategy, settings, data, warnings, figures with ranges, months, drawdowns, chart and trades as one HTML page.

    It needs no network, and is made when first asked for.
    """
    return services.report_ensure(run=run)


@action("backtests.code", of=DONE, permission=READ, cost=LOOK)
def code(*, user: User, run: BacktestRun) -> Path:
    """The Python code that was run."""
    return selectors.artifact(run=run, name="strategy.py")


@action("backtests.explain", of=DONE, gives=serializers.ExplanationSerializer, permission=READ, cost=LOOK)
def explain(*, user: User, run: BacktestRun, at: date | str) -> dict[str, Any]:
    """Why there was a trade at a bar or on a day, or why there was none."""
    return services.run_explain(run=run, at=services.parse_time(str(at)))
