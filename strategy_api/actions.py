"""What a user can do with strategies, conversations' memory, and the way to deployment."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from actions import Cost, Permission, Target, action, listing
from auth_api.models import User
from Backtest.canonical import json_schema
from Strategy.talk import TEMPLATES
from strategy_api import outcomes, production, selectors, serializers, services
from strategy_api import production_serializers as shapes
from strategy_api.models import ConversationMemory, Deployment, Strategy, StrategyValidation, StrategyVersion

READ, RUN, WRITE = Permission.READ, Permission.RUN, Permission.WRITE
LOOK, COMPUTE, NETWORK, MODEL = Cost.LOOK, Cost.COMPUTE, Cost.NETWORK, Cost.MODEL
ONE = Target("strategy", "strategy_id", selectors.strategy_get)


# -- Strategies --------------------------------------------------------------------------------


@listing(
    "strategies.list", gives=serializers.StrategySerializer, rows=Strategy, filters=("status", "name"),
    orders=("id", "name", "created_at", "updated_at", "version"),
)  # fmt: skip
def strategies(*, user: User) -> QuerySet[Strategy]:
    """Your strategies, newest first."""
    return selectors.strategies_of(user=user)


@action(
    "strategies.create", takes=serializers.StrategyCreateSerializer, gives=serializers.StrategySerializer, permission=WRITE, cost=MODEL,
    status=201,
)  # fmt: skip
def strategy_create(*, user: User, drafts: bool = True, **given: Any) -> Strategy:
    """Store a strategy given in words, as canonical JSON, or both, as the URL of a page, or by the name of a template.

    Where something is missing that can be asked for, what was read is kept as a draft with its open `questions`.
    """
    return services.strategy_create(user=user, drafts=drafts, **given)


@action("strategies.get", of=ONE, gives=serializers.StrategySerializer, permission=READ, cost=LOOK)
def strategy(*, user: User, strategy: Strategy) -> Strategy:
    """One of your strategies."""
    return strategy


@action(
    "strategies.update", of=ONE, takes=serializers.StrategyUpdateSerializer, gives=serializers.StrategySerializer, permission=WRITE, cost=MODEL
)  # fmt: skip
def strategy_update(*, user: User, strategy: Strategy, **given: Any) -> Strategy:
    """Rename a strategy, or replace its canonical or its text, which makes a new version. What is left out stays."""
    return services.strategy_update(strategy=strategy, **given)


@action("strategies.delete", of=ONE, permission=WRITE, cost=LOOK, status=204)
def strategy_delete(*, user: User, strategy: Strategy) -> None:
    """Delete a strategy with its versions; its backtests stay."""
    services.strategy_delete(strategy=strategy)


@listing("strategies.versions", of=ONE, gives=serializers.VersionSerializer, rows=StrategyVersion)
def strategy_versions(*, user: User, strategy: Strategy) -> QuerySet[StrategyVersion]:
    """The history of a strategy: every canonical it had, and what changed."""
    return strategy.versions.all()


@action(
    "strategies.validate", of=ONE, takes=serializers.OfCanonicalSerializer, gives=serializers.ValidationSerializer, permission=WRITE, cost=LOOK
)  # fmt: skip
def strategy_validate(*, user: User, strategy: Strategy, **given: Any) -> StrategyValidation:
    """Validate a strategy; the outcome is stored. With a canonical in the body that one is validated, and nothing stored."""
    return services.strategy_validate(strategy=strategy, **given)


@action("strategies.templates", gives=serializers.TemplateSerializer, many=True, permission=READ, cost=LOOK)
def strategy_templates(*, user: User) -> list[dict[str, str]]:
    """The classics that POST strategies/ takes as `template`, each with its sentence."""
    return [{"name": name, "user_description": text} for name, text in TEMPLATES.items()]


@action(
    "strategies.from_url", takes=serializers.UrlRequest, gives=serializers.CandidateSerializer, many=True, permission=RUN, cost=MODEL
)  # fmt: skip
def strategies_from_url(*, user: User, url: str) -> list[dict[str, Any]]:
    """The strategies a web page describes, each with its passage. Store one by sending its canonical_json."""
    return services.strategies_from_url(user=user, url=url)


@action(
    "strategies.recommend", of=ONE, takes=serializers.RecommendationsRequest, gives=outcomes.Recommendations, permission=RUN,
    cost=MODEL,
)  # fmt: skip
def strategy_recommendations(*, user: User, strategy: Strategy, **given: Any) -> outcomes.Recommendations:
    """What would make a strategy better, as patches of its canonical, with their measured effect if asked."""
    return services.strategy_recommendations(strategy=strategy, **given)


@action(
    "strategies.choose",
    of=ONE,
    takes=serializers.ChooseSerializer,
    gives=serializers.StrategySerializer,
    permission=WRITE,
    cost=LOOK,
)
def reading_choose(*, user: User, strategy: Strategy, **given: Any) -> Strategy:
    """Settle which reading of its words a strategy is, where the rules and a model read them differently."""
    return services.reading_choose(strategy=strategy, **given)


@action(
    "strategies.generate_code", of=ONE, takes=serializers.GenerateSerializer, gives=outcomes.Code, permission=WRITE, cost=MODEL
)  # fmt: skip
def code_generate(*, user: User, strategy: Strategy, **given: Any) -> outcomes.Code:
    """Generate the code: by a model when one is configured, by template otherwise."""
    return services.strategy_generate_code(strategy=strategy, **given)


@action(
    "strategies.generate_code_from_canonical", of=ONE, takes=serializers.OfCanonicalSerializer, gives=outcomes.Code,
    permission=WRITE, cost=LOOK,
)  # fmt: skip
def code_generate_from_canonical(*, user: User, strategy: Strategy, **given: Any) -> outcomes.Code:
    """Generate the code by template: the same canonical, of the body or the stored one, always gives the same code."""
    return services.strategy_generate_code(strategy=strategy, **given)


@action(
    "strategies.export", of=ONE, takes=serializers.ExportSerializer, gives=outcomes.Export, permission=READ, cost=LOOK
)  # fmt: skip
def strategy_export(*, user: User, strategy: Strategy, to: str) -> outcomes.Export:
    """A strategy as Pine Script v6, for TradingView, or in its notation; a clause that cannot be said there is named."""
    return services.strategy_export(selectors.canonical_of(strategy), to)


@action("strategies.schema", permission=READ, cost=LOOK, gives=dict)
def canonical_schema(*, user: User) -> dict[str, Any]:
    """The JSON Schema of canonical strategies."""
    return json_schema()


# -- What conversations remember ---------------------------------------------------------------


@listing("conversations.list", gives=serializers.SessionSummarySerializer, rows=ConversationMemory)
def conversations(*, user: User) -> QuerySet[Any, Any]:
    """The user's sessions, newest first."""
    return selectors.sessions_of(user=user)


