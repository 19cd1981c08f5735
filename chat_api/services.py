"""A conversation: what somebody says is done, by rules where they can tell what is meant, and answered."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from django.conf import settings

from ai_api.selectors import last_call, spent_since
from ai_api.services import UserLedger
from auth_api.models import User
from Backtest.errors import AlgoAgentError, InvalidInput
from chat_api.intents import INTENTS
from chat_api.talk import HELP, Event, Talk
from data_api.selectors import uploaded_symbols
from Strategy.talk import Turn, wanted
from strategy_api import services as strategies
from strategy_api.models import ConversationMemory

MAX_MESSAGE = 10_000


def converse(
    *,
    user: User,
    message: str,
    session_id: str = "",
    timezone: str = "",
    wait_s: float | None = None,
    here: bool = False,
) -> Iterator[Event]:
    """Answer a message, yielding what happens; the turn is remembered whole, whatever comes of it.

    Args:
        timezone: that of intraday prices which do not say it; the session keeps it for its later messages.
        wait_s: how long to wait for a backtest before saying that it is still under way.
        here: run backtests in this process, where no worker is.

    Raises:
        InvalidInput: the message is empty or too long.
        NotFound: the session is somebody else's.
    """
    talk = _begin(user, message, session_id)
    talk.here = here
    talk.wait_s = settings.CHAT_WAIT_S if wait_s is None else wait_s
    talk.confirmed = talk.state.pop("pending", None)
    if timezone:
        talk.state["timezone"] = timezone
    yield Event("session", {"session_id": talk.session_id})
    text, intent, before = "", "", last_call(user=user)
    try:
        want = wanted(message, has_strategy=talk.strategy is not None, symbols=uploaded_symbols(user=user))
        intent = want.intent
        for piece in INTENTS[intent](talk, want):
            if isinstance(piece, Event):
                yield piece
            else:
                text += piece
                yield Event("text", {"text": piece})
    except AlgoAgentError as error:
        told = ("\n" if text else "") + _told(error)
        text += told
        yield Event("text", {"text": told})
    finally:
        answer = {"text": text, "intent": intent, "actions": talk.actions, "answered_by": talk.answered_by}
        strategies.remember(
            user=user, kind=ConversationMemory.Interaction.CHAT, strategy=talk.strategy, session_id=talk.session_id, message=message,
            response={**answer, "tools": talk.tools, "usage": spent_since(user=user, session_id=talk.session_id, call_id=before)},
            context={**talk.state, "foreign": talk.foreign},
        )  # fmt: skip
    yield Event("done", {"session_id": talk.session_id, **answer})


def _begin(user: User, message: str, session_id: str) -> Talk:
    if not message.strip():
        raise InvalidInput("The message is empty: say what you want", suggestions=[HELP])
    if len(message) > MAX_MESSAGE:
        raise InvalidInput(f"The message has {len(message)} characters, at most {MAX_MESSAGE} are read: shorten it")
    session = session_id or str(uuid4())
    mine = ConversationMemory.objects.filter(user=user, session_id=session).order_by("id")
    chats = list(mine.filter(interaction_type=ConversationMemory.Interaction.CHAT).order_by("-id")[:60])[::-1]
    earlier = [Turn(c.user_message, str(c.ai_response.get("text", "")), bool(c.context.get("foreign"))) for c in chats]
    state = {k: v for k, v in (chats[-1].context if chats else {}).items() if k != "foreign"}
    return Talk(user, session, message, state, earlier, UserLedger(user, session))


def _told(error: AlgoAgentError) -> str:
    """Return an error as somebody says it."""
    asked = [f"? {q}" for q in error.questions[:4]]
    advised = [f"- {s}" for s in list(dict.fromkeys(error.suggestions))[:4]]
    noted = [d.message for d in error.details if d.code == "answered_by_rules"]
    return "\n".join([error.message, *asked, *advised, *noted])
