"""A search in words: "optimise the RSI period from 5 to 30 and the stop from 2% to 10% in steps of 2"."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from Backtest.canonical import CanonicalStrategy
from Backtest.code import generate_code
from Backtest.code.parameters import no_number, numbers, resolve
from Backtest.errors import InvalidInput, StrategyError

_NUMBER = r"-?\d+(?:\.\d+)?"
_STEP = rf"(?:\s*,?\s*(?:in steps of|in increments of|step(?:s)?(?: of| size)?|by|every)\s+(?P<step>{_NUMBER})\s*%?)?"
_SPAN = re.compile(
    rf"\b(?:from|between|in the range(?: of)?|over|ranging from|,)?\s*(?P<low>{_NUMBER})\s*%?\s*(?:to|and|through|until|up to|-|–|\.\.)"
    rf"\s*(?P<high>{_NUMBER})\s*%?{_STEP}",
    re.IGNORECASE,
)
_LIST = re.compile(
    rf"\b(?:over|among|out of|with|as|in|of|to|try(?:ing)?)\s*:?\s*\(?\[?(?P<list>{_NUMBER}\s*%?(?:\s*(?:,|or|and|/)+\s*{_NUMBER}\s*%?)+)",
    re.IGNORECASE,
)
_OBJECTIVES = (
    ("sharpe_ratio", r"sharpe(?: ratio)?"), ("sortino_ratio", r"sortino(?: ratio)?"), ("calmar_ratio", r"calmar(?: ratio)?"),
    ("max_drawdown", r"(?:max(?:imum|\.)?\s+)?drawdown"), ("cagr", r"cagr|annual(?:ised|ized)? return|growth"),
    ("profit_factor", r"profit factor"), ("win_rate", r"win(?:ning)? rate|hit rate"), ("sqn", r"sqn"),
    ("volatility", r"volatility"), ("total_return_pct", r"(?:total |net )?(?:return|profit|gain|p&l|pnl)s?"),
)  # fmt: skip
_OBJECTIVE = re.compile(
    r"\b(?:for|maximi[sz](?:e|ing)|minimi[sz](?:e|ing)|(?:with|by|on|to get) the (?:best|highest|lowest|smallest))\s+(?:the\s+)?"
    r"(?:best |highest |lowest |smallest |annual )?(?P<what>[a-z&. ]{3,40})",
    re.IGNORECASE,
)
_METHOD = (
    ("random", r"\brandom(?:ly)?\b(?: search)?"),
    ("tpe", r"\b(?:tpe|bayes(?:ian)?|smart(?:ly)?|optuna)\b(?: search| optimi[sz]ation)?"),
    ("grid", r"\b(?:grid|exhaustive(?:ly)?|every combination|all combinations)\b(?: search)?"),
)
_TRAILING = re.compile(r"(?i)(?:[\s,;.]+(?:with|using|by|for|the|a|an|and|then|please)\b)*[\s,;.]*$")
_PERIOD = re.compile(r"\b([A-Za-z]+)\((\d+)\)")  # SMA(10) is the strategy's number sma_10_period
_IDLE = frozenset(
    [
        "optimise",
        "optimize",
        "optimising",
        "optimizing",
        "optimisation",
        "find",
        "the",
        "best",
        "search",
        "tune",
        "try",
        "vary",
        "a",
        "an",
        "of",
        "for",
        "my",
        "its",
        "it",
        "this",
        "strategy",
        "strategy's",
        "please",
        "also",
        "then",
        "and",
        "both",
        "with",
        "what",
        "is",
        "which",
        "number",
        "numbers",
        "value",
        "values",
        "parameter",
        "parameters",
        "setting",
        "settings",
        "over",
        "in",
        "range",
        "can",
        "you",
        "could",
    ]
)
_ALIKE = {
    "periods": "period", "length": "period", "lookback": "period", "window": "period", "timeperiod": "period", "days": "period",
    "stoploss": "stop", "stops": "stop", "targets": "target", "sl": "stop", "loss": "stop", "tp": "target", "profit": "target", "take": "target",
    "threshold": "level", "oversold": "entry", "buy": "entry", "overbought": "exit", "sell": "exit", "trail": "trailing",
    "quick": "fast", "short": "fast", "long": "slow", "hold": "max_bars", "holding": "max_bars", "bars": "max_bars",
    "cooldown": "cooldown", "multiple": "multiple", "multiplier": "multiple", "risk": "size", "position": "size",
    "limit": "level", "lower": "entry", "upper": "exit",
}  # fmt: skip


def read_search(strategy: CanonicalStrategy, text: str) -> dict[str, Any]:
    """Return a search's parameters, objective and method as they were said.

    Raises:
        StrategyError: a number's name or range is missing or fits several; the questions say what to ask.
    """
    request: dict[str, Any] = {"parameters": {}}
    rest = re.sub(r"\s+", " ", text.replace("≤", "<=").replace("≥", ">=")).strip(" .")
    for method, pattern in _METHOD:
        if found := re.search(pattern, rest, re.IGNORECASE):
            request["method"] = method
            rest = rest[: found.start()] + " " + rest[found.end() :]
    rest = _PERIOD.sub(r"\1 \2 period", _TRAILING.sub("", _objective(request, rest)))
    if constraint := _CONSTRAINT.search(rest):
        request["constraint"] = read_constraint(strategy, constraint["said"])
        rest = rest[: constraint.start()].rstrip(" ,;(")
    begin = 0
    spans = sorted([*_SPAN.finditer(rest), *_LIST.finditer(rest)], key=lambda m: (m.start(), -m.end()))
    for found in spans:
        if found.start() < begin:
            continue
        path = _named(strategy, rest[begin : found.start()])
        groups = found.groupdict()
        if groups.get("list"):
            request["parameters"][path] = [float(n) for n in re.findall(_NUMBER, groups["list"])]
        else:
            low, high = float(groups["low"]), float(groups["high"])
            step = float(groups["step"]) if groups.get("step") else _usual_step(strategy, path, low, high)
            request["parameters"][path] = {"min": low, "max": high, "step": step}
        begin = found.end()
    if not request["parameters"]:
        names = ", ".join(generate_code(strategy).parameters.values())
        raise StrategyError(
            "No range was given to search",
            questions=[f"Which number, from what to what? The strategy has {names}; say for instance from 5 to 30"],
        )
    left_over = [w for w in re.findall(r"[a-z_']+", rest[begin:].casefold()) if w not in _IDLE]
    if left_over:
        raise StrategyError(
            f"What is meant by {' '.join(left_over)!r}?", questions=["Say it as a range, such as stop from 2 to 10"]
        )
    return request


def read_names(strategy: CanonicalStrategy, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with the names people use, such as "fast" or "stop", replaced by paths; what is none of them stays.

    Raises:
        StrategyError: a name fits several numbers.
        InvalidInput: two names are one number's.
    """
    found: dict[str, Any] = {}
    for name, values in parameters.items():
        path = name
        try:
            resolve(strategy, name)
        except InvalidInput:
            try:
                path = _named(strategy, name.replace("_", " "))
            except StrategyError as error:
                if "fits several" in error.message:
                    raise
        if path in found:
            raise InvalidInput(f"{name} is named twice")
        found[path] = values
    return found


