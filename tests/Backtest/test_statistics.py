"""Statistics against the numbers their papers print, slow obvious code, and what must be so."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from Backtest.errors import InvalidInput
from Backtest.statistics import overfitting, resampling, robustness, sharpe
from Backtest.statistics.verdict import Evidence, judge
from Backtest.statistics.walk_forward import windows


def draws(seed: int, *shape: int, mean: float = 0.0) -> Any:
    return np.random.default_rng(seed).normal(mean, 0.01, shape)


# -- Sharpe ratios ------------------------------------------------------------------------------


def test_probabilistic_sharpe_of_the_paper() -> None:
    """Bailey and López de Prado 2012: 24 months, monthly ratio 0.458, skewness -2.448, kurtosis 10.164: 0.982 as if normal, 0.913."""
    assert sharpe.probability(0.458, 0, 24, 0, 3) == pytest.approx(0.982, abs=0.002)
    assert sharpe.probability(0.458, 0, 24, -2.448, 10.164) == pytest.approx(0.913, abs=0.001)


def test_deflated_sharpe_of_the_paper() -> None:
    """Bailey and López de Prado 2014: 100 trials with annual variance 1/2, 1,250 days, annual ratio 2.5: SR0 0.1132, DSR 0.9004."""
    luck = sharpe.expected_maximum(100, math.sqrt(0.5 / 250))
    assert luck == pytest.approx(0.1132, abs=5e-5)
    assert sharpe.probability(2.5 / math.sqrt(250), luck, 1250, -3, 10) == pytest.approx(0.9004, abs=5e-5)
    fewer = sharpe.expected_maximum(46, math.sqrt(0.5 / 250))
    assert sharpe.probability(2.5 / math.sqrt(250), fewer, 1250, -3, 10) == pytest.approx(0.9505, abs=5e-5)


def test_minimum_backtest_length_of_the_paper() -> None:
    """Bailey et al. 2014: with five years of data no more than 45 configurations; the best of 10 is expected at 1.57."""
    assert sharpe.expected_maximum(10) == pytest.approx(1.57, abs=0.01)
    assert sharpe.minimum_backtest_length(45) == pytest.approx(5, abs=0.02)
    assert sharpe.minimum_backtest_length(1) == 0


def test_the_expected_maximum_is_that_of_draws() -> None:
    for trials in (5, 50, 500):
        seen = np.random.default_rng(trials).normal(size=(20_000, trials)).max(axis=1).mean()
        assert sharpe.expected_maximum(trials) == pytest.approx(seen, rel=0.03)


def test_shape_is_scipys() -> None:
    from scipy.stats import kurtosis, skew

    values = np.random.default_rng(3).gamma(2, size=500)
    assert sharpe._shape(values) == pytest.approx((skew(values), kurtosis(values, fisher=False)))


def test_minimum_track_record_is_where_the_probability_is_reached() -> None:
    returns = draws(1, 1000, mean=0.0008)
    needed = sharpe.minimum_track_record(returns)
    ratio = float(sharpe.sharpe_ratio(returns))
    assert sharpe.probability(ratio, 0, round(needed), *sharpe._shape(returns)) == pytest.approx(0.95, abs=0.001)
    assert sharpe.minimum_track_record(-np.abs(returns)) == math.inf


def test_independent_trials() -> None:
    apart = draws(2, 50, 2000)
    assert sharpe.independent_trials(apart) == pytest.approx(50, rel=0.05)
    alike = draws(3, 2000) + draws(4, 50, 2000) * 0.001
    assert sharpe.independent_trials(alike) < 1.5
    assert sharpe.independent_trials(apart, 1000) == pytest.approx(1000, rel=0.05)
    assert sharpe.independent_trials(np.zeros((5, 100))) == 1


def test_no_risk_is_no_skill() -> None:
    assert sharpe.sharpe_ratio(np.zeros(100)) == 0
    assert sharpe.probabilistic_sharpe(np.zeros(100)) == 0.5


# -- Overfitting --------------------------------------------------------------------------------


def slow_pbo(returns: Any, blocks: int) -> float:
    """The definition, loop by loop."""
    trials, days = returns.shape
    size = days // blocks
    parts = [returns[:, k * size : (k + 1) * size] for k in range(blocks)]
    lost = []
    for half in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[k] for k in half], axis=1)
        outside = np.concatenate([parts[k] for k in range(blocks) if k not in half], axis=1)
        ratio = [[row.mean() / row.std(ddof=1) for row in side] for side in (inside, outside)]
        best = int(np.argmax(ratio[0]))
        rank = (1 + sum(value < ratio[1][best] for value in ratio[1])) / (trials + 1)
        lost.append(math.log(rank / (1 - rank)) <= 0)
    return float(np.mean(lost))


@pytest.mark.parametrize("seed", range(5))
def test_cross_validation_is_its_definition(seed: int) -> None:
    returns = draws(seed, 9, 120)
    assert overfitting.cross_validate(returns, blocks=6).pbo == slow_pbo(returns, 6)


def test_full_overfit_of_the_paper() -> None:
    """Bailey et al., first test case, and the vignette of R's pbo: trials that are all worth nothing give exactly 1."""
    returns = draws(765, 100, 2400)
    returns -= returns.mean(axis=1, keepdims=True)
    returns /= returns.std(axis=1, ddof=1, keepdims=True)
    found = overfitting.cross_validate(returns, blocks=8)
    assert (found.pbo, found.loss, found.splits) == (1, 1, 70)


