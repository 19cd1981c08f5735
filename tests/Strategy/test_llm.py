"""The real clients of Gemini, Claude and OpenAI against a server of this machine that speaks their protocols."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel
from pytest_socket import SocketConnectBlockedError

from Backtest.errors import BudgetExceeded, InvalidInput, ModelUnavailable, NotFound
from Strategy.models import llm
from Strategy.models.calls import CallRecord, Message, ModelConfig, ModelTool, NoLedger, Question
from Strategy.models.llm import LanguageModels
from tests.model_server import Asked, ModelServer, Reply, model_server

NAMES = {
    "google-gla": "google-gla:gemini-2.5-flash",
    "anthropic": "anthropic:claude-sonnet-5",
    "openai": "openai:gpt-5",
    "ollama": "ollama:llama3",
}
CUT_OFF = {"google-gla": "MAX_TOKENS", "anthropic": "max_tokens", "openai": "length", "ollama": "length"}
REFUSED = {"google-gla": "SAFETY", "anthropic": "refusal", "openai": "content_filter", "ollama": "content_filter"}
HELLO: Question[str] = Question("chat", "Be brief.", "Hello", str)


class Level(BaseModel):
    name: str
    value: int


@pytest.fixture(scope="module")
def running() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def server(running: ModelServer) -> ModelServer:
    running.asked.clear()
    running.will(Reply(text="yes"))
    return running


@pytest.fixture
def models(server: ModelServer) -> Iterator[Callable[..., LanguageModels]]:
    """Make language models of some providers that ask the server."""
    made = []

    def make(*providers: str, keys: tuple[str, ...] = ("key-one", "key-two"), **options: Any) -> LanguageModels:
        urls = {p: server.url + ("/v1" if p in ("openai", "ollama") else "") for p in NAMES}
        config = {"pause_s": 0.01, "timeout_s": 10.0, **options}
        made.append(
            LanguageModels(ModelConfig(tuple(NAMES[p] for p in providers), dict.fromkeys(NAMES, keys), urls, **config))
        )
        return made[-1]

    yield make
    for found in made:
        found.close()


class Book(NoLedger):
    """Writes everything down; asked for more than `limit`, it refuses."""

    def __init__(self, limit: float = 1.0) -> None:
        self.limit, self.reserved, self.records, self.answers = limit, [], [], {}  # type: ignore[var-annotated]
        self.threads: set[int] = set()

    def before(self, *, purpose: str, model: str, most_usd: float) -> None:
        self.threads.add(threading.get_ident())
        if most_usd > self.limit:
            raise BudgetExceeded("too much")
        self.reserved.append(most_usd)

    def after(self, reserved: None, record: CallRecord) -> None:
        self.threads.add(threading.get_ident())
        self.records.append(record)

    def cached(self, key: str) -> str | None:
        return self.answers.get(key)

    def keep(self, key: str, answer: str) -> None:
        self.answers[key] = answer


# -- Answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", NAMES)
def test_an_answer_as_it_comes(server: ModelServer, models: Callable[..., LanguageModels], provider: str) -> None:
    server.will(Reply(text="Good day to you", usage=(12, 5)))
    book, pieces = Book(), []
    stream = models(provider).stream(HELLO, book)
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            answer = end.value
            break
    assert len(pieces) > 2
    assert "".join(pieces) == answer.output == "Good day to you"
    assert answer.model == NAMES[provider]
    (record,) = book.records
    assert (record.outcome, record.input_tokens, record.output_tokens, record.estimated) == ("ok", 12, 5, False)
    assert record.latency_ms > 0
    assert answer.cost_usd == record.cost_usd <= book.reserved[0]
    assert (record.cost_usd > 0) == (provider != "ollama")
    assert book.threads == {threading.get_ident()}, "a ledger is used in the thread that asks"
    assert "Be brief." in server.asked[0].text


@pytest.mark.parametrize("provider", NAMES)
def test_a_form_filled_in_again_until_it_is_right(
    server: ModelServer, models: Callable[..., LanguageModels], provider: str
) -> None:
    server.will(
        Reply(output={"name": "RSI", "value": "thirty"}),
        Reply(output={"name": "RSI", "value": 300}),
        Reply(output={"name": "RSI", "value": 30}),
    )
    question = Question(
        "understand", "", "RSI below thirty", Level, check=lambda a: "" if a.value <= 100 else "value is above 100"
    )
    answer = models(provider).ask(question)
    assert answer.output == Level(name="RSI", value=30)
    assert len(answer.calls) == len(server.asked) == 3
    assert "value is above 100" in server.asked[2].text, "the model is told what is wrong"
    server.will(Reply(output={"name": "RSI", "value": 300}))
    with pytest.raises(ModelUnavailable, match="not of the form"):
        models(provider).ask(question)


@pytest.mark.parametrize("provider", NAMES)
def test_a_conversation_with_a_tool(server: ModelServer, models: Callable[..., LanguageModels], provider: str) -> None:
    asked_for = []

    def run(arguments: Level) -> str:
        asked_for.append((arguments, threading.get_ident()))
        if arguments.value > 100:
            raise NotFound("there is no such level")
        return f"{arguments.name} is at 42"

    tool = ModelTool("level", "The level of an indicator", Level, run)
    server.will(
        Reply(calls=(("level", {"name": "RSI"}),)), Reply(calls=(("level", {"name": "RSI", "value": 300}),)),
        Reply(calls=(("level", {"name": "RSI", "value": 3}),)), Reply(text="It is 42"),
    )  # fmt: skip
    question = Question(
        "chat",
        "",
        "Where is RSI?",
        str,
        tools=(tool,),
        history=(Message("user", "I trade GOOG"), Message("assistant", "Fine")),
    )
    assert models(provider).ask(question).output == "It is 42"
    assert [a.value for a, _ in asked_for] == [300, 3]
    assert {t for _, t in asked_for} == {threading.get_ident()}
    assert "I trade GOOG" in server.asked[0].text
    assert "there is no such level" in server.asked[2].text
    assert "RSI is at 42" in server.asked[3].text


def test_the_same_question_is_asked_once(server: ModelServer, models: Callable[..., LanguageModels]) -> None:
    server.will(Reply(output={"name": "RSI", "value": 30}))
    book, asking = Book(), models("google-gla")
    question = Question("understand", "Read.", "RSI below 30", Level, deterministic=True)
    first, second = asking.ask(question, book), asking.ask(question, book)
    assert first.output == second.output
    assert (second.model, second.cost_usd, second.calls, len(server.asked)) == ("", 0.0, (), 1)
    asking.ask(Question("understand", "Read.", "RSI below 31", Level, deterministic=True), book)
    assert len(server.asked) == 2
    book.answers = dict.fromkeys(book.answers, '{"old": "form"}')
    assert asking.ask(question, book).output == first.output
    assert len(server.asked) == 3


# -- What goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("provider", NAMES)
@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(status=400), "refused the request"),
        (Reply(status=401), "refuses the key"),
        (Reply(status=429), "rate limit"),
        (Reply(status=500), "it failed"),
        (Reply(status=503), "it failed"),
        (Reply(raw=b'{"half": '), "failed|not readable"),
        (Reply(raw=b"[]"), "failed|not readable|form"),
        (Reply(text="Half of an", finish="cut"), "cut off"),
        (Reply(text="", finish="refused"), "refused to answer"),
        (Reply(text="x" * 400, drip_s=0.01, delay_s=1.5), "in time|failed"),
    ],
)
def test_every_failure_is_told(
    server: ModelServer,
    models: Callable[..., LanguageModels],
    provider: str,
    reply: Reply,
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    finish = {"cut": CUT_OFF[provider], "refused": REFUSED[provider]}.get(reply.finish, "")
    server.will(Reply(**{**reply.__dict__, "finish": finish}))
    book = Book()
    timeout = 1.0 if reply.drip_s else 10.0
    with pytest.raises(ModelUnavailable, match=why) as caught:
        models(provider, tries=2, timeout_s=timeout).ask(Question("understand", "", "Hello", Level), book)
    for text in (str(caught.value), caplog.text):
        assert "key-one" not in text
        assert "half" not in text.lower()
    assert len(book.reserved) == len(book.records) >= 1
    assert all(r.outcome != "pending" for r in book.records)


@pytest.mark.parametrize("provider", NAMES)
@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(status=400), "refused the request"),
        (Reply(status=429), "rate limit"),
        (Reply(status=503), "it failed"),
        (Reply(raw=b"event: nonsense\ndata: {\n\n"), "failed|not readable|form|refused"),
        (Reply(text="Half of an answer", finish="cut"), "cut off"),
        (Reply(text="No", finish="refused"), "refused to answer"),
        (
            Reply(text="An answer that is going to end before it is all said", drop_after=3),
            "cut off|failed|not readable",
        ),
        (Reply(text="word " * 60, drip_s=0.2), "in time"),
    ],
)
def test_every_failure_of_a_stream_is_told(
    server: ModelServer, models: Callable[..., LanguageModels], provider: str, reply: Reply, why: str
) -> None:
    finish = {"cut": CUT_OFF[provider], "refused": REFUSED[provider]}.get(reply.finish, "")
    server.will(Reply(**{**reply.__dict__, "finish": finish}))
    book = Book()
    with pytest.raises(ModelUnavailable, match=why):
        models(provider, tries=1, timeout_s=3.0 if reply.drip_s else 10.0).ask(HELLO, book)
    assert len(book.reserved) == len(book.records) >= 1


@pytest.mark.parametrize("provider", NAMES)
def test_a_failure_that_passes(server: ModelServer, models: Callable[..., LanguageModels], provider: str) -> None:
    server.will(Reply(status=500), Reply(status=503), Reply(text="yes"))
    answer = models(provider).ask(HELLO)
    assert [c.outcome for c in answer.calls] == ["unavailable", "unavailable", "ok"]


@pytest.mark.parametrize("provider", NAMES)
def test_another_key_when_one_is_at_its_limit(
    server: ModelServer, models: Callable[..., LanguageModels], provider: str
) -> None:
    server.will_answer(lambda a: Reply(status=429) if a.key == "key-one" else Reply(text="yes"))
    asking = models(provider)
    for _ in range(3):
        assert asking.ask(HELLO).output == "yes"
    assert [a.key for a in server.asked] == ["key-one", "key-two", "key-two", "key-two"], "the rest is remembered"
    server.will(Reply(status=429))
    with pytest.raises(ModelUnavailable):
        asking.ask(HELLO)
    before = len(server.asked)
    with pytest.raises(ModelUnavailable, match="all keys are at their limit"):
        asking.ask(HELLO)
    assert len(server.asked) == before


def test_how_long_a_key_rests_is_the_providers_word(server: ModelServer, models: Callable[..., LanguageModels]) -> None:
    server.will(Reply(status=429, headers={"retry-after": "1"}), Reply(text="yes"))
    asking = models("anthropic", keys=("only",))
    with pytest.raises(ModelUnavailable):
        asking.ask(HELLO)
    time.sleep(1.1)
    assert asking.ask(HELLO).output == "yes"


def test_nobody_waits_for_an_hour(server: ModelServer, models: Callable[..., LanguageModels]) -> None:
    """A provider that asks for a long pause is left for the next model at once."""

    def answer(asked: Asked) -> Reply:
        return (
            Reply(status=503, headers={"retry-after": "3600"}) if asked.provider == "anthropic" else Reply(text="yes")
        )

    server.will_answer(answer)
    assert models("anthropic", "openai").ask(HELLO).output == "yes"
    assert [a.provider for a in server.asked] == ["anthropic", "openai"]


def test_the_next_model_when_one_fails(server: ModelServer, models: Callable[..., LanguageModels]) -> None:
    def answer(asked: Asked) -> Reply:
        return {"google": Reply(status=500), "anthropic": Reply(status=401)}.get(
            asked.provider, Reply(text="from the third")
        )

    server.will_answer(answer)
    found = models("google-gla", "anthropic", "openai").ask(HELLO)
    assert (found.output, found.model) == ("from the third", NAMES["openai"])
    server.will(Reply(status=500))
    with pytest.raises(ModelUnavailable) as caught:
        models("google-gla", "anthropic").ask(HELLO)
    assert "gemini" in str(caught.value)
    assert "claude" in str(caught.value)


def test_a_model_that_keeps_failing_is_left_alone(server: ModelServer, models: Callable[..., LanguageModels]) -> None:
    server.will(Reply(status=500))
    asking = models("google-gla", tries=3)
    for _ in range(2):
        with pytest.raises(ModelUnavailable):
            asking.ask(HELLO)
    asked = len(server.asked)
    assert asked == 5
    with pytest.raises(ModelUnavailable, match="left alone"):
        asking.ask(HELLO)
    assert len(server.asked) == asked


def test_a_call_that_cannot_be_paid_is_not_made(server: ModelServer, models: Callable[..., LanguageModels]) -> None:
    with pytest.raises(BudgetExceeded):
        models("google-gla", "anthropic").ask(HELLO, Book(limit=0.0))
    assert server.asked == []


@pytest.mark.filterwarnings("ignore:Failed to extract usage")
@pytest.mark.parametrize("usage", [(0, 0), (-5, -5), (10**12, 10**12)])
def test_numbers_of_tokens_that_cannot_be(
    server: ModelServer, models: Callable[..., LanguageModels], usage: tuple[int, int]
) -> None:
    server.will(Reply(text="word " * 400, usage=usage))
    book = Book()
    models("openai").ask(Question("chat", "long " * 400, "Hello", str), book)
    (record,) = book.records
    assert record.estimated
    assert 600 < record.input_tokens < 800
    assert 600 < record.output_tokens < 800


def test_who_stops_listening_still_pays(server: ModelServer, models: Callable[..., LanguageModels]) -> None:
    server.will(Reply(text="a long answer " * 50, drip_s=0.02))
    book = Book()
    stream = models("anthropic").stream(HELLO, book)
    next(stream)
    stream.close()
    (record,) = book.records
    assert record.outcome == "abandoned"
    assert record.cost_usd > 0


def test_fifty_at_once(server: ModelServer, models: Callable[..., LanguageModels]) -> None:
    server.will(Reply(text="yes", delay_s=0.05))
    asking, answers = models("google-gla"), []
    threads = [threading.Thread(target=lambda: answers.append(asking.ask(HELLO).output)) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["yes"] * 50


@pytest.mark.parametrize(
    ("name", "keys", "said"),
    [
        ("gpt-5", {}, "is none of"),
        ("nobody:x", {}, "is none of"),
        ("google-gla:", {}, "is none of"),
        ("anthropic:claude", {}, "set ANTHROPIC_API_KEY"),
    ],
)
def test_a_bad_configuration(name: str, keys: dict[str, tuple[str, ...]], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        LanguageModels(ModelConfig((name,), keys))


def test_keys_are_not_shown() -> None:
    assert "secret" not in repr(ModelConfig(("google-gla:x",), {"google-gla": ("secret",)}))


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a local server the real clients would go to their vendors: the tests' guard stops every one of them."""
    tried: list[Any] = []
    connect = socket.socket.connect

    def resolved(host: str, port: Any, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("198.51.100.7", int(port or 443)))]

    def watched(self: socket.socket, address: Any) -> Any:
        tried.append(address)
        return connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setattr(socket.socket, "connect", watched)
    for name in ("google-gla:gemini-2.5-flash", "anthropic:claude-sonnet-5", "openai:gpt-5"):
        provider = name.split(":")[0]
        asking = LanguageModels(ModelConfig((name,), {provider: ("key-one",)}, tries=1, timeout_s=5))
        with pytest.raises(ModelUnavailable):
            asking.ask(HELLO)
        asking.close()
    assert len(tried) >= 3, "they did try"
    with pytest.raises(SocketConnectBlockedError):
        socket.create_connection(("198.51.100.7", 443), timeout=1)


