"""The words of the notation. A word is always the same token, wherever it stands; what stands behind an indicator's name may be one of its outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, ClassVar

from lark import Token
from lark.exceptions import UnexpectedCharacters
from lark.lexer import Lexer

from Backtest.canonical import WEEKDAYS
from Backtest.indicators import REGISTRY
from Backtest.market import TIMEFRAMES, in_words

# Terminals with a value; all other words and signs are keywords, each a terminal of its own.
VALUES = ("NUMBER", "MONEY", "CLOCK", "DAYS", "NAME", "ID", "TIMEFRAME", "SYMBOL", "INDICATOR", "OUTPUT", "ZONE")
SIGNS = {"%": "PERCENT", ":": "COLON", ",": "COMMA", "(": "OPEN", ")": "SHUT", "+": "PLUS", "-": "MINUS", "*": "STAR", "/": "SLASH", "'s": "S"}  # fmt: skip
END = "END"
NAMES = {entry.called or name: name for name, entry in REGISTRY.items()}  # as an indicator is printed
FRAMES = {in_words(timeframe): timeframe for timeframe in TIMEFRAMES}


def keyword(word: str) -> str:
    """Return the terminal of a word or sign, `_K_` and what it is; Lark leaves terminals that begin with `_` out of trees."""
    return f"_K_{SIGNS.get(word) or re.sub(r'[^A-Za-z0-9]', lambda m: f'_{ord(m[0])}_', word)}".upper() + (
        "" if word.isupper() or not word.isalpha() else f"_{sum(1 << i for i, c in enumerate(word) if c.isupper())}"
    )


def words_of(literal: str) -> list[str]:
    """Return the words and signs of a piece of a phrase: `ATR(` is `ATR`, `(`."""
    return re.findall(r"[A-Za-z][\w-]*(?:\(s\))?|'s|[%:,()+*/-]", literal)


def _joined(words: Any) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_DAY = "|".join(WEEKDAYS.values())
_TOKEN = re.compile(
    rf"""
    (?P<space>[ \t]+) | (?P<END>\.?[ \t]*(?:\n\s*|\Z))
  | (?P<TIMEFRAME>(?:{_joined(FRAMES)})(?![\w-])) | (?P<CLOCK>\d\d:\d\d)(?!\d)
  | \$(?P<MONEY>\d[\d,]*(?:\.\d+)?) | (?P<NUMBER>-?\d+(?:\.\d+)?)
  | "(?P<NAME>[^"\n]*)" | `(?P<ID>[^`\n]*)`
  | (?P<INDICATOR>(?:{_joined(NAMES)})(?!\w)) | (?P<DAYS>(?:{_DAY})(?:\ or\ (?:{_DAY}))*)
  | (?P<word>'s|[A-Za-z][\w/+-]*|[%:,()+*/-])
    """,
    re.VERBOSE,
)
_SYMBOL = re.compile(r"(?=[0-9.^=_!-]*[A-Z])[A-Z0-9^](?:[A-Z0-9^=_!-]|\.(?=[A-Z0-9]))*(?=[, ).\n]|\Z)")


@cache
def _outputs(name: str) -> re.Pattern[str] | None:
    outputs = REGISTRY[NAMES[name]].outputs
    words = (output.name.replace("_", " ") for output in outputs)
    return re.compile(rf" (?:{_joined(words)})(?!\w)") if len(outputs) > 1 else None


@cache
def _any_output() -> re.Pattern[str]:
    """Return the outputs of all indicators, one of which may stand behind an indicator's id."""
    words = {o.name.replace("_", " ") for entry in REGISTRY.values() if len(entry.outputs) > 1 for o in entry.outputs}
    return re.compile(rf" (?:{_joined(words)})(?!\w)")


class NotationLexer(Lexer):
    """Splits a text into the terminals of the grammar. A word that is in no phrase is a ZONE, the name of a time zone."""

    keywords: ClassVar[frozenset[str]]  # the terminals of words and signs

    def __init__(self, conf: Any) -> None:
        """Lark makes the lexer, with settings that it has no use for."""

    def lex(self, data: str) -> Iterator[Token]:  # type: ignore[override]
        """Yield the tokens. UnexpectedCharacters where there is no word."""
        at, traded, named, before = 0, False, False, ""
        text = str(data)
        pending: re.Pattern[str] | None = (
            None  # the outputs of the indicator whose name, or parameters, have just been read
        )
        depth = 0
        while at < len(text):
            if pending is not None and depth == 0 and text[at : at + 1] != "(":
                output = pending.match(text, at)
                pending = None
                if output:
                    yield self._token("OUTPUT", output[0][1:], at)
                    at = output.end()
                    continue
            if traded and (symbol := _SYMBOL.match(text, at)):
                yield self._token("SYMBOL", symbol[0], at)
                at = symbol.end()
                continue
            found = _TOKEN.match(text, at)
            known = found is not None and found.lastgroup in ("INDICATOR", "space")
            if named and not known and (symbol := _SYMBOL.match(text, at)):
                yield self._token("SYMBOL", symbol[0], at)
                at, named = symbol.end(), False
                continue
            if found is None or found.end() == at:
                if found is not None and at == len(text):
                    break
                raise UnexpectedCharacters(text, at, 1, at + 1)  # type: ignore[no-untyped-call]
            kind, value = str(found.lastgroup), found[found.lastgroup or 0]
            if kind == "word":
                depth += (value == "(") - (value == ")") if pending is not None else 0
                traded = value == "Trade" or (traded and value == ",")
                named = value == "of" or (value == "in" and before == ",")  # a symbol may stand behind it
                before = value
                terminal = keyword(value)
                yield self._token(terminal if terminal in self.keywords else "ZONE", value, at)
            elif kind != "space":
                named = False
                if kind in ("INDICATOR", "ID"):
                    pending, depth = _outputs(value) if kind == "INDICATOR" else _any_output(), 0
                yield self._token(kind, value, at)
            at = found.end()
        if not text.endswith("\n") and not text.rstrip().endswith("."):
            yield self._token(END, "", at)

    @staticmethod
    def _token(kind: str, value: str, at: int) -> Token:
        return Token(kind, value, start_pos=at)
