"""Which symbols a text names: what is traded, whose prices its rules speak of, which words in capitals are symbols."""

from __future__ import annotations

from dataclasses import replace

from Backtest.market import TradingDays, asset_class, trading_days
from Strategy.reading.text.draft import Draft
from Strategy.reading.text.lexer import Token
from Strategy.words import (
    COMPANIES,
    Table,
    comparing,
    indicator_words,
    layouts,
    moving,
    prices,
    small,
    tickers,
    trie,
    vocabulary,
)
from Strategy.words.tickers import ACRONYMS, BEHIND_SYMBOLS, STRESSED, SYMBOLS_AND_WORDS


def days_of_text(tokens: list[Token], symbol: str) -> TradingDays | None:
    """Return how long all symbols of a text trade, or the one it is run on; None where they differ or nobody knows."""
    named = [COMPANIES.get(t.norm, t.norm) for t in tokens if t.kind == "ticker" or t.norm in COMPANIES]
    found = {trading_days(one) for one in ([symbol] if symbol else named)}
    return found.pop() if len(found) == 1 else None


def with_symbols(text: str, tokens: list[Token]) -> list[Token]:
    """Recognise words in capitals as symbols where the text is not all capitals, and pairs of currencies anywhere."""
    letters = [c for c in text if c.isalpha()]
    shouting = sum(c.isupper() for c in letters) > 0.6 * len(letters)
    result = []
    for token in tokens:
        raw = text[token.start : token.end]
        known = raw.lower() in vocabulary()
        raw = raw[:-2] if raw.endswith("'s") and raw[:-2].isupper() else raw  # "GOOG's"
        known = known and raw.lower() in vocabulary()
        if token.kind != "word" or not raw.isalpha():
            pass
        elif len(raw) >= 6 and not known and asset_class(raw) in ("crypto", "fx", "index"):
            token = replace(token, kind="ticker", norm=raw.upper())
        elif raw.isupper() and 2 <= len(raw) <= 6 and not shouting and raw not in ACRONYMS:
            if not known or raw in SYMBOLS_AND_WORDS:
                token = replace(token, kind="ticker", norm=raw)
        result.append(token)
    return result


_CLAUSE_MARKS = ("\n", ".", ",", ";")


_SAID_OF_PRICES = (
    comparing.ABOVE, comparing.CROSS, comparing.CROSSES, moving.RISING, comparing.BETWEEN, moving.TOUCHES, moving.BOUNCES, moving.TURNS,
    moving.EXTREME, moving.NEW,
)  # fmt: skip


def prices_of_symbols(tokens: list[Token], draft: Draft) -> list[Token]:
    """Put "price" in the place of a symbol whose price a rule speaks of: "when GOOG closes above 500", "if SPY is up"."""
    result: list[Token] = []
    for i, token in enumerate(tokens):
        symbol = COMPANIES.get(token.norm, token.norm if token.kind == "ticker" else None)
        before = next((t.norm for t in reversed(tokens[:i]) if t.norm not in small.ARTICLES), "\n")
        after = [t.norm if t.kind not in ("num", "nl") else "" for t in tokens[i + 1 : i + 5]]
        subject = before in _CLAUSE_MARKS or before in prices.BEFORE_SUBJECTS
        compared = before in prices.BEFORE_COMPARED
        if symbol is None or not (subject or compared) or not after:
            result.append(token)
        elif _begins(after, prices.PRICE, indicator_words.INDICATOR) and after[0] not in prices.CLOSES_VERB:
            draft.watched |= {symbol}  # "GOOG volume", "GOOG RSI"
        elif subject and (after[0] in prices.VERBS or _begins(after, *_SAID_OF_PRICES)):
            draft.watched |= {symbol}
            result.append(replace(token, kind="word", norm="price"))
        else:
            result.append(token)
    return result


def _begins(words: list[str], *of: Table) -> bool:
    """Whether words begin with a phrase of these tables."""
    return any(tuple(words[: len(phrase)]) == phrase for phrase, _ in trie(*of).get(words[0], ()))


def symbols_of_rules(draft: Draft) -> None:
    """Settle what is traded: of "0.5 BTC of BTCUSDT" the pair, and where none is named what the rules watch.

    Rules on the prices of another symbol are refused.
    """
    for unit in draft.counted:
        base = unit.partition("-")[0]
        if any(other != unit and other.startswith(base) and asset_class(other) == "crypto" for other in draft.symbols):
            draft.symbols = tuple(symbol for symbol in draft.symbols if symbol != unit)  # "0.5 BTC of BTCUSDT"
    if not draft.symbols and len(draft.watched) == 1:
        draft.symbols = tuple(draft.watched)
        draft.assume("symbol", f"{draft.symbols[0]} is traded, whose price the rules speak of", field="symbols")
    alone = set(draft.symbols) if len(draft.symbols) == 1 else set()
    draft.other_symbols = draft.watched - alone


def ask_of_words_in_capitals(text: str, tokens: list[Token], draft: Draft) -> None:
    """Ask about "Buy ALL when ..." and "Short NOW if ...", where a word of the grammar may be a symbol."""
    letters = [c for c in text if c.isalpha()]
    if sum(c.isupper() for c in letters) > 0.6 * len(letters):
        return
    for before, token, after in zip(tokens, tokens[1:], [*tokens[2:], Token("nl", "", 0, 0)], strict=False):
        raw = text[token.start : token.end]
        behind_order = before.norm in tickers.BEFORE_CAPITALS
        ends = (
            after.kind == "nl"
            or after.norm in (",", ".", ";", ":")
            or after.norm in small.AND
            or after.norm in BEHIND_SYMBOLS
        )
        heading = f"{before.norm} {token.norm}" in layouts.SECTION  # "SHORT RULES" above the rules
        symbolic = not heading and token.kind == "word" and raw.isalpha() and raw.isupper() and 2 <= len(raw) <= 5
        if behind_order and symbolic and ends and raw.lower() not in STRESSED | set(COMPANIES) and raw not in ACRONYMS:
            message = f"{raw!r} may be a symbol, or the word {raw.lower()!r}"
            draft.problem(
                "error", "symbol_or_word", "text", message, f"Write ${raw} for the symbol, or {raw.lower()!r}"
            )
            draft.ask(f"Is {raw!r} the symbol that is traded, or the word {raw.lower()!r}?")
