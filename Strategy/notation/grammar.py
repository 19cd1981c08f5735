"""The grammar of the notation, made of the phrases of the classes that it says (Backtest/meaning/phrases.py).

Each phrase becomes productions, one for each choice of the parts that may be left out, and a production becomes a dictionary of the fields it says.
What is not said by a phrase of a class, such as lists of conditions and indicators, has its production here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from lark import Lark

from Backtest.canonical import (
    CONDITIONS,
    EXECUTION_LINES,
    LEVELS,
    ORDERS,
    RISK_LINES,
    SIZES,
    Add,
    BarsSince,
    BreakEven,
    EntryRule,
    Execution,
    ExitRule,
    Math,
    PositionRef,
    Price,
    ProfitRow,
    Risk,
    Stop,
    Target,
    TargetReached,
    Ticks,
    Value,
    ValueWhen,
)
from Backtest.indicators import REGISTRY
from Backtest.meaning.phrases import Literal, Part, Said, Slot, parsed
from Strategy.notation.lexer import VALUES, NotationLexer, keyword, words_of

# The symbol of each kind of field; a choice has one of its own.
KINDS = {
    "operand": "operand", "condition": "condition", "inner": "inner", "level": "level", "distance": "level", "size": "size",
    "order": "order", "number": "NUMBER", "int": "NUMBER", "percent": "NUMBER", "money": "MONEY", "name": "NAME", "names": "names",
}  # fmt: skip
# Fields of sentences whose value is a part of a kind of its own.
PARTS: dict[str, type[Any]] = {
    "stops": Stop, "targets": Target, "profit_table": ProfitRow, "adds": Add, "break_even": BreakEven,
}  # fmt: skip
SIZE_LINE, CASH_LINE = "Position size: {position_size:size}", "Start with {cash:money} in cash"

# What no class's phrase says: what is traded, lists, clocks, functions of several operands, indicators.
_OWN = """
start: sentence+
?sentence: trade END | let END | entryrule END -> entry | own_risk END | exitrule END -> exit | risk END -> whole_risk | execution END
trade: {Trade} [SYMBOL ({,} SYMBOL)*] {on} TIMEFRAME {bars}
let: {Let} ID {be} indicator | {Let} ID {be} {the} {series} operand [{,} {in} symbol] [{,} {on} TIMEFRAME {bars}] -> series
?symbol: SYMBOL | NAME
own_risk: {For} {entry} NUMBER {:} risk
names: NAME ({and} NAME)*
inner: {(} condition {)}
?condition: bare | windowed | and_list | or_list
and_list: item ({and} item)+
or_list: item ({or} item)+
?item: bare | {(} condition {)}
time: {the} {bar} {falls} [{on} DAYS] [{between} CLOCK {and} CLOCK] [{in} ZONE {time}]
function: function_name {(} operand ({,} operand)* {)}
function_name: {min} -> min | {max} -> max | {abs} -> abs
?operand: reference | function | price | value | math | ticks | positionref | barssince | valuewhen
reference: indicator [NUMBER ({bar} | {bars}) {ago}]
indicator: named [{on} TIMEFRAME {bars}]
named: INDICATOR [{(} NUMBER ({,} NUMBER)* {)}] [OUTPUT] [{in} ZONE {time}] [{of} source] [{of} symbol] | ID [OUTPUT] -> by_id
?source: named | column
column: price_word
"""


@dataclass(frozen=True)
class Production:
    """What a production says: its class, or None for a sentence about `field`s of a whole; the fields of its values in order, and what it sets."""

    kind: type[Any] | None
    slots: tuple[Slot, ...]
    flags: tuple[str, ...]
    names: tuple[str, ...]  # of the indicators that its words contain, as ATR in "2 times ATR(14)"


class Grammar:
    """The grammar, and what its productions and choices stand for by their names."""

    def __init__(self) -> None:
        self.productions: dict[str, Production] = {}
        self.choices: dict[str, Any] = {}
        self._choice_rules: dict[tuple[Any, ...], str] = {}
        self._rules: list[str] = []
        self._words: set[str] = set()
        self._write()
        declared = " ".join([*VALUES, "END", *sorted({keyword(word) for word in self._words})])
        text = "\n".join([*self._rules, f"%declare {declared}"])
        lexer = type("Lexer", (NotationLexer,), {"keywords": frozenset(map(keyword, self._words))})
        self.lark = Lark(text, parser="lalr", lexer=lexer, maybe_placeholders=True)

    def _write(self) -> None:
        own = _OWN
        for word in set(re.findall(r"\{([^{} ]+)\}", own)):
            own = own.replace(f"{{{word}}}", self._word(word))
        self._rules.append(own.replace("price_word", self._choice(Price.words["column"])))
        self._classes("bare", [c for c in CONDITIONS if c.phrases and not c.in_brackets], ["time"])
        self._classes("windowed", [c for c in CONDITIONS if c.phrases and c.in_brackets])
        self._classes("level", [*LEVELS, TargetReached])
        self._classes("size", SIZES)
        self._classes("order", ORDERS)
        said: tuple[type[Said], ...] = (
            Price,
            Value,
            Math,
            Ticks,
            PositionRef,
            BarsSince,
            ValueWhen,
            EntryRule,
            ExitRule,
            *PARTS.values(),
        )
        for kind in said:
            self._class(kind)
        self._lines("risk", Risk, (*RISK_LINES, SIZE_LINE))
        self._lines("execution", Execution, (*EXECUTION_LINES, CASH_LINE))

    def _classes(self, name: str, kinds: list[Any], more: list[str] | None = None) -> None:
        for kind in kinds:
            self._class(kind)
        self._rules.append(f"?{name}: {' | '.join([*(kind.__name__.lower() for kind in kinds), *(more or [])])}")

    def _class(self, kind: type[Said]) -> None:
        found = [one for phrase in kind.phrases for one in self._productions(kind, kind, phrase)]
        self._rules.append(f"{kind.__name__.lower()}: {' | '.join(found)}")

    def _lines(self, name: str, kind: type[Said], phrases: tuple[str, ...]) -> None:
        found = [one for phrase in phrases for one in self._productions(kind, None, phrase)]
        self._rules.append(f"{name}: {' | '.join(found)}")

    def _productions(self, owner: type[Said], kind: type[Any] | None, phrase: str) -> Iterator[str]:
        for parts, flags in _alternatives(parsed(phrase)):
            if not parts:
                continue
            symbols: list[str] = []
            names: list[str] = []
            for part in parts:
                if isinstance(part, Slot):
                    symbols.append(self._symbol(owner, part))
                    continue
                assert isinstance(part, Literal)
                for word in words_of(part.text):
                    if word in REGISTRY:
                        names.append(word)
                        symbols.append("INDICATOR")
                    elif word.endswith("(s)"):
                        symbols.append(f"({self._word(word[:-3])} | {self._word(word[:-3] + 's')})")
                    else:
                        symbols.append(self._word(word))
            alias = f"p{len(self.productions)}"
            slots = tuple(part for part in parts if isinstance(part, Slot))
            self.productions[alias] = Production(kind, slots, flags, tuple(names))
            yield f"{' '.join(symbols)} -> {alias}"

    def _symbol(self, owner: type[Said], slot: Slot) -> str:
        if slot.kind == "choice":
            return self._choice(owner.words[slot.field])
        return PARTS[slot.field].__name__.lower() if slot.field in PARTS else KINDS[slot.kind]

    def _choice(self, words: Any) -> str:
        key = tuple((value, tuple(said)) for value, said in words.items())
        if key not in self._choice_rules:
            self._choice_rules[key] = name = f"c{len(self._choice_rules)}"
            found = []
            for value, said in words.items():
                for text in said:
                    alias = f"v{len(self.choices)}"
                    self.choices[alias] = value
                    found.append(f"{' '.join(self._word(word) for word in words_of(text))} -> {alias}")
            self._rules.append(f"{name}: {' | '.join(found)}")
        return self._choice_rules[key]

    def _word(self, word: str) -> str:
        self._words.add(word)
        return keyword(word)


def _alternatives(parts: tuple[Part, ...]) -> Iterator[tuple[tuple[Literal | Slot, ...], tuple[str, ...]]]:
    """Yield a phrase with every choice of what may be left out, and the flags that what is there sets."""
    ways: list[list[tuple[tuple[Literal | Slot, ...], tuple[str, ...]]]] = []
    for part in parts:
        if isinstance(part, Literal | Slot):
            ways.append([((part,), ())])
        else:
            flags = (part.flag,) if part.flag else ()
            ways.append([((), ()), *((inner, (*flags, *more)) for inner, more in _alternatives(part.parts))])
    for chosen in product(*ways):
        yield tuple(p for inner, _ in chosen for p in inner), tuple(f for _, more in chosen for f in more)


@cache
def grammar() -> Grammar:
    """Return the grammar, made once."""
    return Grammar()
