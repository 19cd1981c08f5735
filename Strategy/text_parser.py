"""Text → canonical strategy, by rules alone.

`parse_strategy` reads the text, accounts for every meaningful word, and returns the canonical
strategy with its diagnostics, assumptions and questions. It never guesses: words it cannot place
are quoted in a diagnostic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from Backtest.canonical import (
    MAX_NUMBER,
    All,
    AnyCondition,
    CanonicalStrategy,
    Compare,
    Cross,
    IndicatorRef,
    Rule,
    Side,
    is_crypto,
    walk,
)
from Backtest.diagnostics import load_canonical
from Backtest.errors import Diagnostic, StrategyError, TooLarge
from Backtest.indicators import PRICE_COLUMNS
from Backtest.timeframes import TIMEFRAMES, is_intraday
from Strategy.cursor import Cursor
from Strategy.draft import Assumption, Draft
from Strategy.lexer import MAX_LENGTH, Token, tokenize
from Strategy.lexicon import COMPANIES, corrector, trie, vocabulary
from Strategy.readings import Reading, readings
from Strategy.statements import Statements, opposite


@dataclass(frozen=True)
class Span:
    """Characters start..end of the text were read as `part` of the strategy."""

    start: int
    end: int
    text: str
    part: str


@dataclass(frozen=True)
class ParseResult:
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

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity == "warning")

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


def parse_strategy(text: str, *, name: str = "") -> ParseResult:
    """Read a strategy from a text of at most 10,000 characters.

    Raises:
        TooLarge: the text is longer.
    """
    if len(text) > MAX_LENGTH:
        raise TooLarge(f"The text has {len(text)} characters, at most {MAX_LENGTH} are read: shorten it")
    tokens = _tickers(text, tokenize(text, corrector()))
    draft = Draft(timeframe=_timeframe(tokens) or "1d")
    tokens = _bounded(text, tokens, draft)
    if _timeframe(tokens) is None:
        draft.assume("timeframe", "Daily bars", field="timeframe")
    _note_corrections(text, tokens, draft)
    cursor = Cursor(tokens)
    cursor.journal = lambda: (draft.assumptions, draft.indicators, draft.diagnostics, draft.mentions, draft.worded)
    if text.lstrip().startswith("Trade ") and " bars.\n" in text[:400]:
        draft.flags.add("exact")  # our own plain English: every number is meant as it stands
    Statements(cursor, draft).read()
    leftover = _leftover(text, tokens, cursor, draft)
    try:
        _assemble(draft)
    except ValidationError as error:
        draft.out_of_bounds(error)
    return _result(text, tokens, cursor, draft, leftover, name)


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


def _tickers(text: str, tokens: list[Token]) -> list[Token]:
    """Recognise words in capitals as symbols where the text is not all capitals."""
    letters = [c for c in text if c.isalpha()]
    shouting = sum(c.isupper() for c in letters) > 0.6 * len(letters)
    result = []
    for token in tokens:
        raw = text[token.start : token.end]
        if token.kind == "word" and raw.isupper() and 2 <= len(raw) <= 6 and raw.isalpha() and not shouting:
            if raw.lower() not in vocabulary() or raw in ("IBM", "FB", "META", "SPY", "QQQ"):
                token = replace(token, kind="ticker", norm=raw)
        result.append(token)
    return result


def _note_corrections(text: str, tokens: list[Token], draft: Draft) -> None:
    for token in tokens:
        raw = text[token.start : token.end]
        if token.kind == "word" and raw.isalpha() and raw.isascii() and raw.lower() != token.norm:
            draft.assume("spelling", f"{raw!r} is read as {token.norm!r}")


_FRAME_WORDS = {"hourly": "1h", "daily": "1d", "weekly": "1wk", "monthly": "1mo"}
_UNIT_CODES = {
    "minute": "m", "minutes": "m", "min": "m", "mins": "m", "m": "m", "hour": "h", "hours": "h", "h": "h", "hr": "h",
    "day": "d", "d": "d", "week": "wk", "wk": "wk", "w": "wk", "month": "mo", "mo": "mo",
}  # fmt: skip
_CHARTS = {
    "chart",
    "charts",
    "bars",
    "bar",
    "candles",
    "candle",
    "timeframe",
    "timeframes",
    "data",
    "interval",
    "basis",
    "frame",
    "resolution",
}


_COMPARISON_ENDS = ("<", ">", "<=", ">=", "=", "above", "below", "over", "under", "than", "least", "most", "at")


def _timeframe(tokens: list[Token]) -> str | None:
    """Find the strategy's own time frame: "on the 4-hour chart", "daily AAPL", "timeframe: 1h"."""
    weak: str | None = None
    for i, token in enumerate(tokens):
        frame, after = None, i + 1
        if token.kind == "tf":
            frame = token.norm
        elif token.norm in _FRAME_WORDS:
            frame = _FRAME_WORDS[token.norm]
        elif token.kind == "num" and i + 1 < len(tokens) and tokens[i + 1].norm in _UNIT_CODES:
            frame, after = f"{token.value:g}{_UNIT_CODES[tokens[i + 1].norm]}", i + 2
        if frame not in TIMEFRAMES:
            continue
        words = [t.norm for t in tokens[max(0, i - 5) : i] if t.norm not in ("the", "a")][-3:]
        follows = tokens[after].norm if after < len(tokens) else ""
        names_indicator = bool(trie("INDICATOR").get(follows)) or (after < len(tokens) and tokens[after].kind == "num")
        before = words[-1] if words else ""
        of_indicator = (
            before in ("on", "of")
            and len(words) > 1
            and (
                words[-2] == ")"
                or (words[-2].isdigit() and words[0] not in _COMPARISON_ENDS)
                or words[-2].lower() in _indicator_ends()
            )
        )
        if of_indicator or names_indicator:
            continue
        said = before in ("timeframe", "interval", ":", "frame", "is") and (
            {"timeframe", "frame", "interval", "chart"} & set(words)
        )
        if follows in _CHARTS or said:
            return frame
        beside = [tokens[k] for k in (i - 1, after) if 0 <= k < len(tokens)]
        beside += [tokens[i - 2]] if before == "," and i > 1 else []
        symbol_beside = any(t.kind == "ticker" or t.norm in COMPANIES for t in beside)
        lead = (
            symbol_beside
            or set(words) & {"on", "trade", "trading", "using"}
            or token.norm in _FRAME_WORDS
            or token.kind == "tf"
        )
        if (
            lead
            and weak is None
            and follows not in ("ago", "in", "high", "low", "or", "and", "loss", "stop", "range", "close", "volume")
        ):
            counts = token.kind == "num" and before in ("for", "last", "after", "within", "past", "hold", "every")
            if not counts and not (
                token.kind == "num" and tokens[i + 1].norm in ("day", "days", "week", "month", "d", "w")
            ):
                weak = frame
    return weak


