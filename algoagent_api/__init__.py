"""Settings, routes and everything that wires the apps together."""

from algoagent_api.celery import app as celery_app

__all__ = ["celery_app"]
