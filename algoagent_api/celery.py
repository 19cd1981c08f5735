"""The Celery application: `celery -A algoagent_api worker`."""

import logging
import os
import threading
from queue import SimpleQueue
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_ready, worker_shutting_down
from kombu.transport import TRANSPORT_ALIASES

from algoagent_api.environment import isolation_warnings, misspelt_warnings, settings_or_exit
from Backtest.priority import serve_in_the_background

TRANSPORT_ALIASES["filesystem"] = "algoagent_api.broker:Transport"
os.umask(0o077)  # what is written is nobody else's
settings_or_exit()
app = Celery("algoagent_api")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Set in a signal's handler, which a second signal interrupts: an Event's lock would then wait for itself for ever.
_stop: SimpleQueue[None] = SimpleQueue()


@worker_init.connect
def give_way(**_: Any) -> None:
    """Come after the web server, where both are on one machine."""
    serve_in_the_background()


@worker_ready.connect
def attend(**_: Any) -> None:
    """Start what a worker does beside its tasks."""
    from backtest_api.tasks import attend as attend_

    for warning in misspelt_warnings() + isolation_warnings():
        logging.getLogger(__name__).warning(warning)
    threading.Thread(target=attend_, args=(_stop,), name="attend", daemon=True).start()


@worker_shutting_down.connect
def leave(**_: Any) -> None:
    _stop.put(None)


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Being connected keeps Celery from setting up logging of its own."""
