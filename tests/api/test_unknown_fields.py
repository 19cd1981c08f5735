"""What nobody reads is refused: fields of bodies, query parameters, filters, orderings; found by a walk over all routes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework import serializers
from rest_framework.test import APIClient

from auth_api.requests import APIView, RequestSerializer, StrictQuery, query_parameters, second_names
from Backtest.errors import InvalidInput
from tests.conftest import SENTENCE

NONSENSE = "commmission_x"


def routes(patterns: list[Any] | None = None, before: str = "") -> Iterator[tuple[str, type[Any]]]:
    """Yield path and view class of every route of the API that is ours."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path.startswith("api/"):
            view = getattr(pattern.callback, "cls", None)
            if view is not None:
                yield "/" + path, view


ROUTES = list(routes())
BODIES = [(path, view, method) for path, view in ROUTES for method in ("post", "put", "patch") if hasattr(view, method)]


def requests() -> Iterator[tuple[str, serializers.BaseSerializer[Any]]]:
    """Yield every serializer that a view documents as its request."""
    for path, view, method in BODIES:
        schema = getattr(view, method).kwargs["schema"]()
        made = view()
        made.request, made.kwargs = None, {}
        schema.view, schema.path, schema.method = made, path, method.upper()
        found = schema.get_request_serializer()
        for shape in found.values() if isinstance(found, dict) else [found]:
            if shape is not None:
                yield f"{method} {path}", shape() if isinstance(shape, type) else shape


REQUESTS = list(requests())


def nested(serializer: Any) -> Iterator[serializers.BaseSerializer[Any]]:
    yield serializer
    for field in serializer.fields.values():
        inner = getattr(field, "child", field)
        if isinstance(inner, serializers.Serializer):
            yield from nested(inner)


def test_the_walk_finds_what_there_is() -> None:
    assert len(ROUTES) > 45
    assert len(REQUESTS) > 25


@pytest.mark.parametrize("view", list(dict.fromkeys(view for _, view in ROUTES)), ids=lambda v: v.__name__)
def test_every_view_is_strict_about_its_query(view: type[Any]) -> None:
    assert issubclass(view, StrictQuery)


@pytest.mark.parametrize(("where", "serializer"), REQUESTS, ids=[where for where, _ in REQUESTS])
def test_every_request_refuses_an_unknown_field(where: str, serializer: Any) -> None:
    assert isinstance(serializer, RequestSerializer), where
    with pytest.raises(InvalidInput) as refused:
        type(serializer)(data={NONSENSE: 1}).is_valid()
    assert [(d.field, d.code) for d in refused.value.details] == [(NONSENSE, "unknown_field")]
    for inner in nested(serializer):
        if inner is serializer:
            continue
        path = str(inner.field_name)
        with pytest.raises(InvalidInput, match="not valid") as refused:
            type(serializer)(data={path: {NONSENSE: 1}}).is_valid()
        assert refused.value.details[0].field == f"{path}.{NONSENSE}"


@pytest.mark.parametrize(("where", "serializer"), REQUESTS, ids=[where for where, _ in REQUESTS])
def test_both_names_of_a_field_are_one_too_many(where: str, serializer: Any) -> None:
    for other, name in second_names(serializer.fields).items():
        with pytest.raises(InvalidInput) as refused:
            type(serializer)(data={name: "x", other: "x"}).is_valid()
        assert [(d.field, d.code) for d in refused.value.details] == [(other, "given_twice")]


@pytest.fixture
def strategy(api: APIClient) -> dict[str, Any]:
    return dict(api.post("/api/strategies/", {"user_description": SENTENCE}).json())


