"""The lists of the admin show figures as people read them."""

from __future__ import annotations

from django.test import Client
from rest_framework.test import APIClient

from auth_api.models import User
from backtest_api.models import BacktestRun
from tests.conftest import SENTENCE


def test_the_list_of_runs_rounds_its_figures(api: APIClient, user: User) -> None:
    api.post("/api/backtests/quick-run/", {"user_description": SENTENCE, "commission": 0.00123})
    run = BacktestRun.objects.get()
    user.is_staff = user.is_superuser = True
    user.save()
    staff = Client()
    staff.force_login(user)
    page = staff.get("/admin/backtest_api/backtestrun/").content.decode()
    for value, unit in ((run.total_return_pct, " %"), (run.sharpe_ratio, ""), (run.max_drawdown, " %")):
        assert value is not None
        assert f"{value:,.2f}{unit}" in page
        assert str(value) not in page
    assert staff.get("/admin/ai_api/modelcall/").status_code == 200
