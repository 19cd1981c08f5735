"""What searching the web gives."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from actions.outcomes import Outcome


class SearchResult(Outcome):
    """A page that was found; see `Strategy.web_research`."""

    number: int = Field(description="What the answer cites as [1]")
    title: str
    url: str
    content: str
    engine: str
    score: float


class Research(Outcome):
    """What a search of the web found."""

    query: str
    results: list[SearchResult]
    answer: str = Field(default="", description="Empty without a model")
    answered_by: Literal["rules", "model"] = "rules"