_SIGNS = (
    (r"(?:is |are |be |being |stays? |remains? |must be )?(?:at most|no more than|not above|not over)", "<="),
    (r"(?:is |are |be |being |stays? |remains? |must be )?(?:at least|no less than|not below|not under)", ">="),
    (
        r"(?:is |are |be |being |stays? |remains? |must be )?(?:below|under|less than|smaller than|lower than|shorter than|faster than)",
        "<",
    ),
    (
        r"(?:is |are |be |being |stays? |remains? |must be )?(?:above|over|greater than|more than|larger than|bigger than|higher than|longer than|slower than)",
        ">",
    ),
)
_BEFORE = (
    r"where|such that|so that|provided(?: that)?|as long as|only if|if|with|while|keeping|keep|ensur(?:e|ing)|and|but"
)
_TERM = rf"(?:(?!\b(?:{_BEFORE}|from|to|between|in steps)\b)[\w.%+*/ -])+?"
_SIGN = (
    r"(?:<=|>=|<|>|(?:(?:is|are|be|being|stays?|remains?|must be)\s+)?(?:below|above|under|at most|at least|no more than|no less than|"
    r"(?:less|smaller|lower|shorter|faster|greater|more|larger|bigger|higher|longer|slower) than)|(?:is|are|be|stays?)\s+over)"
)
_CONSTRAINT = re.compile(
    rf"(?:[,;(]|\b(?:{_BEFORE})\b)[\s,]*(?:\b(?:{_BEFORE})\b\s*)*(?P<said>{_TERM}\s*{_SIGN}\s*{_TERM}"
    rf"(?:\s+and\s+{_TERM}\s*{_SIGN}\s*{_TERM})*)\)?$",
    re.IGNORECASE,
)
_JOINTS = re.compile(r"(<=|>=|==|!=|<|>|\+|\*|/|\(|\)|&&|\|\||\s-\s|\band\b|\bor\b|\bnot\b)", re.IGNORECASE)


