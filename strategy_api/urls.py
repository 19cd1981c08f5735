from django.urls import path

from strategy_api import views

urlpatterns = [
    path("strategies/", views.StrategyListView.as_view(), name="strategies"),
    path("strategies/schema/", views.SchemaView.as_view(), name="strategy-schema"),
    path("strategies/<int:strategy_id>/", views.StrategyView.as_view(), name="strategy"),
    path("strategies/<int:strategy_id>/versions/", views.VersionsView.as_view(), name="strategy-versions"),
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
]
