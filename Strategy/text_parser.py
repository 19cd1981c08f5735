"""Text → canonical strategy, by rules alone.

`parse_strategy` reads the text, accounts for every meaningful word, and returns the canonical
strategy with its diagnostics, assumptions and questions. It never guesses: words it cannot place
are quoted in a diagnostic.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from Backtest.canonical import (
    MAX_NUMBER,
    CanonicalStrategy,
    Compare,
    Cross,
    IndicatorRef,
    Rule,
    Side,
    walk,
)
from Backtest.diagnostics import load_canonical
from Backtest.errors import Diagnostic, StrategyError, TooLarge
from Backtest.indicators import Style
from Backtest.instruments import CRYPTO_UNIT, TradingDays, asset_class, is_crypto, trading_days
from Backtest.timeframes import Timeframe, in_words, is_intraday
from Strategy.assembly import LEVELS, assemble, in_words_of, rules_of, used_indicators
from Strategy.chart_frames import note_mixed_frames
from Strategy.cursor import Cursor, tangled
from Strategy.draft import Assumption, Draft
from Strategy.leftovers import leftover, mentions
from Strategy.lexer import MAX_LENGTH, Token, tokenize
from Strategy.outside import outside
from Strategy.own_symbols import as_tickers
from Strategy.readings import Reading, readings
from Strategy.risk_grammar import LEAST_SHARE, settle_lots
from Strategy.settings_grammar import settle_spread
from Strategy.statements import Statements
from Strategy.strategy_timeframe import strategy_timeframe
from Strategy.words import (
    COMPANIES,
    Table,
    comparing,
    corrector,
    indicator_words,
    layouts,
    moving,
    orders,
    prices,
    protection,
    refused,
    small,
    tickers,
    trie,
    vocabulary,
)
from Strategy.words.tickers import ACRONYMS, BEHIND_SYMBOLS, STRESSED, SYMBOLS_AND_WORDS


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
    return _parsed(text, name, timeframe, symbols, symbol, exact=is_notation(text))


def is_notation(text: str) -> bool:
    """Whether a text is in the notation of `describe()`, which begins "Trade GOOG on daily bars." on a line of its own."""
    return text.lstrip().startswith("Trade ") and " bars.\n" in text[:400]


def parse_notation(text: str, *, name: str = "") -> ParseResult:
    """Read what `CanonicalStrategy.describe()` writes, in which every number is meant as it stands and nothing is asked about.

    Raises:
        TooLarge: the text is longer than 10,000 characters.
        StrategyError: it does not begin as the notation does, or is nested too deeply.
    """
    if not is_notation(text):
        raise StrategyError(
            "This is not the notation of a strategy: its first line says what is traded on which bars",
            suggestions=["Begin with a line such as: Trade GOOG on daily bars."],
        )
    return _parsed(text, name, "1d", (), "", exact=True)


def _parsed(
    text: str, name: str, timeframe: Timeframe, symbols: Collection[str], symbol: str, *, exact: bool
) -> ParseResult:
    if len(text) > MAX_LENGTH:
        raise TooLarge(f"The text has {len(text)} characters, at most {MAX_LENGTH} are read: shorten it")
    try:
        return _read(text, name, timeframe, symbols, symbol, exact=exact)
    except RecursionError:
        raise tangled() from None


def _read(
    text: str, name: str, timeframe: Timeframe, symbols: Collection[str], symbol: str, *, exact: bool
) -> ParseResult:
    tokens = as_tickers(text, _tickers(text, tokenize(text, corrector())), symbols)
    bars = strategy_timeframe(tokens) or timeframe
    draft = Draft(timeframe=bars, exact=exact, days=_trading_days(tokens, symbol), traded=symbol)
    tokens = _bounded(text, tokens, draft)
    if strategy_timeframe(tokens) is None:
        draft.assume("timeframe", f"{in_words(timeframe).capitalize()} bars", field="timeframe")
    _note_corrections(text, tokens, draft)
    if exact:
        said = "The text is in the notation in which strategies are written out: every number is meant as it stands"
        draft.assume("notation", said, "everyday English")
    else:
        _ask_of_words_in_capitals(text, tokens, draft)
        tokens = outside(text, _prices_of_symbols(tokens, draft), draft)
    cursor = Cursor(tokens, draft)
    Statements(cursor, draft).read()
    _symbols_of_rules(draft)
    left = leftover(text, tokens, cursor, draft)
    _levels_of_one_side(tokens, draft)
    try:
        assemble(draft)
    except ValidationError as error:
        draft.out_of_bounds(error)
    _wrong_sides(draft)
    _shares_of_entry(draft)
    return _result(text, tokens, cursor, draft, left, name)


def _wrong_sides(draft: Draft) -> None:
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


def _shares_of_entry(draft: Draft) -> None:
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


def _levels_of_one_side(tokens: list[Token], draft: Draft) -> None:
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


def _trading_days(tokens: list[Token], symbol: str) -> TradingDays | None:
    """Return how long all symbols of a text trade, or the one it is run on; None where they differ or nobody knows."""
    named = [COMPANIES.get(t.norm, t.norm) for t in tokens if t.kind == "ticker" or t.norm in COMPANIES]
    found = {trading_days(one) for one in ([symbol] if symbol else named)}
    return found.pop() if len(found) == 1 else None


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


def _prices_of_symbols(tokens: list[Token], draft: Draft) -> list[Token]:
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


def _symbols_of_rules(draft: Draft) -> None:
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


def _ask_of_words_in_capitals(text: str, tokens: list[Token], draft: Draft) -> None:
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
    if not draft.exact:
        note_mixed_frames(draft, (r.when for r in (*entries, *exits)))
    _said_twice(draft)
    settle_spread(draft)
    settle_lots(draft)
    _missing(draft, entries, tokens)
    _defaults(draft)
    data: dict[str, Any] = {
        "strategy_name": name or _title(text, draft) or strategy_name(draft, entries),
        "description": text,
        "classification": {"type": _classify(entries, draft), "risk_tier": _risk_tier(draft)},
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
        if problem.severity == "error" and (question := _question(problem)):
            draft.ask(question)
    spans = _spans(text, tokens, cursor)
    two_ways: tuple[Reading, ...] = ()
    if loaded is not None and loaded.strategy is not None and not draft.exact:
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


_QUESTIONS = {
    "no_exit": "When should the position be closed?",
    "entry_is_exit": "By what do entry and exit differ?",
    "time_of_day": "On which intraday bars, such as 5m or 1h, shall it trade?",
    "threshold_range": "Which level, within the indicator's range, is meant?",
    "session_of_one_bar": "Over how many bars shall VWAP go, or on which bars finer than a day shall it trade?",
    "period": "Which period should the indicator have?",
    "stop_range": "How far from the entry, in percent below 100, should the stop be?",
    "target_range": "How far from the entry should the target be?",
}


def _question(problem: Diagnostic) -> str:
    """Return what to ask about an error; words that were not understood are asked about already."""
    if problem.field == "text" or problem.code in ("no_entry", "no_opposite", "contradiction"):
        return ""
    if problem.code in ("unsatisfiable", "always_true", "only_numbers"):
        return f"{problem.message}. What was meant?"
    known = _QUESTIONS.get(problem.code)
    if known:
        return known
    if "risk_percent needs" in problem.message or "risk_reward needs" in problem.message:
        return "Where should the stop loss be?"
    return _in_plain_words(problem) or f"What should it be instead? {problem.message}"


_SETTINGS = {
    "risk.position_size": "position size", "risk.stop_loss": "stop loss", "risk.take_profit": "target", "risk.trailing_stop": "trailing stop",
    "risk.max_bars": "time limit, in bars,", "risk.cooldown_bars": "pause after an exit, in bars,", "execution.cash": "starting cash",
    "execution.commission": "commission", "execution.commission_fixed": "commission", "execution.spread": "spread", "execution.margin": "margin",
}  # fmt: skip
_BOUNDS = {
    "less than or equal to": "at most", "greater than or equal to": "at least", "less than": "less than", "greater than": "more than",
}  # fmt: skip


def _in_plain_words(problem: Diagnostic) -> str:
    """Return the question about a number beyond its bounds, or a time frame too fine, in a trader's words."""
    frames = re.search(r"time frame (\S+) is not coarser than the strategy's (\S+)", problem.message)
    if frames is not None:
        fine, own = (in_words(frame) for frame in frames.groups())
        return f"The strategy trades on {own} bars, where nothing can be told of {fine} bars. On which bars shall it trade?"
    bound = re.search(rf"Input should be ({'|'.join(_BOUNDS)}) (\S+?)(?:, got (\S+))?$", problem.message)
    name = next((words for field, words in _SETTINGS.items() if problem.field.startswith(field)), None)
    if bound is None or name is None:
        return ""
    share = 100 if problem.field in ("execution.commission", "execution.spread", "execution.margin") else 1
    limit, given = float(bound[2]) * share, bound[3]
    levels = ("position size", "stop loss", "target", "trailing stop")
    percent = "%" if share == 100 or (name in levels and "value" in problem.field) else ""
    instead = f", not {float(given) * share:g}{percent}" if given else ""
    return f"The {name} must be {_BOUNDS[bound[1]]} {limit:g}{percent}{instead}. What shall it be?"


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


