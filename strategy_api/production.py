"""The way of a strategy to production: through the schema, the code check, the sandbox and the gates."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from pydantic import BaseModel, ConfigDict, ValidationError

from auth_api.models import User
from Backtest.canonical import CanonicalStrategy, history_bars
from Backtest.code import check_code, generate_code, safe_slug
from Backtest.data import PriceRequest
from Backtest.diagnostics import load_canonical
from Backtest.errors import Conflict, DataError, Diagnostic, ExecutionError, InvalidInput, NotFound, StrategyError
from Backtest.machine import asker, no_later_than
from data_api.providers import get_data_manager
from Strategy.changes import on_bars
from strategy_api import lifecycle
from strategy_api.engine import get_limits, get_sandbox, ranges_of, require_isolation
from strategy_api.models import Deployment, Strategy
from strategy_api.outcomes import (
    CloserLook,
    CodeCheck,
    FutureFinding,
    Lookahead,
    Ranges,
    Resources,
    SandboxTest,
    SchemaCheck,
)
from strategy_api.selectors import canonical_of

if TYPE_CHECKING:
    from Backtest.backtesting_adapter import BacktestResult
    from Backtest.data import PriceData
    from Backtest.sandbox import EngineSettings, Runner
    from strategy_api.repository import DeployRepository

logger = logging.getLogger(__name__)

SHOWN_TRADES = 1000
TEST_CUTS = 10
CLOSELY_S = 2.0  # how long a request may wait for a closer look


def schema_check(*, canonical_json: Mapping[str, Any]) -> SchemaCheck:
    """Return what is wrong with a canonical, and when nothing is, its normal form, hash and plain English."""
    loaded = load_canonical(canonical_json)
    strategy = loaded.strategy
    return SchemaCheck(
        valid=strategy is not None,
        errors=list(loaded.errors),
        warnings=list(loaded.warnings),
        normalized=strategy.model_dump(mode="json") if strategy else None,
        hash=strategy.content_hash() if strategy else None,
        description=strategy.describe() if strategy else "",
    )


def code_check(*, code: str) -> CodeCheck:
    """Return the findings about code; `safe` when none is an error."""
    issues = check_code(code)
    return CodeCheck(safe=not any(i.severity == "error" for i in issues), issues=issues)


def sandbox_test(
    *,
    user: User,
    code: str,
    symbol: str,
    start_date: date | None = None,
    end_date: date | None = None,
    timeframe: str = "1d",
    timezone: str = "",
    limits: Mapping[str, float] | None = None,
    closely: bool = True,
    **execution: float | None,
) -> SandboxTest:
    """Run code on prices in isolation and tell how it went; what the code does wrong is an answer, not an error.

    Code that runs gets a closer look, where that takes no more than two seconds and `limits` leave the time: they hold for all its
    runs together. Otherwise `wait_s` says how many seconds it would take.
    `closely` False leaves it out, for code that was generated here.

    Raises:
        SandboxUnavailable: there is no isolation here.
        DataError: there are no such prices.
        ExecutionError: the test was cancelled.
    """
    from Backtest.backtesting_adapter import run_code
    from Backtest.sandbox import EngineSettings

    require_isolation()
    sandbox, run_id, started = get_sandbox(), uuid4().hex[:12], time.monotonic()
    prices = get_data_manager(user=user).fetch(
        PriceRequest(symbol.upper(), timeframe, start_date, end_date, history_bars(None), timezone)
    )
    used = get_limits()
    used = used.model_copy(update={k: min(v, getattr(used, k)) for k, v in (limits or {}).items()})
    engine = EngineSettings.model_validate({k: v for k, v in execution.items() if v is not None})
    answer: Callable[..., SandboxTest] = partial(
        SandboxTest, run_id=run_id, code_issues=check_code(code), backend=sandbox.backend, isolated=sandbox.isolated
    )
    try:
        result = run_code(code, prices, engine, sandbox=sandbox, limits=used, name=f"test-{run_id}")
    except ExecutionError as error:
        logger.info("sandbox test %s of user %s: %s", run_id, user.pk, error.exit_reason)
        if error.exit_reason == "cancelled":  # the client hung up: this says nothing of the code
            raise
        resources = {name: round(error.resources.get(name, 0.0), 3) for name in Resources.model_fields}
        return answer(
            exit_reason=error.exit_reason, error=error.message, traceback=error.traceback, log=error.log, resources=resources
        )  # fmt: skip
    logger.info("sandbox test %s of user %s: completed", run_id, user.pk)
    look, wait = None, 0.0
    if closely:
        wait, left = closer_look_s(result.resources), started + used.timeout_s - time.monotonic()
        if wait <= min(CLOSELY_S, left):
            # Code that is slow only now has a backtest of its own for it, like any that takes long.
            with contextlib.suppress(ExecutionError), no_later_than(started + used.timeout_s):
                look = closer_look(code, prices, engine, result, tick=lambda _: asker().check())
    return answer(
        success=True,
        metrics=result.metrics,
        summary=result.summary,
        trades=_rows(result),
        trades_count=len(result.trades),
        warnings=[*result.warnings, *(look.warnings if look else ())],
        log=result.extra["log"],
        resources=result.resources,
        lookahead=look.lookahead if look else None,
        ranges=look.ranges if look else None,
        wait_s=0.0 if look else wait,
    )


def check_lookahead(
    *,
    user: User,
    code: str,
    symbol: str,
    start_date: date | None = None,
    end_date: date | None = None,
    timeframe: str = "1d",
    timezone: str = "",
    **execution: float | None,
) -> Lookahead:
    """Run code on futures that differ and tell what it did differently before they do.

    Raises:
        SandboxUnavailable: there is no isolation here.
        ExecutionError: the code fails on the prices as they are.
        DataError: there are no such prices, or too few.
    """
    from Backtest.sandbox import EngineSettings

    require_isolation()
    prices = get_data_manager(user=user).fetch(
        PriceRequest(symbol.upper(), timeframe, start_date, end_date, history_bars(None), timezone)
    )
    engine = EngineSettings.model_validate({k: v for k, v in execution.items() if v is not None})
    found = _lookahead(code, prices, engine)
    if not found.checked:
        raise DataError(found.note)
    return found


def closer_look(
    code: str,
    prices: PriceData,
    engine: EngineSettings,
    result: BacktestResult,
    *,
    tick: Callable[[float], None] = lambda _: None,
    **options: Any,
) -> CloserLook:
    """Run code that ran once again, some forty times: on other futures, to see whether it looks ahead, and at other costs and
    on the better path through the bars, for its figures as ranges.

    Args:
        options: `seconds` of ranges_of_code.
    """
    with get_sandbox().forks() as runner:
        seen = _lookahead(code, prices, engine, cuts=TEST_CUTS, sandbox=runner, tick=tick)
        found, told = ranges_of(
            code, prices.frame, engine, result.metrics, first=prices.first, took=once_s(result.resources),
            sandbox=runner, tick=tick, **options,
        )  # fmt: skip
    ahead = [one.text for one in seen.findings]
    return CloserLook(lookahead=seen, ranges=Ranges.model_validate(found) if found else None, warnings=[*ahead, *told])


def closer_look_s(resources: Mapping[str, float]) -> float:
    """Return about how many seconds a closer look takes at code whose run took these resources: 40 runs, two at a time."""
    return 20 * once_s(resources)


def once_s(resources: Mapping[str, float]) -> float:
    """Return how many seconds of a processor a run takes. What it waited for others is not its own, and code that only waits is ended
    by the limits that hold for all its runs together."""
    return resources["cpu_ms"] / 1000


def _lookahead(
    code: str,
    prices: PriceData,
    engine: EngineSettings,
    *,
    cuts: int | None = None,
    sandbox: Runner | None = None,
    tick: Callable[[float], None] = lambda _: None,
) -> Lookahead:
    from Backtest.verification import lookahead

    try:
        report = lookahead.check_lookahead(
            code, prices, engine, sandbox=sandbox or get_sandbox(), limits=get_limits(), cuts=cuts or lookahead.CUTS, tick=tick
        )  # fmt: skip
    except DataError as error:
        return Lookahead(checked=False, clean=None, runs=0, findings=[], note=error.message)
    note = f"The code failed on {report.failed} of {report.runs - 2} other futures" if report.failed else ""
    findings = [FutureFinding(**asdict(f), text=str(f)) for f in report.findings]
    return Lookahead(checked=True, clean=report.clean, runs=report.runs, note=note, findings=findings)


def _rows(result: BacktestResult) -> list[dict[str, Any]]:
    from Backtest.backtesting_adapter import from_begin

    shown = from_begin(result.trades, result.begin).head(SHOWN_TRADES)
    rows: list[dict[str, Any]] = json.loads(shown.to_json(orient="records", date_format="iso", double_precision=15))
    return rows


# -- Deploying -----------------------------------------------------------------------------------


class Gates(BaseModel):
    """What a strategy must show in the sandbox. Drawdown in percent, as a positive number."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    min_trades: int = 1
    min_sharpe: float | None = None
    max_drawdown: float | None = None
    min_profit_factor: float | None = None
    min_return_pct: float | None = None

    def stricter(self, other: Gates) -> Gates:
        """Return the stricter of both, gate for gate."""
        best: dict[str, float | None] = {}
        for name in type(self).model_fields:
            values = [v for v in (getattr(self, name), getattr(other, name)) if v is not None]
            best[name] = (min if name.startswith("max") else max)(values) if values else None
        return Gates.model_validate(best)

    def failures(self, summary: Mapping[str, Any]) -> list[Diagnostic]:
        """Return a finding for each gate that the figures do not pass. A figure that is missing passes none."""
        drawdown = summary["max_drawdown"]
        figures = {
            "min_trades": summary["total_trades"], "min_sharpe": summary["sharpe_ratio"],
            "max_drawdown": None if drawdown is None else -drawdown, "min_profit_factor": summary["profit_factor"],
            "min_return_pct": summary["total_return_pct"],
        }  # fmt: skip
        found = []
        for name, figure in figures.items():
            gate = getattr(self, name)
            if gate is None:
                continue
            passed = figure is not None and (figure <= gate if name.startswith("max") else figure >= gate)
            if not passed:
                shown = "none" if figure is None else f"{figure:.4g}"
                message = f"{name} is {gate:g}, the sandbox test gave {shown}"
                found.append(
                    Diagnostic(
                        "error", "gate", f"gates.{name}", message, "Improve the strategy, or test it on other prices"
                    )
                )
        return found


