"""The ASGI application."""

import os
import threading

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "algoagent_api.settings")
application = get_asgi_application()

from algoagent_api.observability import forget_dead_processes  # noqa: E402 - the apps must be loaded first
from strategy_api.engine import get_sandbox  # noqa: E402 - the apps must be loaded first

forget_dead_processes()
threading.Thread(target=lambda: get_sandbox().warm_up(), name="start", daemon=True).start()
