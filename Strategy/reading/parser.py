"""Text → canonical strategy, by rules alone.

`parse_strategy` reads the text, accounts for every meaningful word, and returns the canonical
strategy with its diagnostics, assumptions and questions. It never guesses: words it cannot place
are quoted in a diagnostic.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from Backtest.canonical import MAX_NUMBER, CanonicalStrategy, Rule
from Backtest.diagnostics import load_canonical
from Backtest.errors import Diagnosed, Diagnostic, StrategyError, TooLarge
from Backtest.market import CRYPTO_UNIT, Timeframe, in_words, is_crypto, is_intraday
from Strategy.notation import read_notation
from Strategy.reading.conditions.chart_frames import note_mixed_frames
from Strategy.reading.rules.statements import Statements
from Strategy.reading.settings.cost_grammar import settle_spread
from Strategy.reading.settings.size_grammar import settle_lots
from Strategy.reading.text.cursor import Cursor
from Strategy.reading.text.draft import Assumption, Draft
from Strategy.reading.text.leftovers import leftover, mentions
from Strategy.reading.text.lexer import MAX_LENGTH, Token, tangled, tokenize
from Strategy.reading.text.outside import outside
from Strategy.reading.text.own_symbols import as_tickers
from Strategy.reading.text.strategy_timeframe import strategy_timeframe
from Strategy.reading.text.text_symbols import (
    ask_of_words_in_capitals,
    days_of_text,
    prices_of_symbols,
    symbols_of_rules,
    with_symbols,
)
from Strategy.reading.two_ways import Reading, readings
from Strategy.reading.whole.assembly import assemble, rules_of, used_indicators
from Strategy.reading.whole.level_checks import in_words_of, levels_of_one_side, shares_of_entry, wrong_sides
from Strategy.reading.whole.strategy_names import classify, risk_tier, strategy_name, title
from Strategy.reading.whole.text_questions import question_about
from Strategy.words import corrector, refused, tickers

_NOTATION = "The text is in the notation in which strategies are written out: every number is meant as it stands"


@dataclass(frozen=True)
class Span:
    """Characters start..end of the text were read as `part` of the strategy."""

    start: int
    end: int
    text: str
    part: str


@dataclass(frozen=True)
class ParseResult(Diagnosed):
    """What the rules made of a text.

    `strategy` is None when there are errors. `spans` say which words became which part;
    `leftover` are the pieces of text that could not be placed.
    """

    text: str
    strategy: CanonicalStrategy | None
    diagnostics: tuple[Diagnostic, ...]
    assumptions: tuple[Assumption, ...]
    questions: tuple[str, ...]
    spans: tuple[Span, ...] = ()
    leftover: tuple[str, ...] = ()
    partial: dict[str, Any] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()

    def require(self) -> CanonicalStrategy:
        """Return the strategy. StrategyError with findings and questions when there is none."""
        if self.strategy is None:
            first = self.errors[0].message if self.errors else "the text is no strategy"
            raise StrategyError(
                f"The text could not be turned into a strategy: {first}",
                details=self.diagnostics,
                suggestions=[d.suggestion for d in self.diagnostics if d.suggestion],
                questions=self.questions,
            )
        return self.strategy


def parse_strategy(
    text: str, *, name: str = "", timeframe: Timeframe = "1d", symbols: Collection[str] = (), symbol: str = ""
) -> ParseResult:
    """Read a strategy from a text of at most 10,000 characters.

    A text in the notation of `describe()` is read as `parse_notation` does, which is said as an assumption.

    Args:
        timeframe: the bars that are meant where the text names none.
        symbols: names of the user's own prices, which are recognised in any case: "mydata".
        symbol: what is traded in place of the text's own symbols; its trading days are those the text counts.

    Raises:
        TooLarge: the text is longer.
        StrategyError: reading it takes too many steps, or it is nested too deeply.
    """
    if is_notation(text):
        try:
            return parse_notation(text, name=name)
        except StrategyError as error:  # a page of the notation to which everyday English was added, or with a mistake
            return _besides(_parsed(text, name, timeframe, symbols, symbol), error)
    return _parsed(text, name, timeframe, symbols, symbol)


def is_notation(text: str) -> bool:
    """Whether a text is in the notation of `describe()`, which begins "Trade GOOG on daily bars." on a line of its own."""
    return text.lstrip().startswith("Trade ") and " bars.\n" in text[:400]


def parse_notation(text: str, *, name: str = "") -> ParseResult:
    """Read the notation (Strategy/notation), in which every number is meant as it stands and nothing is asked about.

    Raises:
        TooLarge: the text is longer than 10,000 characters.
        StrategyError: it does not begin as the notation does, or a sentence is not of it: which, and where.
    """
    if not is_notation(text):
        raise StrategyError(
            "This is not the notation of a strategy: its first line says what is traded on which bars",
            suggestions=["Begin with a line such as: Trade GOOG on daily bars."],
        )
    if len(text) > MAX_LENGTH:
        raise _too_long(text)
    data = read_notation(text)
    symbols, execution = data.get("symbols", []), data["execution"]
    if symbols and is_crypto(symbols[0]):
        execution.setdefault("fractional_unit", CRYPTO_UNIT)
    data |= {"description": text, "provenance": {"source": "text", "parser": "rules", "original_text": text}}
    loaded = load_canonical(data)
    strategy = loaded.strategy
    if strategy is not None:
        known = {item.id: item for item in strategy.indicators}
        kind = {
            "type": classify(strategy.entry_rules, known),
            "risk_tier": risk_tier(data["risk"], execution),
        }
        title = {"strategy_name": name or strategy_name(strategy.entry_rules, symbols), "classification": kind}
        strategy = CanonicalStrategy.model_validate({**data, **title})
    said = Assumption("notation", _NOTATION, "everyday English")
    return ParseResult(
        text, strategy, loaded.diagnostics, (said,), (), _sentences(text), partial={} if strategy else data
    )


def _besides(parsed: ParseResult, error: StrategyError) -> ParseResult:
    """Return what everyday English makes of a page; where that is nothing, with what is wrong with it as notation first."""
    if parsed.strategy is not None:
        return parsed
    suggestion = error.suggestions[0] if error.suggestions else ""
    found = Diagnostic("error", "not_notation", "text", error.message, suggestion)
    return replace(parsed, diagnostics=(found, *parsed.diagnostics))


def _sentences(text: str) -> tuple[Span, ...]:
    """Return the sentences of the notation, each as what its first word makes it."""
    parts = {"Trade": "symbols", "Let": "indicator", "Buy": "entry", "Sell": "entry", "Exit": "exit"}
    spans, start = [], 0
    for line in text.splitlines(keepends=True):
        said = line.strip()
        if said:
            begin = start + line.index(said)
            spans.append(Span(begin, begin + len(said), said, parts.get(said.partition(" ")[0], "setting")))
        start += len(line)
    return tuple(spans)


def _too_long(text: str) -> TooLarge:
    return TooLarge(f"The text has {len(text)} characters, at most {MAX_LENGTH} are read: shorten it")


def _parsed(text: str, name: str, timeframe: Timeframe, symbols: Collection[str], symbol: str) -> ParseResult:
    if len(text) > MAX_LENGTH:
        raise _too_long(text)
    try:
        return _read(text, name, timeframe, symbols, symbol)
    except RecursionError:
        raise tangled() from None


def _read(text: str, name: str, timeframe: Timeframe, symbols: Collection[str], symbol: str) -> ParseResult:
    tokens = as_tickers(text, with_symbols(text, tokenize(text, corrector())), symbols)
    bars = strategy_timeframe(tokens) or timeframe
    draft = Draft(timeframe=bars, days=days_of_text(tokens, symbol), traded=symbol)
    tokens = _bounded(text, tokens, draft)
    if strategy_timeframe(tokens) is None:
        draft.assume("timeframe", f"{in_words(timeframe).capitalize()} bars", field="timeframe")
    _note_corrections(text, tokens, draft)
    ask_of_words_in_capitals(text, tokens, draft)
    tokens = outside(text, prices_of_symbols(tokens, draft), draft)
    cursor = Cursor(tokens, draft)
    Statements(cursor, draft).read()
    symbols_of_rules(draft)
    left = leftover(text, tokens, cursor, draft)
    levels_of_one_side(tokens, draft)
    try:
        assemble(draft)
    except ValidationError as error:
        draft.out_of_bounds(error)
    wrong_sides(draft)
    shares_of_entry(draft)
    return _result(text, tokens, cursor, draft, left, name)


def _bounded(text: str, tokens: list[Token], draft: Draft) -> list[Token]:
    """Refuse numbers beyond what a strategy may hold, and go on with the largest it may."""
    result = []
    for token in tokens:
        if not -MAX_NUMBER <= token.value <= MAX_NUMBER:
            said = text[token.start : token.end][:40]
            message = f"The number {said} is out of range: at most {MAX_NUMBER:g} is taken"
            draft.problem("error", "number_range", "text", message, "Use a smaller number")
            draft.ask(f"What number is meant by {said}?")
            token = replace(token, value=MAX_NUMBER)
        result.append(token)
    return result


def _note_corrections(text: str, tokens: list[Token], draft: Draft) -> None:
    for token in tokens:
        raw = text[token.start : token.end]
        if token.kind == "word" and raw.isalpha() and raw.isascii() and raw.lower() != token.norm:
            draft.assume("spelling", f"{raw!r} is read as {token.norm!r}")


# The result --------------------------------------------------------------------------------


def _result(
    text: str, tokens: list[Token], cursor: Cursor, draft: Draft, leftover: tuple[str, ...], name: str
) -> ParseResult:
    entries, exits = rules_of(draft)
    _warn_of_scalping(draft, tokens)
    for symbol in sorted(draft.other_symbols):
        draft.problem(
            "error",
            "unsupported_instrument",
            "text",
            f"A rule on the prices of another symbol, {symbol!r}, is not supported",
            "Use the traded symbol's own prices",
        )
        draft.ask(f"What should replace the rule on {symbol!r}, in terms of the traded symbol's own prices?")
    note_mixed_frames(draft, (r.when for r in (*entries, *exits)))
    _said_twice(draft)
    settle_spread(draft)
    settle_lots(draft)
    _missing(draft, entries, tokens)
    _defaults(draft)
    data: dict[str, Any] = {
        "strategy_name": name or title(text, draft) or strategy_name(entries, draft.symbols),
        "description": text,
        "classification": {
            "type": classify(entries, draft.indicators),
            "risk_tier": risk_tier(draft.risk, draft.execution),
        },
        "symbols": list(draft.symbols),
        "timeframe": draft.timeframe,
        "indicators": [i.model_dump() for i in used_indicators(draft, [*entries, *exits])],
        "entry_rules": [r.model_dump() for r in entries],
        "exit_rules": [r.model_dump() for r in exits],
        "risk": dict(draft.risk),
        "execution": dict(draft.execution),
        "provenance": {"source": "text", "parser": "rules", "original_text": text},
    }
    loaded = load_canonical(data) if entries else None
    found = [*draft.diagnostics, *(loaded.diagnostics if loaded else ())]
    asked = {problem.code for problem in draft.diagnostics}
    found = [p for p in found if p.code != "unsatisfiable" or "two_bars" not in asked]  # it says the same of the rule
    for problem in found:
        if problem.severity == "error" and (question := question_about(problem)):
            draft.ask(question)
    spans = _spans(text, tokens, cursor)
    two_ways: tuple[Reading, ...] = ()
    if loaded is not None and loaded.strategy is not None:
        two_ways = tuple(readings(loaded.strategy, draft.worded))
        for reading in two_ways:
            draft.assume("reading", f"{reading.text} is read as {reading.taken}", f"as {reading.other}")
    ok = loaded is not None and loaded.strategy is not None and not any(d.severity == "error" for d in found)
    return ParseResult(
        text,
        loaded.strategy if ok and loaded else None,
        tuple(dict.fromkeys(found)),
        tuple(draft.assumptions.values()),
        tuple(draft.questions),
        spans,
        leftover,
        {} if ok else data,
        two_ways,
    )


def _warn_of_scalping(draft: Draft, tokens: list[Token]) -> None:
    scalps = any(t.norm in tickers.SCALPING for t in tokens)
    if scalps and not is_intraday(draft.timeframe):
        draft.problem(
            "warning",
            "scalping",
            "timeframe",
            f"Scalping on {in_words(draft.timeframe)} bars: a trade cannot be shorter than a bar",
            "Name a time frame such as 5m",
        )


def _missing(draft: Draft, entries: list[Rule], tokens: list[Token]) -> None:
    if entries:
        return
    if draft.exits or draft.sells or draft.bare_entries:
        draft.problem(
            "error",
            "no_entry",
            "entry_rules",
            "The text does not say when to buy",
            "Add a rule such as: buy when RSI < 30",
        )
        draft.ask("When should a position be opened?")
        return
    if mentions(tokens, (refused.OPTION,)):
        draft.problem("error", "unsupported_instrument", "text", "Options are not supported, only the asset itself")
    draft.problem(
        "error",
        "no_strategy",
        "text",
        "The text names no rule for trading",
        "Describe when to buy and when to sell, such as: buy when RSI < 30, sell when RSI > 70",
    )
    draft.ask("When should a position be opened, and when closed?")


def _said_twice(draft: Draft) -> None:
    for name, (first, second) in draft.said_twice.items():
        what = name.replace("_", " ")
        both = " and ".join(in_words_of(value) for value in (first, second))
        message = f"The text gives two different values for the {what}: {both}"
        draft.problem("error", "contradiction", f"risk.{name}", message, "Say it once")
        draft.ask(f"Which {what} is meant: {both.replace(' and ', ' or ')}?")


def _defaults(draft: Draft) -> None:
    if draft.entries and "position_size" not in draft.risk:
        draft.assume("size", "Every trade takes the full equity", field="risk.position_size")
    if draft.entries and not draft.symbols:
        draft.assume("symbol", "No symbol is named: choose one for the backtest", field="symbols")
    if draft.symbols and is_crypto(draft.symbols[0]) and "fractional_unit" not in draft.execution:
        draft.set_execution("fractional_unit", CRYPTO_UNIT)
        draft.assume("fraction", "Crypto trades in units of 0.000001", field="execution.fractional_unit")
    if draft.entries:
        for key, text in (
            ("cash", "Start with 100000 in cash"),
            ("commission", "No commission"),
            ("spread", "No spread"),
        ):
            if key not in draft.execution and not (key == "commission" and "commission_fixed" in draft.execution):
                draft.assume("execution", text, field=f"execution.{key}")


def _spans(text: str, tokens: list[Token], cursor: Cursor) -> tuple[Span, ...]:
    """Join neighbouring tokens of the same part."""
    spans: list[Span] = []
    for piece in sorted(cursor.consumed, key=lambda c: c.first):
        start, end = tokens[piece.first].start, tokens[piece.last].end
        if spans and spans[-1].part == piece.part and not text[spans[-1].end : start].strip():
            spans[-1] = Span(spans[-1].start, end, text[spans[-1].start : end], piece.part)
        elif text[start:end].strip():
            spans.append(Span(start, end, text[start:end], piece.part))
    return tuple(spans)