def configured_gates() -> Gates:
    """Return DEPLOY_GATES. InvalidInput names what is wrong with it."""
    return _gates(settings.DEPLOY_GATES, "DEPLOY_GATES")


def _gates(data: Mapping[str, Any], where: str) -> Gates:
    try:
        return Gates.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInput(
            f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}; known are {', '.join(Gates.model_fields)}"
        ) from None


def deploy(
    *,
    user: User,
    strategy: Strategy,
    message: str = "",
    gates: Mapping[str, Any] | None = None,
    symbol: str = "",
    start_date: date | None = None,
    end_date: date | None = None,
) -> Deployment:
    """Check a strategy's schema and code, test it in the sandbox, and commit it when its figures pass.

    `gates` may be stricter than the configured ones; looser ones change nothing.

    Raises:
        StrategyError: a check or a gate failed; the details say which.
        SandboxUnavailable: there is no isolation here.
        Conflict: this version is deployed, or the strategy is retired.
    """
    required = configured_gates().stricter(_gates(gates or {}, "gates"))
    if strategy.status == Strategy.Status.RETIRED:
        raise Conflict("The strategy is retired: change its canonical, which makes a new version, and deploy that")
    if strategy.alternatives:
        raise Conflict(
            f"The rules and a model read the words differently: {strategy.alternatives[0]['difference']}",
            questions=["Which reading is meant? Choose it with strategies/{id}/choose/"],
        )
    canonical = canonical_of(strategy)
    lifecycle.reach(strategy=strategy, to=Strategy.Status.VALIDATED, user=user, reason="schema check")
    chosen = symbol or next(iter(canonical.symbols), "")
    if not chosen:
        raise InvalidInput("No symbol to test on: name one in the request or in the strategy, such as AAPL")
    canonical = on_bars(canonical, canonical.timeframe, chosen.upper())[0].on(chosen)
    from Backtest.backtesting_adapter import engine_settings

    code = generate_code(canonical).code
    issues = [i for i in check_code(code) if i.severity == "error"]
    if issues:
        details = [Diagnostic("error", i.pattern, f"code:{i.line}", i.message, i.suggestion) for i in issues]
        raise StrategyError("The code check found errors", details=details)
    test = sandbox_test(
        user=user, code=code, symbol=chosen, start_date=start_date, end_date=end_date, timeframe=canonical.timeframe,
        closely=False, **engine_settings(canonical).model_dump(),
    )  # fmt: skip
    if not test.success:
        raise StrategyError(f"The sandbox test failed ({test.exit_reason}): {test.error}")
    if failures := required.failures(test.summary):
        raise StrategyError(f"The figures do not pass: {failures[0].message}", details=failures)
    lifecycle.reach(strategy=strategy, to=Strategy.Status.TESTED, user=user, reason=f"sandbox test on {chosen}")
    return _commit(
        user,
        strategy,
        message,
        code,
        canonical,
        {"run_id": test.run_id, "symbol": chosen, **test.summary},
    )


