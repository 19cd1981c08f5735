"""What can be done with strategies, each step remembered in the conversation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import jsonpatch
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from ai_api.services import UserLedger, get_models, models_configured
from auth_api.models import User
from Backtest.canonical import CanonicalStrategy, changes
from Backtest.code import GeneratedCode, generate_code, write_code
from Backtest.data import PriceData, PriceRequest
from Backtest.diagnostics import Loaded, load_canonical
from Backtest.errors import (
    AlgoAgentError,
    BudgetExceeded,
    Conflict,
    DataError,
    Diagnostic,
    ExecutionError,
    InvalidInput,
    ModelUnavailable,
    ProviderError,
    SandboxUnavailable,
    StrategyError,
)
from data_api.providers import get_data_manager
from data_api.selectors import uploaded_symbols
from Strategy.changes import still_true
from Strategy.gemini_strategy_integrator import Analysis, StrategyAnalyzer
from Strategy.models import Question
from Strategy.reading import ParseResult, assumptions_in, parse_strategy
from Strategy.strategy_validator import StrategyValidator, recommend
from Strategy.talk import TEMPLATES, template_text
from Strategy.web.text import Address, fetch_text, is_public
from strategy_api import lifecycle, trials
from strategy_api.engine import get_limits, get_sandbox, require_isolation
from strategy_api.models import ConversationMemory, Strategy, StrategyValidation, StrategyVersion, Trial
from strategy_api.outcomes import Code, Effect, Export, Measured, Recommendations
from strategy_api.selectors import canonical_of

if TYPE_CHECKING:
    from Backtest.backtesting_adapter import BacktestResult

Interaction = ConversationMemory.Interaction
EXAMPLE = "GOOG"
TEXT_NOT_USED = "text_not_used"
MEASURED = ("total_return_pct", "sharpe_ratio", "max_drawdown", "total_trades", "profit_factor")


def strategy_create(
    *,
    user: User,
    user_description: str = "",
    canonical_json: Mapping[str, Any] | None = None,
    template: str = "",
    name: str = "",
    session_id: str = "",
    drafts: bool = False,
) -> Strategy:
    """Store a strategy given as text, by the name of a template, as canonical JSON, or as JSON with the text it came from.

    With `drafts` a text that lacks something which can be asked for is stored as well: what was read of it, and the questions.

    Raises:
        InvalidInput: none was given.
        StrategyError: the text or the JSON is no possible strategy.
        Conflict: the user has a strategy of this name.
    """
    alternatives: list[dict[str, Any]] = []
    if canonical_json is not None:
        canonical, findings = _loaded(canonical_json)
        findings += _beside(user_description, canonical)
        assumed = assumptions_in(canonical_json)
    elif template or user_description.strip():
        user_description, name = (TEMPLATES[template], name or template) if template else (user_description, name)
        analysis = understand(user=user, text=user_description, name=name, session_id=session_id)
        parsed = analysis.parsed
        _remember_refusal(user, parsed, session_id)
        if drafts and can_be_draft(parsed):
            return _draft_create(user=user, parsed=parsed, text=user_description, name=name, session_id=session_id)
        canonical, findings = parsed.require(), [d.as_dict() for d in parsed.diagnostics]
        alternatives, assumed = alternatives_of(user=user, analysis=analysis), parsed.assumptions
    else:
        raise InvalidInput("Give user_description (the strategy in words), canonical_json, both, or template")
    canonical = canonical.model_copy(update={"strategy_name": name}) if name else canonical
    assumptions = [a.__dict__ for a in assumed]
    chosen = name or _free_name(user, canonical.strategy_name)
    data = canonical.model_dump(mode="json")
    with transaction.atomic():
        try:
            with transaction.atomic():
                strategy = Strategy.objects.create(
                    user=user, name=chosen, user_description=user_description, canonical_json=data,
                    warnings=findings, assumptions=assumptions, alternatives=alternatives,
                )  # fmt: skip
        except IntegrityError as error:
            raise _name_taken(chosen) from error
        StrategyVersion.objects.create(strategy=strategy, version=1, canonical_json=data)
        _write_code(strategy, generate_code(canonical))
        strategy.save(update_fields=["generated_code", "code_path", "updated_at"])
        remember(
            user=user, kind=Interaction.SUGGEST, strategy=strategy, session_id=session_id, message=user_description,
            response={
                "description": canonical.describe(), "warnings": findings, "assumptions": assumptions,
                "answered_by": canonical.provenance.parser, "alternatives": alternatives,
            },
        )  # fmt: skip
    return strategy


def can_be_draft(parsed: ParseResult) -> bool:
    """Tell whether a text was read as far as it goes, and only lacks what can be asked for."""
    read = parsed.partial.get("entry_rules") or parsed.partial.get("exit_rules") or parsed.partial.get("symbols")
    return bool(parsed.strategy is None and read and parsed.questions and not parsed.leftover)


def _draft_create(*, user: User, parsed: ParseResult, text: str, name: str, session_id: str) -> Strategy:
    """Store what was read of an incomplete text. It has no version until it is complete."""
    chosen = name or _free_name(user, str(parsed.partial.get("strategy_name") or "Draft"))
    with transaction.atomic():
        try:
            with transaction.atomic():
                strategy = Strategy.objects.create(
                    user=user, name=chosen, user_description=text, canonical_json=parsed.partial, questions=list(parsed.questions),
                    warnings=[d.as_dict() for d in parsed.diagnostics], assumptions=[a.__dict__ for a in parsed.assumptions],
                )  # fmt: skip
        except IntegrityError as error:
            raise _name_taken(chosen) from error
    return strategy


_URL = re.compile(r"https?://\S+", re.IGNORECASE)


def understand(*, user: User, text: str, name: str = "", session_id: str = "") -> Analysis:
    """Read a text by rules and, where they leave words unread and a model is configured, by a model.

    A text that is nothing but a URL is that page, one that is the name of a template its sentence.

    Raises:
        StrategyError: the page describes no strategy, or several.
    """
    if _URL.fullmatch(text.strip()):
        return _of_page(user, text.strip(), session_id)
    return _analyzer(user, session_id).analyze_strategy(
        template_text(text), name=name, symbols=uploaded_symbols(user=user)
    )


def _of_page(user: User, url: str, session_id: str) -> Analysis:
    from Strategy.web.research import candidates

    found = candidates(fetch_text(url, allowed=is_public), url, _analyzer(user, session_id))
    if len(found) > 1:
        raise StrategyError(
            f"The page describes {len(found)} strategies: choose one",
            suggestions=[
                "Send the passage you mean as user_description, or see all with POST /api/strategies/from-url/"
            ],
            questions=[f"Is it this one? {c.passage[:300]}" for c in found],
        )
    return Analysis(found[0].parsed, "model" if found[0].answered_by == "model" else "rules")


def _analyzer(user: User, session_id: str = "") -> StrategyAnalyzer:
    return StrategyAnalyzer(get_models if models_configured() else None, UserLedger(user, session_id))


def strategies_from_url(
    *, user: User, url: str, allowed: Callable[[Address], bool] = is_public
) -> list[dict[str, Any]]:
    """Return the strategies a web page describes, each with the passage it rests on; nothing is stored.

    Raises:
        InvalidInput, TooLarge, ProviderError: the page cannot be read.
        StrategyError: it describes no strategy.
    """
    from Strategy.web.research import candidates

    found = []
    for candidate in candidates(fetch_text(url, allowed=allowed), url, _analyzer(user)):
        canonical = candidate.parsed.require()
        found.append({
            "passage": candidate.passage, "answered_by": candidate.answered_by, "description": canonical.describe(),
            "canonical_json": canonical.model_dump(mode="json"), "warnings": [d.as_dict() for d in candidate.parsed.diagnostics],
            "assumptions": [a.__dict__ for a in candidate.parsed.assumptions],
        })  # fmt: skip
    return found


def alternatives_of(*, user: User, analysis: Analysis) -> list[dict[str, Any]]:
    """Return the reading that was not taken, in plain English, with the first bar on which it trades differently.

    A reading that trades the same on the strategy's own prices (GOOG's, where it names no symbol) is none.
    """
    from Backtest.backtesting_adapter import run_backtest_from_canonical
    from Strategy.reading import first_difference

    taken, other = analysis.parsed.strategy, analysis.other
    if taken is None or other is None:
        return []
    symbol = next(iter(taken.symbols), EXAMPLE)
    try:
        prices = get_data_manager(user=user).fetch(PriceRequest(symbol, taken.timeframe, others=taken.others))
        done = run_backtest_from_canonical(taken, prices, sandbox=get_sandbox(), limits=get_limits())
        first = first_difference(taken, other, prices.frame, done.trades)
    except (DataError, ProviderError, ExecutionError, SandboxUnavailable) as error:
        difference = f"Where they differ is not known: {error.message}"
    else:
        if first is None:
            return []
        difference = f"{first[0]} on {symbol}: as read by the model, {first[1]}; by the rules, {first[2]}"
    return [{
        "answered_by": "rules", "description": other.describe(), "canonical_json": other.model_dump(mode="json"),
        "difference": difference,
    }]  # fmt: skip


def reading_choose(*, strategy: Strategy, reading: str, session_id: str = "") -> Strategy:
    """Settle which reading of its text a strategy is: the one it has, or the other one, which makes a new version.

    Raises:
        Conflict: there is nothing to choose, or it was chosen already.
    """
    with transaction.atomic():
        strategy = Strategy.objects.select_for_update().get(pk=strategy.pk)
        others = strategy.alternatives
        if not others:
            raise Conflict("This strategy has one reading: there is nothing to choose")
        found = next((a for a in others if a["answered_by"] == reading), None)
        if found is not None:
            _change_canonical(strategy, found["canonical_json"], session_id)
        strategy.alternatives = []
        strategy.save()
    return strategy


def _loaded(data: Mapping[str, Any]) -> tuple[CanonicalStrategy, list[dict[str, str]]]:
    loaded: Loaded = load_canonical(data)
    return loaded.require(), [d.as_dict() for d in loaded.diagnostics]


def _remember_refusal(user: User, parsed: ParseResult, session_id: str) -> None:
    if parsed.strategy is None:
        response = {"errors": [d.as_dict() for d in parsed.errors], "clarifying_questions": list(parsed.questions)}
        remember(
            user=user,
            kind=Interaction.SUGGEST,
            strategy=None,
            session_id=session_id,
            message=parsed.text,
            response=response,
        )


def _free_name(user: User, name: str) -> str:
    taken = set(Strategy.objects.filter(user=user, name__startswith=name).values_list("name", flat=True))
    number, free = 2, name
    while free in taken:
        free, number = f"{name[:110]} {number}", number + 1
    return free


def _name_taken(name: str) -> Conflict:
    return Conflict(
        f"You have a strategy named {name!r} already",
        suggestions=[f"Use another name, such as {name[:100]!r} with v2 behind it"],
    )


def strategy_update(
    *,
    strategy: Strategy,
    name: str | None = None,
    user_description: str | None = None,
    canonical_json: Mapping[str, Any] | None = None,
    session_id: str = "",
) -> Strategy:
    """Rename a strategy, or change its canonical or its text; a change keeps the old canonical as a version.

    A text that comes without a canonical is read again.

    Raises:
        StrategyError: the new canonical or text is not possible; nothing is changed.
        Conflict: the name is taken.
    """
    analysis: Analysis | None = None
    if user_description is not None and canonical_json is None:
        analysis = understand(user=strategy.user, text=user_description, session_id=session_id)
        analysis.parsed.require()
    with transaction.atomic():
        strategy = Strategy.objects.select_for_update().get(pk=strategy.pk)
        if name is not None:
            strategy.name = name
        if analysis is not None and name is None and _is_automatic(strategy):
            new = analysis.parsed.require().strategy_name
            if new != strategy.canonical_json["strategy_name"]:
                strategy.name = _free_name(strategy.user, new)
                strategy.canonical_json = {**strategy.canonical_json, "strategy_name": new}
        if user_description is not None:
            strategy.user_description = user_description
        if analysis is not None:
            _change_text(strategy, analysis, session_id)
        elif canonical_json is not None:
            _change_canonical(strategy, canonical_json, session_id)
            changed = load_canonical(strategy.canonical_json).require()
            in_words = changed.provenance.source == "edit"  # a conversation goes on from the text
            beside = [] if in_words else _beside(strategy.user_description, changed)
            strategy.warnings = [w for w in strategy.warnings if w["code"] != TEXT_NOT_USED] + beside
            strategy.assumptions = [a.__dict__ for a in assumptions_in(canonical_json)] or strategy.assumptions
        try:
            with transaction.atomic():
                strategy.save()
        except IntegrityError as error:
            raise _name_taken(strategy.name) from error
    return strategy


def _beside(text: str, canonical: CanonicalStrategy) -> list[dict[str, str]]:
    """Say so where a text that is kept beside a canonical is not what the strategy trades."""
    if not text.strip():
        return []
    with suppress(AlgoAgentError):
        read = parse_strategy(template_text(text), timeframe=canonical.timeframe, symbols=canonical.symbols).strategy
        read = read and read.model_copy(update={"symbols": read.symbols or canonical.symbols})
        if read is not None and read.trading_core() == canonical.trading_core():
            return []
    message = "The strategy is that of canonical_json; user_description says something else, or cannot be read, and is a note only"
    hint = "Leave canonical_json out where the text is meant"
    return [Diagnostic("warning", TEXT_NOT_USED, "user_description", message, hint).as_dict()]


def _is_automatic(strategy: Strategy) -> bool:
    """Tell whether a strategy's name is the one its text was given, and nobody's choice."""
    read = parse_strategy(
        template_text(strategy.user_description), symbols=strategy.canonical_json.get("symbols") or ()
    )
    made = read.strategy.strategy_name if read.strategy else str(read.partial.get("strategy_name") or "Draft")
    said = strategy.canonical_json.get("strategy_name") or made
    return said == made and re.fullmatch(rf"{re.escape(made)}(?: \(?\d+\)?)?", strategy.name) is not None


def _change_text(strategy: Strategy, analysis: Analysis, session_id: str) -> None:
    parsed = analysis.parsed
    named = parsed.require().model_copy(
        update={"strategy_name": strategy.canonical_json.get("strategy_name") or strategy.name}
    )
    _change_canonical(strategy, named.model_dump(mode="json"), session_id)
    strategy.warnings = [d.as_dict() for d in parsed.diagnostics]
    strategy.assumptions = [a.__dict__ for a in parsed.assumptions]
    strategy.alternatives = alternatives_of(user=strategy.user, analysis=analysis)


def _change_canonical(strategy: Strategy, canonical_json: Mapping[str, Any], session_id: str) -> None:
    new, findings = _loaded(canonical_json)
    data = new.model_dump(mode="json")
    if data == strategy.canonical_json:
        return
    old = load_canonical(strategy.canonical_json).strategy
    difference = changes(old, new) if old else []
    strategy.version += 1
    strategy.assumptions = still_true(strategy.canonical_json, data, strategy.assumptions)
    strategy.canonical_json, strategy.warnings, strategy.alternatives = data, findings, []
    strategy.questions = []
    _write_code(strategy, generate_code(new))
    if strategy.status != Strategy.Status.DRAFT:
        lifecycle.move(
            strategy=strategy, to=Strategy.Status.DRAFT, user=strategy.user, reason=f"version {strategy.version}"
        )
    StrategyVersion.objects.create(strategy=strategy, version=strategy.version, canonical_json=data, changes=difference)
    remember(
        user=strategy.user, kind=Interaction.EDIT, strategy=strategy, session_id=session_id, message="",
        response={"version": strategy.version, "changes": difference}, context={"description": old.describe() if old else ""},
    )  # fmt: skip


def strategy_validate(
    *, strategy: Strategy, canonical_json: Mapping[str, Any] | None = None, session_id: str = ""
) -> StrategyValidation:
    """Validate a stored strategy and store the outcome; `used` says of which canonical it is.

    With `canonical_json` that one is validated, and nothing is stored: it is none of the strategy's versions.
    """
    outcome = StrategyValidator().validate(canonical_json if canonical_json is not None else strategy.canonical_json)
    status = StrategyValidation.Status.VALID if outcome.valid else StrategyValidation.Status.INVALID
    if canonical_json is not None:
        other = StrategyValidation(
            strategy=strategy, version=strategy.version, status=status, errors=outcome.errors, warnings=outcome.warnings,
            ai_recommendations=[r.as_dict() for r in outcome.recommendations], created_at=now(),
        )  # fmt: skip
        other.used = "request"  # type: ignore[attr-defined]
        return other
    with transaction.atomic():
        validation = StrategyValidation.objects.create(
            strategy=strategy, version=strategy.version, status=status, errors=outcome.errors, warnings=outcome.warnings,
            ai_recommendations=[r.as_dict() for r in outcome.recommendations],
        )  # fmt: skip
        if outcome.valid and strategy.status == Strategy.Status.DRAFT:
            lifecycle.move(strategy=strategy, to=Strategy.Status.VALIDATED, user=strategy.user, reason="validated")
        response = {
            "status": status,
            "errors": validation.errors,
            "warnings": validation.warnings,
            "recommendations": validation.ai_recommendations,
        }
        remember(
            user=strategy.user,
            kind=Interaction.VALIDATE,
            strategy=strategy,
            session_id=session_id,
            message="",
            response=response,
        )
    validation.used = "stored"  # type: ignore[attr-defined]
    return validation


def strategy_recommendations(
    *, strategy: Strategy, measure: bool = False, ask_model: bool = False, session_id: str = ""
) -> Recommendations:
    """Return what would make a strategy better: by rules, and by a model if asked; each with its effect in a backtest if asked.

    Raises:
        DataError, ExecutionError: the effect was to be measured, and the strategy as it is cannot be tested.
    """
    from Backtest.backtesting_adapter import run_backtest_from_canonical

    canonical = canonical_of(strategy)
    answer = Recommendations(recommendations=[Measured(**r.as_dict()) for r in recommend(canonical)])
    if ask_model:
        try:
            more = _analyzer(strategy.user, session_id).improvements(canonical)
            answer.recommendations += [Measured(**r.as_dict()) for r in more]
            answer.answered_by = "model"
        except (ModelUnavailable, BudgetExceeded) as error:
            answer.note = f"The rules answered. {error.message}"
    if not measure:
        return answer
    prices = _example(canonical, strategy.user)

    def figures(tested: CanonicalStrategy) -> dict[str, Any]:
        done = run_backtest_from_canonical(tested, prices, sandbox=get_sandbox(), limits=get_limits())
        trials.record(
            user=strategy.user, lineage=trials.lineage_of(strategy, tested), prices=prices,
            kind=Trial.Kind.RECOMMENDATION, what=tested.content_hash(), returns=trials.daily_returns(done),
        )  # fmt: skip
        return {name: done.summary[name] for name in MEASURED}

    before = figures(canonical)
    for item in answer.recommendations:
        if not item.patch:
            continue
        changed = load_canonical(jsonpatch.apply_patch(canonical.model_dump(mode="json"), item.patch)).strategy
        if changed is not None:
            item.effect = Effect(symbol=prices.symbol, before=before, after=figures(changed))
    return answer


def strategy_generate_code(
    *,
    strategy: Strategy,
    instructions: str = "",
    writer: str = "",
    canonical_json: Mapping[str, Any] | None = None,
    session_id: str = "",
) -> Code:
    """Generate backtesting.py code, write it to CODES_DIR and store it; `used` says of which canonical it is.

    Code of a `canonical_json` that is not the strategy's own is written and returned, and not stored with the strategy.

    The template writes exactly the canonical. A model writes to instructions, or with `writer` "model" the canonical;
    then its code is kept only when it trades exactly as the canonical does.

    Raises:
        StrategyError: instructions were given, and there is no model.
        ModelUnavailable, BudgetExceeded: no model wrote.
        SandboxUnavailable: there is no isolation to try a model's code in.
    """
    canonical = canonical_of(strategy) if canonical_json is None else load_canonical(canonical_json).require()
    strategy.of_request = canonical_json is not None  # type: ignore[attr-defined]
    if not instructions.strip() and writer != "model":
        return _kept(strategy, generate_code(canonical), "template", session_id, {})
    if not models_configured():
        raise StrategyError(
            "Instructions need a language model, and none is configured",
            suggestions=["Leave the instructions out: the template writes the code of the canonical strategy"],
        )
    from Backtest.gemini_strategy_generator import GeminiStrategyGenerator

    require_isolation()
    ledger = UserLedger(strategy.user, session_id)

    def write(system: str, prompt: str) -> str:
        question = Question(purpose="code", instructions=system, prompt=prompt, output=str, max_output_tokens=8192)
        return get_models().ask(question, ledger).output

    prices = _example(canonical, strategy.user)

    def tried(code: str, result: BacktestResult) -> None:
        trials.record(
            user=strategy.user, lineage=trials.lineage_of(strategy, canonical), prices=prices, kind=Trial.Kind.CODE,
            what=result.manifest["code_sha256"], returns=trials.daily_returns(result),
        )  # fmt: skip

    generator = GeminiStrategyGenerator(write, sandbox=get_sandbox(), prices=prices, limits=get_limits(), tried=tried)
    written = (
        generator.generate(instructions, canonical)
        if instructions.strip()
        else generator.generate_from_canonical(canonical)
    )
    found: dict[str, Any] = {
        "rounds": [r.as_dict() for r in written.rounds], "equal": written.equal, "problem": written.problem,
        "difference": None if written.difference is None else asdict(written.difference),
    }  # fmt: skip
    if written.passed:
        return _kept(strategy, GeneratedCode(written.code, ""), "model", session_id, found, instructions)
    remember(
        user=strategy.user, kind=Interaction.GENERATE, strategy=strategy, session_id=session_id, message=instructions,
        response={"generator": "model", "success": False, **found},
    )  # fmt: skip
    return Code(strategy_code=written.code, success=False, generator="model", used=_used(strategy), **found)


def _example(canonical: CanonicalStrategy, user: User) -> PriceData:
    """Return the strategy's own prices, or else the first bundled ones of its time frame."""
    from Backtest.verification.equivalence import data_sets

    try:
        return get_data_manager(user=user).fetch(
            PriceRequest(next(iter(canonical.symbols), EXAMPLE), canonical.timeframe, others=canonical.others)
        )
    except (DataError, ProviderError):
        return next(data_sets(canonical.timeframe))


