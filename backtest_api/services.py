"""What can be done with backtests: create, run, run again."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import MAXYEAR, MINYEAR, date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from Backtest.canonical import CanonicalStrategy, history_bars
from Backtest.data import PriceData, PriceRequest
from Backtest.diagnostics import load_canonical
from Backtest.errors import (
    AlgoAgentError,
    DataError,
    Diagnostic,
    ExecutionError,
    InvalidInput,
)
from Backtest.machine import write_whole
from Backtest.market import TIMEFRAMES, no_such_day
from backtest_api import queue, warnings
from backtest_api.assumed import still_assumed
from backtest_api.kinds import kind_of
from backtest_api.kinds.base import How
from backtest_api.models import BacktestJob, BacktestRun
from backtest_api.notes import remark, risk_free_rate
from backtest_api.outcomes import ConfigCheck, Estimate
from backtest_api.results import artifact_folder, first_bar, stored_prices, stored_trades
from data_api.providers import get_data_manager
from Strategy.changes import on_bars
from strategy_api import production
from strategy_api.engine import require_isolation
from strategy_api.outcomes import SandboxTest
from strategy_api.selectors import canonical_of

if TYPE_CHECKING:
    import pandas as pd

    from auth_api.models import User
    from Backtest.backtesting_adapter import BacktestResult
    from Strategy.reading import Assumption, ParseResult
    from strategy_api.models import Strategy

Status = BacktestRun.Status


def _costs(given: Mapping[str, float]) -> dict[str, float]:
    """Return what a request says of cash and costs: a commission takes the place of the whole one the strategy has, in money too."""
    return {**given, "commission_fixed": 0.0} if "commission" in given else dict(given)


def run_create(
    *,
    user: User,
    canonical: CanonicalStrategy,
    strategy: Strategy | None = None,
    symbol: str | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
    timeframe: str | None = None,
    timezone: str | None = None,
    job: BacktestJob | None = None,
    here: bool = False,
    reading: Iterable[Diagnostic | Mapping[str, str]] = (),
    **execution: float | None,
) -> BacktestRun:
    """Store a queued run. `execution` overrides cash, commission and spread.

    `reading` is what was found when the strategy's text was read; its warnings stand first among those of the run.

    `here` takes it at once: this process is to run it, and no worker.

    Raises:
        InvalidInput: no symbol is known, or the dates are reversed.
        StrategyError: the overrides make the strategy impossible.
        TooBusy: the user has as many runs queued as one may have.
    """
    if not here:
        queue.check_room(user)
    chosen = _checked_symbol(symbol or (canonical.symbols[0] if canonical.symbols else ""), start_date, end_date)
    given = {k: v for k, v in execution.items() if v is not None}
    canonical, of_bars = on_bars(canonical, timeframe or canonical.timeframe, chosen)
    data = canonical.on(chosen).model_dump(mode="json")
    data["execution"] |= _costs(given)
    loaded = load_canonical(data)
    checked = loaded.require()
    run = BacktestRun(
        warnings=warnings.together(
            warnings.of_reading(reading),
            warnings.of_reading([*of_bars, *loaded.warnings]),
            warnings.of_symbols(canonical, chosen, named=symbol is not None),
        ),
        **(_taken() if here else {}),
        user=user,
        job=job,
        strategy=strategy,
        strategy_version=strategy.version if strategy else None,
        canonical_json=checked.model_dump(mode="json"),
        symbol=chosen,
        timeframe=checked.timeframe,
        timezone=timezone or "",
        start_date=start_date,
        end_date=end_date,
    )
    if strategy is not None:  # the strategy's may be other ones when the run is looked at
        found = still_assumed(run, strategy.canonical_json, strategy.assumptions)
        run.outcome = {"assumptions": [{**a, "first_difference": ""} for a in found]}
    run.save()
    return run


def run_create_from_code(
    *,
    user: User,
    code: str,
    symbol: str = "",
    start_date: date | None = None,
    end_date: date | None = None,
    timeframe: str | None = None,
    timezone: str | None = None,
    closely: bool = False,
    here: bool = True,
    **execution: float | None,
) -> BacktestRun:
    """Store a run of code. `here` takes it at once: this process is to run it, and no worker.

    `closely` adds a closer look to the run: whether the code looks ahead, and its figures as ranges.
    """
    from Backtest.sandbox import EngineSettings

    if not here:
        queue.check_room(user)
    settings_ = EngineSettings.model_validate({k: v for k, v in execution.items() if v is not None})
    return BacktestRun.objects.create(
        **(_taken() if here else {}),
        warnings=warnings.of_code(code),
        kind=BacktestRun.Kind.CODE,
        closely=closely,
        user=user,
        code=code,
        settings=settings_.model_dump(),
        symbol=_checked_symbol(symbol, start_date, end_date),
        timeframe=timeframe or "1d",
        timezone=timezone or "",
        start_date=start_date,
        end_date=end_date,
    )


def _taken() -> dict[str, Any]:
    """Return the fields of a run that this process is to run at once."""
    return {**queue.taken_fields(), "attempts": 1, "started_at": now()}


def run_isolated(*, user: User, strategy_id: int | None = None, code: str = "", **options: Any) -> BacktestRun:
    """Run a stored strategy or code at once, where it is isolated and nowhere else.

    Raises:
        SandboxUnavailable: there is no isolation here.
    """
    require_isolation()
    if strategy_id is not None:
        return run_execute(run=run_from_strategy(user=user, strategy_id=strategy_id, here=True, **options))
    run = run_execute(run=run_create_from_code(user=user, code=code, **options))
    if "ranges" in run.outcome:
        return run
    wait = production.closer_look_s(run.manifest["resources"])
    later = run_create_from_code(user=user, code=code, closely=True, here=False, **options)
    run.outcome = {**run.outcome, "ranges": None, "follow_up": later.pk}
    run.warnings = [*run.warnings, _later(wait, later)]
    run.save(update_fields=["outcome", "warnings"])
    return run


def sandbox_test(*, user: User, code: str, limits: Mapping[str, float] | None = None, **options: Any) -> SandboxTest:
    """Test code as `production.sandbox_test` does; where a closer look at it would take long, queue a backtest for that."""
    found = production.sandbox_test(user=user, code=code, limits=limits, **options)
    if found.wait_s:
        later = run_create_from_code(user=user, code=code, closely=True, here=False, **options)
        found.warnings.append(_later(found.wait_s, later))
        found.follow_up = later.pk
    return found


def _later(wait_s: float, run: BacktestRun) -> str:
    return (
        f"Whether the code looks ahead, and its figures over paths and costs, take about {wait_s:.0f} s: "
        f"backtest {run.pk} is queued and has them when it is done"
    )


def config_check(*, user: User, strategy_id: int, **options: Any) -> ConfigCheck:
    """Return every problem of a request for a backtest at once, and what the run would cost."""
    from strategy_api.selectors import strategy_get

    errors: list[Diagnostic] = []
    cautions: list[Diagnostic] = []

    def problem(field: str, error: AlgoAgentError) -> None:
        found = [d for d in error.details if d.severity == "error"]
        errors.extend(found or [Diagnostic("error", "invalid", field, error.message, "; ".join(error.suggestions))])

    strategy = strategy_get(user=user, strategy_id=strategy_id)
    loaded = load_canonical(strategy.canonical_json)
    cautions += loaded.warnings
    canonical: CanonicalStrategy | None = None
    try:
        given = {k: options[k] for k in ("cash", "commission", "spread") if options.get(k) is not None}
        stored = loaded.require()
        try:
            traded = (options.get("symbol") or next(iter(stored.symbols), "")).upper()
            stored, of_bars = on_bars(stored, options.get("timeframe") or stored.timeframe, traded)
            cautions += of_bars
        except AlgoAgentError as error:
            problem("timeframe", error)
        data = stored.model_dump(mode="json")
        data["execution"] |= _costs(given)
        canonical = load_canonical(data).require()
        canonical = canonical.on(traded) if traded else canonical
    except AlgoAgentError as error:
        problem("strategy_id", error)
    symbol = options.get("symbol") or next(iter(strategy.canonical_json.get("symbols", [])), "")
    start, end = options.get("start_date"), options.get("end_date")
    estimate = Estimate()
    try:
        symbol = _checked_symbol(symbol, start, end)
    except InvalidInput as error:
        problem("symbol" if not symbol else "start_date", error)
    else:
        asked = options.get("timeframe") or strategy.canonical_json.get("timeframe", "1d")
        timeframe = canonical.timeframe if canonical else asked if asked in TIMEFRAMES else "1d"
        try:
            history = history_bars(canonical) if canonical else 0
            prices = get_data_manager(user=user).fetch(
                PriceRequest(
                    symbol,
                    timeframe,
                    start,
                    end,
                    history,
                    options.get("timezone") or "",
                    canonical.others if canonical else (),
                )
            )
            bars = len(prices.frame) - prices.first
            estimate = Estimate(bars=bars, seconds=round(_seconds(bars), 3))
            notes = [*prices.notes, *(check_data_of(canonical, prices) if canonical else [])]
            cautions += [Diagnostic("warning", "data", "symbol", note) for note in notes]
        except AlgoAgentError as error:
            problem("symbol", error)
    if estimate.seconds and estimate.seconds > settings.SANDBOX_TIMEOUT_S:
        limit = f"about {estimate.seconds:.0f} s, and {settings.SANDBOX_TIMEOUT_S:g} s are given"
        long = f"The run would take {limit}"
        cautions.append(Diagnostic("warning", "time_limit", "start_date", long, "Shorten the range"))
    return ConfigCheck(valid=not errors, errors=errors, warnings=cautions, estimate=estimate)


def check_data_of(canonical: CanonicalStrategy, prices: PriceData) -> list[str]:
    from Backtest.backtesting_adapter import check_data

    return check_data(canonical, prices)


START_S, BAR_S = 0.15, 40e-6  # of a machine that has run nothing yet


def _seconds(bars: int) -> float:
    """Return how long a run on so many bars takes, as the last runs did."""
    rows = (
        BacktestRun.objects.filter(status=Status.COMPLETED).order_by("-id").values_list("duration_ms", "manifest")[:20]
    )
    per_bar = sorted(
        ms / 1000 / found["data"]["rows"] for ms, found in rows if ms and found.get("data", {}).get("rows", 0) >= 500
    )
    return START_S + bars * (per_bar[len(per_bar) // 2] if per_bar else BAR_S)


def _checked_symbol(symbol: str, start_date: date | None, end_date: date | None) -> str:
    if not symbol:
        raise InvalidInput("No symbol: name one in the request or in the strategy, such as AAPL")
    if start_date and end_date and start_date > end_date:
        raise InvalidInput(f"start_date {start_date} is after end_date {end_date}: swap them")
    return symbol.upper()


def run_execute(*, run: BacktestRun, report: bool = False, plot: bool = False, workers: int = 1) -> BacktestRun:
    """Run what this process has taken, as its kind is run, and store what came of it; a failure is stored and raised.

    Args: those of `How`.

    Raises:
        AlgoAgentError: the data does not exist, or the run is not possible, failed or was cancelled.
        queue.Lost: the run belongs to another worker now; nothing was stored.
    """
    kind = kind_of(run)
    with _guarded(run):
        keep = queue.Keeper(run, kind.limit_s())
        keep(0.0)
        kind.execute(run, keep, How(report, plot, workers))
    queue.finish(run)
    return run


@contextmanager
def _guarded(run: BacktestRun) -> Iterator[None]:
    """Store what goes wrong while a run is under way, and raise it."""
    try:
        yield
    except AlgoAgentError as error:
        cancelled = isinstance(error, ExecutionError) and error.exit_reason == "cancelled"
        run.status, run.error = (Status.CANCELLED if cancelled else Status.FAILED), error.message
        queue.finish(run)
        raise
    except OSError as error:
        run.status = Status.FAILED
        why = os.strerror(error.errno) if error.errno else str(error)
        run.error = f"The results could not be written ({why}): make room and run it again"
        queue.finish(run)
        raise ExecutionError(run.error, exit_reason="output") from error


def run_again(*, run: BacktestRun, report: bool = False) -> tuple[BacktestResult, dict[str, tuple[Any, Any]]]:
    """Run a completed backtest again on its stored prices.

    Returns the result and every figure that differs: name to (then, now). Empty means that it
    was reproduced exactly.
    """
    import pandas as pd

    path = stored_prices(run)
    data = run.manifest["data"]
    prices = PriceData(
        data["symbol"],
        data["timeframe"],
        pd.read_parquet(path),
        data["source"],
        data["adjustment"],
        first=first_bar(run),
    )
    result = kind_of(run).again(run, prices, report=report)
    then = {**run.metrics, "data_sha256": run.data_sha256, "code_sha256": run.code_sha256}
    now = {
        **result.metrics,
        "data_sha256": result.manifest["data"]["sha256"],
        "code_sha256": result.manifest["code_sha256"],
    }
    different = {k: (then.get(k), now.get(k)) for k in sorted({*then, *now}) if then.get(k) != now.get(k)}
    return result, different


def run_from_strategy(*, user: User, strategy_id: int, **options: Any) -> BacktestRun:
    """Store a queued run of one of the user's strategies. NotFound when it is none of theirs."""
    from strategy_api.selectors import strategy_get

    strategy = strategy_get(user=user, strategy_id=strategy_id)
    canonical = canonical_of(strategy)
    return run_create(user=user, canonical=canonical, strategy=strategy, reading=strategy.warnings, **options)


