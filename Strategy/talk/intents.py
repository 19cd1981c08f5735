"""What somebody wants of a conversation, as far as plain rules can tell."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Literal

from Backtest.errors import InvalidInput
from Backtest.market import day_of
from Strategy.reading import in_capitals, parse_strategy

Intent = Literal[
    "create",
    "change",
    "explain",
    "backtest",
    "optimise",
    "compare",
    "deploy",
    "confirm",
    "choose",
    "research",
    "small_talk",
    "status",
    "list",
    "",
]

_DAY = r"\d{4}-\d{2}-\d{2}"
_PATTERNS: tuple[tuple[Intent, str], ...] = (
    ("confirm", r"^(?:yes|yes please|confirm|go ahead|do it)(?:,? deploy(?: it)?)?[.!]*$"),
    ("small_talk", r"^(?:hi|hello|hey|thanks|thank you|good (?:morning|evening|day)|help|what can you do|who are you)\b[^,;]{0,30}$"),
    ("list", r"^(?:please )?(?:(?:list|show)(?: me)?(?: all)?(?: of)? (?:my|the) (?:strategies|backtests|tests|runs)|what (?:strategies|backtests) do i have)\b"),
    ("choose", r"\b(?:use|take|choose|prefer) (?:the )?(?P<reading>rules|model|other|first|second)(?:'s?)? (?:reading|one|version)\b"),
    ("deploy", r"\b(?:deploy|put (?:it|this) (?:live|into production)|go live|release)\b"),
    ("optimise", r"\b(?:optimi[sz]e|find the best (?:parameters|settings|values)|tune)\b"),
    ("compare", r"\bcompare\b|\bwhich (?:is|was|one is) better\b"),
    ("research", r"\b(?:search|research|look up|find (?:articles|papers|ideas)|google)\b"),
    ("status", r"\b(?:how did it go|what came of it|is it (?:done|finished)|status|result(?:s)?\??$)"),
    ("explain", rf"\b(?:explain|why|describe|what does (?:it|the strategy|this) do|what happened on)\b|\bon {_DAY}\b"),
    ("backtest", r"^(?:now |please |and |ok(?:ay)?,? |then )*(?:back-?test|test|run|try)\b(?!.*\b(?:when|if)\b)"),
)  # fmt: skip
_LONGEST = {
    "deploy": 8,
    "choose": 10,
    "list": 10,
    "optimise": 60,
    "status": 10,
    "compare": 30,
    "explain": 40,
    "backtest": 30,
    "research": 60,
    "change": 60,
}
_READINGS = {
    "rules": "rules",
    "other": "rules",
    "second": "rules",
    "model": "model",
    "first": "model",
}  # the model's is shown first
_SYMBOL = re.compile(r"\b(?:on|for|with|against|and|vs\.?)\s+\$?([A-Z][A-Z0-9.^=-]{0,11})\b")
_SINCE = re.compile(rf"(?i)\b(?:since|from|after|starting)\s+({_DAY}|(?:19|20)\d\d)\b")
_UNTIL = re.compile(rf"(?i)\b(?:until|till|to|before|through)\s+({_DAY}|(?:19|20)\d\d)\b")
_AT = re.compile(rf"\b({_DAY})\b")


@dataclass(frozen=True)
class Wanted:
    """An intent and what it is about; `intent` is empty where the rules cannot tell.

    `unread` are words that would be lost: of an order to test or compare those that say more than what on and when, of one to list all
    behind what is to be listed.
    """

    intent: Intent
    symbols: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    at: str = ""
    reading: str = ""
    unread: str = ""


def wanted(message: str, *, has_strategy: bool, symbols: Collection[str] = ()) -> Wanted:
    """Return what a message asks for. Words inside a long text, which may be pasted, are no order.

    `symbols` are the names of the user's own prices, which may be written in any case.

    InvalidInput: it says since or until when, and there is no such day.
    """
    text = in_capitals(" ".join(message.split()), symbols)
    words = len(text.split())
    parsed = parse_strategy(message, symbols=symbols)
    if parsed.strategy is not None or (parsed.partial.get("entry_rules") and parsed.partial.get("exit_rules")):
        return Wanted("create")  # or nearly: what is missing is asked about
    for intent, pattern in _PATTERNS:
        if words <= _LONGEST.get(intent, 60) and (found := re.search(pattern, text, re.IGNORECASE)):
            symbols = tuple(dict.fromkeys(_SYMBOL.findall(text)))
            at = _AT.search(text)
            reading = _READINGS.get((found.groupdict().get("reading") or "").lower(), "")
            unread = _unread(text) if intent in ("backtest", "compare") else ""
            if intent == "list":
                unread = _not_plain(text[found.end() :])
            since, until = _day(_SINCE, text), _day(_UNTIL, text, end=True)
            return Wanted(intent, symbols, since, until, at[1] if at else "", reading, unread)
    return Wanted("change" if has_strategy and words <= _LONGEST["change"] and _changes(text) else "")


_PLAIN = frozenset(
    [
        "a",
        "again",
        "all",
        "also",
        "and",
        "another",
        "any",
        "back",
        "backtest",
        "bars",
        "better",
        "both",
        "can",
        "compare",
        "compared",
        "could",
        "daily",
        "data",
        "did",
        "do",
        "does",
        "for",
        "from",
        "go",
        "good",
        "great",
        "how",
        "i",
        "in",
        "is",
        "it",
        "its",
        "me",
        "more",
        "my",
        "next",
        "now",
        "ok",
        "okay",
        "on",
        "once",
        "one",
        "other",
        "please",
        "prices",
        "results",
        "run",
        "runs",
        "same",
        "see",
        "since",
        "so",
        "strategy",
        "test",
        "tests",
        "that",
        "the",
        "them",
        "then",
        "this",
        "through",
        "till",
        "time",
        "times",
        "to",
        "too",
        "try",
        "two",
        "until",
        "us",
        "versus",
        "vs",
        "was",
        "we",
        "well",
        "what",
        "which",
        "with",
        "would",
        "you",
        "your",
    ]
)


def _unread(text: str) -> str:
    """Return the words that are neither symbols, dates nor of no meaning."""
    return _not_plain(_SYMBOL.sub(" ", _SINCE.sub(" ", _UNTIL.sub(" ", text))), r"[A-Z.^=-]{1,12}")


def _not_plain(text: str, known: str = "") -> str:
    """Return the words that mean something, but for those that `known` matches."""
    return " ".join(
        word
        for word in re.findall(r"[\w%$.]+", text)
        if word.casefold().strip(".") not in _PLAIN and not (known and re.fullmatch(known, word))
    )


def _changes(text: str) -> bool:
    return bool(
        re.search(
            r"(?i)\b(?:make|set|change|use|add|remove|drop|delete|replace|only|also|instead|tighten|widen|stop|target|exit|don't|no|without|switch|trade|start with|commission|risk)\b",
            text,
        )
    )


def _day(pattern: re.Pattern[str], text: str, *, end: bool = False) -> date | None:
    found = pattern.search(text)
    if not found:
        return None
    if len(found[1]) == 4:
        return date(int(found[1]), 12, 31) if end else date(int(found[1]), 1, 1)
    try:
        return day_of(found[1])
    except ValueError as error:
        raise InvalidInput(str(error)) from None
