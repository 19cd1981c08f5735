"""The wire shape of users and tokens."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from auth_api.models import User
from auth_api.requests import RequestSerializer
from Backtest.errors import Conflict


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields: ClassVar = ["id", "username", "email", "date_joined"]
        read_only_fields: ClassVar = fields


class RegisterSerializer(RequestSerializer, serializers.ModelSerializer[User]):
    password = serializers.CharField(
        write_only=True, max_length=128, trim_whitespace=False, style={"input_type": "password"}
    )

    class Meta:
        model = User
        fields: ClassVar = ["username", "email", "password"]
        # That they are free is checked below, in any case of letters, and answered as a conflict.
        extra_kwargs: ClassVar = {"username": {"validators": [User.username_validator]}, "email": {"validators": []}}

    def validate_username(self, value: str) -> str:
        if User.objects.filter(username__iexact=value).exists():
            raise Conflict(f"The user name {value!r} is taken: choose another")
        return value

    def validate_email(self, value: str) -> str:
        if User.objects.filter(email__iexact=value).exists():
            raise Conflict("This e-mail address is in use: log in, or use another")
        return value.lower()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user = User(username=attrs["username"], email=attrs["email"])
        try:
            validate_password(attrs["password"], user)
        except DjangoValidationError as error:
            raise serializers.ValidationError({"password": list(error.messages)}) from error
        return attrs


class LoginSerializer(RequestSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=128, trim_whitespace=False, style={"input_type": "password"})


class TokenSerializer(RequestSerializer):
    token = serializers.CharField(max_length=2000)


class RefreshSerializer(RequestSerializer):
    refresh = serializers.CharField(max_length=2000)


class TokenPairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class SessionSerializer(TokenPairSerializer):
    user = UserSerializer()


class VerifiedSerializer(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