def quick_run(
    *,
    user: User,
    strategy_id: int | None = None,
    canonical_json: dict[str, Any] | None = None,
    user_description: str = "",
    **options: Any,
) -> tuple[BacktestRun, str]:
    """Run a stored strategy, a canonical or a text at once.

    Returns the completed run and the strategy in plain English. What was assumed about a canonical or text is kept with the run.
    """
    from Strategy.reading import assumptions_in
    from strategy_api.services import understand

    parsed: ParseResult | None = None
    canonical: CanonicalStrategy | None = None
    assumed: Iterable[Assumption] = ()
    if strategy_id is not None:
        run = run_from_strategy(user=user, strategy_id=strategy_id, here=True, **options)
    else:
        if canonical_json is not None:
            canonical = load_canonical(canonical_json).require()
            assumed = assumptions_in(canonical_json)
        else:
            parsed = understand(user=user, text=user_description).parsed
            canonical = parsed.require()
        reading = parsed.diagnostics if parsed else ()
        run = run_create(user=user, canonical=canonical, here=True, reading=reading, **options)
    run = run_execute(run=run)
    if parsed:
        assumptions_dated(run=run, parsed=parsed)
    elif canonical:
        _keep_assumptions(run, [{**a, "first_difference": ""} for a in still_assumed(run, canonical, assumed)])
    return run, load_canonical(run.canonical_json).require().describe()


