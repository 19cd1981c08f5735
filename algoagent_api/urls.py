"""Routes."""

from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path, re_path, reverse_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView

from algoagent_api.exception_handler import not_found
from algoagent_api.health import HealthView, LiveView, ReadyView
from algoagent_api.observability import metrics
from algoagent_api.openapi import DocsView, SchemaView
from algoagent_api.security import security_txt

urlpatterns = [
    path("", RedirectView.as_view(url=reverse_lazy("docs"))),
    path("admin/", admin.site.urls),
    path("api/auth/", include("auth_api.urls")),
    path("api/", include("ai_api.urls")),
    path("api/", include("strategy_api.urls")),
    path("api/", include("backtest_api.urls")),
    path("api/", include("chat_api.urls")),
    path("api/", include("data_api.urls")),
    path("api/trading/", include("trading.urls")),
    path("api/health/", HealthView.as_view(), name="health"),
    path("api/health/live/", LiveView.as_view(), name="health-live"),
    path("api/health/ready/", ReadyView.as_view(), name="health-ready"),
    path(".well-known/security.txt", security_txt, name="security-txt"),
    path(
        "favicon.ico", lambda request: HttpResponse(status=204)
    ),  # browsers ask for one by themselves, and there is none
    path("metrics", metrics, name="metrics"),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", DocsView.as_view(url_name="schema"), name="docs"),
    re_path(r"^api/", csrf_exempt(not_found)),
]
handler404 = "algoagent_api.exception_handler.not_found"
handler500 = "algoagent_api.exception_handler.server_error"
