"""The ASGI application."""

import logging
import os
import threading

from django.core.asgi import get_asgi_application

from algoagent_api.environment import isolation_warnings, misspelt_warnings, settings_or_exit

os.umask(0o077)  # what is written is nobody else's
settings_or_exit()
application = get_asgi_application()

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


for _warning in misspelt_warnings():
    logging.getLogger(__name__).warning(_warning)
forget_dead_processes()
threading.Thread(target=_warm_up, name="start", daemon=True).start()
