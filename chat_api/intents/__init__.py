"""What a message may ask for, by the intents that `Strategy.talk.intents` tells apart; "" is what it cannot tell. A new one is a line here and a function of its subject's file."""

from __future__ import annotations

from collections.abc import Callable

from chat_api.intents.backtest import backtest, compare, explain, optimise, status
from chat_api.intents.free import free
from chat_api.intents.lists import listed
from chat_api.intents.strategy import change, choose, confirm, create, deploy
from chat_api.intents.web import look_up
from chat_api.talk import HELP, Reply, Talk
from Strategy.talk import Wanted


def small_talk(talk: Talk, want: Wanted) -> Reply:
    yield f"Hello. {HELP}"


INTENTS: dict[str, Callable[[Talk, Wanted], Reply]] = {
    "create": create, "change": change, "choose": choose, "deploy": deploy, "confirm": confirm,
    "backtest": backtest, "compare": compare, "status": status, "explain": explain, "optimise": optimise,
    "list": listed, "research": look_up, "small_talk": small_talk, "": free,
}  # fmt: skip
