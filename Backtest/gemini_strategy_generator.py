"""Code written by a language model, read, run and compared before anybody uses it.

The name is the project's oldest; any configured model writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from Backtest.backtesting_adapter import BacktestResult, engine_settings, run_code
from Backtest.canonical import CanonicalStrategy
from Backtest.code import as_data, check_code, render
from Backtest.data import PriceData
from Backtest.errors import ExecutionError
from Backtest.sandbox import EngineSettings, Limits, Sandbox
from Backtest.verification.equivalence import Difference, first_difference
from Backtest.verification.lookahead import check_lookahead

PROMPT = Path(__file__).with_name("SYSTEM_PROMPT_BACKTESTING_PY.md")
REPAIRS = 3
FEW_CUTS = 10
Stage = Literal["", "code_check", "smoke_test", "look_ahead", "equality"]


@dataclass(frozen=True)
class Round:
    """One try: the code, and the stage and problem it ended with, both empty when it passed."""

    code: str
    stage: Stage = ""
    problem: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Written:
    """What came of it. `equal` is True when the code trades exactly as the canonical, None where that was not asked for."""

    code: str
    passed: bool
    rounds: tuple[Round, ...]
    equal: bool | None = None
    difference: Difference | None = None

    @property
    def problem(self) -> str:
        return self.rounds[-1].problem


class GeminiStrategyGenerator:
    """Has code written, and repaired at most three times.

    Args:
        write: asks a model: instructions and prompt in, its answer out.
        sandbox: where the code is tried; it has to be isolated.
        prices: what the smoke test runs on.
        tried: is told of each code that ran, and its result.
    """

    def __init__(
        self,
        write: Callable[[str, str], str],
        *,
        sandbox: Sandbox,
        prices: PriceData,
        limits: Limits | None = None,
        tried: Callable[[str, BacktestResult], None] = lambda _code, _result: None,
    ) -> None:
        self._write, self._sandbox, self._prices, self._limits = write, sandbox, prices, limits
        self._tried = tried
        self._difference: Difference | None = None

    def generate_from_canonical(self, strategy: CanonicalStrategy) -> Written:
        """Have a canonical strategy written as code; it passes when it trades exactly as the canonical.

        Raises:
            ModelUnavailable: no model wrote.
            SandboxUnavailable: there is no isolation here.
        """
        return self._generate(self._task(strategy, ""), strategy, must_equal=True)

    def generate(self, instructions: str, strategy: CanonicalStrategy | None = None) -> Written:
        """Have code written to instructions, on the ground of a canonical strategy where one is given.

        Raises: as `generate_from_canonical`.
        """
        return self._generate(self._task(strategy, instructions), strategy, must_equal=False)

    @staticmethod
    def _task(strategy: CanonicalStrategy | None, instructions: str) -> str:
        parts = []
        if strategy is not None:
            core = strategy.model_dump(
                mode="json", exclude={"provenance", "description", "parameters", "strategy_name"}
            )
            parts += [as_data("strategy", strategy.describe()), as_data("canonical", json.dumps(core))]
        if instructions:
            parts.append(as_data("instructions", instructions))
        return "\n\n".join(parts)

    def _generate(self, task: str, strategy: CanonicalStrategy | None, *, must_equal: bool) -> Written:
        rounds: list[Round] = []
        prompt = task
        while len(rounds) <= REPAIRS:
            code = bare(self._write(render(PROMPT), prompt))
            if not rounds or code != rounds[-1].code:  # a model that gives the same again is told the same again
                self._difference = None
                stage, problem = self._problem(code, strategy, must_equal=must_equal)
            rounds.append(Round(code, stage, problem))
            if not problem:
                break
            prompt = f"{task}\n\nYour last code:\n\n{as_data('code', code)}\n\nWhat is wrong with it: {problem}"
        passed = not rounds[-1].problem
        equal = None if not must_equal else passed
        return Written(rounds[-1].code, passed, tuple(rounds), equal, self._difference)

    def _problem(self, code: str, strategy: CanonicalStrategy | None, *, must_equal: bool) -> tuple[Stage, str]:
        """Return the first stage that code does not pass, and why."""
        issues = [i for i in check_code(code) if i.severity == "error"]
        if issues:
            return "code_check", "; ".join(f"line {i.line}: {i.message}. {i.suggestion}" for i in issues[:5])
        settings = engine_settings(strategy) if strategy else EngineSettings()
        try:
            self._tried(code, run_code(code, self._prices, settings, sandbox=self._sandbox, limits=self._limits))
            future = check_lookahead(
                code, self._prices, settings, sandbox=self._sandbox, limits=self._limits, cuts=FEW_CUTS
            )
            if not future.clean:
                return "look_ahead", "; ".join(str(f) for f in future.findings)
            if must_equal and strategy is not None:
                self._difference = first_difference(strategy, code, sandbox=self._sandbox, limits=self._limits)
                if self._difference is not None:
                    return "equality", f"It trades otherwise than the strategy. {self._difference}"
        except ExecutionError as error:
            return "smoke_test", f"{error.message}\n{error.traceback}".strip()
        return "", ""


def bare(answer: str) -> str:
    """Return an answer's code without the fence around it."""
    text = answer.strip()
    if text.startswith("```"):
        text = text.split("\n", 1)[1] if "\n" in text else ""
        text = text.rsplit("```", 1)[0]
    return text.strip() + "\n"