# -- Logic, with pydantic-ai's own models ----------------------------------------------------------


def test_the_chain_with_models_made_of_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """No protocol at all: what is left is the chain, the ledger and the check."""
    asked: list[str] = []

    def broken(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
        asked.append("first")
        raise ModelHTTPError(500, "first", {"error": "secret-body"})

    def refusing(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
        asked.append("second")
        return ModelResponse(parts=[TextPart("no")], finish_reason="content_filter")

    made: dict[str, Model] = {
        "first": FunctionModel(broken), "second": FunctionModel(refusing), "third": TestModel(custom_output_args={"name": "RSI", "value": 30}),
    }  # fmt: skip
    monkeypatch.setitem(llm.PROVIDERS, "openai", lambda name, *_: made[name])
    asking = LanguageModels(ModelConfig(tuple(f"openai:{n}" for n in made), {"openai": ("key-one",)}, pause_s=0.01))
    book = Book()
    answer = asking.ask(
        Question("understand", "", "RSI", Level, check=lambda a: "" if a.value == 30 else "wrong"), book
    )
    asking.close()
    assert (answer.output, answer.model, asked) == (
        Level(name="RSI", value=30),
        "openai:third",
        ["first"] * 3 + ["second"],
    )
    assert [r.model for r in book.records] == ["openai:first"] * 3 + ["openai:second", "openai:third"]
    assert book.records[0].outcome != "ok"