def _kept(
    strategy: Strategy,
    generated: GeneratedCode,
    generator: Literal["template", "model"],
    session_id: str,
    found: dict[str, Any],
    message: str = "",
) -> Code:
    """Write code to its file, store it, and return it with what was found out about it."""
    path = _write_code(strategy, generated, keep=_used(strategy) == "stored")
    with transaction.atomic():
        strategy.save(update_fields=["generated_code", "code_path", "updated_at"])
        remember(
            user=strategy.user, kind=Interaction.GENERATE, strategy=strategy, session_id=session_id, message=message,
            response={"file_path": path, "class_name": generated.class_name, "generator": generator, **found},
        )  # fmt: skip
    return Code(strategy_code=generated.code, file_path=path, generator=generator, used=_used(strategy), **found)


def _used(strategy: Strategy) -> Literal["request", "stored"]:
    return "request" if getattr(strategy, "of_request", False) else "stored"


def _write_code(strategy: Strategy, generated: GeneratedCode, *, keep: bool = True) -> str:
    """Write code to its file and return the path as it is shown; `keep` makes it the strategy's own, which is not saved yet."""
    key = f"{strategy.pk}_{hashlib.sha256(generated.code.encode()).hexdigest()[:10]}"
    path = shown_path(write_code(generated, name=strategy.name, folder=Path(settings.CODES_DIR), key=key))
    if keep:
        strategy.generated_code, strategy.code_path = generated.code, path
    return path