def test_luck_and_an_edge_as_published() -> None:
    """Soloviov, "How overfit is your search?" (2026): 200 trials of 1,000 days, 16 blocks: 0.476, deviation 0.137, over 60
    matrices of noise; 0.001 where 20 of the 200 have an edge of 0.15 deviations a day."""
    noise = [overfitting.cross_validate(draws(seed, 200, 1000), blocks=16) for seed in range(20)]
    assert noise[0].splits == 12_870
    assert np.mean([f.pbo for f in noise]) == pytest.approx(0.476, abs=3 * 0.137 / math.sqrt(20))
    assert np.std([f.pbo for f in noise]) == pytest.approx(0.137, abs=0.06)
    edge = draws(1, 200, 1000)
    edge[:20] += 0.15 * 0.01
    assert overfitting.cross_validate(edge, blocks=16).pbo == pytest.approx(0.001, abs=0.01)


def test_cross_validation_tells_luck_from_skill() -> None:
    found = [overfitting.cross_validate(draws(seed, 40, 500)).pbo for seed in range(40)]
    assert 0.4 < np.mean(found) < 0.65, "of noise the best is as good as any"
    skilled = draws(1, 40, 500)
    skilled[7] += 0.005
    sure = overfitting.cross_validate(skilled)
    assert (sure.pbo, sure.loss, sure.splits) == (0, 0, 252)


def test_data_snooping() -> None:
    luck = [overfitting.data_snooping(draws(seed, 20, 400), draws=200).spa for seed in range(20)]
    assert sum(p < 0.05 for p in luck) <= 3
    skilled = draws(5, 20, 400)
    skilled[3] += 0.004
    found = overfitting.data_snooping(skilled, draws=200)
    assert found.spa < 0.02
    assert found.reality_check < 0.02
    assert 3 in found.better
    everyone = overfitting.data_snooping(draws(6, 5, 400, mean=0.01), draws=100)
    assert everyone.better == (0, 1, 2, 3, 4)
    nobody = overfitting.data_snooping(np.zeros((5, 400)))
    assert (nobody.spa, nobody.better) == (1.0, ())


# -- Drawing again ------------------------------------------------------------------------------


def test_stationary_blocks() -> None:
    index = resampling.stationary_indexes(1000, 20, 50, seed=1)
    follows = (np.diff(index, axis=1) % 1000 == 1).mean()
    assert follows == pytest.approx(1 - 1 / 20, abs=0.005)
    assert index.min() >= 0
    assert index.max() < 1000


def test_intervals_cover_the_truth() -> None:
    """Of histories with a Sharpe ratio of 1 about nine in ten intervals of 90% hold it."""
    truth = 0.01 * np.sqrt(252) ** -1
    held = 0
    for seed in range(60):
        found = resampling.bootstrap(draws(seed, 1000, mean=truth), days_a_year=252, draws=300)["sharpe_ratio"]
        held += found.low <= 1 <= found.high
    assert 46 <= held <= 60


def test_drawdown_and_growth_of_the_given_returns() -> None:
    found = resampling.bootstrap(np.array([0.1, -0.2, 0.05, 0.1] * 5), days_a_year=4, draws=50)
    worth = np.cumprod(1 + np.array([0.1, -0.2, 0.05, 0.1] * 5))
    assert found["max_drawdown"].estimate == pytest.approx((worth / np.maximum.accumulate(worth) - 1).min() * 100)
    assert found["cagr"].estimate == pytest.approx((worth[-1] ** (1 / 5) - 1) * 100)


def prices(seed: int = 1, bars: int = 300) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(draw.normal(0, 0.02, bars)))
    open_ = np.r_[50, close[:-1]] * np.exp(draw.normal(0, 0.005, bars))
    frame = pd.DataFrame(
        {
            "Open": open_,
            "High": np.maximum(open_, close) * 1.01,
            "Low": np.minimum(open_, close) * 0.99,
            "Close": close,
        },
        index=pd.bdate_range("2020-01-01", periods=bars, unit="us"),
    )
    return frame.assign(Volume=draw.integers(1, 99, bars).astype(float))


def test_shuffled_bars_are_the_same_bars() -> None:
    frame = prices()
    made = resampling.permuted(frame, 5)
    assert made.index.equals(frame.index)
    assert made["Close"].iloc[-1] == pytest.approx(frame["Close"].iloc[-1])
    assert made.iloc[0].tolist() == pytest.approx(frame.iloc[0].tolist())
    inside = (np.sort(np.log(f["Close"] / f["Open"]).to_numpy()) for f in (made, frame))
    assert np.allclose(*inside)
    gaps = (np.sort(np.log(f["Open"].to_numpy()[1:] / f["Close"].to_numpy()[:-1])) for f in (made, frame))
    assert np.allclose(*gaps)
    assert (made["High"] >= made[["Open", "Close"]].max(axis=1)).all()
    assert (made["Low"] <= made[["Open", "Close"]].min(axis=1)).all()
    assert not made["Close"].equals(resampling.permuted(frame, 6)["Close"])