def _keep_assumptions(run: BacktestRun, found: list[dict[str, str]]) -> list[dict[str, str]]:
    run.outcome = {**run.outcome, "assumptions": found}
    run.save(update_fields=["outcome"])
    return found


def assumptions_dated(*, run: BacktestRun, parsed: ParseResult) -> list[dict[str, str]]:
    """Return what was assumed about a text; where it could be read in two ways, with `first_difference`,
    the first date of a completed run on which the other reading would have traded differently. They are kept with the run."""
    from Strategy.reading import first_differences

    canonical, frame, trades, first = _what_ran(run)
    dates = first_differences(canonical, parsed.readings, frame, trades, first)
    dated = {f"{text} is read as": difference for text, difference in dates.items()}
    found = []
    for assumption in still_assumed(run, parsed.require(), parsed.assumptions):
        difference = next((d for start, d in dated.items() if assumption["text"].startswith(start)), "")
        found.append({**assumption, "first_difference": difference})
    return _keep_assumptions(run, found)


# What the page and the chart in it may do: draw, with scripts and styles of their own. They may load and send nothing.
PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)
# Served by us, the page may not reach our cookies either.
REPORT_POLICY = f"{PAGE_POLICY}; sandbox allow-scripts"


def report_ensure(*, run: BacktestRun) -> Path:
    """Return the path of the HTML report of a completed run; it is made, with its chart, when there is none yet.

    Raises:
        DataError: the prices were pruned, or the run cannot be reproduced for its chart.
        SandboxUnavailable: its code cannot be isolated here, so no chart can be drawn.
    """
    folder = artifact_folder(run)
    path = folder / "report.html"
    if not path.is_file():
        from backtest_api.report import report_page

        stored_prices(run)
        no_chart = _chart_ensure(run)
        page = report_page(run, folder, policy=PAGE_POLICY, no_chart=no_chart)
        write_whole(path, lambda made: made.write_text(page, encoding="utf-8"))
    return path


