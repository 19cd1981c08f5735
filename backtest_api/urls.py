from django.urls import path

from auth_api.routes import view
from backtest_api import actions, views

RUN = "backtests/<int:run_id>/"

urlpatterns = [
    path("production/backtests/validate-config/", view(post=actions.config_check), name="validate-config"),
    path("production/strategies/sandbox-test/", view(post=actions.sandbox_test), name="sandbox-test"),
    path("production/backtests/run-sandbox/", view(post=actions.run_isolated), name="run-sandbox"),
    path("backtests/", view(get=actions.backtests, post=actions.backtest_create), name="backtests"),
    path("backtests/quick-run/", view(post=actions.quick_run), name="backtest-quick-run"),
    path("backtests/optimize/", view(post=actions.search_create), name="searches"),
    path("backtests/optimize/<int:run_id>/", view(get=actions.search), name="search"),
    path("backtests/jobs/", view(post=actions.job_create), name="backtest-jobs"),
    path("backtests/jobs/<int:job_id>/", view(get=actions.job), name="backtest-job"),
    path(RUN, view(get=actions.backtest), name="backtest"),
    path(f"{RUN}cancel/", view(post=actions.backtest_cancel), name="backtest-cancel"),
    path(f"{RUN}events/", views.EventsView.as_view(), name="backtest-events"),
    path(f"{RUN}artifacts/<str:name>/", views.ArtifactView.as_view(), name="backtest-artifact"),
    path(f"{RUN}trades/", views.TradesView.as_view(), name="backtest-trades"),
    path(f"{RUN}equity/", views.EquityView.as_view(), name="backtest-equity"),
    path(f"{RUN}report/", views.ReportView.as_view(), name="backtest-report"),
    path(f"{RUN}code/", views.CodeView.as_view(), name="backtest-code"),
    path(f"{RUN}explain/", views.ExplainView.as_view(), name="backtest-explain"),
]
