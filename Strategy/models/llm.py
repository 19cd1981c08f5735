"""Asking language models: the only file that knows a provider.

A question goes to the first model of the configured chain that can answer. Each request is paid for before it is
made, recorded after it, and tried again with another key or after a pause when that may help. All requests run
on one event loop in a thread of its own, so connections stay open; whatever touches the asker's things (the
ledger, the tools) runs in the thread that asks.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
import ssl
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
from genai_prices import Usage, calc_price
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_ai import Agent, ModelRetry, Tool, ToolOutput, UsageLimits
from pydantic_ai.exceptions import (
    AgentRunError,
    ContentFilterError,
    FallbackExceptionGroup,
    IncompleteToolCall,
    ModelAPIError,
    ModelAuthenticationError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelTimeoutError,
    OutputTokenLimitExceeded,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from Backtest.errors import AlgoAgentError, InvalidInput, ModelUnavailable
from Backtest.machine import elsewhere
from Strategy.models.calls import (
    Answer,
    CallRecord,
    Ledger,
    ModelConfig,
    ModelTool,
    NoLedger,
    Outcome,
    Output,
    Question,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

KEYLESS = ("ollama",)
RATE_REST_S, QUOTA_REST_S, REFUSED_REST_S = 60.0, 3600.0, 600.0
LONGEST_PAUSE_S = 8.0
CIRCUIT_FAILURES, CIRCUIT_OPEN_S = 5, 30.0
MOST_REQUESTS, MOST_TOOL_CALLS = 12, 16
CHARACTERS_PER_TOKEN = 3.0  # fewer than prose has, so that estimates are high
SHORTEST_TOKEN, LONGEST_TOKEN = 1.0, 12.0  # characters; usage reported outside of this is not believed
UNKNOWN_PRICE = (15.0, 75.0)  # US dollars for a million tokens in and out, where a model's price is not known


# -- Providers -----------------------------------------------------------------------------------


def _google(name: str, key: str, base_url: str | None, http: httpx2.AsyncClient) -> Model:
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    return GoogleModel(name, provider=GoogleProvider(api_key=key, base_url=base_url, http_client=http))


def _anthropic(name: str, key: str, base_url: str | None, http: httpx2.AsyncClient) -> Model:
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    client = AsyncAnthropic(api_key=key, base_url=base_url, max_retries=0, http_client=http)
    return AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client))


def _openai_client(key: str, base_url: str | None, http: httpx2.AsyncClient) -> AsyncOpenAI:
    from openai import AsyncOpenAI

    return AsyncOpenAI(api_key=key, base_url=base_url, max_retries=0, http_client=http)


def _openai(name: str, key: str, base_url: str | None, http: httpx2.AsyncClient) -> Model:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=_openai_client(key, base_url, http)))


def _openrouter(name: str, key: str, base_url: str | None, http: httpx2.AsyncClient) -> Model:
    from pydantic_ai.models.openrouter import OpenRouterModel
    from pydantic_ai.providers.openrouter import OpenRouterProvider

    client = _openai_client(key, base_url or "https://openrouter.ai/api/v1", http)
    return OpenRouterModel(name, provider=OpenRouterProvider(openai_client=client))


def _ollama(name: str, key: str, base_url: str | None, http: httpx2.AsyncClient) -> Model:
    from pydantic_ai.models.ollama import OllamaModel
    from pydantic_ai.providers.ollama import OllamaProvider

    client = _openai_client(key or "none", base_url or "http://127.0.0.1:11434/v1", http)
    return OllamaModel(name, provider=OllamaProvider(openai_client=client))


PROVIDERS: dict[str, Callable[[str, str, str | None, httpx2.AsyncClient], Model]] = {
    "google-gla": _google,
    "anthropic": _anthropic,
    "openai": _openai,
    "openrouter": _openrouter,
    "ollama": _ollama,
}
_PRICED_AS = {"google-gla": "google"}


class _Unasked(ModelAPIError):
    """A model that was not asked; the message is ours and says why."""


class _Unusable(ModelAPIError):
    """An answer that is none: cut off, refused, not of the provider's own form. Half a rule is worse than none."""


