from django.urls import path

from ai_api import views

urlpatterns = [
    path("ai/usage/", views.UsageView.as_view(), name="ai-usage"),
    path("ai/calls/", views.CallListView.as_view(), name="ai-calls"),
]