def shown_path(path: Path) -> str:
    """Return a path relative to the project where it lies inside."""
    try:
        return str(path.resolve().relative_to(settings.BASE_DIR))
    except ValueError:
        return str(path)


def strategy_delete(*, strategy: Strategy) -> None:
    """Delete a strategy with its versions, validations and generated files; its runs stay."""
    named = re.compile(rf".*_{strategy.pk}_[0-9a-f]{{10}}\.py")  # it may have had other names
    for path in Path(settings.CODES_DIR).glob(f"*_{strategy.pk}_*.py"):
        if named.fullmatch(path.name):
            path.unlink(missing_ok=True)
    strategy.delete()


def remember(
    *,
    user: User,
    kind: str,
    strategy: Strategy | None,
    session_id: str,
    message: str,
    response: dict[str, Any],
    context: dict[str, Any] | None = None,
) -> ConversationMemory:
    """Store an exchange. Without a session it belongs to the strategy's own."""
    session = session_id or (f"strategy-{strategy.pk}" if strategy else "unfinished")
    if context is None:
        context = {"canonical_json": strategy.canonical_json, "version": strategy.version} if strategy else {}
    return ConversationMemory.objects.create(
        user=user, session_id=session, strategy=strategy, interaction_type=kind, user_message=message,
        ai_response=response, context=context,
    )  # fmt: skip


def conversation_delete(*, user: User, session_id: str) -> int:
    """Delete a session of a user and return how many entries it had."""
    return ConversationMemory.objects.filter(user=user, session_id=session_id).delete()[0]


def strategy_export(canonical: CanonicalStrategy, to: str) -> Export:
    """Return a strategy in another language.

    Raises:
        StrategyError: it has a clause that cannot be said there.
    """
    if to == "notation":
        return Export(to="notation", text=canonical.notation(), notes=[])
    from Backtest.pine import to_pine

    script = to_pine(canonical)
    return Export(to="pine", text=script.text, notes=list(script.notes))
