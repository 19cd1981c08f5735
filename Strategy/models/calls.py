"""What a call of a language model is: its question, its record, its budget. It names no provider and imports none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel

Output = TypeVar("Output")
Outcome = Literal["ok", "rate_limited", "quota", "refused_key", "timeout", "unavailable", "rejected", "abandoned"]


@dataclass(frozen=True)
class ModelConfig:
    """Which models answer, in this order, and with what.

    Args:
        models: such as `google-gla:gemini-2.5-flash`; the next one is asked when one fails.
        keys: of each provider; another one is taken when one is at its limit.
        base_urls: of a provider, where it is not the vendor's.
        timeout_s: for one request of a model.
        tries: of one model, when it fails in a way that may pass.
        pause_s: before the second try; it doubles, and varies by up to as much again.
    """

    models: tuple[str, ...] = ()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    base_urls: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 60.0
    tries: int = 3
    pause_s: float = 0.5


@dataclass(frozen=True)
class Message:
    """What somebody said earlier in a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True)
class ModelTool:
    """Something a model may ask for. `run` gets validated arguments, in the thread that asked the question."""

    name: str
    description: str
    arguments: type[BaseModel]
    run: Callable[[Any], str]


@dataclass(frozen=True)
class Question(Generic[Output]):
    """What a model is asked.

    Args:
        purpose: understand, edit, code, chat, ...; for records and budgets.
        output: `str`, or a pydantic model whose schema the model has to fill.
        check: returns what is wrong with an answer, or an empty text; the model sees it and tries again.
        rounds: how often it may try again.
        deterministic: the same question has the same answer, which may come from the cache.
    """

    purpose: str
    instructions: str
    prompt: str
    output: type[Output]
    check: Callable[[Output], str] | None = None
    rounds: int = 3
    history: tuple[Message, ...] = ()
    tools: tuple[ModelTool, ...] = ()
    max_output_tokens: int = 4096
    deterministic: bool = False


@dataclass(frozen=True)
class CallRecord:
    """One request of one model, as it went. `estimated`: its tokens were reckoned here, not reported credibly."""

    purpose: str
    model: str
    outcome: Outcome
    input_tokens: int
    output_tokens: int
    cost_usd: float
    estimated: bool
    latency_ms: float


@dataclass(frozen=True)
class Answer(Generic[Output]):
    """What came of a question. `model` is empty when the answer is from the cache."""

    output: Output
    model: str
    cost_usd: float
    calls: tuple[CallRecord, ...]


class Ledger(Protocol):
    """Who pays. Its methods are called in the thread that asks."""

    def before(self, *, purpose: str, model: str, most_usd: float) -> Any:
        """Set aside what a call may cost at most; return what `after` needs. BudgetExceeded when it is too much."""

    def after(self, reserved: Any, record: CallRecord) -> None:
        """Write down what it was, in place of what was set aside."""

    def cached(self, key: str) -> str | None:
        """Return the answer to the same question, as JSON."""

    def keep(self, key: str, answer: str) -> None:
        """Remember an answer."""


class NoLedger:
    """Nobody pays and nothing is remembered: for programs without a database."""

    def before(self, *, purpose: str, model: str, most_usd: float) -> None:
        return None

    def after(self, reserved: None, record: CallRecord) -> None:
        return None

    def cached(self, key: str) -> str | None:
        return None

    def keep(self, key: str, answer: str) -> None:
        return None
