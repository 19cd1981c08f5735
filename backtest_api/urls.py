from django.urls import path

from backtest_api import production_views, views

urlpatterns = [
    path(
        "production/backtests/validate-config/", production_views.ValidateConfigView.as_view(), name="validate-config"
    ),
    path("production/strategies/sandbox-test/", production_views.SandboxTestView.as_view(), name="sandbox-test"),
    path("production/backtests/run-sandbox/", production_views.RunSandboxView.as_view(), name="run-sandbox"),
    path("backtests/", views.BacktestListView.as_view(), name="backtests"),
    path("backtests/quick-run/", views.QuickRunView.as_view(), name="backtest-quick-run"),
    path("backtests/optimize/", views.SearchesView.as_view(), name="searches"),
    path("backtests/optimize/<int:run_id>/", views.SearchView.as_view(), name="search"),
    path("backtests/jobs/", views.JobsView.as_view(), name="backtest-jobs"),
    path("backtests/jobs/<int:job_id>/", views.JobView.as_view(), name="backtest-job"),
    path("backtests/<int:run_id>/cancel/", views.CancelView.as_view(), name="backtest-cancel"),
    path("backtests/<int:run_id>/events/", views.EventsView.as_view(), name="backtest-events"),
    path("backtests/<int:run_id>/artifacts/<str:name>/", views.ArtifactView.as_view(), name="backtest-artifact"),
    path("backtests/<int:run_id>/", views.BacktestView.as_view(), name="backtest"),
    path("backtests/<int:run_id>/trades/", views.TradesView.as_view(), name="backtest-trades"),
    path("backtests/<int:run_id>/equity/", views.EquityView.as_view(), name="backtest-equity"),
    path("backtests/<int:run_id>/report/", views.ReportView.as_view(), name="backtest-report"),
    path("backtests/<int:run_id>/code/", views.CodeView.as_view(), name="backtest-code"),
    path("backtests/<int:run_id>/explain/", views.ExplainView.as_view(), name="backtest-explain"),
]