def test_every_route_refuses_by_request_what_it_does_not_read(api: APIClient, strategy: dict[str, Any]) -> None:
    run = api.post("/api/backtests/", {"strategy_id": strategy["id"]}).json()["id"]
    ids = {"<int:strategy_id>": str(strategy["id"]), "<int:run_id>": str(run)}
    for path, view in ROUTES:
        url = re.sub(r"<[^>]+>", lambda found: ids.get(found[0], "1"), path)
        for method in ("get", "post", "put", "patch", "delete"):
            if not hasattr(view, method):
                continue
            client = APIClient() if view.permission_classes and "Live" in view.__name__ else api
            asked = getattr(client, method)(f"{url}?{NONSENSE}=1")
            found = [(d["field"], d["code"]) for d in asked.json()["details"]]
            assert (asked.status_code, found) == (400, [(NONSENSE, "unknown_parameter")]), (method, url, asked.content)
            if method in ("post", "put", "patch"):
                multipart = any(p.media_type.startswith("multipart") for p in view.parser_classes)
                body = {NONSENSE: "1"} if multipart else json.dumps({NONSENSE: 1})
                how = {"format": "multipart"} if multipart else {"content_type": "application/json"}
                sent = getattr(api, method)(url, body, **how)
                found = [(d["field"], d["code"]) for d in sent.json()["details"]]
                assert (sent.status_code, found) == (400, [(NONSENSE, "unknown_field")]), (method, url, sent.content)


@pytest.mark.parametrize(
    ("path", "body", "field", "suggestion"),
    [
        ("backtests/quick-run/", {"user_description": SENTENCE, "commision": 0.01}, "commision", "did you mean `commission`?"),
        ("backtests/quick-run/", {"user_description": SENTENCE, "initial_capital": 5}, "initial_capital", "did you mean `cash`?"),
        ("backtests/quick-run/", {"user_description": SENTENCE, "stop_loss": 5}, "stop_loss", "Leave it out"),
        ("strategies/", {"user_descripton": SENTENCE}, "user_descripton", "did you mean `user_description`?"),
        ("data/fetch/", {"symbol": "GOOG", "timeframe": "1d"}, "timeframe", "did you mean `interval`?"),
        ("backtests/jobs/", {"strategy": SENTENCE, "notes_": ""}, "notes_", "did you mean `notes`?"),
        ("auth/login/", {"user": "x", "password": "y"}, "user", "did you mean `username`?"),
    ],
)  # fmt: skip
def test_the_error_names_the_field_and_what_was_meant(
    api: APIClient, path: str, body: dict[str, Any], field: str, suggestion: str
) -> None:
    answer = api.post(f"/api/{path}", body)
    assert answer.status_code == 400
    (found,) = answer.json()["details"]
    assert (found["field"], found["code"]) == (field, "unknown_field")
    assert found["suggestion"].startswith(suggestion)
    assert f"`{field}`" in found["message"]


def test_gates_are_not_ignored_for_their_spelling(api: APIClient, strategy: dict[str, Any]) -> None:
    answer = api.post(f"/api/production/strategies/{strategy['id']}/deploy/", {"gates": {"minsharpe": 5}})
    assert answer.status_code == 400
    (found,) = answer.json()["details"]
    assert (found["field"], found["suggestion"]) == ("gates.minsharpe", "did you mean `min_sharpe`?")


def test_names_inside_of_an_indicator_are_read_or_refused(api: APIClient) -> None:
    for body in (
        {"indicators": [{"name": "RSI", "timeperod": 7}]},
        {"indicators": [{"name": "RSI", "timeperiod": 7, "x": 1}]},
    ):
        answer = api.post("/api/data/fetch/", {"symbol": "GOOG", **body})
        assert answer.status_code in (400, 422), answer.content


