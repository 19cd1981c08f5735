from django.urls import path

from chat_api import views

urlpatterns = [
    path("chat/", views.ChatView.as_view(), name="chat"),
    path("ai/research/", views.ResearchView.as_view(), name="ai-research"),
]
