from django.apps import AppConfig


class BacktestApiConfig(AppConfig):
    name = "backtest_api"
    verbose_name = "Backtests"
