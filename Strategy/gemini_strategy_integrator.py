"""Understanding a text with a language model, where the rules leave words unread. What it says is checked.

The name is the project's oldest; any configured model answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from Backtest.canonical import CanonicalStrategy
from Backtest.code import as_data, render
from Backtest.diagnostics import load_canonical
from Backtest.errors import BudgetExceeded, Diagnostic, ModelUnavailable, StrategyError
from Strategy.changes import Operation, Patch, patched
from Strategy.models import PROMPTS, Ledger, NoLedger, Question
from Strategy.reading import Assumption, LeftOut, ParseResult, Quote, complaints, parse_strategy, parts
from Strategy.strategy_validator import Recommendation

if TYPE_CHECKING:
    from Strategy.models.llm import LanguageModels

AnsweredBy = Literal["rules", "model"]
MOST_COMPLAINTS = 12


class Understood(BaseModel):
    """What a model makes of a text."""

    model_config = ConfigDict(extra="forbid")

    strategy: CanonicalStrategy
    quotes: list[Quote] = Field(max_length=64)
    left_out: list[LeftOut] = Field(default_factory=list, max_length=64)
    questions: list[str] = Field(default_factory=list, max_length=8)


class Improvement(BaseModel):
    """One change a model proposes, and why."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=500)
    operations: list[Operation] = Field(min_length=1, max_length=8)


class Improvements(BaseModel):
    """What a model proposes."""

    model_config = ConfigDict(extra="forbid")

    improvements: list[Improvement] = Field(max_length=4)


@dataclass(frozen=True)
class Analysis:
    """What a text means, by the rules and, where they left words unread, by a model.

    `parsed` is what to use, whoever read it. `other` is the rules' own reading, without the words they could not
    read, where a model read another strategy. `note` says why no model helped.
    """

    parsed: ParseResult
    answered_by: AnsweredBy
    other: CanonicalStrategy | None = None
    model: str = ""
    note: str = ""


class StrategyAnalyzer:
    """Reads texts by rules first, and asks a model about what is left.

    Args:
        models: gives the configured models, when the first question comes; without it the rules answer alone.
        ledger: who pays.
    """

    def __init__(self, models: Callable[[], LanguageModels] | None = None, ledger: Ledger | None = None) -> None:
        self._models, self._ledger = models, ledger or NoLedger()

    def improvements(self, strategy: CanonicalStrategy) -> list[Recommendation]:
        """Return what a model would change, each a patch that makes a possible strategy. Its numbers are proposals.

        Raises:
            ModelUnavailable, BudgetExceeded: no model answered.
        """
        if self._models is None:
            raise ModelUnavailable("No language model is configured: the rules' own recommendations are all there is")

        def check(found: Improvements) -> str:
            wrong = []
            for i, item in enumerate(found.improvements):
                try:
                    patched(strategy, Patch(operations=item.operations))
                except StrategyError as error:
                    wrong.append(f"improvements[{i}]: {error.message}")
            return "\n".join(wrong)

        core = strategy.model_dump(mode="json", exclude={"provenance", "description", "parameters", "strategy_name"})
        question = Question(
            purpose="improve", instructions=render(PROMPTS / "improve.md"), prompt=as_data("canonical", json.dumps(core)),
            output=Improvements, check=check, deterministic=True,
        )  # fmt: skip
        return [
            Recommendation(
                "model",
                item.operations[0].path,
                item.reason,
                tuple(patched(strategy, Patch(operations=item.operations)).patch),
            )
            for item in self._models().ask(question, self._ledger).output.improvements
        ]

    def analyze_strategy(self, text: str, *, name: str = "", symbols: Collection[str] = ()) -> Analysis:
        """Read a text. `symbols` are the names of the user's own prices.

        Raises:
            TooLarge: it is longer than 10,000 characters.
        """
        parsed = parse_strategy(text, name=name, symbols=symbols)
        if parsed.strategy is not None or not text.strip():
            return _by_rules(parsed)
        if self._models is None:
            return _by_rules(parsed, "No language model is configured; the rules read English only")
        try:
            return self.read_by_model(parsed, name=name)
        except (ModelUnavailable, BudgetExceeded) as error:
            return _by_rules(parsed, error.message)

    def read_by_model(self, parsed: ParseResult, *, name: str = "") -> Analysis:
        """Have a model read a text, whatever the rules made of it.

        Raises:
            ModelUnavailable, BudgetExceeded: no model answered as it should.
        """
        if self._models is None:
            raise ModelUnavailable("No language model is configured")
        answer = self._models().ask(_question(parsed.text, parsed), self._ledger)
        return _by_model(name, parsed, answer.output, answer.model or "the cache")


def _question(text: str, parsed: ParseResult) -> Question[Understood]:
    def check(found: Understood) -> str:
        loaded = load_canonical(found.strategy.model_dump(mode="json"))
        wrong = [f"{d.field}: {d.message}. {d.suggestion}" for d in loaded.errors]
        wrong += complaints(
            text, found.strategy, found.quotes, found.left_out, unread=parsed.leftover, read=parsed.partial
        )
        return "\n".join(wrong[:MOST_COMPLAINTS])

    return Question(
        purpose="understand", instructions=render(PROMPTS / "understand.md"), prompt=as_data("text", text), output=Understood,
        check=check, max_output_tokens=8192, deterministic=True,
    )  # fmt: skip


def _by_rules(parsed: ParseResult, note: str = "") -> Analysis:
    if note:
        told = Diagnostic("info", "answered_by_rules", "text", f"The rules answered. {note}")
        parsed = replace(parsed, diagnostics=(*parsed.diagnostics, told))
    return Analysis(parsed, "rules", note=note)


def _by_model(name: str, parsed: ParseResult, found: Understood, model: str) -> Analysis:
    data = found.strategy.model_dump(mode="json")
    data |= {
        "description": parsed.text, "parameters": [], "strategy_name": name or found.strategy.strategy_name,
        "provenance": {"source": "text", "parser": "model", "original_text": parsed.text},
    }  # fmt: skip
    loaded = load_canonical(data)
    strategy = loaded.require()
    notes = [
        Diagnostic("warning", "left_out", "text", f"Left out: {p.words[:200]!r}: {p.why}", "Say it with prices and indicators")
        for p in found.left_out
    ]  # fmt: skip
    read = ParseResult(
        text=parsed.text, strategy=strategy, diagnostics=(*loaded.diagnostics, *notes),
        assumptions=tuple(_read_as(strategy, found.quotes)), questions=tuple(found.questions),
    )  # fmt: skip
    return Analysis(read, "model", other=_without_unread(parsed, strategy), model=model)


def _read_as(strategy: CanonicalStrategy, quotes: Sequence[Quote]) -> list[Assumption]:
    """Return, for every part, the words it comes from: what a user checks at a glance."""
    said = []
    for path in parts(strategy):
        words = [q.words for q in quotes if q.part == path or q.part.startswith((f"{path}.", f"{path}["))]
        said.append(Assumption("model", f"Read by a language model from {' ... '.join(words)!r}", field=path))
    return said


def _without_unread(parsed: ParseResult, strategy: CanonicalStrategy) -> CanonicalStrategy | None:
    """Return the rules' own reading, where it is a strategy without the words they could not read, and another one."""
    if not parsed.partial or any(d.severity == "error" and d.code != "not_understood" for d in parsed.diagnostics):
        return None
    loaded = load_canonical(parsed.partial).strategy
    return None if loaded is None or loaded.content_hash() == strategy.content_hash() else loaded
