"""Changes of a strategy in words: "make the stop 3% and only trade Mondays" becomes a patch of the canonical.

The words of a change are read by the same grammar as a strategy's: put behind a stand-in strategy, they change
some parts of it, and those are changed in the real one.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any, Literal

from Backtest.canonical import CanonicalStrategy, Execution, Risk
from Backtest.code.parameters import rename_indicator
from Backtest.errors import StrategyError
from Strategy.changes.patches import Edit, apply
from Strategy.reading import ParseResult, parse_strategy

How = Literal["filter", "replace", "append", ""]
# What a change is read behind: a strategy whose numbers nobody writes, so that its rules can be told from those of the change.
_STAND_IN = "Buy when Close > 0.515625. Sell when Close < 0.484375."
_STOP = "Stop loss: 50%."
_NUMBER = r"(-?\d+(?:\.\d+)?)\s*%?"
_FILLERS = re.compile(
    r"(?i)\b(?:please|instead|too|also|now|just|for me|can you|could you|would you|i want to|i'd like to|let's|rather|then)\b[,]?\s*"
)
_VERBS = re.compile(
    r"(?i)\b(?:tighten|widen|loosen|move|raise|lower|increase|decrease|reduce|change|adjust)\s+((?:the|my|its)\s+)?(?=[a-z ]+\bto\b)"
)
_REMOVED = {
    "stop_loss": r"(?:stop[ -]?loss(?:es)?|stops?)", "take_profit": r"(?:take[ -]?profits?|(?:profit )?targets?)",
    "trailing_stop": r"trailing[ -]?stops?", "max_bars": r"(?:time[ -]?(?:exit|stop|limit)s?)", "cooldown_bars": r"cool[ -]?down",
}  # fmt: skip
_REMOVE = r"(?i)(?:\b(?:and|but)\s+)?\b(?:remove|drop|delete|take out|take away|cancel|forget|without|do(?: not|n't) use|stop using|no(?: more)?)\s+(?:the|any|my|a)?\s*{what}\b[,.]?"
_WORDS = r"[a-z<>=() ]"
_REPLACE = (
    re.compile(
        rf"(?i)(?:\b(?:and|but)\s+)?\b(?:change|replace|swap|switch|set)\s+(?P<said>{_WORDS}{{0,50}}?)\s*(?P<old>{_NUMBER})\s+"
        rf"(?:to|with|by|for|into)\s+(?P<again>{_WORDS}{{0,40}}?)\s*(?P<new>{_NUMBER})[,.]?"
    ),
    re.compile(
        rf"(?i)(?:\b(?:and|but)\s+)?(?P<again>{_WORDS}{{0,50}}?)\s*(?P<new>{_NUMBER})\s+instead\s+of\s+(?P<said>{_WORDS}{{0,40}}?)\s*(?P<old>{_NUMBER})[,.]?"
    ),
)
_IDLE = {
    "the", "a", "my", "its", "from", "use", "with", "make", "it", "take", "of", "is", "at",
    "level", "threshold", "value", "number", "limit", "please",
}  # fmt: skip
_PLACES = {"stop": "risk.stop_loss", "loss": "risk.stop_loss", "trailing": "risk.trailing_stop", "trail": "risk.trailing_stop",
           "target": "risk.take_profit", "profit": "risk.take_profit", "entry": "entry_rules", "buy": "entry_rules", "when": "",
           "exit": "exit_rules", "sell": "exit_rules", "period": "indicators", "length": "indicators", "day": "indicators"}  # fmt: skip
_SHARES = ("spread", "commission")  # told in percent, and kept as parts of the price
_ONLY = re.compile(r"(?i)\bonly\s+(?:buy|enter|trade|go long|go short|short|take trades?)\s+(?:when|if|while)\b")
_INSTEAD = re.compile(r"(?i)\binstead\b(?!\s+of)")
_APPENDS = re.compile(r"(?i)\b(?:also|additionally|too|as well|or)\b")


def edit_by_rules(strategy: CanonicalStrategy, request: str, *, symbols: Collection[str] = ()) -> Edit | None:
    """Change a strategy as words say, or return None when the rules cannot read them.

    `symbols` are the names of the user's own prices, which may be written in any case.

    Raises:
        StrategyError: they were understood, and the changed strategy is not possible, or a question is open.
    """
    data = strategy.model_dump(mode="json")
    rest, done = _removed(data, request)
    rest, replaced = _replaced(strategy, data, rest)
    rest = _VERBS.sub("set the ", _FILLERS.sub("", rest)).strip(" ,.;!")
    if re.search(r"\w", rest):
        if not _merged(strategy, data, rest, _how(request), symbols):
            return None
    elif not (done or replaced):
        return None
    return apply(strategy, data)


def _removed(data: dict[str, Any], request: str) -> tuple[str, bool]:
    rest, done = request, False
    default = Risk().model_dump(mode="json")
    for name in ("trailing_stop", *(n for n in _REMOVED if n != "trailing_stop")):
        rest, found = re.subn(_REMOVE.replace("{what}", _REMOVED[name]), " ", rest)
        if found:
            if data["risk"][name] == default[name]:
                raise StrategyError(f"There is no {name.replace('_', ' ')} to remove")
            data["risk"][name], done = default[name], True
    return rest, done


def _replaced(strategy: CanonicalStrategy, data: dict[str, Any], request: str) -> tuple[str, bool]:
    """Put numbers in the place of others, where it is plain which are meant."""
    done = False
    for pattern in _REPLACE:
        start = 0
        while found := pattern.search(request, start):
            said, again = (
                " ".join(w for w in found[n].casefold().split() if w not in _IDLE) for n in ("said", "again")
            )
            old, new = (float(found[n].replace("%", "")) for n in ("old", "new"))
            everywhere = list(_places(data, old))
            if not everywhere:
                raise StrategyError(f"There is no {old:g} in the strategy: {strategy.describe()}")
            places = [p for p in everywhere if _meant(data, p, f"{said} {again}")]
            if not places or (
                said and again and _core(said) != _core(again)
            ):  # "RSI < 30 to RSI > 25" is more than a number
                start = found.end()
                continue
            if len(places) > 1:
                raise StrategyError(
                    f"{old:g} stands in several places of the strategy",
                    questions=[f"Which {old:g} shall become {new:g}: {', '.join(path for path, _, _ in places)}?"],
                )
            _, place, key = places[0]
            if key in _SHARES:
                new = round(new / 100, 12)
            place[key] = int(new) if isinstance(place[key], int) and new.is_integer() else new
            if "name" in place and "id" in place:
                rename_indicator(data, place)
            request, done = request[: found.start()] + " " + request[found.end() :], True
    return request, done


def _core(said: str) -> str:
    return " ".join(w for w in said.split() if w not in ("buy", "sell", "when", "entry", "exit"))


def _meant(data: dict[str, Any], place: tuple[str, Any, str], said: str) -> bool:
    """Return whether a number's place is what was said of it, such as "target" or "rsi <"."""
    path, node, _ = place
    words = re.findall(r"[a-z]+|[<>=]+", said)
    for word in words:
        if word in _PLACES:
            if not path.startswith(_PLACES[word]) and not (
                word in ("stop", "loss") and path.startswith("risk.trailing_stop")
            ):
                return False
            continue
        around = json.dumps(node if path.startswith("indicators") else _around(data, path)).casefold()
        if not re.search(rf'"{re.escape(word)}[_"]', around):
            return False
    return True


