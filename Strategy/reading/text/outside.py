"""What traders ask for that is no part of a strategy, recognised as whole phrases.

A daily loss limit read word by word would become the stop of each trade, and "2 trades per week" would leave
a lone number behind. Each such phrase is found before the grammar reads the text, quoted as a whole, and asked about.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, replace

from Strategy.reading.text.draft import Draft
from Strategy.reading.text.lexer import Token

MARK = "(outside)"  # the norm of a token that stands for such a phrase: no phrase of the grammar

_NUMBER = r"N[%$]?"
_LEAD = r"(?:(?:of|at|is|to|by|around|about|:|=|-|no more than|not more than|more than|at most|up to|over|exceeds|exceeding|reaches|a maximum of|<=?|>=?) )*"
_EVERY = r"(?:daily|weekly|monthly|yearly|annual|intraday|overall|total|account|portfolio)"
_MOST = r"(?:max|maximum|maximal|hard|allowed|overall|total)"
_RESULT = r"(?:loss|losses|stop loss|stoploss|stop|stop out|drawdown|dd|risk|profit|profit target|take profit|target|gain|gains)"
_LIMIT = r"(?:limit|cap|stop|target|goal|lock)"
_A_DAY = r"(?:(?:per|a|each|every|in a|in one|in any|in any one|in a single|on any|within a|within one|for the|of the|this|any|one|the same) (?:day|week|month|year|session|trading day))"
_OF_ACCOUNT = r"(?: of (?:my |the |total )*(?:account|equity|capital|portfolio|balance))?"
_STOP_TRADING = (
    r"(?:stop|halt|quit|cease|suspend|pause)(?: all)? trading(?: for the (?:day|week|month)| today)? "
    r"(?:after|if|when|once|at|on|upon)"
)
_END = r"(?= (?:[.;,\n]|and|then) | ?$)"
_TRADES = r"(?:trades?|entries|entry|positions?|signals?|orders?|buys|round trips?|transactions?)"
_COUNT = r"(?:(?:no more than|not more than|more than|at most|max|maximum|maximum of|a maximum of|only|up to|limit|limited to|limit to|only take|take at most|take) )*"
_DISTANCE = r"(?:stop loss|stoploss|stop|sl|take profit|takeprofit|tp|profit target|target|trailing stop|trailing stop loss|trail|trailing)"
_MONEY = r"(?:(?:N\$|N dollars?|N bucks?|N cents?)(?: (?:per|a) share)?)"
_LEVEL = (
    r"(?:(?:initial |hard |protective |fixed |catastrophic )?(?:stop loss|stoploss|stops?|sl)(?: order)?|take profits?|takeprofit|tp|profit target|target profit|price target|target|"
    r"(?:max|maximum) loss|trailing (?:stop loss|stop)|trail(?: the stop)?|cut (?:my |the )?loss(?:es)?)"
)
_NO_SIZE = r"(?! (?:per trade|per position|each|of (?:my|the)|worth|in cash|in capital|starting|initial|capital|cash|account|commission|fee))"
_OFF_ENTRY = r"(?: (?:below|above|under|over|from|off|away from)(?: (?:the|my|our))? (?:entry|fill|purchase|buy|buying|cost)(?: price| point)?)?"
_TO_ENTRY = (
    r"(?:(?:the |my )*(?:break even|breakeven)(?: (?:price|point|level))?|be(?= (?:after|once|when|if|[.;,\n]))|"
    r"(?:the |my |our )*(?:entry|entry price|entry point|entry level|cost|purchase price|buy price)(?! (?:minus|less|plus|-|\+)))"
)
_MOVES = r"(?:moves?|moving|raises?|raising|brings?|shifts?|lifts?|pulls?|slide|trail|adjust|tighten|put|set|lower)"
_ONCE_AHEAD = r"(?:(?:(?<=[.;\n] )|^)(?:once|when|after|at|if|as soon as) (?:[^.;,\n ]+ ){1,8}?(?:, )?(?:then )?)?"


@dataclass(frozen=True)
class _Kind:
    """Phrases of one kind, and what to say about them."""

    code: str
    message: str
    suggestion: str
    question: str
    patterns: tuple[str, ...]


_KINDS = (
    _Kind(
        "unsupported_limit",
        "Limits on the result of a day, of a week or of the whole account are not supported; stops and targets are those of each trade",
        "Say the stop or target of a trade, such as: stop loss 2%",
        "Shall {said!r} be left out, or is the stop or the target of each trade meant?",
        (
            rf"{_STOP_TRADING} (?:[^.;,\n ]+ )*?(?:losing|loss|losses|lose|lost|down|drawdown|profit|gain)\b(?: [^.;,\n ]+)*?{_END}",
            rf"(?:stop|quit|halt) for the (?:day|week|month)\b(?: [^.;,\n ]+)*?{_END}",
            rf"(?:{_MOST} )?{_EVERY} (?:{_MOST} )?{_RESULT}(?: {_LIMIT})* {_LEAD}{_NUMBER}{_OF_ACCOUNT}",
            rf"(?:{_MOST} )?{_RESULT}(?: {_LIMIT})* {_LEAD}{_NUMBER}{_OF_ACCOUNT} {_A_DAY}",
            rf"(?:{_MOST} )?{_RESULT}(?: {_LIMIT})* (?:{_A_DAY}|daily) {_LEAD}{_NUMBER}{_OF_ACCOUNT}",
            rf"{_NUMBER} (?:{_MOST} )?{_EVERY} (?:{_MOST} )?{_RESULT}(?: {_LIMIT})*",
            rf"{_NUMBER} {_RESULT}(?: {_LIMIT})* {_A_DAY}",
            rf"(?:lose|losing|risk|risking) {_LEAD}{_NUMBER}{_OF_ACCOUNT} {_A_DAY}",
            rf"(?:max|maximum|maximal) (?:\w+ )?(?:drawdown|dd)(?: {_LIMIT})* {_LEAD}{_NUMBER}",
            rf"(?:drawdown|dd)(?: {_LIMIT})+ {_LEAD}{_NUMBER}",
            rf"{_NUMBER} (?:max|maximum|maximal) (?:drawdown|dd)(?: {_LIMIT})*",
        ),
    ),
    _Kind(
        "unsupported_limit",
        "A limit on the number of trades is not supported",
        "Leave bars between trades instead, such as: wait 5 bars after an exit",
        "Shall {said!r} be left out, or how many bars shall be waited after an exit?",
        (
            rf"{_COUNT}N {_TRADES} {_A_DAY}",
            rf"{_COUNT}N {_TRADES} (?:every|each|per|in|within|in any|in every|over) N (?:bars?|minutes?|hours?|days?|weeks?|months?)",
            rf"{_COUNT}N {_TRADES} (?:daily|weekly|monthly)",
            rf"(?:{_MOST} )?(?:daily|weekly|monthly) (?:{_MOST} )?{_TRADES}(?: {_LIMIT})* {_LEAD}N",
            rf"{_MOST} {_TRADES} (?:{_A_DAY}|daily) {_LEAD}N",
        ),
    ),
    _Kind(
        "period_of_test",
        "The years to test are no part of a strategy",
        "Leave them out and give the backtest start_date and end_date (--start and --end on the command line)",
        "Shall {said!r} be left out here? The backtest takes it as start_date and end_date (--start, --end).",
        (
            r"from Y (?:to|until|till|through|-) Y",
            r"from Y (?:on|onwards?)",
            r"since Y",
            r"(?<![a-z] )(?<!is )between Y and Y",
            r"(?:in|over|during|for) (?:the )?(?:years? |period )Y(?: (?:to|and|until|-|through) Y)?",
            r"(?:test|backtest|run|trade|backtested|tested)(?: it)? (?:from|between|in|on|over|for) Y(?: (?:to|and|until|-|through)? ?Y)?",
        ),
    ),
    _Kind(
        "cost_in_pips",
        "A spread or slippage in pips is not supported: it is a part of the price here",
        "Say it in percent, such as: spread 0.02%. A pip is 0.0001 of most pairs and 0.01 of those with JPY: 2 pips at 1.10 are 0.018%",
        "What part of the price is {said!r}, in percent? A pip is 0.0001 of most currency pairs and 0.01 of those with JPY: 2 pips at 1.10 are 0.018%.",
        (
            rf"(?:bid ask )?(?:spreads?|slippage) {_LEAD}N (?:pips?|ticks?|pipettes?|points?)",
            r"N (?:pips?|ticks?|pipettes?|points?) (?:of )?(?:(?:bid ask )?spreads?|slippage)",
        ),
    ),
    _Kind(
        "distance_unit",
        "Distances in pips, ticks or points are not supported",
        "Say it in percent of the price or in ATR, such as: stop loss 0.5%, stop loss 2 ATR",
        "How far is {said!r} in percent of the price, or in ATR?",
        (
            rf"(?:{_DISTANCE} )?{_LEAD}N (?:pips?|ticks?|pipettes?)(?: {_DISTANCE})?",
            rf"{_DISTANCE} {_LEAD}N (?:points?|handles?)",
        ),
    ),
    _Kind(
        "unsupported_break_even",
        "Break-even stops cannot be said yet: a stop stays where it was put, or trails the closes",
        "Leave it out, or use a trailing stop, such as: trailing stop 3%, trailing stop 2 ATR",
        "Shall {said!r} be left out, or shall a trailing stop take its place, and of how many percent or ATR?",
        (
            rf"{_ONCE_AHEAD}{_MOVES} (?:the |my |your |its )*(?:trailing )?(?:stop loss|stoploss|stops?|sl)(?: (?:order|up|down))?(?: up)? (?:to|at) {_TO_ENTRY}(?: [^.;,\n ]+)*?{_END}",
            rf"{_ONCE_AHEAD}(?:the |my )?(?:stop loss|stoploss|stops?|sl) (?:is |gets |goes )?(?:moved |raised |up )?to {_TO_ENTRY}(?: [^.;,\n ]+)*?{_END}",
            rf"(?:a |the )?(?:break even|breakeven) (?:stop loss|stops?)(?: [^.;,\n ]+)*?{_END}",
            rf"{_ONCE_AHEAD}(?:go|goes) (?:to )?(?:break even|breakeven)(?: [^.;,\n ]+)*?{_END}",
        ),
    ),
    _Kind(
        "distance_in_money",
        "A stop or target at an amount of money, or at a price, is not supported",
        "Say how far from the entry it is, in percent of the price or in ATR, such as: stop loss 2%, stop loss 2 ATR",
        "How far from the entry is {said!r}, in percent of the price or in ATR?",
        (
            rf"(?<!sell )(?<!buy )(?<!stop ){_LEVEL} {_LEAD}{_MONEY}{_OFF_ENTRY}{_NO_SIZE}",
            rf"{_MONEY} {_LEVEL}(?! {_LEAD}N)(?! (?:loss|losses|order|target)\b){_OFF_ENTRY}",
            rf"(?:gains?|makes|earns|loses|profit|loss) {_LEAD}{_MONEY}{_NO_SIZE}",
            rf"{_MONEY} (?:of )?(?:profit|gain|loss)(?! (?:target|goal|limit)\b)",
        ),
    ),
)  # fmt: skip


def outside(text: str, tokens: list[Token], draft: Draft) -> list[Token]:
    """Report the phrases that are no part of a strategy; a single token that nothing reads stands for each."""
    line, starts = _line(tokens)
    for kind in _KINDS:
        for pattern in kind.patterns:
            found = list(re.finditer(rf"(?<!\S){pattern}(?!\S)", line))
            if found:
                tokens = _set_apart(text, tokens, starts, kind, found, draft)
                line, starts = _line(tokens)
    return tokens


def _line(tokens: list[Token]) -> tuple[str, list[int]]:
    """Return tokens as the patterns see them, with the place at which each begins."""
    line, starts = "", []
    for token in tokens:
        starts.append(len(line))
        line += f"{_shape(token)} "
    return line, starts


def _set_apart(
    text: str, tokens: list[Token], starts: list[int], kind: _Kind, matches: list[re.Match[str]], draft: Draft
) -> list[Token]:
    """Report phrases of a kind, and put a single token in the place of each."""
    result, at = [], 0
    for found in matches:
        first, last = bisect_left(starts, found.start()), bisect_left(starts, found.end()) - 1
        whole = replace(tokens[first], kind="sym", norm=MARK, end=tokens[last].end, percent=False, money=False)
        _report(kind, text[whole.start : whole.end], draft)
        result += [*tokens[at:first], whole]
        at = last + 1
    return [*result, *tokens[at:]]


def _shape(token: Token) -> str:
    """Return a token as the patterns see it: N for a number, Y for a year, other words as they are."""
    if token.kind != "num":
        return "T" if token.kind == "clock" else token.norm.replace(" ", "_")
    if token.percent or token.money:
        return "N%" if token.percent else "N$"
    return "Y" if token.value in range(1950, 2100) and token.norm.isdigit() else "N"


def _report(kind: _Kind, said: str, draft: Draft) -> None:
    draft.problem("error", kind.code, "text", f"{kind.message}: {said!r}", kind.suggestion)
    draft.ask(kind.question.format(said=said))
