"""Settings, all from the environment; `.env.example` lists every variable with its default."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import structlog
from django.urls import reverse_lazy

from algoagent_api import environment
from algoagent_api.redaction import redact

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

env = environment.Env()
environment.Env.read_env(BASE_DIR / ".env")
environment.refuse_earlier(os.environ)

DEBUG = env.bool("DEBUG", default=True)
SECRET_KEY = env.str("SECRET_KEY", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])

# A path that is not absolute is one below the project.
VAR_DIR = environment.folder("VAR_DIR", BASE_DIR / env.str("VAR_DIR", default="var"), own=True)
CODES_DIR = environment.folder("CODES_DIR", BASE_DIR / env.str("CODES_DIR", default="Backtest/codes"), make=False)
MEDIA_ROOT = environment.folder("MEDIA_ROOT", BASE_DIR / env.str("MEDIA_ROOT", default=str(VAR_DIR / "media")))
DATA_CACHE_DIR = environment.folder(
    "DATA_CACHE_DIR", BASE_DIR / env.str("DATA_CACHE_DIR", default=str(VAR_DIR / "data"))
)
if DEBUG and not SECRET_KEY:
    SECRET_KEY = environment.own_key(VAR_DIR / "secret_key")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "auth_api.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "django_filters",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "auth_api.apps.AuthApiConfig",
    "ai_api",
    "strategy_api",
    "data_api",
    "backtest_api",
    "chat_api",
    "trading",
]
MIDDLEWARE = [
    "algoagent_api.observability.ObservedRequests",
    "algoagent_api.security.GuardedData",
    "auth_api.requests.TakeTurns",
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "algoagent_api.exception_handler.Passing",
    # Last, as it runs in threads only: then all of these do, in one thread, where each would go to and fro between thread and event loop.
    "whitenoise.middleware.WhiteNoiseMiddleware",
]
ROOT_URLCONF = "algoagent_api.urls"
ASGI_APPLICATION = "algoagent_api.asgi.application"
WSGI_APPLICATION = "algoagent_api.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": env.database("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["NAME"] = str(BASE_DIR / DATABASES["default"]["NAME"])
    environment.database_folder(Path(DATABASES["default"]["NAME"]), VAR_DIR)
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA busy_timeout=20000;",
    }
else:  # PostgreSQL: one that hangs, or cannot be reached any more, is an answer of 503 after seconds, and not one that never comes
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "tcp_user_timeout": 20_000,
        "options": "-c lock_timeout=20s -c idle_in_transaction_session_timeout=60s",
        **DATABASES["default"].get("OPTIONS", {}),
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "auth_api.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("DATA_UPLOAD_MAX_MEMORY_SIZE", default=1024 * 1024)
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_TEMP_DIR = environment.folder("VAR_DIR", VAR_DIR / "uploads")
MAX_UPLOAD_MB = env.int("MAX_UPLOAD_MB", default=64)
UPLOAD_MEMORY_MB = env.int("UPLOAD_MEMORY_MB", default=512)
UPLOAD_TIMEOUT_S = env.float("UPLOAD_TIMEOUT_S", default=10.0)
DATASETS_PER_USER = env.int("DATASETS_PER_USER", default=500)
DATASETS_MB_PER_USER = env.int("DATASETS_MB_PER_USER", default=2048)

_redirect = env.bool("SECURE_SSL_REDIRECT", default=False)
_cookies = env.bool("SECURE_COOKIES", default=True)
_hsts_seconds = env.int("SECURE_HSTS_SECONDS", default=0)
if not DEBUG:
    SECURE_SSL_REDIRECT = _redirect
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _cookies
    SECURE_HSTS_SECONDS = _hsts_seconds

ADMIN_TWO_FACTOR = env.bool("ADMIN_TWO_FACTOR", default=False)
OTP_TOTP_ISSUER = "AlgoAgent"
SECURITY_CONTACT = env.list("SECURITY_CONTACT", default=[])
# Where requests are counted for the throttles: in each process, or in a Redis that several share.
CACHE_URL = env.str("CACHE_URL", default="")
if CACHE_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": CACHE_URL,
            "KEY_PREFIX": "algoagent",
            "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
        }
    }
NUM_PROXIES = env.int("NUM_PROXIES", default=0)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["auth_api.tokens.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["auth_api.permissions.MayDo"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["algoagent_api.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "auth_api.pagination.Pagination",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.OrderingFilter",
    ],
    "DEFAULT_THROTTLE_CLASSES": [
        "auth_api.throttles.Anonymous",
        "auth_api.throttles.OfUser",
        "auth_api.throttles.Scoped",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env.str("THROTTLE_ANON", default="60/min"),
        "user": env.str("THROTTLE_USER", default="1200/min"),
        "login": env.str("THROTTLE_LOGIN", default="10/min"),
        "register": env.str("THROTTLE_REGISTER", default="20/hour"),
    },
    "EXCEPTION_HANDLER": "algoagent_api.exception_handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "NUM_PROXIES": NUM_PROXIES,
}
JWT_ACCESS_SECONDS = env.int("JWT_ACCESS_SECONDS", default=environment.earlier_expiry(env))
JWT_REFRESH_DAYS = env.int("JWT_REFRESH_DAYS", default=14)
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=JWT_ACCESS_SECONDS),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=JWT_REFRESH_DAYS),
    "SIGNING_KEY": env.str("JWT_SECRET", default="") or SECRET_KEY,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "AlgoAgent",
    "DESCRIPTION": "A trading idea in plain words becomes a tested strategy.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "algoagent_api.openapi.add_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "RunStatus": "backtest_api.models.BacktestRun.Status",
        "StrategyStatus": "strategy_api.models.Strategy.Status",
        "ValidationStatus": "strategy_api.models.StrategyValidation.Status",
        "Side": ["long", "short"],
        "PositionSide": "trading.models.Side",
        "Severity": ["error", "warning", "info"],
        "Timeframe": "Backtest.market.timeframes.TIMEFRAMES",
        "AnsweredBy": ["rules", "model"],
        "CodeWriter": ["template", "model"],
    },
}
AUTHENTICATION_BACKENDS = ["auth_api.doors.Doors"]
UNFOLD = {
    "SITE_TITLE": "AlgoAgent",
    "SITE_HEADER": "AlgoAgent",
    "SITE_URL": reverse_lazy("docs"),
    "LOGIN": {"form": "auth_api.doors.LoginForm"},
}

DATA_PROVIDERS = env.list("DATA_PROVIDERS", default=["bundled", "yahoo"])
YAHOO_TIMEOUT_S = env.float("YAHOO_TIMEOUT_S", default=10.0)
SANDBOX_BACKEND = env.str("SANDBOX_BACKEND", default="auto")
SANDBOX_IMAGE = env.str("SANDBOX_IMAGE", default="algoagent-sandbox")
SANDBOX_PERSIST = env.bool("SANDBOX_PERSIST", default=False)
ALLOW_UNISOLATED_CODE = env.bool("ALLOW_UNISOLATED_CODE", default=False)
SANDBOX_READY = env.int("SANDBOX_READY", default=2)
SANDBOX_TIMEOUT_S = env.float("SANDBOX_TIMEOUT_S", default=600.0)
SANDBOX_MEMORY_MB = env.int("SANDBOX_MEMORY_MB", default=4096)
BACKTEST_CONCURRENCY = env.int("BACKTEST_CONCURRENCY", default=3)
BACKTEST_PER_USER = env.int("BACKTEST_PER_USER", default=max(1, BACKTEST_CONCURRENCY - 1))
BACKTEST_QUEUE_PER_USER = env.int("BACKTEST_QUEUE_PER_USER", default=200)
SEARCH_TIMEOUT_S = env.float("SEARCH_TIMEOUT_S", default=3600.0)
DEPLOY_REPO = environment.folder(
    "DEPLOY_REPO", BASE_DIR / env.str("DEPLOY_REPO", default=str(VAR_DIR / "deploy")), make=False
)
DEPLOY_GATES = env.json("DEPLOY_GATES", default={"min_trades": 1})
ARTIFACT_RETENTION_DAYS = env.int("ARTIFACT_RETENTION_DAYS", default=90)

# Language models, asked in this order; without one the rules answer everything. Several keys stand with commas between.
LLM_KEYS = {
    "google-gla": tuple(env.list("GEMINI_API_KEY", default=[])),
    "anthropic": tuple(env.list("ANTHROPIC_API_KEY", default=[])),
    "openai": tuple(env.list("OPENAI_API_KEY", default=[])),
    "openrouter": tuple(env.list("OPENROUTER_API_KEY", default=[])),
    "ollama": tuple(env.list("OLLAMA_API_KEY", default=[])),
}
LLM_BASE_URLS = {
    "google-gla": env.str("GEMINI_BASE_URL", default=""),
    "anthropic": env.str("ANTHROPIC_BASE_URL", default=""),
    "openai": env.str("OPENAI_BASE_URL", default=""),
    "openrouter": env.str("OPENROUTER_BASE_URL", default=""),
    "ollama": env.str("OLLAMA_BASE_URL", default=""),
}
LLM_MODEL = env.list("LLM_MODEL", default=[])
if not LLM_MODEL and LLM_KEYS["google-gla"]:
    LLM_MODEL = ["google-gla:gemini-2.5-flash"]
LLM_TIMEOUT_S = env.float("LLM_TIMEOUT_S", default=60.0)
LLM_TRIES = env.int("LLM_TRIES", default=3)
AI_BUDGET_TOTAL_USD = env.float("AI_BUDGET_TOTAL_USD", default=20.0)
AI_BUDGET_USER_USD = env.float("AI_BUDGET_USER_USD", default=min(1.0, AI_BUDGET_TOTAL_USD))
AI_BUDGET_RESERVE_PERCENT = env.float("AI_BUDGET_RESERVE_PERCENT", default=5.0)

# How long a conversation waits for a backtest before it says that it is still under way.
CHAT_WAIT_S = env.float("CHAT_WAIT_S", default=30.0)
SEARXNG_ENDPOINT = env.str("SEARXNG_ENDPOINT", default="")
SEARXNG_CATEGORIES = env.list("SEARXNG_CATEGORIES", default=["general"])

# The broker rings the workers' bell; without a server it is a folder.
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="filesystem://")
if CELERY_BROKER_URL.startswith("filesystem:"):
    _broker = VAR_DIR / "broker"
    for _name in ("messages", "control"):
        environment.folder("VAR_DIR", _broker / _name)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker / "messages"),
        "data_folder_out": str(_broker / "messages"),
        "control_folder": str(_broker / "control"),
        "polling_interval": 0.05,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 10}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_POOL = "threads"  # a job runs in the sandbox; the worker only waits
CELERY_WORKER_CONCURRENCY = BACKTEST_CONCURRENCY
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# Figures of all processes of this machine, for /metrics.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(environment.shared_memory(VAR_DIR)))
environment.folder("PROMETHEUS_MULTIPROC_DIR", Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOG_FORMAT = env.str("LOG_FORMAT", default="console")
_entry: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
_written = structlog.processors.JSONRenderer() if LOG_FORMAT == "json" else structlog.dev.ConsoleRenderer(colors=False)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _entry,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                _written,
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        **{name: {"level": "WARNING"} for name in ("httpx", "httpx2", "google_genai")},
        "yfinance": {"level": "CRITICAL"},  # what fails there is raised here, with its remedy
    },
}
structlog.configure(
    processors=[*_entry, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

environment.check(globals())
