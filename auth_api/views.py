"""Registration, log-in and tokens."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from auth_api import serializers, services
from auth_api.models import User
from auth_api.request_user import user_of
from auth_api.requests import APIView


def _session(user: User) -> dict[str, object]:
    return {"user": serializers.UserSerializer(user).data, **services.tokens_for(user=user)}


class PublicView(APIView):
    """Open to everybody: a token in the header is not looked at, so that a stale one does no harm."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class RegisterView(PublicView):
    throttle_scope = "register"

    @extend_schema(request=serializers.RegisterSerializer, responses={201: serializers.SessionSerializer})
    def post(self, request: Request) -> Response:
        """Create an account."""
        body = serializers.RegisterSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user = services.user_register(**body.validated_data)
        return Response(_session(user), status=status.HTTP_201_CREATED)


class LoginView(PublicView):
    throttle_scope = "login"

    @extend_schema(request=serializers.LoginSerializer, responses={200: serializers.SessionSerializer})
    def post(self, request: Request) -> Response:
        """Exchange a user name and password for tokens."""
        body = serializers.LoginSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(_session(services.user_login(request=request, **body.validated_data)))


class VerifyView(PublicView):
    @extend_schema(request=serializers.TokenSerializer, responses={200: serializers.VerifiedSerializer})
    def post(self, request: Request) -> Response:
        """Tell whether a token is valid."""
        body = serializers.TokenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.token_verify(token=body.validated_data["token"])
        return Response({"valid": True})


class RefreshView(PublicView):
    @extend_schema(request=serializers.RefreshSerializer, responses={200: serializers.TokenPairSerializer})
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for a new pair."""
        body = serializers.RefreshSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(services.token_refresh(refresh=body.validated_data["refresh"]))

    @extend_schema(responses={200: serializers.TokenPairSerializer})
    def get(self, request: Request) -> Response:
        """The same, with the refresh token as bearer token."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise NotAuthenticated("Send the refresh token as bearer token")
        return Response(services.token_refresh(refresh=token.strip()))


class LogoutView(APIView):
    @extend_schema(request=serializers.RefreshSerializer, responses={205: None})
    def post(self, request: Request) -> Response:
        """End a session: the refresh token can no longer be used."""
        body = serializers.RefreshSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.user_logout(refresh=body.validated_data["refresh"], user=user_of(request))
        return Response(status=status.HTTP_205_RESET_CONTENT)


class MeView(APIView):
    @extend_schema(responses={200: serializers.UserSerializer})
    def get(self, request: Request) -> Response:
        """Return the user of the token."""
        return Response(serializers.UserSerializer(user_of(request)).data)