def read_constraint(strategy: CanonicalStrategy, text: str, named: Collection[str] = ()) -> str:
    """Return a constraint with the names people use replaced by paths: "where fast < slow", "the stop is below the target".

    `named` are names that stand as they are, such as those the request varies. What is neither a name nor a number stays,
    for the constraint itself to refuse.

    Raises:
        StrategyError: a name fits several numbers, or both sides of a comparison are one.
    """
    said = re.sub(rf"(?i)^\s*(?:(?:{_BEFORE})\b\s*)+", "", text.strip())
    for words, sign in _SIGNS:
        said = re.sub(rf"(?i)\b{words}\b", f" {sign} ", said)
    known = {
        *named,
        *numbers(strategy),
        *generate_code(strategy).parameters.values(),
        *(p.name for p in strategy.parameters),
    }
    parts: list[str] = []
    called: dict[str, str] = {}
    for part in _JOINTS.split(said):
        word = part.strip()
        if word in known or _JOINTS.fullmatch(part) or not re.fullmatch(r"[A-Za-z][\w .%]*", word):
            parts.append(part.lower().strip() if _JOINTS.fullmatch(part) else word)
            called.setdefault(parts[-1], word)
            continue
        try:
            path = _named(strategy, word)
            if len(parts) > 1 and parts[-2] == path and parts[-1] in ("<", ">", "<=", ">=", "==", "!="):
                raise _one_number(strategy, path, called.get(path, path), word)
            parts.append(path)
            called.setdefault(path, word)
        except StrategyError as error:
            if "fits several" in error.message or "the same number" in error.message:
                raise
            parts.append(word)
    return " ".join(p.strip() for p in parts if p.strip())


def _one_number(strategy: CanonicalStrategy, path: str, left: str, right: str) -> StrategyError:
    names = generate_code(strategy).parameters
    name = names.get(path, path)
    return StrategyError(
        f"{left!r} and {right!r} are the same number, {name}: a constraint compares two",
        questions=[f"Which two of {', '.join(names.values())} are meant?"],
    )


def _objective(request: dict[str, Any], rest: str) -> str:
    for found in _OBJECTIVE.finditer(rest):
        for name, pattern in _OBJECTIVES:
            if inside := re.match(rf"(?:{pattern})\b", found["what"].strip(), re.IGNORECASE):
                request["objective"] = name
                end = found.start("what") + len(found["what"]) - len(found["what"].lstrip()) + inside.end()
                return rest[: found.start()] + " " + rest[end:]
    return rest


def _usual_step(strategy: CanonicalStrategy, path: str, low: float, high: float) -> float:
    whole = isinstance(numbers(strategy)[path], int) or (low.is_integer() and high.is_integer())
    if whole:
        return 1.0
    return float(f"{max((high - low) / 20, 1e-6):.1g}")


def _named(strategy: CanonicalStrategy, said: str) -> str:
    """Return the path of the number that words name, such as "the RSI period" or "stop"."""
    known = numbers(strategy)
    own = {name: path for path, name in generate_code(strategy).parameters.items() if path in known}
    if (name := next((w for w in re.findall(r"\w+", said.casefold()) if w in own), "")) and "_" in name:
        return own[name]
    words = [w for w in re.findall(r"[a-z_]+|\d+(?:\.\d+)?", said.casefold()) if w not in _IDLE]
    attributes = {path: name for path, name in generate_code(strategy).parameters.items() if path in known}
    if not words:
        if len(attributes) == 1:
            return next(iter(attributes))
        raise StrategyError(
            "Which number is to be varied?", questions=[f"Which one of {', '.join(attributes.values())}?"]
        )
    speeds = {_ALIKE.get(w, w) for w in words} & {"fast", "slow"}
    if speeds:  # said of periods
        attributes = {
            p: name for p, name in attributes.items() if p.startswith("indicators.") and "period" in p
        } or attributes
    scores = {path: _score(words, name, path, known[path]) for path, name in attributes.items()}
    best = max(scores.values(), default=-1.0)
    found = [path for path, score in scores.items() if score == best]
    if best < 0 or (best == 0 and not speeds):
        raise StrategyError(
            no_number(strategy, said.strip()), questions=[f"Which one of {', '.join(attributes.values())} is meant?"]
        )
    if len(found) > 1 and speeds:
        ordered = sorted(found, key=lambda p: known[p])
        return ordered[0] if "fast" in speeds else ordered[-1]
    if len(found) > 1:
        raise StrategyError(
            f"{said.strip()!r} fits several numbers",
            questions=[f"Which one: {', '.join(attributes[p] for p in found)}?"],
        )
    return found[0]


def _score(words: list[str], attribute: str, path: str, value: float) -> float:
    """Return how well words fit a number; below zero where one of them does not fit at all."""
    text = f"{attribute} {path.removeprefix('risk.').removeprefix('execution.')}".casefold()
    parts = set(re.findall(r"[a-z]+|\d+(?:\.\d+)?", text.replace("_", " ")))
    parts |= {_ALIKE.get(p, p) for p in parts} | {f"{value:g}"}
    if path.startswith("indicators.") and "timeperiod" in path:
        parts.add("period")
    if "stop_loss" in path:
        parts |= {"stop"}
    if "take_profit" in path:
        parts |= {"target"}
    if path == "risk.max_bars":
        parts |= {"max_bars"}
    if path.startswith("indicators."):
        parts -= {"indicators"}
    score = 0.0
    for word in words:
        meant = _ALIKE.get(word, word)
        if word in parts or meant in parts:
            score += 1
        elif meant not in ("fast", "slow"):
            return -1.0
    return score
