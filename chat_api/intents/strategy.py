"""Creating, changing, choosing between readings of, and deploying the strategy of a conversation."""

from __future__ import annotations

import re

from ai_api.services import get_models, models_configured
from Backtest.errors import StrategyError
from backtest_api.warnings import of_reading
from chat_api.intents.backtest import backtest
from chat_api.talk import Reply, Talk
from data_api.selectors import uploaded_symbols
from Strategy.changes import Edit, edit_by_model, edit_by_rules
from Strategy.talk import Wanted, wanted
from strategy_api import actions
from strategy_api.models import Strategy
from strategy_api.selectors import canonical_of


def create(talk: Talk, want: Wanted) -> Reply:
    made = actions.strategy_create(
        user=talk.user, drafts=False, user_description=talk.message, session_id=talk.session_id
    )
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


_AND_TEST = re.compile(r"(?i)[,;.]?\s*(?:and then|then|and)\s+(?P<order>(?:re-?)?(?:test|back-?test|run|try)\b.*)$")


def change(talk: Talk, want: Wanted) -> Reply:
    strategy = talk.current
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
    yield from changed(talk, strategy, edit)
    if then:
        yield "\n"
        yield from backtest(
            talk,
            wanted(then["order"], has_strategy=True, symbols=uploaded_symbols(user=talk.user)),
        )


def changed(talk: Talk, strategy: Strategy, edit: Edit) -> Reply:
    made = actions.strategy_update(
        user=talk.user,
        strategy=strategy,
        canonical_json=edit.strategy.model_dump(mode="json"),
        session_id=talk.session_id,
    )
    yield talk.act("changed", strategy_id=made.pk, version=made.version, patch=edit.patch)
    lines = [_change_line(c) for c in edit.changes]
    yield f"Changed; this is version {made.version}:\n" + "\n".join(lines)


def _change_line(change: dict[str, str]) -> str:
    if change["change"] == "changed":
        return f"- {change['was']} -> {change['is']}"
    return f"- added: {change['is']}" if change["is"] else f"- removed: {change['was']}"


def choose(talk: Talk, want: Wanted) -> Reply:
    made = actions.reading_choose(
        user=talk.user, strategy=talk.current, reading=want.reading, session_id=talk.session_id
    )
    yield talk.act("chosen", strategy_id=made.pk, reading=want.reading)
    whose = {"rules": "the rules'", "model": "the model's"}[want.reading]
    yield f"It is {whose} reading now:\n{canonical_of(made).describe()}"


def deploy(talk: Talk, want: Wanted) -> Reply:
    """Ask whether this strategy and version may be deployed; a yes to it comes as the next message."""
    strategy = talk.current
    talk.state["pending"] = [strategy.pk, strategy.version]
    yield f"I will check {strategy.name!r}, version {strategy.version}, test it in the sandbox and commit it. Say \"yes\" to go on."  # fmt: skip


def confirm(talk: Talk, want: Wanted) -> Reply:
    """Deploy what a yes was said to; where the strategy is another one by now, ask again."""
    if talk.confirmed is None:
        yield "There is nothing I asked you to confirm."
        return
    strategy = talk.current
    if talk.confirmed != [strategy.pk, strategy.version]:
        yield from deploy(talk, want)
        return
    made = actions.deploy(user=talk.user, strategy=strategy, message="deployed in a conversation")
    yield talk.act("deployed", strategy_id=strategy.pk, deployment_id=made.pk, tag=made.tag, commit=made.commit)
    yield f"Deployed as {made.tag}, commit {made.commit[:12]}."
