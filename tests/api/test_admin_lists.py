"""The pages of the admin show figures as people read them."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from rest_framework.test import APIClient

from auth_api.admin import written_number
from auth_api.models import User
from backtest_api.models import BacktestRun
from strategy_api.models import Trial
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


def test_the_pages_of_objects_round_their_numbers_and_name_what_a_trial_is_of(api: APIClient, user: User) -> None:
    strategy = api.post("/api/strategies/", {"user_description": SENTENCE, "name": "Dip"}).json()["id"]
    api.post("/api/backtests/quick-run/", {"strategy_id": strategy, "commission": 0.00123})
    api.post("/api/backtests/quick-run/", {"user_description": SENTENCE})
    run = BacktestRun.objects.earliest("id")
    assert run.sharpe_ratio is not None
    BacktestRun.objects.filter(pk=run.pk).update(
        duration_ms=1234.56789, metrics={**run.metrics, "Equity Final [$]": 123456.78912, "Max. Trade Duration": None}
    )
    user.is_staff = user.is_superuser = True
    user.save()
    staff = Client()
    staff.force_login(user)
    page = staff.get(f"/admin/backtest_api/backtestrun/{run.pk}/change/").content.decode()
    assert "1,234.57" in page
    assert "1234.56789" not in page
    assert "<td>$123,456.79</td>" in page
    assert str(run.sharpe_ratio) not in page
    assert not re.findall(r"\d\.\d{9}", page)
    of_strategy, of_text = Trial.objects.order_by("id")
    Trial.objects.filter(pk=of_text.pk).update(sharpe_ratios=[0.05, -0.012345678, 0.03, 0.02, 0.01])
    page = staff.get(f"/admin/strategy_api/trial/{of_strategy.pk}/change/").content.decode()
    assert f"strategy {strategy}: Dip</a>" in page
    page = staff.get(f"/admin/strategy_api/trial/{of_text.pk}/change/").content.decode()
    assert f"strategies of one form, whatever its numbers ({of_text.lineage[5:17]}…)" in page
    assert "5 from -0.0123 to 0.0500, the middle one 0.0200" in page


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234.5678, "1,234.57"), (100.0, "100"), (12.34567, "12.3457"), (0.0012, "0.0012"), (0.0, "0"), (0.0000123456, "0.00001235"), (-5.5, "-5.5")],
)  # fmt: skip
def test_written_numbers(value: float, shown: str) -> None:
    assert written_number(value) == shown