def _indicator_ends() -> frozenset[str]:
    from Strategy.lexicon import CATEGORIES

    ends = {phrase.split()[-1] for phrase in CATEGORIES["INDICATOR"]}
    return frozenset(
        ends
        | {
            "upper",
            "lower",
            "middle",
            "signal",
            "hist",
            "k",
            "d",
            "line",
            "direction",
            "macd",
            "a",
            "b",
            "volume",
            "tenkan",
            "kijun",
            "high",
            "low",
            "open",
            "close",
        }
    )


# Leftovers ---------------------------------------------------------------------------------

_UNSUPPORTED = {
    "OPTION": ("unsupported_instrument", "Options are not supported, only the asset itself"),
    "BASKET": ("unsupported_instrument", "Trading several assets against each other is not supported"),
    "PENDING": (
        "unsupported_order",
        "Pending limit and stop orders, and stops at a price, are not supported: orders are market orders",
    ),
    "SCALING": ("unsupported_scaling", "Scaling in and out is not supported: a position is opened and closed whole"),
    "FUNDAMENTAL": ("unsupported_data", "Only prices and volume are known here, no news, fundamentals or other data"),
    "PATTERN": ("undefined_term", "This term has no exact meaning here"),
}


def _leftover(text: str, tokens: list[Token], cursor: Cursor, draft: Draft) -> tuple[str, ...]:
    """Report every run of meaningful words that no part of the strategy accounts for."""
    taken: set[int] = set()
    for piece in cursor.consumed:
        taken.update(range(piece.first, piece.last + 1))
    _promises(text, tokens, taken, draft)
    quoted = _unsupported(text, tokens, taken, draft)
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
    for name in _UNSUPPORTED:
        phrases = trie(name)
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
    token = tokens[i]
    if token.kind == "nl" or (
        token.kind == "sym"
        and token.norm in (".", ",", ";", ":", "!", "?", "#", "-", "(", ")", "*", "'", '"', "[", "]", "{", "}")
    ):
        return True
    if token.kind != "word":
        return False
    return any(words == (token.norm,) for words, _ in trie("GLUE").get(token.norm, ()))