class _Endpoint:
    """One model of one provider: its keys and their rests, its clients, its circuit breaker."""

    def __init__(self, name: str, config: ModelConfig, http: httpx2.AsyncClient) -> None:
        self.name, self._http = name, http
        self.provider, _, self._model = name.partition(":")
        if self.provider not in PROVIDERS or not self._model:
            raise InvalidInput(f"LLM_MODEL: {name!r} is none of {', '.join(f'{p}:MODEL' for p in PROVIDERS)}")
        self._keys = config.keys.get(self.provider, ()) or (("",) if self.provider in KEYLESS else ())
        if not self._keys:
            raise InvalidInput(f"LLM_MODEL: {name} has no key: set {key_variable(self.provider)}")
        self._base_url = config.base_urls.get(self.provider) or None
        self._config = config
        self._rests: dict[str, float] = {}
        self._clients: dict[str, Model] = {}
        self._failures, self._open_until = 0, 0.0

    def client(self, key: str | None = None) -> Model:
        key = self._keys[0] if key is None else key
        if key not in self._clients:
            self._clients[key] = PROVIDERS[self.provider](self._model, key, self._base_url, self._http)
        return self._clients[key]

    def key(self) -> str:
        """Return the first key that does not rest. _Unasked when there is none, or the circuit is open."""
        now = time.monotonic()
        if now < self._open_until:
            raise _Unasked(self.name, f"it failed {self._failures} times in a row and is left alone for a while")
        for key in self._keys:
            if self._rests.get(key, 0.0) <= now:
                return key
        raise _Unasked(self.name, "all keys are at their limit")

    def worked(self) -> None:
        self._failures = 0

    def failed(self, key: str, error: ModelAPIError, tried: int) -> float | None:
        """Remember a failure; return the seconds until another try may help, None when it cannot."""
        now = time.monotonic()
        if isinstance(error, ModelRateLimitError | ModelQuotaExceededError | ModelAuthenticationError):
            rest = {ModelQuotaExceededError: QUOTA_REST_S, ModelAuthenticationError: REFUSED_REST_S}
            asked = min(max(error.retry_after or RATE_REST_S, 1.0), QUOTA_REST_S)
            self._rests[key] = now + next((s for kind, s in rest.items() if isinstance(error, kind)), asked)
            return 0.0 if any(self._rests.get(k, 0.0) <= now for k in self._keys) else None
        if isinstance(error, ModelRequestRejectedError):
            return None
        self._failures += 1
        if self._failures >= CIRCUIT_FAILURES:
            self._open_until = now + CIRCUIT_OPEN_S
            return None
        if tried + 1 >= self._config.tries or (error.retry_after or 0.0) > LONGEST_PAUSE_S:
            return None
        pause = min(self._config.pause_s * 2.0**tried, LONGEST_PAUSE_S)
        return max(error.retry_after or 0.0, pause * (1 + random.random()))  # noqa: S311

    def price(self, input_tokens: int, output_tokens: int) -> float:
        """Return US dollars, by genai-prices; a cautious figure where it does not know the model."""
        if self.provider in KEYLESS:
            return 0.0
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        try:
            found = calc_price(usage, self._model, provider_id=_PRICED_AS.get(self.provider, self.provider))
        except LookupError:
            return (input_tokens * UNKNOWN_PRICE[0] + output_tokens * UNKNOWN_PRICE[1]) / 1e6
        return float(found.total_price)


def key_variable(provider: str) -> str:
    """Return the setting that holds a provider's keys."""
    return {"google-gla": "GEMINI_API_KEY"}.get(provider, f"{provider.upper()}_API_KEY")


# -- One question --------------------------------------------------------------------------------


class _Asker:
    """The thread that asks: it runs what the loop wants run there, and passes on what is streamed."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.records: list[CallRecord] = []
        self._queue: SimpleQueue[Any] = SimpleQueue()

    async def here(self, function: Callable[[], Result]) -> Result:
        """Run a function in the thread that asks; called on the loop."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.put((function, done))
        return await done

    def say(self, text: str) -> None:
        self._queue.put(text)

    def _next(self) -> Any:
        with elsewhere():
            return self._queue.get()

    def wait(self, work: Coroutine[Any, Any, Result]) -> Generator[str, None, Result]:
        """Yield what is streamed while the work is done on the loop; return what it returns."""
        loop = _loop()

        async def whole() -> Result:
            try:
                return await work
            finally:
                self._queue.put(None)

        task = asyncio.run_coroutine_threadsafe(whole(), loop)
        try:
            while (item := self._next()) is not None:
                if isinstance(item, str):
                    yield item
                else:
                    _do(loop, *item)
            return task.result()
        finally:
            if task.cancel():  # who listened went away: let it write down what it had cost
                while (item := self._next()) is not None:
                    if not isinstance(item, str):
                        _do(loop, *item)


