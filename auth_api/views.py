"""Log-in and tokens over REST, where more than the body of a request says what is wanted. The rest is in `auth_api.urls`."""

from __future__ import annotations

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from auth_api import actions
from auth_api.requests import APIView
from auth_api.routes import answers


class PublicView(APIView):
    """Open to everybody: a token in the header is not looked at, so that a stale one does no harm."""

    authentication_classes = ()

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class LoginView(PublicView):
    throttle_scope = "login"

    @answers(actions.log_in)
    def post(self, request: Request) -> Response:
        return Response(actions.log_in.shown(actions.log_in.perform(request.data, request=request)))


class RefreshView(PublicView):
    @answers(actions.refresh)
    def post(self, request: Request) -> Response:
        return Response(actions.refresh.perform(request.data))

    @answers(actions.refresh, request=None, description="The same, with the refresh token as bearer token.")
    def get(self, request: Request) -> Response:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise NotAuthenticated("Send the refresh token as bearer token")
        return Response(actions.refresh(refresh=token.strip()))
