"""Words that became no part of the strategy: of no meaning, promises, unsupported, or not understood."""

from __future__ import annotations

from collections.abc import Iterable

from Strategy.reading.text.cursor import Cursor
from Strategy.reading.text.draft import Draft
from Strategy.reading.text.lexer import Token
from Strategy.reading.text.outside import MARK
from Strategy.words import (
    Table,
    comparing,
    fillers,
    indicator_words,
    joins,
    moving,
    orders,
    protection,
    refused,
    spans,
    trie,
)

_UNSUPPORTED = {
    refused.OPTION: ("unsupported_instrument", "Options are not supported, only the asset itself"),
    refused.BASKET: ("unsupported_instrument", "Trading several assets against each other is not supported"),
    refused.PENDING: (
        "unsupported_order",
        "Pending limit and stop orders, and stops at a price, are not supported: orders are market orders",
    ),
    refused.SCALING: (
        "unsupported_scaling",
        "Scaling in and out is not supported: a position is opened and closed whole",
    ),
    refused.BREAK_EVEN: (
        "unsupported_break_even",
        "Break-even stops cannot be said yet: a stop stays where it was put, or trails the closes",
    ),
    refused.FUNDAMENTAL: (
        "unsupported_data",
        "Only prices and volume are known here, no news, fundamentals or other data",
    ),
    refused.PATTERN: ("undefined_term", "This term has no exact meaning here"),
}


def leftover(text: str, tokens: list[Token], cursor: Cursor, draft: Draft) -> tuple[str, ...]:
    """Report every run of meaningful words that no part of the strategy accounts for."""
    taken: set[int] = set()
    for piece in cursor.consumed:
        taken.update(range(piece.first, piece.last + 1))
    _promises(text, tokens, taken, draft)
    quoted = _unsupported(text, tokens, taken, draft)
    for i, token in enumerate(tokens):
        if token.norm == MARK:  # asked about already
            taken.add(i)
            quoted.append(text[token.start : token.end])
    i = 0
    while i < len(tokens):
        if i in taken or _is_glue(tokens, i):
            i += 1
            continue
        end = i
        while (
            end + 1 < len(tokens)
            and end + 1 not in taken
            and tokens[end + 1].kind != "nl"
            and tokens[end + 1].norm not in (".", ";", ":")
        ):
            end += 1
        while end > i and _is_glue(tokens, end):
            end -= 1
        words = text[tokens[i].start : tokens[end].end]
        quoted.append(words)
        _explain_leftover(words, tokens[i : end + 1], draft)
        i = end + 1
    return tuple(quoted)


def _unsupported(text: str, tokens: list[Token], taken: set[int], draft: Draft) -> list[str]:
    """Report what is asked for and cannot be done, even where every word of it is an everyday one."""
    quoted = []
    for of in _UNSUPPORTED:
        phrases = trie(of)
        for i, token in enumerate(tokens):
            for words, _ in phrases.get(token.norm, ()):
                span = range(i, i + len(words))
                if len(words) < 2 or taken & set(span) or tuple(t.norm for t in tokens[i : span.stop]) != words:
                    continue
                last = span.stop - 1
                while last + 1 < len(tokens) and last + 1 not in taken and not _ends_clause(tokens[last + 1]):
                    last += 1
                taken.update(range(i, last + 1))
                quoted.append(text[token.start : tokens[last].end])
                _explain_leftover(quoted[-1], tokens[i : last + 1], draft)
                break
    return quoted


def _ends_clause(token: Token) -> bool:
    return token.kind == "nl" or token.norm in (".", ";", ":", ",")


def _is_glue(tokens: list[Token], i: int) -> bool:
    """Whether a token is punctuation or a filler, which needs no meaning of its own."""
    token = tokens[i]
    if token.kind == "nl" or (
        token.kind == "sym"
        and token.norm in (".", ",", ";", ":", "!", "?", "#", "-", "(", ")", "*", "'", '"', "[", "]", "{", "}")
    ):
        return True
    if token.kind != "word":
        return False
    return any(words == (token.norm,) for words, _ in trie(fillers.GLUE).get(token.norm, ()))


def mentions(tokens: list[Token], tables: Iterable[Table]) -> Table | None:
    """Return the first of these tables that has a phrase among the tokens."""
    for of in tables:
        phrases = trie(of)
        for i, token in enumerate(tokens):
            for words, _ in phrases.get(token.norm, ()):
                if tuple(t.norm for t in tokens[i : i + len(words)]) == words:
                    return of
    return None


def _promises(text: str, tokens: list[Token], taken: set[int], draft: Draft) -> None:
    phrases = trie(refused.PROMISE)
    for i, token in enumerate(tokens):
        for words, _ in phrases.get(token.norm, ()):
            span = range(i, i + len(words))
            if tuple(t.norm for t in tokens[i : i + len(words)]) == words and not taken & set(span):
                said = text[token.start : tokens[i + len(words) - 1].end]
                draft.problem(
                    "warning",
                    "promise",
                    "text",
                    f"No strategy can promise that: {said!r}",
                    "Judge it by its backtest, costs included",
                )
                taken.update(span)
                break


_TRADING_WORDS = (
    indicator_words.INDICATOR, protection.STOP, protection.TARGET, protection.TRAIL, orders.ENTER_LONG, orders.ENTER_SHORT, orders.SELL,
    comparing.CROSS, comparing.ABOVE, orders.EXIT_SHORT, joins.WHEN, spans.UNIT, comparing.BETWEEN, moving.EXTREME,
)  # fmt: skip


def _explain_leftover(words: str, tokens: list[Token], draft: Draft) -> None:
    """Report words that nothing accounts for: an error where they speak of trading or stand beside a rule, else a warning."""
    shown = words if len(words) <= 160 else f"{words[:157]}..."
    kind = mentions(tokens, _UNSUPPORTED)
    if kind is not None:
        code, message = _UNSUPPORTED[kind]
        draft.problem(
            "error", code, "text", f"{message}: {shown!r}", "Say it in terms of prices, volume and indicators"
        )
        draft.ask(f"What should be done about {shown!r}, in terms of prices and indicators? Or shall it be left out?")
        return
    matters = any(
        t.kind in ("num", "clock") or t.norm in ("<", ">", "<=", ">=", "==", "!=") for t in tokens
    ) or mentions(tokens, _TRADING_WORDS)
    beside_rule = bool(draft.entries or draft.exits or draft.sells)
    draft.problem(
        "error" if matters or beside_rule else "warning",
        "not_understood",
        "text",
        f"These words were not understood: {shown!r}",
        "Say it in other words, or leave it out",
    )
    draft.ask(f"What does {shown!r} mean for the trades? Say it with prices and indicators, or leave it out.")