def _around(data: dict[str, Any], path: str) -> Any:
    """Return the condition a number stands in."""
    node: Any = data
    steps = re.findall(r"[^.\[\]]+", path)
    for step in steps[:-2]:
        node = node[int(step)] if isinstance(node, list) else node[step]
    return node


def _places(node: Any, number: float, path: str = "") -> Iterator[tuple[str, Any, str]]:
    """Yield where a number stands in rules, indicators, risk and execution."""
    if isinstance(node, dict):
        for key, value in node.items():
            if not path and key not in ("indicators", "entry_rules", "exit_rules", "risk", "execution"):
                continue
            plain = isinstance(value, int | float) and not isinstance(value, bool) and key != "offset"
            if plain and (round(value * 100, 10) if key in _SHARES else value) == number:
                yield f"{path}.{key}".lstrip("."), node, key
            else:
                yield from _places(value, number, f"{path}.{key}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from _places(value, number, f"{path}[{i}]")


def _merged(strategy: CanonicalStrategy, data: dict[str, Any], words: str, how: How, symbols: Collection[str]) -> bool:
    """Read words behind the stand-in strategy and make the changes they make to it; False when they cannot be read."""
    base = parse_strategy(_STAND_IN, timeframe=strategy.timeframe).require()
    parsed = _read(words, strategy, symbols)
    if any(d.code == "contradiction" for d in parsed.errors):
        parsed.require()
    if parsed.strategy is None:
        return False
    found = parsed.strategy
    assumed = {a.field for a in parsed.assumptions}  # what was not said
    for name in Risk.model_fields:
        spoken = name == "position_size" and f"risk.{name}" not in assumed
        if (spoken or getattr(found.risk, name) != getattr(base.risk, name)) and not _stand_in_stop(parsed, name):
            data["risk"][name] = found.risk.model_dump(mode="json")[name]
    for name in Execution.model_fields:
        of = "commission" if name == "commission_fixed" else name  # a commission takes the place of the one before
        spoken = of in ("cash", "commission", "spread") and f"execution.{of}" not in assumed
        if spoken or getattr(found.execution, name) != getattr(base.execution, name):
            data["execution"][name] = getattr(found.execution, name)
            if name == "spread":
                _ask_of_costs(strategy, words, found.execution.spread)
    if found.symbols:
        data["symbols"] = list(found.symbols)
    if not any(a.code == "timeframe" for a in parsed.assumptions):
        data["timeframe"] = found.timeframe
    rules = found.model_dump(mode="json")
    return _merge_rules(data, rules, base.model_dump(mode="json"), how)


def _ask_of_costs(strategy: CanonicalStrategy, words: str, new: float) -> None:
    """Ask about "slippage 0.1%" where the strategy pays a spread: both are one number of it, and the new one would replace it."""
    old = strategy.execution.spread
    said, before = _kinds_of_costs(words), _kinds_of_costs(strategy.description) or {"spread"}
    if not old or not before - said:
        return
    kind = "slippage" if "slippage" in said else "spread"
    other = "spread" if kind == "slippage" else "slippage"
    now, then = f"{old * 100:.10g}%", f"{new * 100:.10g}%"
    both = f"'{kind} ... and no {other}', or '{kind} ... and {other} ...'"
    raise StrategyError(
        f"The strategy pays a spread of {now} for spread and slippage together; the {kind} alone would make it {then}",
        questions=[f"Shall the {kind} be all that is paid, or come beside a {other}? Say both: {both}"],
    )


def _kinds_of_costs(text: str) -> set[str]:
    """Return which of spread and slippage a text gives a value to."""
    given = re.sub(r"(?i)\b(?:no|zero|without)\s+(?:spread|slippage)\b", "", text) if len(text) > 80 else text
    return {kind for kind in ("spread", "slippage") if re.search(rf"(?i)\b{kind}s?\b", given)}


def _read(words: str, strategy: CanonicalStrategy, symbols: Collection[str]) -> ParseResult:
    on = partial(parse_strategy, timeframe=strategy.timeframe, symbols=symbols, symbol=next(iter(strategy.symbols), ""))
    parsed = on(f"{_STAND_IN} {words}.")
    if parsed.strategy is None and any("needs a stop" in d.message for d in parsed.errors):
        parsed = on(f"{_STAND_IN} {_STOP} {words}.")
    return parsed


def _stand_in_stop(parsed: ParseResult, name: str) -> bool:
    return name == "stop_loss" and _STOP in parsed.text


def _how(request: str) -> How:
    if _ONLY.search(request):
        return "filter"
    if _INSTEAD.search(request):
        return "replace"
    return "append" if _APPENDS.search(request) else ""


def _merge_rules(data: dict[str, Any], found: dict[str, Any], base: dict[str, Any], how: How) -> bool:
    stand_in = base["entry_rules"][0]["when"]
    fresh: dict[str, list[dict[str, Any]]] = {"entry_rules": [], "exit_rules": []}
    for rule in found["entry_rules"]:
        when = rule["when"]
        if when == stand_in:
            continue
        if how == "filter" or (when["type"] == "all" and stand_in in when["conditions"]):  # it holds for every entry
            parts = when["conditions"] if when["type"] == "all" else [when]
            for entry in data["entry_rules"]:
                inner = entry["when"]
                known = inner["conditions"] if inner["type"] == "all" else [inner]
                added = [c for c in parts if c not in (*known, stand_in)]
                entry["when"] = {"type": "all", "conditions": [*known, *added]}
        else:
            fresh["entry_rules"].append(rule)
    fresh["exit_rules"] = [
        r for r in found["exit_rules"] if r not in base["exit_rules"] and r not in data["exit_rules"]
    ]
    for kind, rules in fresh.items():
        for rule in rules:
            _placed(data, kind, copy.deepcopy(rule), how)
    known_ids = {i["id"] for i in data["indicators"]}
    data["indicators"] += [i for i in found["indicators"] if i["id"] not in known_ids]
    return True


def _placed(data: dict[str, Any], kind: str, rule: dict[str, Any], how: How) -> None:
    """Put a rule beside the others of its side, or in the place of those about the same thing, where it is said which."""
    others = [r for r in data[kind] if r["side"] == rule["side"]]
    about = rule["when"].get("left")
    same = [r for r in others if about is not None and r["when"].get("left") == about]
    if how == "replace":
        gone = same or others
        data[kind] = [r for r in data[kind] if r not in gone] + [rule]
    elif how == "append" or (kind == "exit_rules" and not same):
        data[kind].append(rule)
    else:
        verb = "buy" if kind == "entry_rules" else "sell"
        raise StrategyError(
            f"The strategy has a rule for when to {verb} already",
            questions=[
                f'Shall the new one hold instead of it (say "... instead"), or beside it (say "also {verb} ...")?'
            ],
        )
