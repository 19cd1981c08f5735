"""Testing, optimising, comparing and explaining the strategy of a conversation."""

from __future__ import annotations

import time
from datetime import date

from Backtest.errors import StrategyError
from Backtest.machine import elsewhere
from backtest_api import actions
from backtest_api.kinds import kind_of
from backtest_api.models import BacktestRun
from backtest_api.serializers import artifacts_of
from chat_api.talk import Reply, Talk
from Strategy.talk import Wanted
from strategy_api.selectors import canonical_of

FINAL = (BacktestRun.Status.COMPLETED, BacktestRun.Status.FAILED, BacktestRun.Status.CANCELLED)
POLL_S = 0.2


def queue(talk: Talk, symbol: str | None, since: date | None, until: date | None) -> BacktestRun:
    run: BacktestRun = actions.backtest_create(
        user=talk.user,
        strategy_id=talk.current.pk,
        symbol=symbol,
        start_date=since,
        end_date=until,
        here=talk.here,
        timezone=talk.state.get("timezone"),
    )
    talk.remember_run(run)
    return run


def optimise(talk: Talk, want: Wanted) -> Reply:
    run = actions.search_create(
        user=talk.user,
        strategy_id=talk.current.pk,
        instructions=talk.message,
        here=talk.here,
        timezone=talk.state.get("timezone"),
    )
    talk.remember_run(run)
    yield talk.act("queued", run_id=run.pk, symbol=run.symbol)
    if not talk.here:
        yield f"Search {run.pk} on {run.symbol} is queued.\n"
    yield from reports(talk, [run])


def backtest(talk: Talk, want: Wanted) -> Reply:
    if want.unread:
        raise StrategyError(
            f"I can test it on a symbol, since and until a day; these words would be lost: {want.unread!r}",
            questions=['If they change the strategy: say the change first, and then "test it"'],
        )
    named = talk.current.canonical_json.get("symbols") or [None]  # without a symbol it is said that one is missing
    symbols: list[str | None] = list(want.symbols) or named
    made = [queue(talk, symbol, want.since, want.until) for symbol in symbols[:10]]
    for run in made:
        yield talk.act("queued", run_id=run.pk, symbol=run.symbol)
        if not talk.here:
            yield f"Backtest {run.pk} on {run.symbol} is queued.\n"
    yield from reports(talk, made)


def compare(talk: Talk, want: Wanted) -> Reply:
    if len(want.symbols) > 1:
        yield from backtest(talk, want)
        return
    if lost := " ".join((*want.symbols, want.unread)).strip():
        raise StrategyError(
            f"I can compare the last backtests of this conversation, or the strategy on two symbols or more; these words would be lost: {lost!r}",
            suggestions=["compare them", "compare it on AAPL and MSFT"],
        )
    done = [r for r in talk.runs if r.status == BacktestRun.Status.COMPLETED][-4:]
    if len(done) < 2:
        raise StrategyError(
            "There is nothing to compare yet: test it twice, or name the symbols",
            suggestions=["compare it on AAPL and MSFT"],
        )
    for run in done:
        yield f"Backtest {run.pk}, version {run.strategy_version}: {_figures(run)}\n"
    rated = [r for r in done if r.sharpe_ratio is not None]
    if len({(r.timeframe, r.start_date, r.end_date) for r in done}) > 1:
        yield "They are not of the same dates, so none of them is called the best: test them on the same dates to compare them."
    elif rated:
        best = max(rated, key=lambda r: float(r.sharpe_ratio or 0.0))
        yield f"By Sharpe ratio, backtest {best.pk} did best. The past is no promise."


def status(talk: Talk, want: Wanted) -> Reply:
    found = talk.runs[-3:]
    if not found:
        raise StrategyError("No backtest was asked for in this conversation: say \"test it\"")  # fmt: skip
    yield from reports(talk, found)


def reports(talk: Talk, made: list[BacktestRun]) -> Reply:
    until = time.monotonic() + talk.wait_s
    for run in made:
        run.refresh_from_db()
        while run.status not in FINAL and time.monotonic() < until:
            with elsewhere():
                time.sleep(POLL_S)
            run.refresh_from_db()
        if run.status not in FINAL:
            yield f"Backtest {run.pk} is {run.status}. Ask \"how did it go?\" in a while.\n"  # fmt: skip
            continue
        yield talk.act("finished", run_id=run.pk, status=run.status, artifacts=artifacts_of(run))
        done = run.status == BacktestRun.Status.COMPLETED
        warned = "".join(f"Warning: {warning}\n" for warning in run.warnings)
        yield f"{kind_of(run).finished(run, _figures(run) if done else run.error)}\n{warned}"


def _figures(run: BacktestRun) -> str:
    def shown(value: float | None, unit: str = "") -> str:
        return "none" if value is None else f"{value:.2f}{unit}"

    text = f"{run.summary.rstrip('.')}."
    if not run.total_trades:
        return text
    found = run.ranges
    span = found["sharpe_ratio"] if found else {"low": None}
    around = (
        ""
        if span["low"] is None
        else f" ({span['low']:.2f} to {span['high']:.2f} on other paths through the bars and at other costs)"
    )
    return (
        f"{text} Sharpe {shown(run.sharpe_ratio)}{around}, maximum drawdown {shown(run.max_drawdown, '%')}, "
        f"{run.total_trades} trades, from {run.start_date} to {run.end_date}."
    )


def explain(talk: Talk, want: Wanted) -> Reply:
    strategy = talk.current
    if not want.at:
        yield f"{strategy.name!r}, version {strategy.version}:\n{canonical_of(strategy).describe()}"
        return
    done = [r for r in talk.runs if r.status == BacktestRun.Status.COMPLETED]
    if not done:
        raise StrategyError("There is no completed backtest to explain: say \"test it\" first")  # fmt: skip
    found = actions.explain(user=talk.user, run=done[-1], at=want.at)
    yield talk.act("explained", run_id=done[-1].pk, at=want.at)
    yield str(found["answer"])
