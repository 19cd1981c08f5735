"""Strategies on a page somebody points to, and searching the web through SearxNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from Backtest.canonical import Provenance
from Backtest.errors import InvalidInput, ProviderError, StrategyError
from Backtest.machine import elsewhere
from Strategy.gemini_strategy_integrator import StrategyAnalyzer
from Strategy.reading import MAX_LENGTH, ParseResult, parse_strategy
from Strategy.web.pages import passages_with_rules

MOST_RESULTS, TIMEOUT_S = 10, 10.0


@dataclass(frozen=True)
class Candidate:
    """A strategy that a passage of a page describes."""

    passage: str
    parsed: ParseResult
    answered_by: str


def candidates(text: str, url: str, analyzer: StrategyAnalyzer) -> list[Candidate]:
    """Return the strategies a page's text describes, each with the passage it rests on.

    Passages that the rules read come first; where there is none, the analyzer reads the page as a whole.

    Raises:
        StrategyError: the page describes no strategy.
        InvalidInput: it takes too long to read.
    """
    found = [Candidate(passage, _from(parse_strategy(passage), url), "rules") for passage in passages_with_rules(text)]
    if not found:
        analysis = analyzer.analyze_strategy(text[:MAX_LENGTH])
        if analysis.parsed.strategy is None:
            raise StrategyError(
                "The page describes no strategy that can be read",
                details=[d for d in analysis.parsed.diagnostics if d.code == "answered_by_rules"],
                suggestions=["Copy the passage with the rules here, or say the rules in your own words"],
            )
        found.append(Candidate(text[:MAX_LENGTH], _from(analysis.parsed, url), analysis.answered_by))
    return found


def _from(parsed: ParseResult, url: str) -> ParseResult:
    """Return a reading whose strategy says which page it is from."""
    from dataclasses import replace

    strategy = parsed.strategy
    assert strategy is not None
    origin = Provenance(
        source="url", parser=strategy.provenance.parser, original_text=f"{url[:500]}\n{parsed.text}"[:MAX_LENGTH]
    )
    return replace(parsed, strategy=strategy.model_copy(update={"provenance": origin}))


class SearchResult(BaseModel):
    """A page SearxNG found. `score` is its own."""

    model_config = ConfigDict(extra="ignore")

    title: str = Field("", max_length=500)
    url: str = Field(max_length=2000)
    content: str = Field("", max_length=5000)
    engine: str = Field("", max_length=100)
    score: float = Field(0.0, allow_inf_nan=False)


def search_web(
    query: str, *, endpoint: str, categories: Sequence[str] = (), timeout_s: float = TIMEOUT_S
) -> list[SearchResult]:
    """Return what SearxNG finds, best first, each page once.

    Raises:
        InvalidInput: the query is empty or over 400 characters.
        ProviderError: SearxNG is not configured, cannot be reached, or does not answer in JSON.
    """
    import httpx

    if not query.strip() or len(query) > 400:
        raise InvalidInput(f"The query has {len(query.strip())} characters: give 1 to 400")
    if not endpoint:
        raise ProviderError("Searching the web needs a SearxNG: set SEARXNG_ENDPOINT (compose.searxng.yaml starts one)")
    parameters = {"q": query, "format": "json", **({"categories": ",".join(categories)} if categories else {})}
    try:
        with elsewhere(), httpx.Client(timeout=timeout_s, trust_env=False) as client:
            answer = client.get(f"{endpoint.rstrip('/')}/search", params=parameters)
    except httpx.HTTPError as error:
        raise ProviderError(f"SearxNG cannot be reached ({type(error).__name__}): check SEARXNG_ENDPOINT") from error
    if answer.status_code == 403:
        raise ProviderError("SearxNG refuses JSON: put json into search.formats of its settings.yml")
    if answer.status_code == 429:
        raise ProviderError("SearxNG limits requests: set server.limiter to false in its settings.yml")
    if answer.status_code != 200:
        raise ProviderError(f"SearxNG answers with status {answer.status_code}")
    try:
        rows: Any = answer.json()["results"]
        found = [SearchResult.model_validate(row) for row in rows[:100]]
    except (ValueError, KeyError, TypeError, ValidationError):
        raise ProviderError("SearxNG's answer is not of its JSON form: check SEARXNG_ENDPOINT") from None
    best: dict[str, SearchResult] = {}
    for result in sorted(found, key=lambda r: -r.score):
        if urlsplit(result.url).scheme in ("http", "https"):
            best.setdefault(result.url.split("#")[0].rstrip("/"), result)
    return list(best.values())[:MOST_RESULTS]
