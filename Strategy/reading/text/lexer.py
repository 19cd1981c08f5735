"""Text → tokens that remember where they stand in the text.

Words are lower-cased, hyphens between words dropped, numbers in words and percent signs folded
into number tokens, and near misses of known words corrected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from Backtest.errors import StrategyError
from Backtest.market import SYMBOL_FORMS
from Strategy.words import numbers
from Strategy.words.spelling import Corrector

Kind = Literal["word", "num", "sym", "clock", "tf", "ticker", "nl"]

MAX_LENGTH = 10_000


DEEPEST = 100  # brackets within brackets; what can be read has fewer than a tenth of it


def tangled() -> StrategyError:
    """Return the error for a text whose reading takes too many steps, or is nested too deeply."""
    return StrategyError(
        "The text is too tangled to be read",
        suggestions=["Shorten it to the rules: when to buy, when to sell, stop and size"],
        questions=["When exactly should it buy, and when should it sell?"],
    )


@dataclass(frozen=True)
class Token:
    """A piece of text. `norm` is what the grammar sees; `start` and `end` are offsets in the text."""

    kind: Kind
    norm: str
    start: int
    end: int
    value: float = 0.0
    percent: bool = False
    money: bool = False
    attached: bool = False


_FOLD = str.maketrans("“”‘’–—−×\u00a0\t\r", "\"\"''---x   ")
_SCAN = re.compile(
    rf"""
    (?P<clock>\d{{1,2}}:\d{{2}}(?:\s*[aApP]\.?[mM]\b\.?)?|\d{{1,2}}\s*(?:[aApP][mM]\b|[aApP]\.[mM]\.))
  | (?P<arrow>-+>|→|⇒|=+>(?=\s*[A-Za-z]))
  | (?P<di>[+-][Dd][Ii]\b|\b[Dd][Ii][+-](?!\w)|%[KDRBkdrb]\b|\b[RSrs][123]\b)
  | (?P<tf>\b(?:M1|M5|M15|M30|H1|H4|D1|W1|MN)\b)
  | (?P<ticker>\$[A-Z]{{1,5}}\b|{SYMBOL_FORMS})
  | (?P<zone>\b(?:America|Europe|Asia|Australia|Africa|Pacific|Atlantic|Etc)/[A-Z][A-Za-z_+-]+\b|\bUTC\b|\bGMT\b)
  | (?P<num>(?:\$\s?)?(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+)(?:\.\d+)?|(?:\$\s?)?\.\d+)(?P<suffix>[kKmM](?![A-Za-z]))?
  | (?P<times>(?<=\d)x(?=[A-Za-z]))
  | (?P<word>[A-Za-z]+(?:_[A-Za-z]+)*(?:'[a-z]+)?)
  | (?P<sym>&&|\|\||<=|>=|==|=<|=>|!=|[<>=≤≥≠+*/():;,.!?&|%-])
  | (?P<nl>\n)
    """,
    re.VERBOSE,
)
_SYMBOLS = {
    "≤": "<=",
    "=<": "<=",
    "≥": ">=",
    "=>": ">=",
    "≠": "!=",
    "==": "=",
    "&": "and",
    "&&": "and",
    "|": "or",
    "||": "or",
}
_TIMEFRAMES = {
    "M1": "1m", "M5": "5m", "M15": "15m", "M30": "30m", "H1": "1h", "H4": "4h", "D1": "1d", "W1": "1wk", "MN": "1mo",
}  # fmt: skip
_MINUTES = ("1", "2", "3", "5", "10", "15", "30")
_CLAUSE_MARKS = (",", ".", ";", ")", "!", "?")
_DIRECTIONAL = {"+DI": "plus_di", "-DI": "minus_di", "DI+": "plus_di", "DI-": "minus_di"}


def tokenize(text: str, corrector: Corrector) -> list[Token]:
    """Split text into tokens. Characters outside the grammar become `sym` tokens of their own."""
    plain = re.sub(r"\*\*|__|```", lambda found: " " * len(found[0]), text)  # Markdown's bold
    tokens = list(_scan(plain.translate(_FOLD), corrector))
    return _fold_numbers(tokens)


def _scan(text: str, corrector: Corrector) -> Iterable[Token]:
    position, depth, previous_end, last = 0, 0, -1, ""
    while position < len(text):
        match = _SCAN.match(text, position)
        if match is None:
            if not text[position].isspace() and text[position] not in "'\"`*_>~":
                yield Token("sym", text[position], position, position + 1)
            position += 1
            continue
        start, end = match.span()
        kind, attached = str(match.lastgroup), start == previous_end
        if kind == "suffix":
            kind = "num"
        raw = match.group()
        if kind == "num":
            number = match.group("num")
            if depth and "," in number and "$" not in number:
                end = start + number.index(",")
                number = number[: number.index(",")]
                yield Token("num", number, start, end, float(number), attached=attached)
            else:
                suffix = match.group("suffix") or ""
                if suffix == "m" and number in _MINUTES and last not in numbers.BEFORE_AMOUNTS:
                    # "on 5m bars" is a time frame, "volume above 5m" an amount.
                    yield Token("num", number, start, end - 1, float(number), attached=attached)
                    yield Token("word", "m", end - 1, end, attached=True)
                    last, previous_end, position = "m", end, end
                    continue
                scale = {"k": 1e3, "m": 1e6}.get(suffix.lower(), 1.0)
                value = float(number.replace("$", "").replace(",", "").strip()) * scale
                yield Token("num", raw, start, end, value, money="$" in number, attached=attached)
        elif kind == "word":
            word = raw.lower()
            yield Token("word", corrector.correct(word, raw), start, end, attached=attached)
        elif kind == "times":
            yield Token("word", "x", start, end, attached=True)
        elif kind == "arrow":
            yield Token("word", "then", start, end)
        elif kind == "clock":
            yield Token("clock", _clock(raw), start, end)
        elif kind == "di":
            yield Token("word", _DIRECTIONAL.get(raw.upper(), raw.lower()), start, end)
        elif kind == "tf":
            yield Token("tf", _TIMEFRAMES[raw], start, end)
        elif kind == "ticker":
            name = raw.removeprefix("$").replace("/", "")
            # "EURUSD=X" is EURUSD; "JPY=X" has no other name.
            yield Token("ticker", name.removesuffix("=X") if len(name) > 6 else name, start, end)
        elif kind == "zone":
            yield Token("word", raw, start, end)
        elif kind == "nl":
            yield Token("nl", "\n", start, end)
        else:
            symbol = _SYMBOLS.get(raw, raw)
            depth += {"(": 1, ")": -1}.get(symbol, 0)
            depth = max(depth, 0)
            if depth > DEEPEST:
                raise tangled()
            hyphen = symbol == "-" and attached and text[end : end + 1].isalnum() and text[start - 1 : start].isalnum()
            if not hyphen:
                yield Token("word" if symbol in ("and", "or") else "sym", symbol, start, end, attached=attached)
            last = symbol
            previous_end = end
            position = end
            continue
        last = raw.lower()
        previous_end = end
        position = end


def _clock(raw: str) -> str:
    """Return a time of day as 24 hours: "9:30 a.m." is 09:30, "4pm" 16:00."""
    lower = raw.lower().replace(".", "").replace(" ", "")
    half = lower[-2:] if lower.endswith(("am", "pm")) else ""
    hours, _, minutes = lower.removesuffix(half).partition(":")
    hour = int(hours) % 12 + (12 if half == "pm" else 0) if half else int(hours)
    return f"{hour:02d}:{int(minutes or 0):02d}"


def _fold_numbers(tokens: list[Token]) -> list[Token]:
    """Join numbers in words, signs and percent marks with their numbers."""
    result: list[Token] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if (
            token.kind == "word"
            and (token.norm in numbers.UNITS or token.norm in numbers.TENS)
            and not _counts_the_named(tokens, i)
        ):
            token, i = _number_words(tokens, i)
        else:
            i += 1
        if token.kind == "num":
            if i < len(tokens) and tokens[i].norm in numbers.SCALES and not token.percent:
                scaled = token.value * numbers.SCALES[tokens[i].norm]
                token = Token("num", token.norm, token.start, tokens[i].end, scaled, money=token.money)
                i += 1
            if i < len(tokens) and tokens[i].norm in numbers.DOLLARS:
                token = replace(token, money=True, end=tokens[i].end)
                i += 1
            if result and result[-1].norm == "-" and result[-1].end == token.start and _may_be_negative(result):
                sign = result.pop()
                token = Token("num", f"-{token.norm}", sign.start, token.end, -token.value, money=token.money)
            count, divisor = _percent_behind(tokens, i)
            if count:
                end, money = tokens[i + count - 1].end, token.money and divisor == 1
                token = Token("num", token.norm, token.start, end, token.value / divisor, True, money)
                i += count
        result.append(token)
    return result


def _percent_behind(tokens: list[Token], i: int) -> tuple[int, int]:
    """Return how many tokens make a percentage of the number before them, and how many of its units are a percent."""
    said = [token.norm for token in tokens[i : i + 2]]
    for words, divisor in ((numbers.PERCENT, 1), (numbers.BASIS_POINTS, 100)):
        if " ".join(said) in words and len(said) == 2:
            return 2, divisor
        if said and said[0] in words and not _names_one(tokens, i):
            return 1, divisor
    return 0, 1


def _counts_the_named(tokens: list[Token], i: int) -> bool:
    """Whether a number word counts what was named: "one of them", "the two averages", "the slower one"."""
    after = [t.norm for t in tokens[i + 1 : i + 3]] + ["", ""]
    before = tokens[i - 1].norm if i else ""
    if after[0] in numbers.OF and after[1] in numbers.NAMED_BEFORE:
        return True
    if tokens[i].norm in numbers.COUNTING and (after[0] in numbers.PLURALS or " ".join(after[:2]) in numbers.PLURALS):
        return True
    if tokens[i].norm not in numbers.ONE:
        return False
    if after[0] in numbers.OR and after[1] in numbers.BOTH_OR_THE:
        return True
    return before in numbers.ADJECTIVES and (
        i + 1 == len(tokens)
        or tokens[i + 1].kind == "nl"
        or after[0] in _CLAUSE_MARKS
        or after[0] in numbers.CLAUSE_ENDS
    )


def _names_one(tokens: list[Token], i: int) -> bool:
    """Whether "percent" begins an indicator's name, as in "20 percent b" and "50 percent rank"."""
    return f"{tokens[i].norm} {tokens[i + 1].norm}" in numbers.PERCENT_NAMES if i + 1 < len(tokens) else False


def _may_be_negative(before: list[Token]) -> bool:
    """A minus is a sign unless a value stands right before it."""
    if len(before) < 2:
        return True
    previous = before[-2]
    return not (previous.kind == "num" or previous.norm == ")") or previous.end < before[-1].start


def _number_words(tokens: list[Token], i: int) -> tuple[Token, int]:
    """Return the number that words from a token on say, "two hundred fifty", and the token behind them."""
    start, total, current = tokens[i].start, 0, 0
    end, first = tokens[i].end, i
    while i < len(tokens) and tokens[i].kind == "word":
        word = tokens[i].norm
        if word in numbers.UNITS and (i == first or current % 10 == 0):
            current += numbers.UNITS[word]
        elif word in numbers.TENS and current % 100 == 0:
            current += numbers.TENS[word]
        elif word in numbers.HUNDRED and i > first and current:
            current *= 100
        elif word in numbers.THOUSAND and i > first and current:
            total, current = total + current * 1000, 0
        else:
            break
        end = tokens[i].end
        i += 1
    value = float(total + current)
    return Token("num", f"{value:g}", start, end, value), i
