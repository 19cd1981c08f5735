"""A conversation: what somebody says is done, by rules where they can tell what is meant, and answered."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import uuid4

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field

from ai_api.selectors import last_call, spent_since
from ai_api.services import UserLedger, get_models, models_configured
from auth_api.models import User
from Backtest.errors import AlgoAgentError, BudgetExceeded, InvalidInput, ModelUnavailable, StrategyError
from Backtest.places import elsewhere
from Backtest.prompts import as_data, render
from backtest_api import searches
from backtest_api import selectors as runs
from backtest_api import services as backtests
from backtest_api.kinds import kind_of
from backtest_api.models import BacktestRun
from backtest_api.serializers import artifacts_of
from backtest_api.tasks import ring
from backtest_api.warnings import of_reading
from data_api.selectors import uploaded_symbols
from Strategy.conversation import Exchange, said_by, window, withholding
from Strategy.edits import PROMPTS, Edit, edit_by_model, edit_by_rules
from Strategy.intents import Wanted, wanted
from Strategy.model_calls import ModelTool, Question
from Strategy.web_research import search_web
from strategy_api import production, selectors
from strategy_api import services as strategies
from strategy_api.models import ConversationMemory, Strategy
from strategy_api.selectors import canonical_of

MAX_MESSAGE = 10_000
FINAL = (BacktestRun.Status.COMPLETED, BacktestRun.Status.FAILED, BacktestRun.Status.CANCELLED)
POLL_S = 0.2
HELP = (
    "Describe a strategy (\"Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%\"), change it (\"make the stop 3% and only trade "
    "Mondays\"), test it (\"test it on MSFT since 2005\"), ask why (\"why no trade on 2007-03-01?\"), compare (\"compare it on AAPL and "
    "MSFT\"), research (\"search for momentum strategies\") or deploy it."
)  # fmt: skip


@dataclass
class Event:
    """What happens while an answer is made: session, action, text, done."""

    kind: str
    data: dict[str, Any]


@dataclass
class Talk:
    """One exchange under way. `state` is what the session remembers: strategy_id, run_ids, pending, timezone."""

    user: User
    session_id: str
    message: str
    state: dict[str, Any]
    earlier: list[Exchange]
    ledger: UserLedger
    here: bool = False
    actions: list[dict[str, Any]] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)
    answered_by: str = "rules"
    foreign: bool = False

    @property
    def strategy(self) -> Strategy | None:
        known = self.state.get("strategy_id")
        return Strategy.objects.filter(user=self.user, pk=known).first() if known else None

    def act(self, action: str, **data: Any) -> Event:
        self.actions.append({"action": action, **data})
        return Event("action", self.actions[-1])


Reply = Generator[Event | str, None, None]


def converse(
    *,
    user: User,
    message: str,
    session_id: str = "",
    timezone: str = "",
    wait_s: float | None = None,
    here: bool = False,
) -> Iterator[Event]:
    """Answer a message, yielding what happens; the exchange is remembered whole, whatever comes of it.

    Args:
        timezone: that of intraday prices which do not say it; the session keeps it for its later messages.
        wait_s: how long to wait for a backtest before saying that it is still under way.
        here: run backtests in this process, where no worker is.

    Raises:
        InvalidInput: the message is empty or too long.
        NotFound: the session is somebody else's.
    """
    talk = _begin(user, message, session_id)
    talk.here = here
    if timezone:
        talk.state["timezone"] = timezone
    yield Event("session", {"session_id": talk.session_id})
    text, intent, before = "", "", last_call(user=user)
    try:
        want = wanted(message, has_strategy=talk.strategy is not None, symbols=uploaded_symbols(user=user))
        intent = want.intent
        for piece in _answer(talk, want, settings.CHAT_WAIT_S if wait_s is None else wait_s):
            if isinstance(piece, Event):
                yield piece
            else:
                text += piece
                yield Event("text", {"text": piece})
    except AlgoAgentError as error:
        told = ("\n" if text else "") + _told(error)
        text += told
        yield Event("text", {"text": told})
    finally:
        answer = {"text": text, "intent": intent, "actions": talk.actions, "answered_by": talk.answered_by}
        strategies.remember(
            user=user, kind=ConversationMemory.Interaction.CHAT, strategy=talk.strategy, session_id=talk.session_id, message=message,
            response={**answer, "tools": talk.tools, "usage": spent_since(user=user, session_id=talk.session_id, call_id=before)},
            context={**talk.state, "foreign": talk.foreign},
        )  # fmt: skip
    yield Event("done", {"session_id": talk.session_id, **answer})


def _begin(user: User, message: str, session_id: str) -> Talk:
    if not message.strip():
        raise InvalidInput("The message is empty: say what you want", suggestions=[HELP])
    if len(message) > MAX_MESSAGE:
        raise InvalidInput(f"The message has {len(message)} characters, at most {MAX_MESSAGE} are read: shorten it")
    session = session_id or str(uuid4())
    mine = ConversationMemory.objects.filter(user=user, session_id=session).order_by("id")
    chats = list(mine.filter(interaction_type=ConversationMemory.Interaction.CHAT).order_by("-id")[:60])[::-1]
    earlier = [
        Exchange(c.user_message, str(c.ai_response.get("text", "")), bool(c.context.get("foreign"))) for c in chats
    ]
    state = {k: v for k, v in (chats[-1].context if chats else {}).items() if k != "foreign"}
    return Talk(user, session, message, state, earlier, UserLedger(user, session))


def _told(error: AlgoAgentError) -> str:
    """Return an error as somebody says it."""
    asked = [f"? {q}" for q in error.questions[:4]]
    advised = [f"- {s}" for s in list(dict.fromkeys(error.suggestions))[:4]]
    noted = [d.message for d in error.details if d.code == "answered_by_rules"]
    return "\n".join([error.message, *asked, *advised, *noted])


def _answer(talk: Talk, want: Wanted, wait_s: float) -> Reply:
    confirmed = talk.state.pop("pending", None)
    match want.intent:
        case "create":
            yield from _create(talk)
        case "change":
            yield from _change(talk, wait_s)
        case "backtest":
            yield from _backtest(talk, want, wait_s)
        case "compare":
            yield from _compare(talk, want, wait_s)
        case "status":
            yield from _status(talk, wait_s)
        case "explain":
            yield from _explain(talk, want)
        case "choose":
            yield from _choose(talk, want)
        case "deploy":
            yield from _deploy(talk, None)
        case "confirm" if confirmed is not None:
            yield from _deploy(talk, confirmed)
        case "confirm":
            yield "There is nothing I asked you to confirm."
        case "optimise":
            yield from _optimise(talk, wait_s)
        case "research":
            yield from _research(talk)
        case "small_talk":
            yield f"Hello. {HELP}"
        case _:
            yield from _free(talk, wait_s)


# -- Strategies ----------------------------------------------------------------------------------


def _create(talk: Talk) -> Reply:
    made = strategies.strategy_create(user=talk.user, user_description=talk.message, session_id=talk.session_id)
    talk.state |= {"strategy_id": made.pk, "run_ids": []}
    talk.answered_by = str(made.canonical_json["provenance"]["parser"])
    canonical = canonical_of(made)
    yield talk.act("created", strategy_id=made.pk, name=made.name)
    yield f"Saved as strategy {made.pk}, {made.name!r}. I understood:\n{canonical.describe()}"
    for assumption in made.assumptions[:6]:
        other = f" (not: {assumption['other']})" if assumption["other"] else ""
        yield f"\nAssumed: {assumption['text']}{other}"
    for warning in of_reading(made.warnings):
        yield f"\nWarning: {warning}"
    for other in made.alternatives:
        yield (
            f"\nThe rules read it in another way, without the words they do not know:\n{other['description']}\n{other['difference']}."
            "\nWhich is meant? Say \"use the model's reading\" or \"use the rules' reading\"."
        )  # fmt: skip
    yield "\nSay \"test it\" to see how it would have done." if canonical.symbols else "\nSay \"test it on GOOG\", or another symbol."  # fmt: skip


def _current(talk: Talk) -> Strategy:
    strategy = talk.strategy
    if strategy is None:
        raise StrategyError("There is no strategy in this conversation yet: describe one first", suggestions=[HELP])
    return strategy


_AND_TEST = re.compile(r"(?i)[,;.]?\s*(?:and then|then|and)\s+(?P<order>(?:re-?)?(?:test|back-?test|run|try)\b.*)$")


def _change(talk: Talk, wait_s: float) -> Reply:
    strategy = _current(talk)
    canonical = canonical_of(strategy)
    then = _AND_TEST.search(talk.message)
    words = talk.message[: then.start()] if then else talk.message
    edit = edit_by_rules(canonical, words, symbols=uploaded_symbols(user=talk.user))
    if edit is None and models_configured():
        edit = edit_by_model(canonical, words, get_models(), talk.ledger)
        talk.answered_by = "model"
    if edit is None:
        raise StrategyError(
            "I could not read that as a change of the strategy. The rules answered: no language model is configured",
            suggestions=["Say it as in \"make the stop 3%\", \"only trade Mondays\", \"change 30 to 25\", \"remove the target\""],
        )  # fmt: skip
    yield from _changed(talk, strategy, edit)
    if then:
        yield "\n"
        yield from _backtest(
            talk, wanted(then["order"], has_strategy=True, symbols=uploaded_symbols(user=talk.user)), wait_s
        )


def _changed(talk: Talk, strategy: Strategy, edit: Edit) -> Reply:
    made = strategies.strategy_update(
        strategy=strategy, canonical_json=edit.strategy.model_dump(mode="json"), session_id=talk.session_id
    )
    yield talk.act("changed", strategy_id=made.pk, version=made.version, patch=edit.patch)
    lines = [_change_line(c) for c in edit.changes]
    yield f"Changed; this is version {made.version}:\n" + "\n".join(lines)


def _change_line(change: dict[str, str]) -> str:
    if change["change"] == "changed":
        return f"- {change['was']} -> {change['is']}"
    return f"- added: {change['is']}" if change["is"] else f"- removed: {change['was']}"


def _choose(talk: Talk, want: Wanted) -> Reply:
    strategy = _current(talk)
    made = strategies.reading_choose(strategy=strategy, reading=want.reading, session_id=talk.session_id)
    yield talk.act("chosen", strategy_id=made.pk, reading=want.reading)
    whose = {"rules": "the rules'", "model": "the model's"}[want.reading]
    yield f"It is {whose} reading now:\n{canonical_of(made).describe()}"


def _deploy(talk: Talk, confirmed: list[int] | None) -> Reply:
    """Deploy what a yes was said to: the strategy and version it was asked about."""
    strategy = _current(talk)
    if confirmed != [strategy.pk, strategy.version]:
        talk.state["pending"] = [strategy.pk, strategy.version]
        yield f"I will check {strategy.name!r}, version {strategy.version}, test it in the sandbox and commit it. Say \"yes\" to go on."  # fmt: skip
        return
    made = production.deploy(user=talk.user, strategy=strategy, message="deployed in a conversation")
    yield talk.act("deployed", strategy_id=strategy.pk, deployment_id=made.pk, tag=made.tag, commit=made.commit)
    yield f"Deployed as {made.tag}, commit {made.commit[:12]}."


# -- Backtests -----------------------------------------------------------------------------------


def _queue(talk: Talk, symbol: str | None, since: date | None, until: date | None) -> BacktestRun:
    strategy = _current(talk)
    run = backtests.run_from_strategy(
        user=talk.user,
        strategy_id=strategy.pk,
        symbol=symbol,
        start_date=since,
        end_date=until,
        here=talk.here,
        timezone=talk.state.get("timezone"),
    )
    if talk.here:
        with contextlib.suppress(AlgoAgentError):  # what failed is in its row, and told from there
            backtests.run_execute(run=run)
    else:
        ring()
    talk.state["run_ids"] = [*talk.state.get("run_ids", []), run.pk][-20:]
    return run


def _optimise(talk: Talk, wait_s: float) -> Reply:
    strategy = _current(talk)
    run = searches.search_from_request(
        user=talk.user,
        strategy_id=strategy.pk,
        instructions=talk.message,
        here=talk.here,
        timezone=talk.state.get("timezone"),
    )
    talk.state["run_ids"] = [*talk.state.get("run_ids", []), run.pk][-20:]
    yield talk.act("queued", run_id=run.pk, symbol=run.symbol)
    if talk.here:
        with contextlib.suppress(AlgoAgentError):  # what failed is in its row, and told from there
            backtests.run_execute(run=run)
    else:
        ring()
        yield f"Search {run.pk} on {run.symbol} is queued.\n"
    yield from _reports(talk, [run], wait_s)


def _backtest(talk: Talk, want: Wanted, wait_s: float) -> Reply:
    if want.unread:
        raise StrategyError(
            f"I can test it on a symbol, since and until a day; these words would be lost: {want.unread!r}",
            questions=['If they change the strategy: say the change first, and then "test it"'],
        )
    named = _current(talk).canonical_json.get("symbols") or [None]  # without a symbol it is said that one is missing
    symbols: list[str | None] = list(want.symbols) or named
    made = [_queue(talk, symbol, want.since, want.until) for symbol in symbols[:10]]
    for run in made:
        yield talk.act("queued", run_id=run.pk, symbol=run.symbol)
        if not talk.here:
            yield f"Backtest {run.pk} on {run.symbol} is queued.\n"
    yield from _reports(talk, made, wait_s)


def _compare(talk: Talk, want: Wanted, wait_s: float) -> Reply:
    if len(want.symbols) > 1:
        yield from _backtest(talk, want, wait_s)
        return
    done = [r for r in _runs(talk) if r.status == BacktestRun.Status.COMPLETED][-4:]
    if len(done) < 2:
        raise StrategyError(
            "There is nothing to compare yet: test it twice, or name the symbols",
            suggestions=["compare it on AAPL and MSFT"],
        )
    for run in done:
        yield f"Backtest {run.pk}, version {run.strategy_version}: {_figures(run)}\n"
    rated = [r for r in done if r.sharpe_ratio is not None]
    if rated:
        best = max(rated, key=lambda r: float(r.sharpe_ratio or 0.0))
        yield f"By Sharpe ratio, backtest {best.pk} did best. The past is no promise."


def _runs(talk: Talk) -> list[BacktestRun]:
    return list(runs.runs_of(user=talk.user).filter(pk__in=talk.state.get("run_ids", [])).order_by("id"))


def _status(talk: Talk, wait_s: float) -> Reply:
    found = _runs(talk)[-3:]
    if not found:
        raise StrategyError("No backtest was asked for in this conversation: say \"test it\"")  # fmt: skip
    yield from _reports(talk, found, wait_s)


def _reports(talk: Talk, made: list[BacktestRun], wait_s: float) -> Reply:
    until = time.monotonic() + wait_s
    for run in made:
        run.refresh_from_db()
        while run.status not in FINAL and time.monotonic() < until:
            with elsewhere():
                time.sleep(POLL_S)
            run.refresh_from_db()
        if run.status not in FINAL:
            yield f"Backtest {run.pk} is {run.status}. Ask \"how did it go?\" in a while.\n"  # fmt: skip
            continue
        yield talk.act("finished", run_id=run.pk, status=run.status, artifacts=artifacts_of(run))
        done = run.status == BacktestRun.Status.COMPLETED
        warned = "".join(f"Warning: {warning}\n" for warning in run.warnings)
        yield f"{kind_of(run).finished(run, _figures(run) if done else run.error)}\n{warned}"


def _figures(run: BacktestRun) -> str:
    def shown(value: float | None, unit: str = "") -> str:
        return "none" if value is None else f"{value:.2f}{unit}"

    text = f"{run.summary.rstrip('.')}."
    if not run.total_trades:
        return text
    found = run.ranges
    span = found["sharpe_ratio"] if found else {"low": None}
    around = (
        ""
        if span["low"] is None
        else f" ({span['low']:.2f} to {span['high']:.2f} on other paths through the bars and at other costs)"
    )
    return (
        f"{text} Sharpe {shown(run.sharpe_ratio)}{around}, maximum drawdown {shown(run.max_drawdown, '%')}, "
        f"{run.total_trades} trades, from {run.start_date} to {run.end_date}."
    )


def _explain(talk: Talk, want: Wanted) -> Reply:
    strategy = _current(talk)
    if not want.at:
        yield f"{strategy.name!r}, version {strategy.version}:\n{canonical_of(strategy).describe()}"
        return
    done = [r for r in _runs(talk) if r.status == BacktestRun.Status.COMPLETED]
    if not done:
        raise StrategyError("There is no completed backtest to explain: say \"test it\" first")  # fmt: skip
    found = backtests.run_explain(run=done[-1], at=backtests.parse_time(want.at))
    yield talk.act("explained", run_id=done[-1].pk, at=want.at)
    yield str(found["answer"])


# -- The web -------------------------------------------------------------------------------------


def research(*, user: User, query: str, session_id: str = "") -> dict[str, Any]:
    """Search the web and, where a model is configured, answer from what was found, with citations.

    Raises:
        ProviderError: no SearxNG is configured, or it does not answer.
    """
    found = search_web(query, endpoint=settings.SEARXNG_ENDPOINT, categories=settings.SEARXNG_CATEGORIES)
    results = [{"number": i + 1, **r.model_dump()} for i, r in enumerate(found)]
    answer, answered_by = "", "rules"
    if found and models_configured():
        pages = [as_data(f"page {r['number']}", f"{r['title']}\n{r['url']}\n{r['content']}") for r in results]
        instructions = render(PROMPTS / "read.md")
        question = Question(
            purpose="research", instructions=instructions, prompt="\n\n".join([*pages, as_data("question", query)]), output=str,
            max_output_tokens=1024,
        )  # fmt: skip
        try:
            pieces = withholding(get_models().stream(question, UserLedger(user, session_id)), [instructions])
            answer, answered_by = "".join(pieces), "model"
        except (ModelUnavailable, BudgetExceeded) as error:
            answer = error.message
    return {"query": query, "results": results, "answer": answer, "answered_by": answered_by}


def _research(talk: Talk) -> Reply:
    talk.foreign = True
    found = research(user=talk.user, query=talk.message[:400], session_id=talk.session_id)
    talk.answered_by = found["answered_by"]
    yield talk.act("researched", results=[{k: r[k] for k in ("number", "title", "url")} for r in found["results"]])
    if found["answer"]:
        yield f"{found['answer']}\n"
    for result in found["results"]:
        yield f"[{result['number']}] {result['title']} {result['url']}\n"
    if not found["results"]:
        yield "Nothing was found."


# -- What the rules cannot tell ------------------------------------------------------------------


def _free(talk: Talk, wait_s: float) -> Reply:
    """Read it as a strategy or a change of one where a model can, or talk about it."""
    if not models_configured():
        if talk.strategy is None:
            yield from _create(talk)  # which says what was not understood, and asks
            return
        raise StrategyError(
            "I did not understand that. The rules answered: no language model is configured", suggestions=[HELP]
        )
    if (
        talk.strategy is None
        and strategies.understand(user=talk.user, text=talk.message, session_id=talk.session_id).parsed.strategy
    ):
        yield from _create(talk)
        return
    yield from _spoken(talk, wait_s)


def _spoken(talk: Talk, wait_s: float) -> Reply:
    talk.answered_by = "model"
    summary, turns = window(talk.earlier)
    instructions = render(PROMPTS / "chat.md")
    known = [as_data("message", talk.message)]
    if strategy := talk.strategy:
        known.append(as_data("strategy", canonical_of(strategy).describe()))
    if done := [r for r in _runs(talk) if r.status == BacktestRun.Status.COMPLETED][-2:]:
        known.append(as_data("backtests", "\n".join(_nameless(r) for r in done)))
    if summary:
        known.append(as_data("earlier", summary))
    question = Question(
        purpose="chat", instructions=instructions, prompt="\n\n".join(known), output=str, history=turns, tools=_tools(talk, wait_s),
        max_output_tokens=1024,
    )  # fmt: skip
    yield from withholding(get_models().stream(question, talk.ledger), [instructions])


def _nameless(run: BacktestRun) -> str:
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


def _tools(talk: Talk, wait_s: float) -> tuple[ModelTool, ...]:
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
        strategy = _current(talk)
        edit = edit_by_rules(canonical_of(strategy), given.words, symbols=uploaded_symbols(user=talk.user))
        if edit is None:
            raise StrategyError("The words could not be read as a change: ask the trader to say it in other words")
        return "".join(p for p in _changed(talk, strategy, edit) if isinstance(p, str))

    def test(given: _Test) -> str:
        spoken(given.words)
        if given.symbol and not said_by(talk.message, given.symbol):
            raise InvalidInput("The symbol does not stand in the trader's message: nothing was done")
        run = _queue(talk, given.symbol.upper() or None, given.since, given.until)
        talk.act("queued", run_id=run.pk, symbol=run.symbol)
        told = [p for p in _reports(talk, [run], wait_s) if isinstance(p, str)]
        return _nameless(run) if run.status == BacktestRun.Status.COMPLETED else "".join(told)

    def listed(_: _Nothing) -> str:
        mine = selectors.strategies_of(user=talk.user)[:20]
        return "\n".join(f"{s.pk}: version {s.version}, {s.status}" for s in mine) or "none"

    def explained(given: _Day) -> str:
        return "".join(p for p in _explain(talk, Wanted("explain", at=given.day.isoformat())) if isinstance(p, str))

    return (
        logged("change_strategy", "Change the strategy of this conversation", _Change, change),
        logged("backtest", "Backtest the strategy of this conversation", _Test, test),
        logged("list_strategies", "The trader's strategies, by number", _Nothing, listed),
        logged("explain_day", "Why there was a trade, or none, on a day of the last backtest", _Day, explained),
    )
