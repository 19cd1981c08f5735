from django.urls import path

from auth_api import actions
from auth_api.routes import view
from auth_api.views import LoginView, PublicView, RefreshView

urlpatterns = [
    path("register/", view(base=PublicView, throttle_scope="register", post=actions.register), name="register"),
    path("login/", LoginView.as_view(), name="login"),
    path("verify/", view(base=PublicView, post=actions.verify), name="verify"),
    path("refresh/", RefreshView.as_view(), name="refresh"),
    path("logout/", view(post=actions.log_out), name="logout"),
    path("me/", view(get=actions.me), name="me"),
]
