"""Searching over a strategy's numbers as a job: the best combination is run as a backtest, with all that was found."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kombu.exceptions
import numpy as np
from celery import current_app
from django.conf import settings
from django.db import transaction
from pydantic import ValidationError

from auth_api.requests import unknown_names
from Backtest.canonical import CanonicalStrategy, Execution, history_bars
from Backtest.code_generator import generate_code
from Backtest.data import PriceData, PriceRequest
from Backtest.diagnostics import load_canonical
from Backtest.errors import AlgoAgentError, Diagnostic, InvalidInput, StrategyError
from Backtest.parameters import is_percent
from Backtest.sandbox.owners import is_gone, own_name
from backtest_api import queue
from backtest_api.models import BacktestRun, RunEvent, SearchChunk
from backtest_api.services import artifact_folder, run_create, run_guarded, run_store
from backtest_api.written import money, share
from data_api.providers import get_data_manager
from Strategy.other_bars import on_bars
from strategy_api import trials
from strategy_api.engine import get_limits, get_sandbox
from strategy_api.models import Trial
from strategy_api.selectors import canonical_of

if TYPE_CHECKING:
    from auth_api.models import User
    from Backtest.search.optimiser import SearchRequest
    from Backtest.search.page import Heading
    from Backtest.search.space import Floats, Ints, Range
    from Backtest.search.sweeping import Work
    from strategy_api.models import Strategy

logger = logging.getLogger(__name__)

CHUNK_S = 30.0
POLL_S = 0.05
SEARCHED, ASSESSED = 0.5, 0.9  # parts of the progress


def request_of(data: dict[str, Any]) -> SearchRequest:
    """Return a search's request from JSON. InvalidInput names what is wrong with it."""
    from Backtest.search.optimiser import SearchRequest

    try:
        return SearchRequest.model_validate(data)
    except ValidationError as error:
        raise _malformed(error) from error


def _malformed(error: ValidationError) -> InvalidInput:
    from Backtest.search.space import Range

    found = max(error.errors(), key=lambda e: len(e["loc"]))  # of the forms it may have, the one that was meant
    parts = [str(part) for part in found["loc"] if not re.match(r"Range$|list\[|constrained-", str(part))]
    where, value = ".".join(parts), found["input"]
    if found["type"] == "extra_forbidden":
        known = Range.model_fields if "Range" in found["loc"] else ("min", "max", "step")
        return InvalidInput(
            "The request is not valid",
            details=unknown_names(parts[-1:], known, path="".join(f"{p}." for p in parts[:-1])),
        )
    shown = f", got {value!r}"[:80] if isinstance(value, str | int | float) else ""
    return InvalidInput(
        f"{where}: {found['msg']}{shown}", suggestions=["A parameter is {min, max, step} or a list of numbers"]
    ).at(where)


def search_create(
    *,
    user: User,
    request: dict[str, Any],
    canonical: CanonicalStrategy | None = None,
    strategy: Strategy | None = None,
    in_words: bool = False,
    here: bool = False,
    **options: Any,
) -> BacktestRun:
    """Store a queued search over a strategy's numbers, after everything about it has been checked.

    Errors call the numbers as the request does, or, where it was read from words (`in_words`), as the strategy's code does.

    Raises:
        InvalidInput, StrategyError, DataError: it is not possible; the message names the value and the remedy.
    """
    from Backtest.search.optimiser import plan

    if not here:
        queue.check_room(user)  # before what costs time: who is refused often is refused cheaply
    if canonical is None:
        assert strategy is not None
        canonical = canonical_of(strategy)
    from Strategy.search_words import read_constraint, read_names

    canonical, of_bars = _as_run(canonical, options)
    words: dict[str, str] = {}  # for a path: what the request calls it
    code_names = generate_code(canonical).parameters if in_words else {}
    if isinstance(request.get("parameters"), dict):
        try:
            named = read_names(canonical, request["parameters"])
        except (InvalidInput, StrategyError) as error:
            raise error.at("parameters") from None
        words = {path: word for word, path in zip(request["parameters"], named, strict=True) if word != path}
        request = {**request, "parameters": named}
    if request.get("constraint"):
        try:
            read = read_constraint(canonical, str(request["constraint"]), list(request.get("parameters") or ()))
        except (InvalidInput, StrategyError) as error:
            raise error.at("constraint") from None
        request = {**request, "constraint": read}
    wanted = request_of(request)
    for path, word in words.items():  # a name such as stop_loss_pct says the unit, a word such as stop does not
        _ask_unit(canonical, path, word, wanted.parameters[path], f"parameters.{word}")
    with transaction.atomic():
        reading = [*options.pop("reading", strategy.warnings if strategy else ()), *of_bars]
        run = run_create(user=user, canonical=canonical, strategy=strategy, here=here, reading=reading, **options)
        run.search = wanted.model_dump(mode="json")
        run.save(update_fields=["search"])
        try:
            plan(load_canonical(run.canonical_json).require(), _prices(run), wanted)
        except (InvalidInput, StrategyError) as error:
            raise _in_words(error, {**code_names, **words}) from None
    return run


