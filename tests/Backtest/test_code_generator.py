"""Generated files: deterministic, formatted, typed, and running on their own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from Backtest.backtesting_adapter import create_strategy_from_canonical
from Backtest.canonical import CanonicalStrategy, make_indicator
from Backtest.code.generator import generate_code, safe_slug, write_code
from Backtest.indicators import REGISTRY
from Strategy.text_parser import parse_strategy
from tests.explore import examples
from tests.random_strategies import strategies
from tests.written import assert_clean

SENTENCE = (
    "Trade GOOG. Buy when RSI(10) drops below 35 within the last 3 bars and the close is above the weekly 10 SMA, "
    "sell when RSI(10) > 60. Stop 2 ATR, target 2 times the risk, risk 1% per trade."
)


def corpus() -> list[CanonicalStrategy]:
    """Return every other sentence of the corpus: their code is made of the same parts."""
    files = sorted(Path("tests/corpus").glob("*.yaml"))
    sayings = [e["say"] for p in files for e in yaml.load(p.read_text(), Loader=yaml.CSafeLoader)[::2]]
    parsed = [parse_strategy(s).strategy for s in sayings]
    return [p for p in parsed if p is not None]


def of_every_indicator() -> list[CanonicalStrategy]:
    found = []
    for name, entry in REGISTRY.items():
        for timeframe in (None, "1wk"):
            made = make_indicator(name, timeframe=timeframe)
            ref = {"type": "indicator", "id": made.id}
            ref |= {"output": entry.outputs[0].name} if len(entry.outputs) > 1 else {}
            rule = {"when": {"type": "rising", "operand": ref, "bars": 2}}
            data = {"indicators": [made.model_dump()], "entry_rules": [rule], "risk": {"max_bars": 3}}
            found.append(CanonicalStrategy.model_validate(data))
    return found


def test_the_corpus_and_every_indicator_are_formatted_and_linted(tmp_path: Path) -> None:
    several = [*corpus(), *of_every_indicator()]
    assert len(several) > 250
    assert_clean(several, tmp_path)


@settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies())
def test_any_strategy_compiles_and_is_deterministic(strategy: CanonicalStrategy) -> None:
    one, two = generate_code(strategy), generate_code(CanonicalStrategy.model_validate(strategy.model_dump()))
    assert one.code == two.code
    compile(one.code, "strategy.py", "exec")
    create_strategy_from_canonical(strategy)


def test_a_file_runs_without_algoagent_and_gives_the_same_figures(tmp_path: Path, run: Any) -> None:
    result = run(SENTENCE)
    path = write_code(result.code, name="My RSI", folder=tmp_path / "codes", key="1_ab")
    script = (
        "import json, runpy, sys\n"
        f"found = runpy.run_path({str(path)!r})\n"
        "from backtesting.test import GOOG\n"
        "stats = found['backtest'](GOOG).run()\n"
        "print(json.dumps([stats['# Trades'], stats['Return [%]'], 'Backtest' in sys.modules, 'django' in sys.modules]))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    trades, gained, ours, django = json.loads(answer.stdout)
    assert (trades, gained) == (result.summary["total_trades"], result.metrics["Return [%]"])
    assert not ours
    assert not django
    assert not re.search(r"^(from|import) (Backtest|Strategy|django)", result.code.code, re.MULTILINE)


def test_its_parameters_can_be_optimised_as_backtesting_py_does(prices: Any) -> None:
    import warnings

    from backtesting import Backtest

    strategy = parse_strategy("Buy when RSI(14) < 30, sell when RSI(14) > 70, stop 5%").require()
    generated = generate_code(strategy)
    assert generated.parameters["indicators.RSI_14.timeperiod"] == "rsi_period"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = Backtest(
            prices("GOOG").frame, create_strategy_from_canonical(strategy), cash=100_000, finalize_trades=True
        )
        best = test.optimize(rsi_period=[10, 14], rsi_entry_level=[25, 30], maximize="Return [%]")
        plain = test.run(rsi_period=10, rsi_entry_level=25)
    assert best["Return [%]"] >= plain["Return [%]"]


def test_every_number_of_the_rules_is_a_class_attribute() -> None:
    generated = generate_code(parse_strategy(SENTENCE).require())
    for attribute in generated.parameters.values():
        assert f"    {attribute} = " in generated.code


def test_only_the_helpers_it_needs() -> None:
    plain = generate_code(parse_strategy("Buy when close > SMA(30), sell when close < SMA(30)").require()).code
    assert "def ago" not in plain
    assert "numpy" not in plain
    assert generate_code(parse_strategy(SENTENCE).require()).code.count("def coarser") == 1


def test_the_columns_are_the_canonical_ones() -> None:
    code = generate_code(parse_strategy("Buy when MACD crosses above its signal, sell when RSI > 70").require()).code
    assert 'name=["MACD_12_26_9", "MACD_SIGNAL_12_26_9", "MACD_HIST_12_26_9"]' in code
    assert 'name="RSI_14"' in code


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b\\c", "", "💥", "CON", "x" * 300, "1st", "-rf", "..", "a\x00b", "name\nimport os"]
)
def test_names_are_made_safe(name: str, tmp_path: Path) -> None:
    slug = safe_slug(name)
    assert slug.isascii()
    assert slug.isidentifier()
    assert len(slug) <= 60
    generated = generate_code(parse_strategy("Buy when RSI < 30, stop 5%", name=name[:100]).require())
    assert generated.class_name.isidentifier()
    path = write_code(generated, name=name, folder=tmp_path, key="7_ff")
    assert path.parent == tmp_path
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # and no temporary file is left


def test_time_zones(run: Any) -> None:
    index = pd.date_range("2024-03-04 14:00", periods=60, freq="h", tz="UTC", unit="us")
    close = np.linspace(100, 160, 60)
    frame = pd.DataFrame(
        {"Open": close, "High": close + 1, "Low": close - 1, "Close": close, "Volume": 1.0}, index=index
    )
    result = run("Trade on 1h bars. Buy when close > 100 between 9:30 and 10:30 New York time, exit after 1 bar", frame)
    signals = [index[b - 1].tz_convert("America/New_York") for b in result.trades["entry_bar"]]
    assert len(signals) >= 2
    assert {t.hour for t in signals} == {10}