@listing(
    "conversations.entries",
    gives=serializers.ConversationSerializer,
    rows=ConversationMemory,
    operation="conversation_entries",
)
def conversation_entries(*, user: User, session_id: str) -> QuerySet[ConversationMemory]:
    """The entries of a session, oldest first."""
    return selectors.session_entries(user=user, session_id=session_id)


@action("conversations.delete", permission=WRITE, cost=LOOK, status=204)
def conversation_delete(*, user: User, session_id: str) -> None:
    """Forget a session."""
    selectors.session_entries(user=user, session_id=session_id)
    services.conversation_delete(user=user, session_id=session_id)


# -- Checks and deployment ---------------------------------------------------------------------


@action(
    "canonical.validate",
    takes=shapes.SchemaCheckRequest,
    gives=outcomes.SchemaCheck,
    permission=READ,
    cost=LOOK,
)
def schema_check(*, user: User, canonical_json: dict[str, Any]) -> outcomes.SchemaCheck:
    """Check a canonical strategy, in `canonical_json` or as the body itself: every error and warning, its normal form and hash."""
    return production.schema_check(canonical_json=canonical_json)


@action("code.validate", takes=shapes.CodeCheckRequest, gives=outcomes.CodeCheck, permission=READ, cost=LOOK)
def code_check(*, user: User, code: str) -> outcomes.CodeCheck:
    """Read strategy code and warn of what does not belong in it. The sandbox is the boundary, not this."""
    return production.code_check(code=code)


@action(
    "code.check_lookahead",
    takes=shapes.LookaheadRequest,
    gives=outcomes.Lookahead,
    permission=RUN,
    cost=COMPUTE,
)
def check_lookahead(*, user: User, **given: Any) -> outcomes.Lookahead:
    """Run code on futures that differ, and report the first order, level and indicator that changed before they do."""
    return production.check_lookahead(user=user, **given)


@action(
    "strategies.deploy",
    of=ONE,
    takes=shapes.DeployRequest,
    gives=shapes.DeploymentSerializer,
    permission=WRITE,
    cost=COMPUTE,
    status=201,
)
def deploy(*, user: User, strategy: Strategy, **given: Any) -> Deployment:
    """Deploy a strategy: schema, code and sandbox checks, gates, then a commit and a tag."""
    return production.deploy(user=user, strategy=strategy, **given)


@action("strategies.deployments", of=ONE, gives=shapes.HistorySerializer, permission=READ, cost=LOOK)
def deployments(*, user: User, strategy: Strategy) -> Strategy:
    """A strategy's deployments and changes of state, newest first."""
    return strategy


@action(
    "strategies.rollback",
    of=ONE,
    takes=shapes.RollbackRequest,
    gives=shapes.DeploymentSerializer,
    permission=WRITE,
    cost=LOOK,
    status=201,
)
def rollback(*, user: User, strategy: Strategy, **given: Any) -> Deployment:
    """Deploy again what was deployed before."""
    return production.rollback(user=user, strategy=strategy, **given)


@action(
    "strategies.retire", of=ONE, takes=shapes.RetireRequest, gives=shapes.HistorySerializer, permission=WRITE, cost=LOOK
)
def strategy_retire(*, user: User, strategy: Strategy, **given: Any) -> Strategy:
    """Take a strategy out of use."""
    return production.retire(user=user, strategy=strategy, **given)
