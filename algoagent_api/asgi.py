"""The ASGI application."""

import os
import threading

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "algoagent_api.settings")
application = get_asgi_application()

from backtest_api.local_jobs import start  # noqa: E402 - the apps must be loaded first

threading.Thread(target=start, name="start", daemon=True).start()
