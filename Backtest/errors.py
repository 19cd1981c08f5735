"""Every error AlgoAgent raises on purpose.

    AlgoAgentError
    ├── InvalidInput            the request is malformed
    ├── StrategyError           the strategy is understood but not possible
    ├── DataError               prices that do not exist, or not as asked for
    │   └── DataRangeError      the dates lie outside what exists
    ├── ProviderError           a data provider failed; trying again may help
    │   └── ModelUnavailable    no language model answered as it should
    ├── BudgetExceeded          a model's answer would cost more than is left today
    ├── ExecutionError          the strategy's own code failed, or ran into a limit
    ├── SandboxUnavailable      this machine cannot isolate code as configured
    ├── NotFound                the object does not exist for this user
    └── Conflict                the name is taken

Each carries a one-line message, details that name the value and the remedy, and questions the
user can answer. The HTTP status is decided in one place, `algoagent_api.exception_handler`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Self

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Diagnostic:
    """One finding about a strategy or a request.

    `field` is a path such as `entry_rules[0].when.right`; `suggestion` says what to do instead.
    """

    severity: Severity
    code: str
    field: str
    message: str
    suggestion: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


class Diagnosed:
    """A result with findings: errors refuse what was given, warnings do not."""

    diagnostics: tuple[Diagnostic, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity == "warning")


class AlgoAgentError(Exception):
    """Base of all domain errors.

    Args:
        message: one line, names the value at fault.
        details: the single findings.
        suggestions: what would make the request succeed.
        questions: what the user should be asked.
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        details: Sequence[Diagnostic] = (),
        suggestions: Sequence[str] = (),
        questions: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.suggestions = tuple(suggestions)
        self.questions = tuple(questions)

    def at(self, field: str) -> Self:
        """Say which field of the request is at fault, where no finding says it yet."""
        if not self.details:
            self.details = (Diagnostic("error", "invalid", field, self.message, "; ".join(self.suggestions)),)
        return self


class InvalidInput(AlgoAgentError):
    """The request itself is malformed: wrong type, wrong form, out of bounds."""


class TooLarge(AlgoAgentError):
    """The input is larger than what is taken."""


class StrategyError(AlgoAgentError):
    """The strategy was understood but cannot be: no entry, an impossible rule, an option."""


class DataError(AlgoAgentError):
    """The prices asked for do not exist, or cannot be used as they are."""


class DataRangeError(DataError):
    """The dates asked for lie outside the prices there are; the message names what exists."""


class ProviderError(AlgoAgentError):
    """A data provider failed: rate limit, no network, a broken answer."""

    retryable = True


class ModelUnavailable(ProviderError):
    """No language model is configured, or none answered as it should; the message says why."""


class TooBusy(AlgoAgentError):
    """This user has as much under way as one may have; the message says what and how it goes on."""


class BudgetExceeded(AlgoAgentError):
    """A call of a language model might cost more than the day's budget has left; it was not made."""


class ExecutionError(AlgoAgentError):
    """The strategy's code raised, ran into a limit, or reported what cannot be.

    `exit_reason` is one of error, timeout, memory, output, killed, violation, cancelled; `traceback`
    has the strategy's own lines; `resources` are wall_ms, cpu_ms and peak_memory_mb as far as known.
    """

    def __init__(
        self,
        message: str,
        *,
        exit_reason: str = "error",
        traceback: str = "",
        log: str = "",
        resources: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(message)
        self.exit_reason = exit_reason
        self.traceback = traceback
        self.log = log
        self.resources = dict(resources or {})


class SandboxUnavailable(AlgoAgentError):
    """The sandbox the settings want does not work here; the message says what to install."""


class NotFound(AlgoAgentError):
    """The object does not exist, or not for this user."""


class Conflict(AlgoAgentError):
    """The name is taken."""