def search_in_words(canonical: CanonicalStrategy, text: str) -> dict[str, Any]:
    """Return a search's request as a text says it.

    Raises:
        StrategyError: a name or range is missing or fits several, or a percentage may be meant as a fraction; the questions
            say what to ask.
    """
    from Strategy.search_words import read_search

    request = read_search(canonical, text)
    said = {float(number) for number in re.findall(r"(\d*\.?\d+)\s*%", text)}
    for path, values in request_of(request).parameters.items():
        if not said & set(_named_values(values)):
            _ask_unit(canonical, path, generate_code(canonical).parameters.get(path, path), values, "instructions")
    return request


def _in_words(error: AlgoAgentError, words: Mapping[str, str]) -> AlgoAgentError:
    """Return an error that calls numbers as the request does; `words` are the names by path."""

    def told(text: str) -> str:
        for path in sorted(words, key=len, reverse=True):
            text = text.replace(path, words[path])
        return text

    return type(error)(
        told(error.message),
        details=[
            replace(d, field=told(d.field), message=told(d.message), suggestion=told(d.suggestion))
            for d in error.details
        ],
        suggestions=[told(text) for text in error.suggestions],
        questions=[told(text) for text in error.questions],
    )


def _at_instructions(error: AlgoAgentError, said: Mapping[str, Any]) -> AlgoAgentError:
    """Return an error about what the words of a search said: `instructions` is the field at fault."""
    error.details = tuple(
        replace(found, field="instructions") if found.field.split(".")[0] in said else found for found in error.details
    )
    return error


def _named_values(values: Range | list[float]) -> list[float]:
    return values if isinstance(values, list) else [values.min, values.max, values.step]


def _ask_unit(canonical: CanonicalStrategy, path: str, name: str, values: Range | list[float], field: str) -> None:
    """Ask whether a percentage that is below 1 everywhere is meant as a fraction, where nobody said its unit."""
    ends = [values.min, values.max] if not isinstance(values, list) else values
    if not ends or not all(0 < value < 1 for value in ends) or not is_percent(canonical, path):
        return
    high = max(ends)
    raise StrategyError(
        f"{name} of {high:g} may be {high:g}% or {high * 100:g}%",
        suggestions=[f"Say it in percent, such as from {min(ends) * 100:g}% to {high * 100:g}%"],
        questions=[f"Is {high:g} meant as {high:g}% or as {high * 100:g}%?"],
    ).at(field)


REQUEST = ("parameters", "constraint", "objective", "method", "max_tries", "seed")


def search_from_request(
    *, user: User, strategy_id: int, instructions: str = "", here: bool = False, **given: Any
) -> BacktestRun:
    """Store a queued search of one of the user's strategies, asked for by parameters or in words.

    Raises:
        NotFound: the strategy is none of theirs.
        InvalidInput, StrategyError, DataError: the search is not possible.
    """
    from strategy_api.selectors import strategy_get

    strategy = strategy_get(user=user, strategy_id=strategy_id)
    try:
        canonical = canonical_of(strategy)
    except StrategyError as error:
        raise error.at("strategy_id") from None
    request = {k: given.pop(k) for k in REQUEST if given.get(k) is not None}
    options = {k: v for k, v in given.items() if k not in REQUEST}
    said: dict[str, Any] = {}
    if instructions:
        canonical, _ = _as_run(canonical, options)
        try:
            said = search_in_words(canonical, instructions)
        except (InvalidInput, StrategyError) as error:
            raise error.at("instructions") from None
        said = {name: value for name, value in said.items() if name not in request}
    try:
        return search_create(
            user=user, request={**said, **request}, strategy=strategy, in_words=bool(said), here=here, **options
        )
    except (InvalidInput, StrategyError) as error:
        raise _at_instructions(error, said) from None


