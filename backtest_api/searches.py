"""Asking for a search over a strategy's numbers, by parameters or in words. How one runs stands in kinds/search.py."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import transaction
from pydantic import ValidationError

from auth_api.requests import unknown_names
from Backtest.canonical import CanonicalStrategy
from Backtest.code import generate_code
from Backtest.code.parameters import is_percent
from Backtest.diagnostics import load_canonical
from Backtest.errors import AlgoAgentError, Diagnostic, InvalidInput, StrategyError
from backtest_api import queue
from backtest_api.kinds.search import prices_of
from backtest_api.models import BacktestRun
from backtest_api.services import run_create
from Strategy.changes import on_bars
from strategy_api.selectors import canonical_of

if TYPE_CHECKING:
    from auth_api.models import User
    from Backtest.search.optimiser import SearchRequest
    from Backtest.search.space import Range
    from strategy_api.models import Strategy

logger = logging.getLogger(__name__)


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
    from Strategy.talk import read_constraint, read_names

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
        run.kind, run.search = BacktestRun.Kind.SEARCH, wanted.model_dump(mode="json")
        run.save(update_fields=["kind", "search"])
        try:
            plan(load_canonical(run.canonical_json).require(), prices_of(run), wanted)
        except (InvalidInput, StrategyError) as error:
            raise _in_words(error, {**code_names, **words}) from None
    return run


def search_in_words(canonical: CanonicalStrategy, text: str) -> dict[str, Any]:
    """Return a search's request as a text says it.

    Raises:
        StrategyError: a name or range is missing or fits several, or a percentage may be meant as a fraction; the questions
            say what to ask.
    """
    from Strategy.talk import read_search

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


def search_get(*, user: User, run_id: int) -> BacktestRun:
    """NotFound when there is none, or it is somebody else's, or a plain backtest."""
    from Backtest.errors import NotFound

    found = BacktestRun.objects.filter(user=user, pk=run_id, kind=BacktestRun.Kind.SEARCH).first()
    if found is None:
        raise NotFound(f"There is no optimisation {run_id}")
    return found
