"""What a user has: strategies and backtests."""

from __future__ import annotations

from collections.abc import Iterable

from Backtest.errors import StrategyError
from backtest_api import actions as backtests
from chat_api.talk import Reply, Talk
from Strategy.talk import Wanted
from strategy_api import actions as strategies

SHOWN = 10


def listed(talk: Talk, want: Wanted) -> Reply:
    if want.unread:
        raise StrategyError(
            f"I can list all your strategies or all your backtests; these words would be lost: {want.unread!r}",
            suggestions=["list my strategies", "list my backtests"],
        )
    if {"backtests", "tests", "runs"} & set(talk.message.lower().rstrip("?.!").split()):
        runs = backtests.backtests(user=talk.user)
        yield from _lines(
            "backtests",
            'say "test it"',
            runs.count(),
            (f"{r.pk}: {r.summary or f'{r.symbol}, {r.status}'}" for r in runs[:SHOWN]),
        )
        return
    mine = strategies.strategies(user=talk.user)
    named = (f"{s.pk}: {s.name}, version {s.version}, {s.status}" for s in mine[:SHOWN])
    yield from _lines("strategies", "describe one", mine.count(), named)


def _lines(what: str, begin: str, count: int, lines: Iterable[str]) -> Reply:
    if not count:
        yield f"You have no {what} yet: {begin}."
        return
    yield f"Your {what}, newest first:\n"
    for line in lines:
        yield f"- {line}\n"
    if count > SHOWN:
        yield f"and {count - SHOWN} more.\n"