def _matches(tokens: list[Token], names: Iterable[str]) -> str | None:
    for name in names:
        phrases = trie(name)
        for i, token in enumerate(tokens):
            for words, _ in phrases.get(token.norm, ()):
                if tuple(t.norm for t in tokens[i : i + len(words)]) == words:
                    return name
    return None


def _promises(text: str, tokens: list[Token], taken: set[int], draft: Draft) -> None:
    phrases = trie("PROMISE")
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
    "INDICATOR",
    "STOP",
    "TARGET",
    "TRAIL",
    "ENTER_LONG",
    "ENTER_SHORT",
    "SELL",
    "CROSS",
    "ABOVE",
    "EXIT_SHORT",
    "WHEN",
    "UNIT",
    "BETWEEN",
    "EXTREME",
)


def _explain_leftover(words: str, tokens: list[Token], draft: Draft) -> None:
    shown = words if len(words) <= 160 else f"{words[:157]}..."
    kind = _matches(tokens, _UNSUPPORTED)
    if kind is not None:
        code, message = _UNSUPPORTED[kind]
        draft.problem(
            "error", code, "text", f"{message}: {shown!r}", "Say it in terms of prices, volume and indicators"
        )
        draft.ask(f"What should be done about {shown!r}, in terms of prices and indicators? Or shall it be left out?")
        return
    matters = any(
        t.kind in ("num", "clock") or t.norm in ("<", ">", "<=", ">=", "==", "!=") for t in tokens
    ) or _matches(tokens, _TRADING_WORDS)
    beside_rule = bool(draft.entries or draft.exits or draft.sells)
    draft.problem(
        "error" if matters or beside_rule else "warning",
        "not_understood",
        "text",
        f"These words were not understood: {shown!r}",
        "Say it in other words, or leave it out",
    )
    draft.ask(f"What does {shown!r} mean for the trades? Say it with prices and indicators, or leave it out.")


# Assembling --------------------------------------------------------------------------------


def _assemble(draft: Draft) -> None:
    """Settle what "sell", "exit", "opposite" and "reversing" mean, now that all is read."""
    _sells(draft)
    _opposites(draft)
    _reversal(draft)
    _one_sided(draft)
    if draft.filters:
        draft.entries = [(side, _joined(condition, draft.filters)) for side, condition in draft.entries]


def _joined(condition: AnyCondition, filters: list[AnyCondition]) -> AnyCondition:
    parts = list(condition.conditions) if isinstance(condition, All) else [condition]
    return All(conditions=[*parts, *filters])


def _one_sided(draft: Draft) -> None:
    """Refuse "long only" beside an entry of the other side."""
    for side in sorted(draft.only_sides):
        if any(entry != side for entry, _ in draft.entries):
            message = f"The text says {side} only, but has an entry of the other side"
            draft.problem("error", "contradiction", "entry_rules", message, "Leave out one of the two")
            draft.ask(f"Shall it trade the {side} side only, or both?")


def _sells(draft: Draft) -> None:
    """Sell means close the long position, unless shorts are covered and nothing else opens them."""
    shorts = any(side == "short" for side, _ in draft.entries)
    longs = any(side == "long" for side, _ in draft.entries)
    covers = any(side == "short" for side, _ in draft.exits) or "bare_short" in draft.flags
    for condition in draft.sells:
        if covers and not shorts:
            draft.entries.append(("short", condition))
            draft.assume(
                "sell",
                "Selling opens a short position, since it is covered later",
                "closes the long position",
                "entry_rules",
            )
            if longs and not any(side == "long" for side, _ in draft.exits):
                draft.exits.append(("long", condition))
        else:
            draft.exits.append(("long" if longs or not shorts else None, condition))