def _commit(
    user: User, strategy: Strategy, message: str, code: str, canonical: CanonicalStrategy, figures: dict[str, Any]
) -> Deployment:
    canonical_sha256 = canonical.content_hash()
    slug = f"{safe_slug(strategy.name)}-{strategy.pk}"
    tag, folder = f"{slug}-v{strategy.version}", f"strategies/{slug}"
    code_sha256 = hashlib.sha256(code.encode()).hexdigest()
    text = deploy_message(strategy.name, message, figures, code_sha256, canonical_sha256, tag)
    files = {
        "strategy.py": code,
        "canonical.json": json.dumps(canonical.model_dump(mode="json"), indent=2, sort_keys=True) + "\n",
        "figures.json": json.dumps(figures, indent=2) + "\n",
    }
    with _repository().changing() as repository, transaction.atomic():
        Strategy.objects.select_for_update().get(pk=strategy.pk)  # one deployment of a strategy at a time
        if Deployment.objects.filter(tag=tag).exists():
            raise Conflict(f"{tag} is deployed already: change the strategy, which makes a new version")
        made = Deployment.objects.create(
            strategy=strategy, user=user, version=strategy.version, tag=tag, path=f"{folder}/strategy.py", message=message,
            code_sha256=code_sha256, canonical_sha256=canonical_sha256, figures=figures, commit="",
        )  # fmt: skip
        earlier = Deployment.objects.filter(strategy=strategy, status=Deployment.Status.DEPLOYED).exclude(pk=made.pk)
        earlier.update(status=Deployment.Status.SUPERSEDED)
        lifecycle.reach(strategy=strategy, to=Strategy.Status.DEPLOYED, user=user, reason=tag)
        made.commit = repository.commit(folder=folder, files=files, message=text, tag=tag)
        made.save(update_fields=["commit"])
    return made


