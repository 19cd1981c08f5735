"""What the rules cannot tell: a strategy where a model reads one, or else talk about it."""

from __future__ import annotations

from ai_api.services import get_models, models_configured
from Backtest.code import as_data, render
from Backtest.errors import StrategyError
from backtest_api.models import BacktestRun
from chat_api.intents.strategy import create
from chat_api.intents.tools import nameless, tools
from chat_api.talk import HELP, Reply, Talk
from Strategy.models import PROMPTS, Question
from Strategy.talk import Wanted, window, withholding
from strategy_api import services as strategies
from strategy_api.selectors import canonical_of


def free(talk: Talk, want: Wanted) -> Reply:
    """Read it as a strategy or a change of one where a model can, or talk about it."""
    if not models_configured():
        if talk.strategy is None:
            yield from create(talk, want)  # which says what was not understood, and asks
            return
        raise StrategyError(
            "I did not understand that. The rules answered: no language model is configured", suggestions=[HELP]
        )
    if (
        talk.strategy is None
        and strategies.understand(user=talk.user, text=talk.message, session_id=talk.session_id).parsed.strategy
    ):
        yield from create(talk, want)
        return
    yield from _spoken(talk)


def _spoken(talk: Talk) -> Reply:
    talk.answered_by = "model"
    summary, turns = window(talk.earlier)
    instructions = render(PROMPTS / "chat.md")
    known = [as_data("message", talk.message)]
    if strategy := talk.strategy:
        known.append(as_data("strategy", canonical_of(strategy).describe()))
    if done := [r for r in talk.runs if r.status == BacktestRun.Status.COMPLETED][-2:]:
        known.append(as_data("backtests", "\n".join(nameless(r) for r in done)))
    if summary:
        known.append(as_data("earlier", summary))
    question = Question(
        purpose="chat", instructions=instructions, prompt="\n\n".join(known), output=str, history=turns, tools=tools(talk),
        max_output_tokens=1024,
    )  # fmt: skip
    yield from withholding(get_models().stream(question, talk.ledger), [instructions])
