from django.urls import path

from auth_api.routes import view
from strategy_api import actions

STRATEGY = "strategies/<int:strategy_id>/"
PRODUCTION = f"production/{STRATEGY}"

urlpatterns = [
    path("strategies/", view(get=actions.strategies, post=actions.strategy_create), name="strategies"),
    path("strategies/schema/", view(get=actions.canonical_schema), name="strategy-schema"),
    path("strategies/templates/", view(get=actions.strategy_templates), name="strategy-templates"),
    path("strategies/from-url/", view(post=actions.strategies_from_url), name="strategies-from-url"),
    path(
        STRATEGY,
        view(
            get=actions.strategy,
            put=actions.strategy_update,
            patch=actions.strategy_update,
            delete=actions.strategy_delete,
        ),
        name="strategy",
    ),
    path(f"{STRATEGY}export/", view(get=actions.strategy_export), name="strategy-export"),
    path(f"{STRATEGY}versions/", view(get=actions.strategy_versions), name="strategy-versions"),
    path(f"{STRATEGY}recommendations/", view(post=actions.strategy_recommendations), name="strategy-recommendations"),
    path(f"{STRATEGY}choose/", view(post=actions.reading_choose), name="strategy-choose"),
    path(f"{STRATEGY}validate/", view(post=actions.strategy_validate), name="strategy-validate"),
    path(f"{STRATEGY}generate-code/", view(post=actions.code_generate), name="strategy-generate-code"),
    path(
        f"{STRATEGY}generate-code-from-canonical/",
        view(post=actions.code_generate_from_canonical),
        name="strategy-generate-code-from-canonical",
    ),
    path("conversations/", view(get=actions.conversations), name="conversations"),
    path(
        "conversations/<str:session_id>/",
        view(get=actions.conversation_entries, delete=actions.conversation_delete),
        name="conversation",
    ),
    path("production/strategies/validate-schema/", view(post=actions.schema_check), name="validate-schema"),
    path("production/strategies/validate-code/", view(post=actions.code_check), name="validate-code"),
    path("production/strategies/check-lookahead/", view(post=actions.check_lookahead), name="check-lookahead"),
    path(f"{PRODUCTION}deploy/", view(post=actions.deploy), name="deploy"),
    path(f"{PRODUCTION}deployments/", view(get=actions.deployments), name="deployments"),
    path(f"{PRODUCTION}rollback/", view(post=actions.rollback), name="rollback"),
    path(f"{PRODUCTION}retire/", view(post=actions.strategy_retire), name="retire"),
]