def _do(loop: asyncio.AbstractEventLoop, function: Callable[[], Any], done: asyncio.Future[Any]) -> None:
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
        loop.call_soon_threadsafe(_settle, done, None, error)
    else:
        loop.call_soon_threadsafe(_settle, done, result, None)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="language-models", daemon=True).start()
    return loop


@dataclass(init=False)
class _Metered(WrapperModel):
    """A model whose every request is paid for, recorded, and tried again where that may help."""

    endpoint: _Endpoint = field(repr=False)

    def __init__(self, endpoint: _Endpoint, question: Question[Any], asker: _Asker, config: ModelConfig) -> None:
        super().__init__(endpoint.client())
        self.endpoint, self._question, self._asker, self._config = endpoint, question, asker, config

    async def request(
        self, messages: list[ModelMessage], settings: ModelSettings | None, parameters: ModelRequestParameters
    ) -> ModelResponse:
        async def start(model: Model) -> ModelResponse:
            return await model.request(messages, settings, parameters)

        response, paid = await self._tried(start, messages, parameters)
        await paid.close("ok", response.usage, _written(response))
        self._whole(response)
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        parameters: ModelRequestParameters,
        run_context: Any = None,
    ) -> AsyncGenerator[StreamedResponse]:
        async with AsyncExitStack() as stack:

            async def start(model: Model) -> StreamedResponse:
                stream = model.request_stream(messages, settings, parameters, run_context)
                return await stack.enter_async_context(stream)

            response, paid = await self._tried(start, messages, parameters)
            try:
                yield response
            except Exception as error:  # noqa: BLE001 - the same, in the middle of it
                failure = _as_api_error(self.endpoint.name, error)
                await paid.close(_outcome(failure), response.usage, _written(response.get()))
                raise failure from None
            except BaseException:
                await paid.close("abandoned", response.usage, _written(response.get()))
                raise
            await paid.close("ok", response.usage, _written(response.get()))
            if not (response.get().provider_details or {}).get(
                "finish_reason"
            ):  # the connection ended, and no client says so
                raise _Unusable(self.endpoint.name, "the answer was cut off")
            self._whole(response.get())

    def _whole(self, response: ModelResponse) -> None:
        """Raise when the answer is not a whole one; the next model of the chain may have one."""
        if response.finish_reason == "length":
            raise _Unusable(self.endpoint.name, "the answer was cut off")
        if response.finish_reason == "content_filter":
            raise _Unusable(self.endpoint.name, "the model refused to answer")

    async def _tried(
        self,
        start: Callable[[Model], Awaitable[Result]],
        messages: list[ModelMessage],
        parameters: ModelRequestParameters,
    ) -> tuple[Result, _Paid]:
        size = _size(messages, parameters)
        for tried in range(self._config.tries + 8):  # keys that rest at once are not tries
            key = self.endpoint.key()
            paid = await _Paid.open(self.endpoint, self._question, self._asker, size)
            try:
                async with asyncio.timeout(self._config.timeout_s):
                    result = await start(self.endpoint.client(key))
            except Exception as caught:  # noqa: BLE001 - on a broken answer a vendor's client raises anything
                error = _as_api_error(self.endpoint.name, caught)
                await paid.close(_outcome(error), RequestUsage(), "")
                pause = self.endpoint.failed(key, error, tried)
                logger.info("model %s, try %d: %s", self.endpoint.name, tried + 1, _outcome(error))
                if pause is None:
                    raise error from None
                await asyncio.sleep(pause)
            except BaseException:
                await paid.close("abandoned", RequestUsage(), "")
                raise
            else:
                self.endpoint.worked()
                return result, paid
        raise _Unasked(self.endpoint.name, "it was tried too often")


def _as_api_error(name: str, error: Exception) -> ModelAPIError:
    if isinstance(error, ModelAPIError):
        return error
    logger.info("model %s: %s", name, type(error).__name__)
    if isinstance(error, TimeoutError):
        return ModelTimeoutError(name, "no answer in time")
    return _Unusable(name, "its answer was not readable")


