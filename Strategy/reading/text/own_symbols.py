"""The names of a user's own prices, recognised in a text in any case: "buy mydata when ..."."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from Strategy.reading.text.lexer import Token
from Strategy.words import vocabulary

_SHORTEST = 3  # shorter names have to be written as they are stored: "it" is a word


def own_symbols(text: str, symbols: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and name of every whole word of a text that is one of these symbols, and no word of the grammar."""
    by_name = {symbol.casefold(): symbol for symbol in symbols}
    if not by_name:
        return
    longest_first = sorted(by_name, key=len, reverse=True)
    names = "|".join(re.escape(name) for name in longest_first)
    for found in re.finditer(rf"(?<![\w.^=-])(?:{names})(?![\w^=-]|\.\w)", text, re.IGNORECASE):
        said, symbol = found[0], by_name[found[0].casefold()]
        if said.lower() in vocabulary() or (said != symbol and len(said) < _SHORTEST):
            continue
        yield found.start(), found.end(), symbol


def in_capitals(text: str, symbols: Collection[str]) -> str:
    """Return a text in which these symbols are written as they are stored."""
    for start, end, symbol in own_symbols(text, symbols):
        text = text[:start] + symbol + text[end:]
    return text


def as_tickers(text: str, tokens: list[Token], symbols: Collection[str]) -> list[Token]:
    """Make one token of each of these symbols, whatever it was split into."""
    for start, end, symbol in own_symbols(text, symbols):
        first = next((i for i, token in enumerate(tokens) if token.start >= start), len(tokens))
        after = next((i for i, token in enumerate(tokens) if token.start >= end), len(tokens))
        if first < after:
            whole = replace(tokens[first], kind="ticker", norm=symbol, start=start, end=end, value=0.0)
            tokens = [*tokens[:first], whole, *tokens[after:]]
    return tokens
