from django.urls import path

from ai_api import actions
from auth_api.routes import view

urlpatterns = [
    path("ai/usage/", view(get=actions.usage), name="ai-usage"),
    path("ai/calls/", view(get=actions.calls), name="ai-calls"),
]