class _Paid:
    """One request: what was set aside for it, and what it came to."""

    def __init__(self, endpoint: _Endpoint, question: Question[Any], asker: _Asker, size: int) -> None:
        self._endpoint, self._question, self._asker, self._size = endpoint, question, asker, size
        self._reserved: Any = None
        self._started = time.perf_counter()

    @classmethod
    async def open(cls, endpoint: _Endpoint, question: Question[Any], asker: _Asker, size: int) -> _Paid:
        most = endpoint.price(round(size / CHARACTERS_PER_TOKEN), question.max_output_tokens)
        paid = cls(endpoint, question, asker, size)
        paid._reserved = await asker.here(
            lambda: asker.ledger.before(purpose=question.purpose, model=endpoint.name, most_usd=most)
        )
        return paid

    async def close(self, outcome: Outcome, usage: RequestUsage, written: str) -> None:
        # What a provider reports is believed within what texts of such a size can come to.
        tokens_in, odd_in = _believable(usage.input_tokens, self._size if outcome == "ok" else 0)
        tokens_out, odd_out = _believable(usage.output_tokens, len(written))
        record = CallRecord(
            purpose=self._question.purpose, model=self._endpoint.name, outcome=outcome, input_tokens=tokens_in,
            output_tokens=tokens_out, cost_usd=self._endpoint.price(tokens_in, tokens_out), estimated=odd_in or odd_out,
            latency_ms=(time.perf_counter() - self._started) * 1000,
        )  # fmt: skip
        self._asker.records.append(record)
        await self._asker.here(lambda: self._asker.ledger.after(self._reserved, record))


def _believable(reported: int, characters: int) -> tuple[int, bool]:
    """Return a number of tokens, and whether it is our own estimate because the reported one cannot be."""
    if characters == 0:
        return max(0, min(reported, 100_000)), False
    if characters / LONGEST_TOKEN - 10 <= reported <= characters / SHORTEST_TOKEN + 100_000:
        return reported, False
    return round(characters / CHARACTERS_PER_TOKEN), True


def _size(messages: list[ModelMessage], parameters: ModelRequestParameters) -> int:
    """Return how many characters a model reads, about."""
    size = 0
    for message in messages:
        size += len(getattr(message, "instructions", None) or "")
        size += sum(len(str(getattr(p, "content", "") or getattr(p, "args", "") or "")) for p in message.parts)
    for tool in (*parameters.function_tools, *parameters.output_tools):
        size += len(tool.name) + len(tool.description or "") + len(json.dumps(tool.parameters_json_schema))
    return size


def _written(response: ModelResponse) -> str:
    return "".join(str(getattr(p, "content", "") or getattr(p, "args", "") or "") for p in response.parts)


def _outcome(error: ModelAPIError) -> Outcome:
    match error:
        case ModelRateLimitError():
            return "rate_limited"
        case ModelQuotaExceededError():
            return "quota"
        case ModelAuthenticationError():
            return "refused_key"
        case ModelRequestRejectedError():
            return "rejected"
        case ModelTimeoutError():
            return "timeout"
    return "unavailable"


# -- The models ----------------------------------------------------------------------------------


@cache
def _certificates() -> ssl.SSLContext:
    """Return whom a connection trusts. To read all certificates takes 30 ms, which each client would else do again."""
    return httpx2.create_ssl_context()


