"""Conversations over REST, streamed as server-sent events or whole as JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from django.http.response import HttpResponseBase
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from auth_api.request_user import asker_of, user_of
from auth_api.requests import TURNS
from auth_api.routes import answers
from Backtest.errors import TooBusy
from Backtest.machine import Asker, in_turn, working_for
from backtest_api.views import EventStream, StreamingView
from chat_api import actions, serializers
from chat_api.talk import Event

logger = logging.getLogger(__name__)
FAILED = "Something went wrong on the server; it has been logged"


class ChatView(StreamingView):
    renderer_classes = (EventStream, JSONRenderer)

    @answers(
        actions.say,
        responses={
            (200, "text/event-stream"): serializers.ChatEventSerializer,
            (200, "application/json"): serializers.ChatSerializer,
        },
    )
    def post(self, request: Request) -> HttpResponseBase:
        events: Iterator[Event] = actions.say.perform(request.data, user=user_of(request))
        first = next(events)  # raises what is wrong with the request, before anything is sent
        if request.accepted_media_type == "application/json":
            *_, last = events
            return Response(last.data)
        return self.streamed(_streamed(first, events, asker_of(request)))


async def _streamed(first: Event, events: Iterator[Event], who: Asker) -> AsyncIterator[bytes]:
    """Yield events as they come. They are made in a thread of their own; a client that hangs holds no worker."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[Event | None]()

    def make() -> None:
        try:
            with working_for(who), in_turn(TURNS):
                for event in events:
                    loop.call_soon_threadsafe(queue.put_nowait, event)
        except TooBusy as error:
            loop.call_soon_threadsafe(queue.put_nowait, Event("error", {"error": error.message}))
        except Exception:
            logger.exception("a conversation failed")
            loop.call_soon_threadsafe(queue.put_nowait, Event("error", {"error": FAILED}))
        finally:
            loop.call_soon_threadsafe(queue.put_nowait, None)
            connections.close_all()

    threading.Thread(target=make, name="conversation", daemon=True).start()
    event: Event | None = first
    while event is not None:
        yield f"event: {event.kind}\ndata: {json.dumps(event.data, cls=DjangoJSONEncoder)}\n\n".encode()
        event = await queue.get()
