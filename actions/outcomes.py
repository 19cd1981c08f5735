"""What actions give: typed results that REST, conversations, commands and pages all take."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Outcome(BaseModel):
    """A result of an action. It has no other fields than those it says."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)