def _as_run(
    canonical: CanonicalStrategy, options: Mapping[str, Any]
) -> tuple[CanonicalStrategy, tuple[Diagnostic, ...]]:
    """Return the strategy on the bars and the symbol a request names, and what is to be said of that."""
    symbol = str(options.get("symbol") or next(iter(canonical.symbols), "")).upper()
    return on_bars(canonical, options.get("timeframe") or canonical.timeframe, symbol)


def _prices(run: BacktestRun) -> PriceData:
    space = (run.search or {}).get("parameters") or {}
    history = history_bars(load_canonical(run.canonical_json).require(), space)
    request = PriceRequest(run.symbol, run.timeframe, run.start_date, run.end_date, history, run.timezone)
    return get_data_manager(user=run.user).fetch(request)


def search_execute(*, run: BacktestRun, workers: int = 1, report: bool = False) -> BacktestRun:
    """Run a search that this process has taken, and store what came of it; a failure is stored and raised.

    `workers` above 1 run it in processes of this machine; otherwise every worker that is free takes a part.

    Raises:
        AlgoAgentError: it is not possible, failed or was cancelled.
        queue.Lost: the run belongs to another worker now; nothing was stored.
    """
    with run_guarded(run):
        _execute(run, workers, report)
    queue.finish(run)
    return run


def _execute(run: BacktestRun, workers: int, report: bool) -> None:
    from Backtest.backtesting_adapter import run_backtest_from_canonical
    from Backtest.search import optimiser
    from Backtest.search.sweeping import run_chunks

    request = request_of(run.search or {})
    canonical = load_canonical(run.canonical_json).require()
    keep = queue.Keeper(run, settings.SEARCH_TIMEOUT_S)
    keep(0.0)
    prices = _prices(run)
    work, objectives = optimiser.plan(canonical, prices, request)
    if work.first > prices.first:
        day = prices.frame.index[work.first]
        run.warnings = [
            *run.warnings,
            f"All combinations are graded from {day:%Y-%m-%d}, when the longest of them is warmed up",
        ]
        prices = replace(prices, first=work.first)
    tell(run, f"Searching {work.space.size:,} combinations on {len(prices.frame)} bars of {prices.source} prices")
    folder = artifact_folder(run).with_name(f"{run.pk}.{run.attempts}.search")
    for left in folder.parent.glob(f"{run.pk}.*.search"):  # of an attempt whose worker was lost
        _remove(left)
    folder.mkdir(parents=True, exist_ok=True)

    def runner(work: Work, chunks: list[Ints]) -> Iterator[Floats]:
        tick = _scaled(keep, 0.0, SEARCHED)
        if workers > 1 or len(chunks) == 1 or _helpers() < 2:  # this worker is one of them
            return run_chunks(work, chunks, workers=workers, tick=tick)
        return shared_chunks(run, work, chunks, folder, tick)

    try:
        found = optimiser.search(
            work, request, objectives, folder=folder, runner=runner, tick=_scaled(keep, 0.0, SEARCHED)
        )
        tell(run, f"{len(found.tried):,} combinations run, {found.failed:,} of them failed; weighing the best")
        lineage = trials.lineage_of(run.strategy, canonical)
        what = f"{canonical.content_hash()} {request.model_dump_json()}"
        before = trials.earlier(user=run.user, lineage=lineage, prices=prices, what=what)
        outcome = optimiser.outcome(work, found, request, earlier=before, tick=_scaled(keep, SEARCHED, ASSESSED))
        best = optimiser.winner(canonical, outcome)
        tell(run, "Confirming the best combination with backtesting.py in the sandbox")
        result = run_backtest_from_canonical(
            best, prices, sandbox=get_sandbox(), limits=get_limits(), report=report, name=f"run-{run.pk}",
            tick=_scaled(keep, ASSESSED, 1.0),
        )  # fmt: skip
        optimiser.confirm(best, prices, result)
        outcome["confirmed"] = True
        outcome["canonical"] = best.model_dump(mode="json")
        _keep_trial(run, work, found, prices, lineage, what)
        files = _files(folder, work, found, outcome, _heading(run, best, prices))
        run_store(run, result, outcome=outcome, more=files)
    finally:
        SearchChunk.objects.filter(run=run, attempt=run.attempts).delete()
        _remove(folder)