class LanguageModels:
    """The configured models, asked in turn.

    Raises:
        InvalidInput: the configuration names no such model, or has no key for it.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self._http = httpx2.AsyncClient(verify=_certificates(), timeout=httpx2.Timeout(config.timeout_s, connect=10.0))
        self._endpoints = [_Endpoint(name, config, self._http) for name in config.models]

    def warm_up(self) -> None:
        """Make the clients, which imports a second's worth and more of each provider's package."""
        for endpoint in self._endpoints:
            endpoint.client()

    def close(self) -> None:
        """Close the connections."""
        asyncio.run_coroutine_threadsafe(self._http.aclose(), _loop()).result()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(e.name for e in self._endpoints)

    def ask(self, question: Question[Output], ledger: Ledger | None = None) -> Answer[Output]:
        """Return a model's answer, checked.

        Raises:
            ModelUnavailable: no model answered, or none as it should; the message says why of each.
            BudgetExceeded: the call would cost more than is left.
        """
        return _exhaust(self.stream(question, ledger))

    def stream(self, question: Question[Output], ledger: Ledger | None = None) -> Generator[str, None, Answer[Output]]:
        """Yield the answer's text as it comes; return the Answer. Raises like `ask`."""
        ledger = ledger or NoLedger()
        key = self._key(question) if question.deterministic else ""
        form = TypeAdapter(question.output)
        if key and (known := ledger.cached(key)) is not None:
            try:
                return Answer(form.validate_json(known), "", 0.0, ())
            except ValidationError:
                logger.info("an answer of the cache is of an older form: asked again")
        asker = _Asker(ledger)
        try:
            output, model = yield from asker.wait(self._run(question, asker))
        except AlgoAgentError:
            raise
        except FallbackExceptionGroup as group:
            raise ModelUnavailable(_why(e for e in group.exceptions)) from None
        except (AgentRunError, TimeoutError) as error:
            raise ModelUnavailable(_why([error])) from None
        if key:
            ledger.keep(key, form.dump_json(output).decode())
        return Answer(output, model, sum(r.cost_usd for r in asker.records), tuple(asker.records))

    def _key(self, question: Question[Any]) -> str:
        schema = _schema(question.output) if issubclass(question.output, BaseModel) else {}
        said = [self.names, question.purpose, question.instructions, question.prompt, schema,
                [(t.role, t.text) for t in question.history]]  # fmt: skip
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    async def _run(self, question: Question[Output], asker: _Asker) -> tuple[Output, str]:
        chain = [_Metered(e, question, asker, self.config) for e in self._endpoints]
        settings = ModelSettings(max_tokens=question.max_output_tokens, timeout=self.config.timeout_s)
        if question.deterministic:
            settings["temperature"] = 0.0
        agent: Agent[object, Output] = Agent(
            FallbackModel(*chain, fallback_on=(ModelAPIError,)),
            output_type=question.output
            if question.output is str
            else ToolOutput(question.output, name="final_result", strict=False),
            instructions=question.instructions,
            model_settings=settings,
            retries=question.rounds,
            tools=[_tool(t, asker) for t in question.tools],
        )
        if question.check is not None:
            check = question.check

            @agent.output_validator
            async def checked(output: Output) -> Output:
                if wrong := await asker.here(lambda: check(output)):
                    raise ModelRetry(wrong)
                return output

        async def listen(_: Any, events: AsyncIterable[Any]) -> None:
            async for event in events:
                if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                    asker.say(event.part.content)
                elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                    asker.say(event.delta.content_delta)

        async with asyncio.timeout(self.config.timeout_s * self.config.tries):
            result = await agent.run(
                question.prompt,
                message_history=[_message(t.role, t.text) for t in question.history],
                usage_limits=UsageLimits(request_limit=MOST_REQUESTS, tool_calls_limit=MOST_TOOL_CALLS),
                event_stream_handler=listen if question.output is str else None,
            )
        return result.output, next((r.model for r in reversed(asker.records) if r.outcome == "ok"), "")


@cache
def _schema(form: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a form, which takes a tenth of a second to make where the form is a strategy's."""
    return form.model_json_schema()


def _exhaust(answers: Generator[str, None, Result]) -> Result:
    while True:
        try:
            next(answers)
        except StopIteration as end:
            result: Result = end.value
            return result


def _message(role: str, text: str) -> ModelMessage:
    if role == "user":
        return ModelRequest(parts=[UserPromptPart(text)])
    return ModelResponse(parts=[TextPart(text)])


def _tool(tool: ModelTool, asker: _Asker) -> Tool[object]:
    async def call(**arguments: Any) -> str:
        try:
            valid = tool.arguments.model_validate(arguments)
            return await asker.here(lambda: tool.run(valid))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise ModelRetry(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        except AlgoAgentError as error:
            return f"It failed: {error.message}"

    return Tool.from_schema(call, tool.name, tool.description, tool.arguments.model_json_schema())


def _why(errors: Any) -> str:
    """Return why no model answered, without a word of what a provider wrote."""
    said = []
    for error in errors:
        name = getattr(error, "model_name", "")
        if isinstance(error, ContentFilterError):
            text = "the model refused to answer"
        elif isinstance(error, _Unasked | _Unusable):
            text = error.message
        elif isinstance(error, OutputTokenLimitExceeded | IncompleteToolCall):
            text = "the answer was cut off"
        elif isinstance(error, ModelAPIError):
            text = {
                "rate_limited": "it is at its rate limit", "quota": "its quota is used up", "refused_key": "it refuses the key",
                "timeout": "it did not answer in time", "rejected": "it refused the request",
            }.get(_outcome(error), "it failed")  # fmt: skip
        elif isinstance(error, TimeoutError):
            text = "it did not answer in time"
        else:
            text = "its answers were not of the form that was asked for"
        said.append(f"{name}: {text}" if name else text)
    return f"No language model answered ({'; '.join(dict.fromkeys(said))})"
