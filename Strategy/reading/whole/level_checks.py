"""Whether stops and targets lie on the side they can lie on, and whose they are."""

from __future__ import annotations

from Backtest.canonical import Side
from Strategy.reading.settings.risk_grammar import LEAST_SHARE
from Strategy.reading.text.draft import Draft
from Strategy.reading.text.lexer import Token
from Strategy.reading.whole.assembly import LEVELS
from Strategy.words import orders, protection


def wrong_sides(draft: Draft) -> None:
    """Ask about a stop above the entry of a long position, a target at a loss, and their like for short ones."""
    entered = {side for side, _ in draft.entries}
    for name, lies, words in draft.sided:
        near = draft.levels_near.get(name)
        sides = ({near} if near is not None else entered) & {"long", "short"}
        wrong = sorted(s for s in sides if (lies == "above") != ((name == "take_profit") == (s == "long")))
        each = len(sides) == 2 and {"above", "below"} <= {way for kind, way, _ in draft.sided if kind == name}
        if name not in draft.risk or not wrong or each:
            continue
        what = LEVELS[name]
        result = "losses" if name == "take_profit" else "gains"
        message = f"Of a {wrong[0]} position a {what} {words!r} is on the side of its {result}"
        draft.problem("error", "wrong_side", "text", message, f"Say it without a side, such as: {what} 5%")
        draft.ask(f"{message}. Where shall the {what} be?")


def shares_of_entry(draft: Draft) -> None:
    """Ask about "take profit at 120%, stop at 90%", which may be shares of the entry's price or distances from it."""
    for name, percent, at in draft.shares:
        short = any(side == "short" for side, _ in draft.entries)
        usual = 100 if name == "take_profit" and not short else LEAST_SHARE
        if name not in draft.risk or percent <= usual or draft.exact:
            continue
        what = f"{LEVELS[name]} {'at' if at else 'of'} {percent:g}%"
        if not at:
            text = f"A {what} is {percent:g}% away from the entry price"
            draft.assume("distance", text, f"at {percent:g}% of the entry price", f"risk.{name}")
            continue
        message = f"A {what} may be a level, {percent:g}% of the entry price, or {percent:g}% away from it"
        remedy = f"Say '{what} of the entry' for the level, '{percent:g}% from the entry' for the distance"
        draft.problem("error", "share_or_distance", "text", message, remedy)
        draft.ask(f"Is the {what} a level, {percent:g}% of the entry price, or {percent:g}% away from it?")


def levels_of_one_side(tokens: list[Token], draft: Draft) -> None:
    """Note where a sentence says a level of "the shorts" or "longs" alone: "only the shorts have a 3% stop"."""
    sentence: set[str] = set()
    for token in [*tokens, Token("nl", "", 0, 0)]:
        if token.kind != "nl" and token.norm not in (".", ";"):
            sentence.add(token.norm)
            continue
        said: list[Side] = [orders.PLURALS[word] for word in orders.PLURALS if word in sentence]
        if len(said) == 1:
            near = {protection.LEVELS[word]: said[0] for word in sentence & protection.LEVELS.keys()}
            draft.levels_near = {name: side or near.get(name) for name, side in draft.levels_near.items()}
        sentence = set()