# -- Walk-forward, other entries, other times, costs ---------------------------------------------


def test_windows() -> None:
    rolling = windows(1000, folds=4, train_share=0.6)
    assert [w.train for w in rolling] == [(0, 600), (100, 700), (200, 800), (300, 900)]
    assert [w.test for w in rolling] == [(600, 700), (700, 800), (800, 900), (900, 1000)]
    anchored = windows(1000, folds=4, train_share=0.6, anchored=True, purge=5, embargo=3)
    assert [w.train for w in anchored] == [(0, 595), (0, 695), (0, 795), (0, 895)]
    assert [w.test for w in anchored] == [(603, 700), (703, 800), (803, 900), (903, 1000)]
    with pytest.raises(InvalidInput, match="20 bars are too few for 30 folds"):
        windows(20, folds=30)


def test_random_entries() -> None:
    frame = prices(2)
    open_ = frame["Open"].to_numpy()
    gains = open_[5:] / open_[:-5]
    good = np.argsort(gains)[-1]
    table = pd.DataFrame({"Size": [1], "EntryBar": [good], "ExitBar": [good + 5]})
    found = robustness.random_entries(table, open_)
    assert found["gross_return_pct"] == pytest.approx((gains[good] - 1) * 100)
    assert found["as_good_at_random"] < 0.02
    worst = int(np.argsort(gains)[0])
    table = pd.DataFrame({"Size": [1], "EntryBar": [worst], "ExitBar": [worst + 5]})
    assert robustness.random_entries(table, open_)["as_good_at_random"] == 1
    assert robustness.random_entries(table.iloc[:0], open_)["as_good_at_random"] == 1


def test_break_even() -> None:
    costs = np.array([0.0, 0.01, 0.02])
    assert robustness.break_even(costs, np.array([10.0, 5.0, -5.0])) == pytest.approx(0.015)
    assert robustness.break_even(costs, np.array([10.0, 5.0, 1.0])) is None
    assert robustness.break_even(costs, np.array([-1.0, -5.0, -9.0])) == 0


def test_regimes() -> None:
    up = 100 * 1.01 ** np.arange(401)
    close = np.r_[up, up[-1] * 0.99 ** np.arange(1, 401)]
    returns = np.where(np.arange(800) < 400, 0.001, -0.002)
    found = robustness.regimes(close, returns, 252)
    assert found["rising"]["days"] + found["falling"]["days"] == 700
    assert found["rising"]["return_pct"] > 0 > found["falling"]["return_pct"]


def test_the_sharpe_ratio_of_a_regime_is_above_the_risk_free_rate() -> None:
    close = 100 * 1.01 ** np.arange(201)  # the last 100 of 200 days are rising
    returns = np.tile([0.0, 0.02], 100)
    # mean 0.01, deviation 0.01 × √(100/99); a rate of 0.005 a day leaves half of it, one of 0.01 nothing
    for rate, expected in ((0.0, np.sqrt(0.99 * 252)), (0.005, 0.5 * np.sqrt(0.99 * 252)), (0.01, 0.0)):
        found = robustness.regimes(close, returns, 252, rate=rate)["rising"]
        assert (found["days"], found["sharpe_ratio"]) == (100, pytest.approx(expected, abs=1e-12))


# -- Verdict ------------------------------------------------------------------------------------

GOOD = {
    "permuted": 0.01, "deflated_sharpe": 0.99, "pbo": 0.1, "out_of_sample_sharpe": 1.0, "efficiency": 0.8, "kept": 0.9,
    "trades": 50,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "word", "reason"),
    [
        ({}, "robust", "deflated Sharpe 99%"),
        ({"permuted": 0.2}, "likely overfit", "20% of shuffled prices"),
        ({"deflated_sharpe": 0.6}, "likely overfit", "deflated Sharpe 60%"),
        ({"pbo": 0.6}, "likely overfit", "60% of the time"),
        ({"pbo": 0.45}, "fragile", "45% of the time"),
        (
            {"out_of_sample_sharpe": -0.5, "efficiency": -0.3},
            "fragile",
            "-0.50 on what came after, -30% of the mean in-sample Sharpe of its windows",
        ),
        ({"kept": 0.2}, "fragile", "only 20% of the objective"),
        ({"trades": 4}, "fragile", "4 trades are few"),
        ({"margin": 1.1}, "fragile", "costs 1.1 times as high"),
    ],
)
def test_verdicts(changes: dict[str, float], word: str, reason: str) -> None:
    verdict = judge(Evidence(**{**GOOD, **changes}))  # type: ignore[arg-type]
    assert verdict.word == word
    assert reason in " ".join(verdict.reasons)
