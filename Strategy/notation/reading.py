"""Notation → canonical JSON."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from lark import Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from Backtest.canonical import WEEKDAYS, default_id, tag
from Backtest.errors import StrategyError
from Backtest.indicators import REGISTRY, SERIES
from Strategy.notation.grammar import PARTS, Production, grammar
from Strategy.notation.lexer import FRAMES, NAMES

Json = dict[str, Any]
DAYS = {name: day for day, name in WEEKDAYS.items()}


def read_notation(text: str) -> Json:
    """Read what `CanonicalStrategy.notation()` writes into canonical JSON, which is not validated yet.

    Raises:
        StrategyError: it is not the notation, and where.
    """
    found = grammar()
    try:
        tree = found.lark.parse(text.strip() + "\n")
    except UnexpectedInput as error:
        raise _not_read(text.strip() + "\n", error) from None
    return _Reader().strategy(tree)


def _not_read(text: str, error: UnexpectedInput) -> StrategyError:
    at = error.pos_in_stream if error.pos_in_stream is not None and error.pos_in_stream >= 0 else len(text)
    line = text[:at].count("\n")
    sentence = text.splitlines()[min(line, text.count("\n") - 1)] if text.strip() else ""
    begun = text[:at].rpartition("\n")[2]
    what = text[at:].split("\n", maxsplit=1)[0].split(" ", maxsplit=1)[0].rstrip(".,") or "the end of the sentence"
    if isinstance(error, UnexpectedToken | UnexpectedCharacters):
        return StrategyError(
            f"Sentence {line + 1} is not in the notation: {what!r} cannot stand behind {begun[-60:].strip()!r} in {sentence[:200]!r}",
            suggestions=["docs/notation.md lists every sentence; everyday English is read without it"],
        )
    return StrategyError(f"Sentence {line + 1} is not in the notation: {sentence[:200]!r}")


class _Reader:
    """Turns a tree into canonical JSON; indicators are listed as they are named first."""

    def __init__(self) -> None:
        self.indicators: list[Json] = []
        self.timeframe = "1d"
        self._own: dict[str, Callable[[list[Any]], Any]] = {
            "inner": lambda parts: parts[0],
            "and_list": lambda parts: {"type": "all", "conditions": parts},
            "or_list": lambda parts: {"type": "any", "conditions": parts},
            "names": lambda parts: [str(part) for part in parts],
            "function": lambda parts: {"type": "function", "name": parts[0], "operands": parts[1:]},
            "min": lambda parts: "min",
            "max": lambda parts: "max",
            "abs": lambda parts: "abs",
            "column": lambda parts: parts[0],
            "time": self._time,
            "named": self._named,
            "by_id": lambda parts: {
                "id": str(parts[0]),
                **({"output": str(parts[1]).replace(" ", "_")} if parts[1] else {}),
            },
            "indicator": self._indicator,
            "reference": self._reference,
        }

    def strategy(self, tree: Tree[Token]) -> Json:
        data: Json = {"entry_rules": [], "exit_rules": [], "risk": {}, "execution": {}}
        for sentence in tree.children:
            assert isinstance(sentence, Tree)
            self._sentence(sentence, data)
        return {**data, "timeframe": self.timeframe, "indicators": self.indicators}

    def _sentence(self, sentence: Tree[Token], data: Json) -> None:
        parts = [part for part in sentence.children if not (isinstance(part, Token) and part.type == "END")]
        kind = str(sentence.data)
        if kind == "trade" or (len(parts) == 1 and isinstance(parts[0], Tree) and parts[0].data == "trade"):
            tokens = sentence.children if kind == "trade" else parts[0].children  # type: ignore[union-attr]
            data["symbols"] = [str(t) for t in tokens if isinstance(t, Token) and t.type == "SYMBOL"]
            self.timeframe = next(FRAMES[str(t)] for t in tokens if isinstance(t, Token) and t.type == "TIMEFRAME")
            return
        if kind == "entry":
            data["entry_rules"].append(self.value(parts[0]))
        elif kind == "exit":
            data["exit_rules"].append(self.value(parts[0]))
        else:
            self._about(sentence, parts, data)

    def _about(self, sentence: Tree[Token], parts: list[Any], data: Json) -> None:
        """Read a sentence about protection, size, money or costs, or one that names an indicator."""
        inner = parts[0]
        kind = str(inner.data) if isinstance(inner, Tree) else ""
        if kind == "let":
            name, indicator = inner.children
            self._listed(self.value(indicator), str(name))
        elif kind == "series":
            name, operand, symbol, timeframe = inner.children
            series: Json = {"name": SERIES.name, "id": str(name), "operand": self.value(operand)}
            series |= {"symbol": str(symbol)} if symbol is not None else {}
            self.indicators.append(series | ({"timeframe": FRAMES[str(timeframe)]} if timeframe is not None else {}))
        elif kind == "own_risk":
            number, said = inner.children
            rule = int(str(number)) - 1
            if not 0 <= rule < len(data["entry_rules"]):
                raise StrategyError(f"There is no entry {rule + 1} before the sentence about its protection")
            _add(data["entry_rules"][rule].setdefault("risk", {}), self.fields(said))
        else:
            place = "risk" if sentence.data == "whole_risk" else "execution"
            _add(data[place], self.fields(inner))

    # Values ----------------------------------------------------------------------------------

    def value(self, node: Any) -> Any:
        """Return what a node of the tree stands for."""
        if not isinstance(node, Tree):
            return node
        name = str(node.data)
        if name in self._own:
            return self._own[name]([self.value(part) for part in node.children])
        if name in grammar().choices:
            return grammar().choices[name]
        return self.fields(node)

    def fields(self, node: Tree[Token]) -> Json:
        """Return the fields that a production says, with the type of its class."""
        production = grammar().productions[str(node.data)]
        children = list(node.children)
        for name in production.names:
            at = next(i for i, c in enumerate(children) if isinstance(c, Token) and c.type == "INDICATOR")
            if str(children.pop(at)) != name:
                raise StrategyError(f"{name} has to stand there: levels are measured by no other indicator")
        found: Json = {}
        for slot, child in zip(production.slots, children, strict=True):
            found[slot.field] = self._field(slot.kind, self.value(child))
        found |= dict.fromkeys(production.flags, True)
        if production.kind is not None and "type" in production.kind.model_fields:
            found["type"] = tag(production.kind)
        return found

    @staticmethod
    def _field(kind: str, value: Any) -> Any:
        match kind:
            case "number":
                return float(value)
            case "int":
                return int(value) if "." not in value else float(value)
            case "percent":
                return float(Decimal(value) / 100)
            case "money":
                return float(value.replace(",", ""))
            case "name":
                return str(value)
        return value

    def _time(self, parts: list[Any]) -> Json:
        days, start, end, zone = parts
        found: Json = {"type": "time", "weekdays": [DAYS[d] for d in str(days).split(" or ")] if days else []}
        if start is not None:
            found |= {"start": str(start), "end": str(end)}
        return found | ({"timezone": str(zone)} if zone is not None else {})

    # Indicators ------------------------------------------------------------------------------

    def _named(self, parts: list[Any]) -> Json:
        """Return an indicator as it is named: its JSON, with `output` and with its source as such a one or as a column."""
        name = NAMES[str(parts[0])]
        numbers = [part for part in parts[1:] if isinstance(part, Token) and part.type == "NUMBER"]
        output = next((part for part in parts[1:] if isinstance(part, Token) and part.type == "OUTPUT"), None)
        source = next(
            (
                part
                for part in parts[1:]
                if isinstance(part, dict) or (isinstance(part, str) and not isinstance(part, Token))
            ),
            None,
        )
        entry = REGISTRY[name]
        if len(numbers) not in (0, len(entry.params)):
            raise StrategyError(f"{name} has {len(entry.params)} parameters, not {len(numbers)}")
        found: Json = {"name": name}
        for param, number in zip(entry.params, numbers, strict=False):
            found[param.name] = param.kind(float(number))
        if output is not None:
            found["output"] = str(output).replace(" ", "_")
        symbol = next((part for part in parts[1:] if isinstance(part, Token) and part.type in ("SYMBOL", "NAME")), None)
        if symbol is not None:
            found["symbol"] = str(symbol)
        return found | ({"source": source} if source is not None else {})

    def _indicator(self, parts: list[Any]) -> Json:
        named, timeframe = parts
        return {**named, **({"timeframe": FRAMES[str(timeframe)]} if timeframe is not None else {})}

    def _reference(self, parts: list[Any]) -> Json:
        indicator, offset = parts
        output = indicator.get("output")
        found: Json = {"type": "indicator", "id": self._listed(indicator)}
        if output is not None:
            found["output"] = output
        return found | ({"offset": int(offset)} if offset is not None else {})

    def _listed(self, named: Json, name: str = "") -> str:
        """Return the id of an indicator, which is listed where it is not yet; one of a coarser time frame has its sources there too."""
        if "id" in named:
            return str(named["id"])
        data = {key: value for key, value in named.items() if key != "output"}
        if isinstance(data.get("source"), dict):
            inner = {**data["source"]}
            # "SMA(5) of RSI(14) of SPY on weekly bars": where the source is computed, so is what is made of it.
            for where in ("timeframe", "symbol"):
                if where in data and "id" not in inner:
                    inner.setdefault(where, data[where])
            data["source"] = self._listed(inner) + (f".{inner['output']}" if "output" in inner else "")
            of = next(item for item in self.indicators if item["id"] == data["source"].partition(".")[0])
            data |= {where: of[where] for where in ("timeframe", "symbol") if where in of}
        entry = REGISTRY[data["name"]]
        data |= {p.name: data.get(p.name, p.default) for p in entry.params}
        if entry.takes_source:
            data.setdefault("source", entry.default_source)
        if not name:
            same = next((item for item in self.indicators if _same(item, data)), None)
            if same is not None:
                return str(same["id"])
        params = {p.name: data[p.name] for p in entry.params}
        data["id"] = name or default_id(entry, params, data.get("source"), data.get("timeframe"), data.get("symbol"))
        self.indicators.append(data)
        return str(data["id"])


def _same(item: Json, data: Json) -> bool:
    return {k: v for k, v in item.items() if k != "id"} == data


def _add(to: Json, fields: Json) -> None:
    """Add the fields of a sentence; one of a list is an item more."""
    for name, value in fields.items():
        if name in PARTS and name != "break_even":
            to.setdefault(name, []).append(value)
        elif name in to:
            raise StrategyError(f"Two sentences say {name.replace('_', ' ')}")
        else:
            to[name] = value


__all__ = ["Production", "read_notation"]