def tell(run: BacktestRun, text: str) -> None:
    queue.tell(run, RunEvent.Kind.LOG, text=text)


def _scaled(keep: queue.Keeper, low: float, high: float) -> Callable[[float], None]:
    return lambda progress: keep(low + (high - low) * progress)


def _keep_trial(run: BacktestRun, work: Work, found: Any, prices: PriceData, lineage: str, what: str) -> None:
    others = found.tried[found.tried != found.best]
    draw = np.random.default_rng(0)
    few = draw.choice(others, min(len(others), trials.KEPT - 1), replace=False) if len(others) else others
    sets = work.space.sets(np.concatenate([[found.best], few]).astype(np.int64))
    returns = work.kernel().sweep(sets, returns=True).returns
    trials.record(
        user=run.user, lineage=lineage, prices=prices, kind=Trial.Kind.SEARCH, what=what, returns=returns,
        count=len(found.tried),
    )  # fmt: skip


def _heading(run: BacktestRun, best: CanonicalStrategy, prices: PriceData) -> Heading:
    """Return what stands at the top of a search's page: the strategy with the best numbers, its prices and costs."""
    from Backtest.search.page import Heading

    execution, graded = best.execution, prices.frame.index[prices.first :]
    return Heading(
        f"The best numbers of {run.title} on {run.symbol}",
        best.describe().splitlines(),
        (
            ("Prices", f"{prices.symbol} {prices.timeframe}, {prices.source}, adjusted for {prices.adjustment}"),
            ("Graded bars", f"{len(graded):,} from {graded[0]:%Y-%m-%d} to {graded[-1]:%Y-%m-%d}"),
            ("Cash", money(execution.cash)),
            ("Commission and spread", _costs(execution)),
            ("Risk-free rate", share(execution.risk_free_rate, " a year")),
        ),
        run.warnings,
    )


def _costs(execution: Execution) -> str:
    """Return what an order costs, such as `commission 0.1% of an order's value and $2.00 an order, spread 0.05%`, or `none`."""
    told = [share(execution.commission, " of an order's value")] if execution.commission else []
    told += [f"{money(execution.commission_fixed)} an order"] if execution.commission_fixed else []
    parts = [f"commission {' and '.join(told)}"] if told else []
    parts += [f"spread {share(execution.spread)}"] if execution.spread else []
    return ", ".join(parts) or "none"


def _files(folder: Path, work: Work, found: Any, outcome: dict[str, Any], heading: Heading) -> list[Path]:
    """Return the files of a search: the table as Parquet, as CSV where it is not too long, and a page."""
    import pandas as pd

    from Backtest.search.optimiser import CSV_ROWS
    from Backtest.search.page import search_page

    files = [folder / "table.parquet"]
    if len(found.tried) <= CSV_ROWS:
        pd.read_parquet(files[0]).to_csv(folder / "table.csv", index=False)
        files.append(folder / "table.csv")
    page = search_page(files[0], work.space, found.objectives[0], outcome, heading)
    (folder / "optimisation.html").write_text(page, encoding="utf-8")
    return [*files, folder / "optimisation.html"]


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


# -- Chunks, taken by whoever is free ------------------------------------------------------------


