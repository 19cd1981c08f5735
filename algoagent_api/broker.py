"""Kombu's broker in a folder, with messages that are there as a whole or not at all.

Kombu writes a message into the folder its readers look at; a reader that comes too early finds half a
message, and its worker ends. Here a message is written aside and moved into place, and taken by being
moved away. What is no message, such as a foreign file, is left out: a message only says that there is work, and the rows say which.
"""

from __future__ import annotations

import json
import os
import stat
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any, Literal

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from pydantic import BaseModel, Field, ValidationError

LONGEST = 2**20  # bytes; ours have some hundred


class Properties(BaseModel):
    delivery_tag: str
    delivery_info: dict[str, Any]
    body_encoding: Literal["base64"]


class Envelope(BaseModel):
    """What a message has at least; without it Kombu raises where it ends the worker."""

    body: str
    headers: dict[str, Any]
    properties: Properties
    content_type: Literal["application/json"] = Field(alias="content-type")
    content_encoding: Literal["utf-8"] = Field(alias="content-encoding")


class Channel(filesystem.Channel):
    """Puts and gets by renaming, which is done at once or not at all."""

    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        name = f"{time.time_ns()}_{uuid.uuid4()}.{queue}.msg"
        aside = folder / f".{name}"
        try:
            aside.write_text(json.dumps(payload), encoding="utf-8")
            os.replace(aside, folder / name)
        except OSError as error:
            raise ChannelError(f"The message cannot be written to {folder}: {error.strerror}") from error

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        folder = Path(self.data_folder_in)
        for name in sorted(os.listdir(folder)):
            if name.startswith(".") or name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = folder / f".{name}.{uuid.uuid4().hex}"
            try:
                found = os.lstat(folder / name)
                if not stat.S_ISREG(found.st_mode) or found.st_size > LONGEST:
                    continue
                os.replace(folder / name, taken)
                text = taken.read_text(encoding="utf-8")
                taken.unlink()
                Envelope.model_validate_json(text)
                return dict(json.loads(text))
            except (OSError, UnicodeDecodeError, ValidationError):
                continue  # another worker was quicker, or it is no message
        raise Empty


class Transport(filesystem.Transport):
    Channel = Channel