def _title(text: str, draft: Draft) -> str:
    return text[draft.title[0] : draft.title[1]][:80] if draft.title else ""


def strategy_name(draft: Draft, entries: list[Rule]) -> str:
    """Return a short name made of the indicators and symbols, such as "RSI 14 AAPL"."""
    ids = list(dict.fromkeys(n.id for r in entries for n in walk(r.when) if isinstance(n, IndicatorRef)))
    words = [re.sub(r"[^A-Za-z0-9]+", " ", i).strip() for i in ids[:3]] or ["Price"]
    kinds = {"cross" for r in entries for n in walk(r.when) if isinstance(n, Cross)}
    return " ".join([*words, *kinds, *draft.symbols[:1]])[:80]


def _classify(entries: list[Rule], draft: Draft) -> str:
    used = [draft.indicators[n.id].entry for r in entries for n in walk(r.when) if isinstance(n, IndicatorRef)]
    falls = any(
        isinstance(n, Compare) and n.op in ("<", "<=") for r in entries if r.side == "long" for n in walk(r.when)
    )
    styles = [style for entry in used for style in entry.styles]
    order: tuple[Style, ...] = ("breakout", "mean-reversion", "trend-following", "momentum")
    return next((style for style in order if style in styles and (falls or style != "mean-reversion")), "other")


def _risk_tier(draft: Draft) -> str:
    stopped = "stop_loss" in draft.risk or "trailing_stop" in draft.risk
    margin = draft.execution.get("margin", 1.0)
    if margin < 0.5 or not stopped:
        return "high"
    size = draft.risk.get("position_size", {})
    small = size.get("type") == "risk_percent" or (size.get("type") == "percent_of_equity" and size["value"] <= 25)
    return "low" if small else "medium"
