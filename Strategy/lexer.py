"""Text → tokens that remember where they stand in the text.

Words are lower-cased, hyphens between words dropped, numbers in words and percent signs folded
into number tokens, and near misses of known words corrected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from Backtest.instruments import SYMBOL_FORMS
from Strategy.spelling import Corrector

Kind = Literal["word", "num", "sym", "clock", "tf", "ticker", "nl"]

MAX_LENGTH = 10_000


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
_BEFORE_AMOUNTS = ("<", ">", "<=", ">=", "above", "over", "than", "least", "below", "under", "exceeds", "of", "$")
_DIRECTIONAL = {"+DI": "plus_di", "-DI": "minus_di", "DI+": "plus_di", "DI-": "minus_di"}
_UNITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SCALES = {"thousand": 1e3, "million": 1e6, "mio": 1e6, "billion": 1e9}
# A number word between these counts what was named before; it is no level and no period.
_NAMED_BEFORE = ("them", "these", "those", "the", "my", "both")
_PLURALS = ("averages", "lines", "emas", "smas", "mas", "bands", "levels", "indicators")
_ADJECTIVES = (
    "first", "second", "third", "other", "another", "either", "neither", "each", "any", "every", "this", "that", "which", "same", "slow", "slower", "slowest",
    "fast", "faster", "fastest", "short", "shorter", "long", "longer", "upper", "lower", "middle", "higher", "bigger", "smaller", "latter", "former",
    "daily", "weekly", "monthly", "hourly", "at least", "red", "green", "white", "black", "bullish", "bearish", "up", "down",
)  # fmt: skip
_CLAUSE_ENDS = (
    ",",
    ".",
    ";",
    ")",
    "!",
    "?",
    "and",
    "or",
    "then",
    "is",
    "are",
    "crosses",
    "of",
    "on",
    "rises",
    "falls",
    "turns",
    "by",
)
_PERCENT_WORDS = ("percent", "pct", "percents")


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
                if suffix == "m" and number in _MINUTES and last not in _BEFORE_AMOUNTS:
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
        if token.kind == "word" and (token.norm in _UNITS or token.norm in _TENS) and not _counts_the_named(tokens, i):
            token, i = _number_words(tokens, i)
        else:
            i += 1
        if token.kind == "num":
            if i < len(tokens) and tokens[i].norm in _SCALES and not token.percent:
                scaled = token.value * _SCALES[tokens[i].norm]
                token = Token("num", token.norm, token.start, tokens[i].end, scaled, money=token.money)
                i += 1
            if i < len(tokens) and tokens[i].norm in ("dollars", "usd", "usdt", "usdc", "bucks"):
                token = replace(token, money=True, end=tokens[i].end)
                i += 1
            if result and result[-1].norm == "-" and result[-1].end == token.start and _may_be_negative(result):
                sign = result.pop()
                token = Token("num", f"-{token.norm}", sign.start, token.end, -token.value, money=token.money)
            if (
                i < len(tokens)
                and (tokens[i].norm == "%" or tokens[i].norm in _PERCENT_WORDS)
                and not _names_one(tokens, i)
            ):
                token = Token("num", token.norm, token.start, tokens[i].end, token.value, True, token.money)
                i += 1
            elif i < len(tokens) and tokens[i].norm in ("bps", "bp"):
                token = Token("num", token.norm, token.start, tokens[i].end, token.value / 100, True)
                i += 1
            elif i + 1 < len(tokens) and tokens[i].norm == "basis" and tokens[i + 1].norm in ("points", "point"):
                token = Token("num", token.norm, token.start, tokens[i + 1].end, token.value / 100, True)
                i += 2
            elif i + 1 < len(tokens) and (tokens[i].norm, tokens[i + 1].norm) == ("per", "cent"):
                token = Token("num", token.norm, token.start, tokens[i + 1].end, token.value, True, token.money)
                i += 2
        result.append(token)
    return result


def _counts_the_named(tokens: list[Token], i: int) -> bool:
    """Whether a number word counts what was named: "one of them", "the two averages", "the slower one"."""
    after = [t.norm for t in tokens[i + 1 : i + 3]] + ["", ""]
    before = tokens[i - 1].norm if i else ""
    if after[0] == "of" and after[1] in _NAMED_BEFORE:
        return True
    if tokens[i].norm in ("two", "three") and (after[0] in _PLURALS or after[:2] == ["moving", "averages"]):
        return True
    if tokens[i].norm != "one":
        return False
    if after[0] == "or" and after[1] in ("the", "both"):
        return True
    return before in _ADJECTIVES and (i + 1 == len(tokens) or tokens[i + 1].kind == "nl" or after[0] in _CLAUSE_ENDS)


def _names_one(tokens: list[Token], i: int) -> bool:
    """Whether "percent" begins an indicator's name, as in "20 percent b" and "50 percent rank"."""
    return tokens[i].norm == "percent" and i + 1 < len(tokens) and tokens[i + 1].norm in ("b", "rank")


def _may_be_negative(before: list[Token]) -> bool:
    """A minus is a sign unless a value stands right before it."""
    if len(before) < 2:
        return True
    previous = before[-2]
    return not (previous.kind == "num" or previous.norm == ")") or previous.end < before[-1].start


def _number_words(tokens: list[Token], i: int) -> tuple[Token, int]:
    start, total, current = tokens[i].start, 0, 0
    end, first = tokens[i].end, i
    while i < len(tokens) and tokens[i].kind == "word":
        word = tokens[i].norm
        if word in _UNITS and (i == first or current % 10 == 0):
            current += _UNITS[word]
        elif word in _TENS and current % 100 == 0:
            current += _TENS[word]
        elif word == "hundred" and i > first and current:
            current *= 100
        elif word == "thousand" and i > first and current:
            total, current = total + current * 1000, 0
        else:
            break
        end = tokens[i].end
        i += 1
    value = float(total + current)
    return Token("num", f"{value:g}", start, end, value), i
