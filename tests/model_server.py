"""A server of this machine that speaks the protocols of Gemini, Claude and OpenAI: the real clients are tested against it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as it came: its text is everything the model would read."""

    provider: str
    model: str
    key: str
    body: dict[str, Any]
    streamed: bool

    @property
    def text(self) -> str:
        return json.dumps(self.body, ensure_ascii=False)

    @property
    def tools(self) -> list[str]:
        if self.provider == "google":
            return [f["name"] for t in self.body.get("tools", []) for f in t.get("functionDeclarations", [])]
        return [t.get("name") or t["function"]["name"] for t in self.body.get("tools", [])]


@dataclass(frozen=True)
class Reply:
    """What the model answers.

    `output` fills the form it was asked for, `calls` are tool calls, `text` is prose. `raw` is sent as it stands.
    """

    text: str = ""
    output: dict[str, Any] | None = None
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    status: int = 200
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drip_s: float = 0.0
    drop_after: int = 0  # events of a stream, then the connection ends
    usage: tuple[int, int] = (100, 20)
    finish: str = ""  # the provider's own word, where it is not the usual one


Answering = Callable[[Asked], Reply]
ERRORS = {
    400: ("INVALID_ARGUMENT", "invalid_request_error"),
    401: ("UNAUTHENTICATED", "authentication_error"),
    429: ("RESOURCE_EXHAUSTED", "rate_limit_error"),
    500: ("INTERNAL", "api_error"),
    503: ("UNAVAILABLE", "overloaded_error"),
}