def _opposites(draft: Draft) -> None:
    for side in ("long", "short"):
        other: Side = "short" if side == "long" else "long"
        if f"opposite_{side}" in draft.flags:
            for _, condition in [e for e in draft.entries if e[0] == other]:
                mirrored = opposite(condition)
                if mirrored is None:
                    draft.problem(
                        "error", "no_opposite", "entry_rules", "The opposite of this rule is not clear", "Write it out"
                    )
                    draft.ask("What exactly is the opposite signal?")
                else:
                    draft.entries.append((side, mirrored))
                    draft.flags.add("reversing")
    if "opposite_exit" in draft.flags:
        for side, condition in list(draft.entries):
            mirrored = opposite(condition)
            if mirrored is None:
                draft.problem(
                    "error",
                    "no_opposite",
                    "exit_rules",
                    "The opposite of this entry is not clear",
                    "Write the exit out",
                )
                draft.ask("When exactly should the position be closed?")
            else:
                draft.exits.append((side, mirrored))
                draft.assume("opposite", "The opposite signal is the same crossing the other way", field="exit_rules")


def _reversal(draft: Draft) -> None:
    """With entries on both sides and no way out of one, the opposite entry is the way out."""
    sides = {side for side, _ in draft.entries}
    if "reversing" in draft.flags and len(sides) == 1:
        (side,) = sides
        other: Side = "short" if side == "long" else "long"
        exits = [c for s, c in draft.exits if s in (side, None)]
        mirrored = exits or [m for s, c in draft.entries if (m := opposite(c)) is not None]
        draft.entries += [(other, c) for c in mirrored]
        sides = {s for s, _ in draft.entries}
    if len(sides) < 2:
        return
    protected = {"stop_loss", "take_profit", "trailing_stop", "max_bars"} & set(draft.risk)
    for side in ("long", "short"):
        other = "short" if side == "long" else "long"
        has_exit = any(s in (side, None) for s, _ in draft.exits)
        if not has_exit and (not protected or "reversing" in draft.flags):
            draft.exits += [(side, condition) for s, condition in draft.entries if s == other]
            if "reversing" not in draft.flags:
                draft.assume(
                    "reverse",
                    f"The {other} entry closes the {side} position",
                    "only a stop would close it",
                    "exit_rules",
                )


def _rules(draft: Draft) -> tuple[list[Rule], list[Rule]]:
    entries = [Rule(side=side, when=condition) for side, condition in draft.entries]
    sides: list[Side] = [s for s in ("long", "short") if any(r.side == s for r in entries)]
    exits: list[Rule] = []
    for side, condition in draft.exits:
        for one in [side] if side else (sides or ["long"]):
            rule = Rule(side=one, when=condition)
            if rule not in exits:
                exits.append(rule)
    return entries, exits


def _used(draft: Draft, rules: list[Rule]) -> list[Any]:
    """Return the indicators of the rules in order of use, their sources before them."""
    ordered: list[str] = []

    def add(name: str) -> None:
        source = draft.indicators[name].source_name
        if source is not None and source not in PRICE_COLUMNS:
            add(source)
        if name not in ordered:
            ordered.append(name)

    for rule in rules:
        for node in walk(rule.when):
            if isinstance(node, IndicatorRef):
                add(node.id)
    return [draft.indicators[name] for name in ordered]


def _result(
    text: str, tokens: list[Token], cursor: Cursor, draft: Draft, leftover: tuple[str, ...], name: str
) -> ParseResult:
    entries, exits = _rules(draft)
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
    _missing(draft, entries, tokens)
    _defaults(draft)
    data: dict[str, Any] = {
        "strategy_name": name or _title(text, draft) or strategy_name(draft, entries),
        "description": text,
        "classification": {"type": _classify(entries, draft), "risk_tier": _risk_tier(draft)},
        "symbols": draft.symbols,
        "timeframe": draft.timeframe,
        "indicators": [i.model_dump() for i in _used(draft, [*entries, *exits])],
        "entry_rules": [r.model_dump() for r in entries],
        "exit_rules": [r.model_dump() for r in exits],
        "risk": draft.risk,
        "execution": draft.execution,
        "provenance": {"source": "text", "parser": "rules", "original_text": text},
    }
    loaded = load_canonical(data) if entries else None
    found = [*draft.diagnostics, *(loaded.diagnostics if loaded else ())]
    for problem in found:
        if problem.severity == "error" and (question := _question(problem)):
            draft.ask(question)
    spans = _spans(text, tokens, cursor)
    two_ways: tuple[Reading, ...] = ()
    if loaded is not None and loaded.strategy is not None and "exact" not in draft.flags:
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
    scalps = any(t.norm in ("scalp", "scalping", "scalper") for t in tokens)
    if scalps and not is_intraday(draft.timeframe):
        draft.problem(
            "warning",
            "scalping",
            "timeframe",
            f"Scalping on {draft.timeframe} bars: a trade cannot be shorter than a bar",
            "Name a time frame such as 5m",
        )


