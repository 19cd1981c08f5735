"""Whether stops and targets lie on the side they can lie on, and whose they are."""

from __future__ import annotations

from typing import Any

from Backtest.canonical import Side
from Strategy.reading.settings.risk_grammar import LEAST_SHARE
from Strategy.reading.text.draft import Draft
from Strategy.reading.text.lexer import Token
from Strategy.words import orders, protection

LEVELS = {"stop_loss": "stop", "take_profit": "target", "trailing_stop": "trailing stop", "max_bars": "time limit"}


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
        if name not in draft.risk or percent <= usual:
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


def sides_of_levels(draft: Draft) -> None:
    """Ask about a stop, target or limit of time that is said of one side: a strategy has one for both."""
    sides = {side for side, _ in draft.entries}
    if len(sides) < 2 or draft.reversing:
        return
    for name, called in LEVELS.items():
        near = draft.levels_near.get(name)
        each = draft.levels_of.get(name, {})
        if sides <= set(each) and name in draft.risk:
            if each["long"] != each["short"]:
                _ask_of_two_levels(draft, name, each["long"], each["short"])
        elif name in draft.risk and near is not None:
            other = "short" if near == "long" else "long"
            message = f"The {called} is said of the {near} side, and would be that of the {other} side too"
            remedy = "Say it behind the rules of both sides, or leave it out"
            draft.problem("error", "level_side", "text", message, remedy)
            draft.ask(f"Shall the {called} of the {near} side be that of the {other} side as well?")
        elif name in draft.risk:
            draft.assume("levels", f"The {called} is that of both sides", "of one side only", f"risk.{name}")


def _ask_of_two_levels(draft: Draft, name: str, long: Any, short: Any) -> None:
    """Ask which of two levels, each said below its own side, is that of the strategy."""
    said = f"{in_words_of(long)} for longs and {in_words_of(short)} for shorts"
    message = f"The text gives a {LEVELS[name]} of {said}; a strategy has one for both sides"
    remedy = "Say one for both sides, or make two strategies"
    draft.problem("error", "level_side", "text", message, remedy)
    draft.ask(f"The {LEVELS[name]} is {said}: which shall be that of both sides?")
    draft.said_twice = {other: values for other, values in draft.said_twice.items() if other != name}


def in_words_of(value: Any) -> str:
    """Return a level, a size or a number of bars in words: "5%", "2 ATR"."""
    if not isinstance(value, dict):
        return f"{value} bars"
    number = next(v for k, v in value.items() if k != "type")
    units = {"percent": "%", "atr": " ATR", "risk_reward": " times the risk", "percent_of_equity": "% of equity",
             "risk_percent": "% at risk", "fixed_cash": " in cash", "fixed_units": " units"}  # fmt: skip
    return f"{number:g}{units[value['type']]}"
