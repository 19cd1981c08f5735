"""What a user can do by talking: a conversation, and searches of the web."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actions import Cost, Permission, action
from auth_api.models import User
from chat_api import serializers, services
from chat_api.intents import web
from chat_api.outcomes import Research
from chat_api.talk import Event


@action(
    "chat.say",
    takes=serializers.ChatRequest,
    gives=serializers.ChatSerializer,
    permission=Permission.WRITE,
    cost=Cost.MODEL,
)
def say(*, user: User, **given: Any) -> Iterator[Event]:
    """Say something: describe, change, test, compare, explain or deploy a strategy. Accept: application/json waits for all of it."""
    return services.converse(user=user, **given)


@action(
    "web.research",
    takes=serializers.ResearchRequest,
    gives=Research,
    permission=Permission.RUN,
    cost=Cost.MODEL,
)
def research(*, user: User, **given: Any) -> Research:
    """Search the web through SearxNG; with a model, an answer that cites what was found."""
    return web.research(user=user, **given)