_QUESTIONS = {
    "no_exit": "When should the position be closed?",
    "unsatisfiable": "Which of the conditions that contradict each other should hold?",
    "entry_is_exit": "By what do entry and exit differ?",
    "threshold_range": "Which level, within the indicator's range, is meant?",
    "period": "Which period should the indicator have?",
    "stop_range": "How far from the entry, in percent below 100, should the stop be?",
    "target_range": "How far from the entry should the target be?",
}


def _question(problem: Diagnostic) -> str:
    """Return what to ask about an error; words that were not understood are asked about already."""
    if problem.field == "text" or problem.code in ("no_entry", "no_opposite"):
        return ""
    known = _QUESTIONS.get(problem.code)
    if known:
        return known
    if "risk_percent needs" in problem.message or "risk_reward needs" in problem.message:
        return "Where should the stop loss be?"
    return f"What should it be instead? {problem.message}"


def _missing(draft: Draft, entries: list[Rule], tokens: list[Token]) -> None:
    if entries:
        return
    if draft.exits or draft.sells or "bare_long" in draft.flags or "bare_short" in draft.flags:
        draft.problem(
            "error",
            "no_entry",
            "entry_rules",
            "The text does not say when to buy",
            "Add a rule such as: buy when RSI < 30",
        )
        draft.ask("When should a position be opened?")
        return
    if _matches(tokens, ("OPTION",)):
        draft.problem("error", "unsupported_instrument", "text", "Options are not supported, only the asset itself")
    draft.problem(
        "error",
        "no_strategy",
        "text",
        "The text names no rule for trading",
        "Describe when to buy and when to sell, such as: buy when RSI < 30, sell when RSI > 70",
    )
    draft.ask("When should a position be opened, and when closed?")


def _defaults(draft: Draft) -> None:
    if draft.entries and "position_size" not in draft.risk:
        draft.assume("size", "Every trade takes the full equity", field="risk.position_size")
    if draft.entries and not draft.symbols:
        draft.assume("symbol", "No symbol is named: choose one for the backtest", field="symbols")
    if any(is_crypto(s) for s in draft.symbols) and "fractional_unit" not in draft.execution:
        draft.execution["fractional_unit"] = 1e-6
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


def _title(text: str, draft: Draft) -> str:
    return text[draft.title[0] : draft.title[1]][:80] if draft.title else ""


def strategy_name(draft: Draft, entries: list[Rule]) -> str:
    """Return a short name made of the indicators and symbols, such as "RSI 14 AAPL"."""
    ids = list(dict.fromkeys(n.id for r in entries for n in walk(r.when) if isinstance(n, IndicatorRef)))
    words = [re.sub(r"[^A-Za-z0-9]+", " ", i).strip() for i in ids[:3]] or ["Price"]
    kinds = {"cross" for r in entries for n in walk(r.when) if isinstance(n, Cross)}
    return " ".join([*words, *kinds, *draft.symbols[:1]])[:80]


def _classify(entries: list[Rule], draft: Draft) -> str:
    names = {draft.indicators[n.id].name for r in entries for n in walk(r.when) if isinstance(n, IndicatorRef)}
    falls = any(
        isinstance(n, Compare) and n.op in ("<", "<=") for r in entries if r.side == "long" for n in walk(r.when)
    )
    if names & {"HIGHEST", "DONCHIAN"}:
        return "breakout"
    if names & {"RSI", "STOCH", "CCI", "WILLR", "MFI", "BB"} and falls:
        return "mean-reversion"
    if names & {"SMA", "EMA", "WMA", "DEMA", "TEMA", "KAMA", "VAMA", "MACD", "SUPERTREND", "ICHIMOKU", "ADX"}:
        return "trend-following"
    return "momentum" if names & {"ROC", "MOM", "RSI"} else "other"


def _risk_tier(draft: Draft) -> str:
    stopped = "stop_loss" in draft.risk or "trailing_stop" in draft.risk
    margin = draft.execution.get("margin", 1.0)
    if margin < 0.5 or not stopped:
        return "high"
    size = draft.risk.get("position_size", {})
    small = size.get("type") == "risk_percent" or (size.get("type") == "percent_of_equity" and size["value"] <= 25)
    return "low" if small else "medium"