def _chart_ensure(run: BacktestRun) -> str:
    """Draw the chart of a run when it was not asked for before; return why there is none where the code fails at it."""
    path = artifact_folder(run) / "chart.html"
    if path.is_file():
        return ""
    try:
        result, different = run_again(run=run, report=True)
    except ExecutionError as error:
        return error.message
    if different:
        raise DataError(f"Run {run.pk} could not be reproduced for its report: {', '.join(different)} differ")
    if result.report_html:
        chart = result.report_html
        write_whole(path, lambda made: made.write_text(chart, encoding="utf-8"))
    return ""


def run_explain(*, run: BacktestRun, at: pd.Timestamp | date) -> dict[str, Any]:
    """Explain what a completed run did at a time or on a day. DataError outside its data."""
    import pandas as pd

    from Backtest.decision import Explainer, OrderExplainer

    strategy, frame, trades, first = _what_ran(run)
    if strategy.is_plain:
        explainer = Explainer(strategy, frame, trades, first)
    else:
        from Backtest.kernel import Kernel

        explainer = OrderExplainer(strategy, frame, trades, Kernel(strategy, frame, first=first).run().events, first)
    return explainer.explain(at) if isinstance(at, pd.Timestamp) else explainer.explain_day(at)


def _what_ran(run: BacktestRun) -> tuple[CanonicalStrategy, pd.DataFrame, pd.DataFrame, int]:
    """Return canonical, prices, trades (bars are rows of the prices) and the first bar asked for of a completed run.

    Raises:
        StrategyError: it had no rules.
        DataError: they were pruned.
    """
    import pandas as pd

    canonical, path = kind_of(run).rules(run), artifact_folder(run) / "prices.parquet"
    if not path.is_file():
        raise DataError(f"The prices of run {run.pk} were pruned: run it again")
    return canonical, pd.read_parquet(path), stored_trades(run), first_bar(run)


