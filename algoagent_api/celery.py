"""The Celery application: `celery -A algoagent_api worker`."""

import logging
import os
import signal
import threading
from types import FrameType
from typing import Any

from celery import Celery
from celery.bootsteps import StartStopStep
from celery.signals import setup_logging, worker_init, worker_ready, worker_shutting_down
from kombu.transport import TRANSPORT_ALIASES

from algoagent_api.environment import isolation_warnings, misspelt_warnings, settings_or_exit
from Backtest.machine import serve_in_the_background

TRANSPORT_ALIASES["filesystem"] = "algoagent_api.broker:Transport"
os.umask(0o077)  # what is written is nobody else's
settings_or_exit()
app = Celery("algoagent_api")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

_stop = threading.Event()


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


class AskedOnce(StartStopStep):  # type: ignore[misc]
    """Passes the first SIGTERM on to Celery, and no other.

    Celery's handler takes locks: interrupted by a second signal, it would wait for itself for ever. Service managers send two, as
    they ask a supervisor and what it has started, and the supervisor asks as well.
    """

    def start(self, worker: Any) -> None:
        handler, asked = signal.getsignal(signal.SIGTERM), False

        def once(number: int, frame: FrameType | None) -> None:
            nonlocal asked
            if not asked:
                asked = True
                handler(number, frame)  # type: ignore[operator, misc]

        signal.signal(signal.SIGTERM, once)


app.steps["worker"].add(AskedOnce)


@worker_shutting_down.connect
def leave(**_: Any) -> None:
    _stop.set()


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Being connected keeps Celery from setting up logging of its own."""
