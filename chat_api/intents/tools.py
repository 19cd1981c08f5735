"""What a model may ask for while it talks: few things, typed, of this user's, and each written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from Backtest.errors import AlgoAgentError, InvalidInput, StrategyError
from backtest_api.models import BacktestRun
from chat_api.intents.backtest import explain, queue, reports
from chat_api.intents.strategy import changed
from chat_api.talk import Talk
from data_api.selectors import uploaded_symbols
from Strategy.changes import edit_by_rules
from Strategy.models import ModelTool
from Strategy.talk import Wanted, said_by
from strategy_api import actions
from strategy_api.selectors import canonical_of


def nameless(run: BacktestRun) -> str:
    """Return a run's figures without the strategy's name, which may be a stranger's words."""
    figures = {
        "return %": run.total_return_pct, "buy and hold %": run.buy_and_hold_return_pct, "CAGR %": run.cagr, "Sharpe": run.sharpe_ratio,
        "maximum drawdown %": run.max_drawdown, "win rate": run.win_rate, "profit factor": run.profit_factor, "trades": run.total_trades,
    }  # fmt: skip
    told = ", ".join(f"{name} {'none' if value is None else round(value, 4)}" for name, value in figures.items())
    return f"backtest {run.pk} of version {run.strategy_version} on {run.symbol}, {run.start_date} to {run.end_date}: {told}"


class _Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    words: str = Field(max_length=500, description="The trader's own words of the change, copied from the message")


class _Test(BaseModel):
    model_config = ConfigDict(extra="forbid")

    words: str = Field(
        max_length=500, description="The trader's own words that ask for a test, copied from the message"
    )
    symbol: str = Field("", pattern=r"^[A-Za-z0-9.^=-]{0,12}$", description="Empty: the strategy's own")
    since: date | None = None
    until: date | None = None


class _Day(BaseModel):
    model_config = ConfigDict(extra="forbid")

    day: date


def tools(talk: Talk) -> tuple[ModelTool, ...]:
    """Return what a model may ask for: few things, typed, of this user's, and each written down.

    What changes something needs words of the message that is answered; nothing takes code or SQL.
    """

    def logged(name: str, description: str, arguments: type[BaseModel], run: Callable[[Any], str]) -> ModelTool:
        def call(given: BaseModel) -> str:
            entry = {"tool": name, "arguments": given.model_dump(mode="json"), "result": ""}
            talk.tools.append(entry)
            try:
                entry["result"] = run(given)[:2000]
            except AlgoAgentError as error:
                entry["result"] = f"It failed: {error.message}"
            return str(entry["result"])

        return ModelTool(name, description, arguments, call)

    def spoken(words: str) -> None:
        # Words inside a longer text may be somebody else's, pasted: an order is a message of its own.
        if not said_by(talk.message, words) or 2 * len(words.split()) < len(talk.message.split()):
            raise InvalidInput(
                "The trader did not ask for this in so many words: nothing was done. Ask the trader to say it"
            )

    def change(given: _Change) -> str:
        spoken(given.words)
        strategy = talk.current
        edit = edit_by_rules(canonical_of(strategy), given.words, symbols=uploaded_symbols(user=talk.user))
        if edit is None:
            raise StrategyError("The words could not be read as a change: ask the trader to say it in other words")
        return "".join(p for p in changed(talk, strategy, edit) if isinstance(p, str))

    def test(given: _Test) -> str:
        spoken(given.words)
        if given.symbol and not said_by(talk.message, given.symbol):
            raise InvalidInput("The symbol does not stand in the trader's message: nothing was done")
        run = queue(talk, given.symbol.upper() or None, given.since, given.until)
        talk.act("queued", run_id=run.pk, symbol=run.symbol)
        told = [p for p in reports(talk, [run]) if isinstance(p, str)]
        return nameless(run) if run.status == BacktestRun.Status.COMPLETED else "".join(told)

    def listed(_: _Nothing) -> str:
        mine = actions.strategies(user=talk.user)[:20]
        return "\n".join(f"{s.pk}: version {s.version}, {s.status}" for s in mine) or "none"

    def explained(given: _Day) -> str:
        return "".join(p for p in explain(talk, Wanted("explain", at=given.day.isoformat())) if isinstance(p, str))

    return (
        logged("change_strategy", "Change the strategy of this conversation", _Change, change),
        logged("backtest", "Backtest the strategy of this conversation", _Test, test),
        logged("list_strategies", "The trader's strategies, by number", _Nothing, listed),
        logged("explain_day", "Why there was a trade, or none, on a day of the last backtest", _Day, explained),
    )