def one_line(text: str) -> str:
    """Return a text as a line that can command no terminal: without control characters and what turns the direction of writing."""
    return " ".join("".join(c if unicodedata.category(c) not in ("Cc", "Cf") else " " for c in text).split())


def deploy_message(
    name: str, message: str, figures: Mapping[str, Any], code_sha256: str, canonical_sha256: str, tag: str
) -> str:
    """Return the commit's message: the strategy, its figures, what it is made of."""

    def shown(key: str) -> str:
        return "none" if figures.get(key) is None else f"{figures[key]:.4g}"

    said = one_line(message)
    lines = [
        f"Strategy: {one_line(name)}",
        "",
        *([said, ""] if said else []),
        f"Sharpe: {shown('sharpe_ratio')}",
        f"Max. drawdown: {shown('max_drawdown')}%",
        f"Profit factor: {shown('profit_factor')}",
        f"Trades: {figures.get('total_trades')} on {figures.get('symbol')}",
        f"Sandbox run: {figures.get('run_id')}",
        f"Code: sha256 {code_sha256}",
        f"Canonical: sha256 {canonical_sha256}",
        f"Version: {tag}",
    ]
    return "\n".join(lines) + "\n"


def rollback(*, user: User, strategy: Strategy, deployment_id: int | None = None) -> Deployment:
    """Deploy again what was deployed before, by default the last that is not deployed now; a new commit.

    Raises:
        NotFound: there is no such deployment of this strategy.
        Conflict: it is the one that is deployed.
    """
    with _repository().changing() as repository, transaction.atomic():
        locked = Strategy.objects.select_for_update().get(pk=strategy.pk)
        others = Deployment.objects.filter(strategy=locked).order_by("-id")
        now = others.filter(status=Deployment.Status.DEPLOYED).first()
        if deployment_id is None:
            target = (
                others.exclude(pk=now.pk).exclude(status=Deployment.Status.ROLLED_BACK).first()
                if now
                else others.first()
            )
        else:
            target = others.filter(pk=deployment_id).first()
        if target is None:
            raise NotFound("There is no earlier deployment of this strategy to go back to")
        if now and target.pk == now.pk:
            raise Conflict(f"{target.tag} is what is deployed")
        folder = str(Path(target.path).parent)
        files = {
            n: repository.read(commit=target.commit, path=f"{folder}/{n}")
            for n in ("strategy.py", "canonical.json", "figures.json")
        }
        if now:
            Deployment.objects.filter(pk=now.pk).update(status=Deployment.Status.ROLLED_BACK)
        made = Deployment.objects.create(
            strategy=locked, user=user, version=target.version, tag=target.tag, path=target.path, commit="",
            message=f"Rollback to {target.tag}", code_sha256=target.code_sha256, canonical_sha256=target.canonical_sha256,
            figures=target.figures,
        )  # fmt: skip
        text = f"Strategy: {one_line(locked.name)}: rollback to {target.tag}\n\nCode: sha256 {target.code_sha256}\n"
        made.commit = repository.commit(folder=folder, files=files, message=text, tag="")
        made.save(update_fields=["commit"])
    return made


def retire(*, user: User, strategy: Strategy, reason: str = "") -> Strategy:
    """Take a strategy out of use; its deployments stay in the repository."""
    return lifecycle.move(strategy=strategy, to=Strategy.Status.RETIRED, user=user, reason=reason or "retired")


def settle_interrupted() -> None:
    """Undo a deployment during which a process was killed, where there is one."""
    repository = _repository()
    if repository.interrupted:
        with repository.changing():
            pass


def _repository() -> DeployRepository:
    from strategy_api.repository import DeployRepository  # git takes a fifteenth of a second, which few requests need

    return DeployRepository(
        Path(settings.DEPLOY_REPO), lambda commit: Deployment.objects.filter(commit=commit).exists()
    )
