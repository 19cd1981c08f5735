from django.urls import path

from strategy_api import production_views, views

urlpatterns = [
    path("strategies/", views.StrategyListView.as_view(), name="strategies"),
    path("strategies/schema/", views.SchemaView.as_view(), name="strategy-schema"),
    path("strategies/templates/", views.TemplatesView.as_view(), name="strategy-templates"),
    path("strategies/from-url/", views.FromUrlView.as_view(), name="strategies-from-url"),
    path("strategies/<int:strategy_id>/", views.StrategyView.as_view(), name="strategy"),
    path("strategies/<int:strategy_id>/versions/", views.VersionsView.as_view(), name="strategy-versions"),
    path(
        "strategies/<int:strategy_id>/recommendations/",
        views.RecommendationsView.as_view(),
        name="strategy-recommendations",
    ),
    path("strategies/<int:strategy_id>/choose/", views.ChooseView.as_view(), name="strategy-choose"),
    path("strategies/<int:strategy_id>/validate/", views.ValidateView.as_view(), name="strategy-validate"),
    path(
        "strategies/<int:strategy_id>/generate-code/", views.GenerateCodeView.as_view(), name="strategy-generate-code"
    ),
    path(
        "strategies/<int:strategy_id>/generate-code-from-canonical/",
        views.GenerateCodeFromCanonicalView.as_view(),
        name="strategy-generate-code-from-canonical",
    ),
    path("conversations/", views.ConversationListView.as_view(), name="conversations"),
    path("conversations/<str:session_id>/", views.ConversationView.as_view(), name="conversation"),
    path(
        "production/strategies/validate-schema/", production_views.ValidateSchemaView.as_view(), name="validate-schema"
    ),
    path("production/strategies/validate-code/", production_views.ValidateCodeView.as_view(), name="validate-code"),
    path(
        "production/strategies/check-lookahead/", production_views.CheckLookaheadView.as_view(), name="check-lookahead"
    ),
    path("production/strategies/<int:strategy_id>/deploy/", production_views.DeployView.as_view(), name="deploy"),
    path(
        "production/strategies/<int:strategy_id>/deployments/",
        production_views.DeploymentsView.as_view(),
        name="deployments",
    ),
    path("production/strategies/<int:strategy_id>/rollback/", production_views.RollbackView.as_view(), name="rollback"),
    path("production/strategies/<int:strategy_id>/retire/", production_views.RetireView.as_view(), name="retire"),
]
