"""Searching the web, and answering from what was found."""

from __future__ import annotations

from django.conf import settings

from ai_api.services import UserLedger, get_models, models_configured
from auth_api.models import User
from Backtest.code import as_data, render
from Backtest.errors import BudgetExceeded, ModelUnavailable
from chat_api.outcomes import Research, SearchResult
from chat_api.talk import Reply, Talk
from Strategy.models import PROMPTS, Question
from Strategy.talk import Wanted, withholding
from Strategy.web.research import search_web


def research(*, user: User, query: str, session_id: str = "") -> Research:
    """Search the web and, where a model is configured, answer from what was found, with citations.

    Raises:
        ProviderError: no SearxNG is configured, or it does not answer.
    """
    found = search_web(query, endpoint=settings.SEARXNG_ENDPOINT, categories=settings.SEARXNG_CATEGORIES)
    told = Research(query=query, results=[SearchResult(number=i, **r.model_dump()) for i, r in enumerate(found, 1)])
    if found and models_configured():
        pages = [as_data(f"page {r.number}", f"{r.title}\n{r.url}\n{r.content}") for r in told.results]
        instructions = render(PROMPTS / "read.md")
        question = Question(
            purpose="research", instructions=instructions, prompt="\n\n".join([*pages, as_data("question", query)]), output=str,
            max_output_tokens=1024,
        )  # fmt: skip
        try:
            pieces = withholding(get_models().stream(question, UserLedger(user, session_id)), [instructions])
            told.answer, told.answered_by = "".join(pieces), "model"
        except (ModelUnavailable, BudgetExceeded) as error:
            told.answer = error.message
    return told


def look_up(talk: Talk, want: Wanted) -> Reply:
    talk.foreign = True
    found = research(user=talk.user, query=talk.message[:400], session_id=talk.session_id)
    talk.answered_by = found.answered_by
    yield talk.act("researched", results=[r.model_dump(include={"number", "title", "url"}) for r in found.results])
    if found.answer:
        yield f"{found.answer}\n"
    for result in found.results:
        yield f"[{result.number}] {result.title} {result.url}\n"
    if not found.results:
        yield "Nothing was found."
