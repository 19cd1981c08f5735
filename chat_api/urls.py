from django.urls import path

from auth_api.routes import view
from chat_api import actions, views

urlpatterns = [
    path("chat/", views.ChatView.as_view(), name="chat"),
    path("ai/research/", view(post=actions.research), name="ai-research"),
]