_CLOCK = re.compile(r":|\d[T ]\d{1,2}(?:$|[Z+-])", re.IGNORECASE)


def parse_time(text: str) -> pd.Timestamp | date:
    """Return a time, or a date where no time of day is said. InvalidInput when it is none."""
    import pandas as pd

    such = "use a form such as 2008-03-03 or 2008-03-03T15:00"
    if not text.strip():
        raise InvalidInput(f"Give at, the day or time to explain: {such}").at("at")
    if why := no_such_day(text):
        raise InvalidInput(why).at("at")
    try:
        found = pd.Timestamp(text)
    except (ValueError, OverflowError):
        found = None
    if found is None or pd.isna(found) or not MINYEAR <= found.year <= MAXYEAR:
        raise InvalidInput(f"at={text[:40]!r} is no time: {such}").at("at")
    return found if found != found.normalize() or _CLOCK.search(text.strip()) else found.date()


# -- Jobs: one strategy on several symbols -------------------------------------------------------


def _named_like(text: str, names: Iterable[str]) -> str:
    """Return the strategy or template whose name one word is a slip of the pen for; empty where there is none."""
    from Strategy.talk import TEMPLATES, template_text

    word = text.strip()
    if not re.fullmatch(r"[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*", word) or template_text(word) != word:
        return ""
    near = difflib.get_close_matches(word.lower(), [*TEMPLATES, *list(names)[:1000]], n=1, cutoff=0.75)
    return near[0] if near else ""


def job_create(
    *,
    user: User,
    strategy: str,
    symbols: list[str],
    timeframe: str | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
    timezone: str = "",
    notes: str = "",
) -> BacktestJob:
    """Store a job and a queued run for each symbol.

    `strategy` is the number or the name of one of the user's strategies, the name of a template, or a text. A risk-free
    rate in the `notes` counts in Sharpe and Sortino ratio.

    Raises:
        InvalidInput: the notes name a risk-free rate that cannot be read.
        NotFound: the number is none of the user's strategies.
        StrategyError: the text is no strategy, or names no symbol where none is given.
    """
    from strategy_api.selectors import strategies_of, strategy_get
    from strategy_api.services import understand

    if strategy.strip().isascii() and strategy.strip().isdigit() and len(strategy.strip()) < 19:
        stored: Strategy | None = strategy_get(user=user, strategy_id=int(strategy))
    else:
        stored = strategies_of(user=user).filter(name=strategy.strip()).first()
    reading: Iterable[Diagnostic | Mapping[str, str]]
    if stored is not None:
        canonical, reading = canonical_of(stored), stored.warnings
    else:
        if near := _named_like(strategy, strategies_of(user=user).values_list("name", flat=True)):
            raise InvalidInput(
                f"There is no strategy or template {strategy.strip()[:80]!r}: did you mean `{near}`?",
                suggestions=[f"did you mean `{near}`?"],
            ).at("strategy")
        parsed = understand(user=user, text=strategy).parsed
        canonical, reading = parsed.require(), parsed.diagnostics
    wanted = list(dict.fromkeys(s.upper() for s in symbols)) or list(canonical.symbols)
    if not wanted:
        raise InvalidInput("No symbol: name one in the request or in the strategy, such as AAPL")
    rate = risk_free_rate(notes)
    reading = [*reading, *remark(notes, rate)]
    request: dict[str, Any] = {
        "strategy": strategy,
        "symbols": wanted,
        "timeframe": timeframe,
        "from": start_date,
        "to": end_date,
    }
    if timezone:
        request["timezone"] = timezone
    if rate is not None:
        request["risk_free_rate"] = rate
    with transaction.atomic():
        job = BacktestJob.objects.create(
            user=user, notes=notes, request={k: str(v) if isinstance(v, date) else v for k, v in request.items()}
        )
        for symbol in wanted:
            run_create(
                user=user, canonical=canonical, strategy=stored, symbol=symbol, start_date=start_date,
                end_date=end_date, timeframe=timeframe, timezone=timezone, job=job, reading=reading, risk_free_rate=rate,
            )  # fmt: skip
    return job
