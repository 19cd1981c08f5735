"""A changed strategy with its patch, and changes that a language model makes of words."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import jsonpatch
from pydantic import BaseModel, ConfigDict, Field

from Backtest.canonical import CanonicalStrategy, changes
from Backtest.code import as_data, render
from Backtest.diagnostics import load_canonical
from Backtest.errors import StrategyError
from Backtest.indicators import REGISTRY
from Strategy.models import PROMPTS, Ledger, Question
from Strategy.reading import numbers_in, numbers_of
from Strategy.words.indicator_words import TRUE_RANGE

if TYPE_CHECKING:
    from Strategy.models.llm import LanguageModels


@dataclass(frozen=True)
class Edit:
    """A changed strategy. `patch` is RFC 6902, `changes` the same in plain English."""

    strategy: CanonicalStrategy
    patch: list[dict[str, Any]]
    changes: list[dict[str, str]]


class Operation(BaseModel):
    """One operation of a JSON patch; `value` is JSON text."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["add", "remove", "replace"]
    path: str = Field(max_length=200, description="A JSON pointer, such as /risk/stop_loss")
    value: str = Field("null", max_length=8000, description="The new value as JSON text, such as 3 or null")


class Patch(BaseModel):
    """What a model makes of the words of a change."""

    model_config = ConfigDict(extra="forbid")

    operations: list[Operation] = Field(min_length=1, max_length=32)


def edit_by_model(strategy: CanonicalStrategy, request: str, models: LanguageModels, ledger: Ledger) -> Edit:
    """Have a model patch a strategy as words say. Every number it brings in has to stand in the words.

    Raises:
        ModelUnavailable, BudgetExceeded: no model answered as it should.
    """
    said = numbers_of(request)
    said |= {-n for n in said} | {round(n / 100, 10) for n in said} | {0.0, 1.0}
    before = strategy.model_dump(mode="json")

    def check(patch: Patch) -> str:
        try:
            found = patched(strategy, patch)
        except StrategyError as error:
            return "\n".join([error.message, *(f"{d.field}: {d.message}" for d in error.details)][:8])
        after = found.strategy.model_dump(mode="json")
        odd = sorted(
            {
                n
                for part in ("indicators", "entry_rules", "exit_rules", "risk", "execution")
                for n in _brought(before, after, part)
            }
            - said
        )
        return f"These numbers stand nowhere in the words: {', '.join(f'{n:g}' for n in odd)}" if odd else ""

    core = strategy.model_dump(mode="json", exclude={"provenance", "description", "parameters", "strategy_name"})
    prompt = "\n\n".join([as_data("canonical", json.dumps(core)), as_data("change", request)])
    question = Question(
        purpose="edit",
        instructions=render(PROMPTS / "edit.md"),
        prompt=prompt,
        output=Patch,
        check=check,
        deterministic=True,
    )
    return patched(strategy, models.ask(question, ledger).output)


def _brought(before: dict[str, Any], after: dict[str, Any], part: str) -> set[float]:
    """Return the numbers a part has now and had not before, without those an indicator has by default."""
    defaults = {p.default for entry in REGISTRY.values() for p in entry.params} if part == "indicators" else set()
    if part.endswith("_rules"):
        defaults = {level for entry in REGISTRY.values() for level in (entry.levels or ())}
    if part == "risk":
        defaults = {REGISTRY[TRUE_RANGE].params[0].default} if '"timeperiod"' in json.dumps(after[part]) else set()
    old = {n for _, n in numbers_in(before[part])}
    return {n for _, n in numbers_in(after[part])} - old - defaults


def patched(strategy: CanonicalStrategy, patch: Patch) -> Edit:
    """Apply a model's patch. StrategyError when it does not fit, or touches what is no part of the trading."""
    operations = []
    for item in patch.operations:
        if item.path.split("/")[1:2] not in (
            ["indicators"],
            ["entry_rules"],
            ["exit_rules"],
            ["risk"],
            ["execution"],
            ["symbols"],
            ["timeframe"],
        ):
            raise StrategyError(f"{item.path} is no part that a change may touch")
        try:
            operations.append({"op": item.op, "path": item.path, "value": json.loads(item.value)})
        except ValueError:
            raise StrategyError(f"The value of {item.path} is not JSON: {item.value[:80]!r}") from None
    try:
        data = jsonpatch.apply_patch(strategy.model_dump(mode="json"), operations)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise StrategyError(f"The patch does not fit: {error}") from None
    return apply(strategy, data)


def apply(strategy: CanonicalStrategy, data: dict[str, Any]) -> Edit:
    """Return the edit that makes a strategy what `data` says. StrategyError when that cannot be, or is no change."""
    data = {
        **copy.deepcopy(data),
        "description": strategy.description,
        "provenance": {**data["provenance"], "source": "edit"},
        "parameters": [],
    }
    _drop_unused(data)
    new = load_canonical(data).require()
    told = changes(strategy, new)
    if not told:
        raise StrategyError("I read no change in that: it would leave the strategy as it is")
    return Edit(new, jsonpatch.make_patch(strategy.model_dump(mode="json"), new.model_dump(mode="json")).patch, told)


def _drop_unused(data: dict[str, Any]) -> None:
    """Take out the indicators that nothing uses any more."""
    while True:
        used = json.dumps([data["entry_rules"], data["exit_rules"], [i.get("source") for i in data["indicators"]]])
        kept = [i for i in data["indicators"] if json.dumps(i["id"]) in used]
        if kept == data["indicators"]:
            return
        data["indicators"] = kept