class ModelServer:
    """What was asked, and what is answered next: replies in turn, the last one again and again, or a function."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.url = ""
        self._replies: list[Reply] = [Reply(text="yes")]
        self._answering: Answering | None = None
        self._lock = threading.Lock()

    def will(self, *replies: Reply) -> None:
        self._replies, self._answering = list(replies), None

    def will_answer(self, answering: Answering) -> None:
        self._answering = answering

    def reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            if self._answering is None:
                return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return self._answering(asked)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "generateContent" in self.path or "streamGenerateContent" in self.path:
            model = self.path.split("/models/")[1].split(":")[0]
            asked = Asked("google", model, self.headers["x-goog-api-key"], body, "stream" in self.path)
        elif self.path.startswith("/v1/messages"):
            asked = Asked(
                "anthropic", body["model"], self._bearer() or self.headers["x-api-key"], body, body.get("stream", False)
            )
        else:
            asked = Asked("openai", body["model"], self._bearer(), body, body.get("stream", False))
        reply = self.server.models.reply(asked)
        time.sleep(reply.delay_s)
        with suppress(BrokenPipeError, ConnectionResetError):
            self._answer(asked, reply)

    def _bearer(self) -> str:
        return (self.headers["authorization"] or "").removeprefix("Bearer ")

    def _answer(self, asked: Asked, reply: Reply) -> None:
        if reply.status != 200:
            google, others = ERRORS[reply.status]
            error = (
                {"code": reply.status, "message": "no", "status": google}
                if asked.provider == "google"
                else {"type": others, "message": "no"}
            )
            self._send(reply, json.dumps({"type": "error", "error": error}).encode())
        elif reply.raw is not None:
            self._send(reply, reply.raw)
        elif asked.streamed:
            self._stream(reply, _EVENTS[asked.provider](asked, reply))
        else:
            self._send(reply, json.dumps(_ANSWERS[asked.provider](asked, reply)).encode())

    def _send(self, reply: Reply, data: bytes) -> None:
        self.send_response(reply.status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(data)),
            **reply.headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if not reply.drip_s:
            self.wfile.write(data)
            return
        for byte in data:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(reply.drip_s)

    def _stream(self, reply: Reply, events: Iterator[tuple[str, dict[str, Any] | str]]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for number, (name, data) in enumerate(events):
            if reply.drop_after and number == reply.drop_after:
                break
            line = data if isinstance(data, str) else json.dumps(data)
            self.wfile.write((f"event: {name}\n" if name else "").encode() + f"data: {line}\n\n".encode())
            self.wfile.flush()
            time.sleep(reply.drip_s)
        self.close_connection = True


def _calls(asked: Asked, reply: Reply) -> list[tuple[str, dict[str, Any]]]:
    form = next((t for t in asked.tools if t.startswith("final_result")), "final_result")
    return [*reply.calls, *([(form, reply.output)] if reply.output is not None else [])]


def _pieces(text: str) -> list[str]:
    *words, last = text.split(" ")
    return [*(f"{word} " for word in words), last] if text else []


def _google(asked: Asked, reply: Reply) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": reply.text}] if reply.text else []
    parts += [{"functionCall": {"name": n, "args": a}} for n, a in _calls(asked, reply)]
    return _google_piece(asked, reply, parts, reply.finish or "STOP")


def _google_piece(asked: Asked, reply: Reply, parts: list[dict[str, Any]], finish: str) -> dict[str, Any]:
    candidate = {
        "content": {"role": "model", "parts": parts},
        "index": 0,
        **({"finishReason": finish} if finish else {}),
    }
    used = {
        "promptTokenCount": reply.usage[0],
        "candidatesTokenCount": reply.usage[1],
        "totalTokenCount": sum(reply.usage),
    }
    return {"candidates": [candidate], "usageMetadata": used, "modelVersion": asked.model, "responseId": "r1"}


def _google_events(asked: Asked, reply: Reply) -> Iterator[tuple[str, dict[str, Any] | str]]:
    for piece in _pieces(reply.text):
        yield "", _google_piece(asked, reply, [{"text": piece}], "")
    calls = [{"functionCall": {"name": n, "args": a}} for n, a in _calls(asked, reply)]
    yield "", _google_piece(asked, reply, calls, reply.finish or "STOP")


def _anthropic(asked: Asked, reply: Reply) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": reply.text}] if reply.text else []
    content += [
        {"type": "tool_use", "id": f"t{i}", "name": n, "input": a} for i, (n, a) in enumerate(_calls(asked, reply))
    ]
    stop = reply.finish or ("tool_use" if _calls(asked, reply) else "end_turn")
    used = {"input_tokens": reply.usage[0], "output_tokens": reply.usage[1]}
    return {"id": "m1", "type": "message", "role": "assistant", "model": asked.model, "content": content, "stop_reason": stop,
            "stop_sequence": None, "usage": used}  # fmt: skip


def _anthropic_events(asked: Asked, reply: Reply) -> Iterator[tuple[str, dict[str, Any] | str]]:
    whole = _anthropic(asked, reply)
    yield "message_start", {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    for i, block in enumerate(whole["content"]):
        empty = {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}
        yield "content_block_start", {"type": "content_block_start", "index": i, "content_block": empty}
        pieces = (
            [{"type": "text_delta", "text": p} for p in _pieces(block["text"])]
            if block["type"] == "text"
            else [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        )
        for piece in pieces:
            yield "content_block_delta", {"type": "content_block_delta", "index": i, "delta": piece}
        yield "content_block_stop", {"type": "content_block_stop", "index": i}
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": end, "usage": {"output_tokens": reply.usage[1]}}
    yield "message_stop", {"type": "message_stop"}


def _openai(asked: Asked, reply: Reply) -> dict[str, Any]:
    calls = [{"id": f"t{i}", "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}
             for i, (n, a) in enumerate(_calls(asked, reply))]  # fmt: skip
    message = {"role": "assistant", "content": reply.text or None, **({"tool_calls": calls} if calls else {})}
    finish = reply.finish or ("tool_calls" if calls else "stop")
    used = {"prompt_tokens": reply.usage[0], "completion_tokens": reply.usage[1], "total_tokens": sum(reply.usage)}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": asked.model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": used}  # fmt: skip


def _openai_events(asked: Asked, reply: Reply) -> Iterator[tuple[str, dict[str, Any] | str]]:
    whole = _openai(asked, reply)
    base = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": asked.model}
    for piece in _pieces(reply.text):
        yield (
            "",
            {
                **base,
                "choices": [{"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}],
            },
        )
    calls = whole["choices"][0]["message"].get("tool_calls", [])
    if calls:
        delta = {"tool_calls": [{"index": i, **c} for i, c in enumerate(calls)]}
        yield "", {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield (
        "",
        {
            **base,
            "choices": [{"index": 0, "delta": {}, "finish_reason": whole["choices"][0]["finish_reason"]}],
            "usage": whole["usage"],
        },
    )
    yield "", "[DONE]"


_ANSWERS: dict[str, Callable[[Asked, Reply], dict[str, Any]]] = {
    "google": _google,
    "anthropic": _anthropic,
    "openai": _openai,
}
_EVENTS: dict[str, Callable[[Asked, Reply], Iterator[tuple[str, dict[str, Any] | str]]]] = {
    "google": _google_events, "anthropic": _anthropic_events, "openai": _openai_events,
}  # fmt: skip


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """Serve on a free port of this machine while the context lasts."""
    models = ModelServer()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.models = models  # type: ignore[attr-defined]
    models.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield models
    finally:
        server.shutdown()
        server.server_close()