def shared_chunks(
    run: BacktestRun, work: Work, chunks: list[Ints], folder: Path, tick: Callable[[float], None]
) -> Iterator[Floats]:
    """Yield the figures of each chunk in order, whoever ran it.

    The strategy, its prices and the combinations are put into `folder`, and a row for each chunk into the database. Other
    workers are called to help; what they take and do not finish in time is done here.
    """
    work.frame.to_parquet(folder / "prices.parquet")
    (folder / "first.txt").write_text(str(work.first), encoding="utf-8")
    np.save(folder / "index.npy", np.concatenate(chunks))
    SearchChunk.objects.filter(run=run).delete()
    SearchChunk.objects.bulk_create(SearchChunk(run=run, attempt=run.attempts, number=k) for k in range(len(chunks)))
    _call_helpers(run, len(chunks) - 1)
    kernel, watch = work.kernel(), queue.Watch(CHUNK_S)
    done = 0
    while done < len(chunks):
        path = folder / f"chunk-{done}.npy"
        tick(done / len(chunks))
        if path.is_file():
            yield np.load(path)
            path.unlink()
            done += 1
            continue
        if not queue.patiently(partial(_take_and_run, run, watch, work, kernel, chunks, folder)):
            time.sleep(POLL_S)


def _helpers() -> int:
    return sum(w.concurrency for w in queue.workers_seen())


def _call_helpers(run: BacktestRun, count: int) -> None:
    """Ask the workers there are to take parts of a search; it goes on without those that do not hear it."""
    try:
        for _ in range(min(count, _helpers())):
            given = {"run_id": run.pk, "attempt": run.attempts}
            current_app.send_task("backtest_api.tasks.assist", kwargs=given, retry=False)
    except (kombu.exceptions.KombuError, OSError, ValueError) as error:
        logger.warning("the broker is away (%s): the search runs on this worker alone", error)


def _take_and_run(
    run: BacktestRun, watch: queue.Watch, work: Work, kernel: Any, chunks: list[Ints], folder: Path
) -> bool:
    """Run the first chunk that is free, or whose taker is late or gone; False when there is none."""
    from Backtest.search.sweeping import figures

    for chunk in SearchChunk.objects.filter(run=run, attempt=run.attempts, done=False)[:64]:
        late = watch.stands_still(chunk.pk, chunk.takes)
        if chunk.worker and not late and not is_gone(chunk.worker):
            continue
        same = SearchChunk.objects.filter(pk=chunk.pk, done=False, takes=chunk.takes)
        if not same.update(worker=own_name(), takes=chunk.takes + 1):
            continue
        made = folder / f"chunk-{chunk.number}.{own_name().replace('/', '_')}.tmp.npy"
        np.save(made, figures(kernel, work.space.sets(chunks[chunk.number])))
        made.replace(folder / f"chunk-{chunk.number}.npy")
        SearchChunk.objects.filter(pk=chunk.pk).update(done=True)
        return True
    return False


def help_search(*, run_id: int, attempt: int) -> int:
    """Take chunks of a search that another worker leads until there is none left; return how many were run."""
    import pandas as pd

    from Backtest.search import optimiser

    run = BacktestRun.objects.filter(pk=run_id, attempts=attempt, status=BacktestRun.Status.RUNNING).first()
    if run is None or not SearchChunk.objects.filter(run=run_id, attempt=attempt, done=False).exists():
        return 0
    folder = artifact_folder(run).with_name(f"{run.pk}.{attempt}.search")
    try:
        frame, index = pd.read_parquet(folder / "prices.parquet"), np.load(folder / "index.npy")
        first = int((folder / "first.txt").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it is over, or its files are not shared with this machine
        return 0
    canonical = load_canonical(run.canonical_json).require()
    prices = PriceData(run.symbol, run.timeframe, frame, "shared", first=first)
    work, _ = optimiser.plan(canonical, prices, request_of(run.search or {}))
    chunks, kernel, ran = work.chunks(index), work.kernel(), 0
    watch = queue.Watch(CHUNK_S)
    try:
        while not queue.stopping() and _take_and_run(run, watch, work, kernel, chunks, folder):
            ran += 1
    except OSError:  # the search has ended and its folder is gone
        logger.info("search %s ended while this worker helped", run_id)
    return ran


def search_get(*, user: User, run_id: int) -> BacktestRun:
    """NotFound when there is none, or it is somebody else's, or a plain backtest."""
    from Backtest.errors import NotFound

    found = BacktestRun.objects.filter(user=user, pk=run_id, search__isnull=False).first()
    if found is None:
        raise NotFound(f"There is no optimisation {run_id}")
    return found