def test_second_names_are_read(api: APIClient) -> None:
    fetched = api.post("/api/data/fetch/", {
        "ticker": "GOOG", "from": "2006-01-03", "to": "2006-06-30", "required_indicators": [{"name": "RSI", "timeperiod": 7}],
    })  # fmt: skip
    assert fetched.status_code == 200, fetched.content
    assert (fetched.json()["symbol"], fetched.json()["start"][:10]) == ("GOOG", "2006-01-03")
    assert "RSI_7" in fetched.json()["columns"]
    run = api.post(
        "/api/backtests/quick-run/",
        {"user_description": SENTENCE, "from": "2006-01-03", "to": "2007-01-03", "ticker": "AAPL"},
    ).json()
    assert (run["symbol"], run["start_date"], run["end_date"]) == ("AAPL", "2006-01-03", "2007-01-03")
    job = api.post("/api/backtests/jobs/", {"strategy": SENTENCE, "start_date": "2006-01-03", "end_date": "2007-01-03"})
    assert (job.json()["request"]["from"], job.json()["request"]["to"]) == ("2006-01-03", "2007-01-03")


def test_forms_take_second_names_too(api: APIClient) -> None:
    rows = b"Date,Open,High,Low,Close\n" + b"".join(b"2020-01-%02d,1,2,1,2\n" % d for d in range(6, 11))
    upload = SimpleUploadedFile("p.csv", rows)
    made = api.post("/api/data/datasets/upload/", {"file": upload, "ticker": "MINE"}, format="multipart")
    assert (made.status_code, made.json()["symbol"]) == (201, "MINE"), made.content


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("strategies/?page=1&page_size=5&ordering=-created_at&status=draft&format=json", 200),
        ("strategies/?ordering=password", 400),
        ("strategies/?ordering=-id,nme", 400),
        ("strategies/?stauts=draft", 400),
        ("backtests/?ticker=GOOG", 400),
        ("backtests/?symbol=GOOG&timeframe=1d&ordering=sharpe_ratio", 200),
        ("data/datasets/?symbol=GOOG&ordering=rows", 200),
        ("trading/positions/?side=long", 200),
        ("trading/positions/?quantity=5", 400),
        ("ai/usage/?days=3", 200),
        ("ai/usage/?day=3", 400),
        ("strategies/schema/?verbose=1", 400),
        ("strategies/?format=csv", 400),
        ("schema/", 200),
        ("schema/?language=de", 400),
        ("docs/", 200),
        ("docs/?theme=dark", 400),
        ("strategies/?status=", 400),
        ("strategies/?name=%20", 400),
        ("strategies/?ordering=,", 400),
        ("backtests/?status=queued&status=failed", 400),
        ("backtests/?page=1&page=2", 400),
        ("backtests/?strategy=1.5", 400),
        ("backtests/?timeframe=7m", 400),
        ("ai/usage/?days=", 400),
    ],
)
def test_queries(api: APIClient, query: str, status: int) -> None:
    answer = api.get(f"/api/{query}")
    assert answer.status_code == status, answer.content
    if status == 400:
        assert answer.json()["details"], answer.content


def test_anonymous_callers_are_asked_who_they_are_first() -> None:
    assert APIClient().get("/api/strategies/?nonsense=1").status_code == 401


def test_the_description_says_what_is_taken(api: APIClient) -> None:
    from drf_spectacular.generators import SchemaGenerator

    shapes = SchemaGenerator().get_schema(public=True)["components"]["schemas"]
    quick = shapes["QuickRunRequest"]
    assert quick["additionalProperties"] is False
    assert {"from", "start_date", "ticker", "symbol"} <= set(quick["properties"])
    assert shapes["FetchRequest"]["anyOf"] == [{"required": ["symbol"]}, {"required": ["ticker"]}]
    for name, shape in shapes.items():
        if name.endswith("Request") and "properties" in shape:
            assert shape["additionalProperties"] is False, name


def test_a_view_without_a_description_reads_no_parameter() -> None:
    class Plain(APIView):
        def get(self) -> None: ...

    assert query_parameters(Plain(), "GET") == []


def test_what_a_backtest_takes_its_check_takes_too() -> None:
    from backtest_api.serializers import ConfigCheckRequest, RunCreateSerializer

    assert set(ConfigCheckRequest().fields) == set(RunCreateSerializer().fields)
