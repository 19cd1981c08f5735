"""The ASGI application."""

import asyncio
import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

from algoagent_api.environment import isolation_warnings, misspelt_warnings, on_this_machine, settings_or_exit

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
REFUSED_S = 0.5  # what is refused is answered after so long, which costs this server nothing
# As too much; and, of a request that is no user's, as what is not there or cannot be read: the throttles do not count these.
REFUSED = {HTTPStatus.TOO_MANY_REQUESTS}
REFUSED_TO_NOBODY = REFUSED | {
    HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED,
}  # fmt: skip
OPEN_FILES = 65_536

os.umask(0o077)  # what is written is nobody else's
# A request goes on each time it has waited for the database. Beside a thread that computes it would wait 5 ms each time, by default.
sys.setswitchinterval(0.0005)
settings_or_exit()
_django = get_asgi_application()

from ai_api.services import get_models, models_configured  # noqa: E402 - the apps must be loaded first
from algoagent_api.exception_handler import error_body  # noqa: E402 - the apps must be loaded first
from algoagent_api.observability import forget_dead_processes  # noqa: E402 - the apps must be loaded first
from algoagent_api.uploads import keep_forgetting  # noqa: E402 - the apps must be loaded first
from Backtest.errors import AlgoAgentError  # noqa: E402 - the apps must be loaded first
from strategy_api.engine import get_sandbox, warm_kernel  # noqa: E402 - the apps must be loaded first


def _warm_up() -> None:
    """Import what the first request would wait for."""
    for warning in isolation_warnings():
        logging.getLogger(__name__).warning(warning)
    get_sandbox().warm_up()
    warm_kernel()
    if models_configured():
        try:
            get_models().warm_up()
        except AlgoAgentError as error:
            logging.getLogger(__name__).error("language models: %s", error.message)


async def _refuse(send: Send) -> None:
    """Say that a server with DEBUG on is there for its own machine alone."""
    text = "This server has DEBUG on and answers its own machine only: set DEBUG=False, SECRET_KEY and ALLOWED_HOSTS"
    body = json.dumps(error_body(text)).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer as Django does, and refuse after a while: whoever asks on and on, whatever is answered, costs the others little.

    `gone` in the scope of a request is set when its client has hung up, for who works in a thread; `known` is to be set when the
    request is a user's.
    """
    client = scope.get("client")
    if settings.DEBUG and scope["type"] == "http" and client and not on_this_machine(client[0]):
        await _refuse(send)
        return
    gone, known = threading.Event(), threading.Event()

    async def hear() -> dict[str, Any]:
        message = await receive()
        if message["type"] == "http.disconnect":
            gone.set()
        return message

    async def say(message: dict[str, Any]) -> None:
        if message.get("status") in (REFUSED if known.is_set() else REFUSED_TO_NOBODY):
            await asyncio.sleep(REFUSED_S)
        await send(message)

    await _django({**scope, "gone": gone, "known": known}, hear, say)  # type: ignore[arg-type]


def _open_more_files() -> None:
    """Take as many descriptors as this process may: each connection is one, and a shell gives 1,024 by default."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


_open_more_files()
for _warning in misspelt_warnings():
    logging.getLogger(__name__).warning(_warning)
forget_dead_processes()
threading.Thread(target=keep_forgetting, name="uploads", daemon=True).start()
threading.Thread(target=_warm_up, name="start", daemon=True).start()
