"""The ASGI application."""

import logging
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application

from algoagent_api.environment import isolation_warnings, misspelt_warnings, settings_or_exit

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

os.umask(0o077)  # what is written is nobody else's
settings_or_exit()
_django = get_asgi_application()

from ai_api.services import get_models, models_configured  # noqa: E402 - the apps must be loaded first
from algoagent_api.observability import forget_dead_processes  # noqa: E402 - the apps must be loaded first
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


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer as Django does; `gone` in the scope of a request is set when its client has hung up, for who works in a thread."""
    gone = threading.Event()

    async def hear() -> dict[str, Any]:
        message = await receive()
        if message["type"] == "http.disconnect":
            gone.set()
        return message

    await _django({**scope, "gone": gone}, hear, send)  # type: ignore[arg-type]


for _warning in misspelt_warnings():
    logging.getLogger(__name__).warning(_warning)
forget_dead_processes()
threading.Thread(target=_warm_up, name="start", daemon=True).start()
