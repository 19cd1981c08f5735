"""The events of a run as dictionaries, in the words of tests/oracle/cases.yaml: what was placed, triggered, filled, cancelled, refused, and how levels moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from Backtest.kernel import state
from Backtest.kernel.actions import ALL_EQUITY
from Backtest.kernel.state import Floats

AT = ("open", "within", "close")
DO = ("placed", "triggered", "filled", "cancelled", "refused", "levels", "moved")
TYPES = ("market", "limit", "stop", "stop_limit")
REASONS = (
    "entry", "add", "stop", "followed", "trailing_stop", "break_even", "target", "rule", "reverse", "max_bars", "session_end", "end_of_data",
    "ruined", "oco", "position_open", "position_closed", "no_cash", "replaced", "expired", "no_distance", "stop_active", "profit_table",
    "cancelled",
)  # fmt: skip
NAMES = {
    state.BY_ADD: "add", state.BY_STOP: "stop", state.BY_SESSION: "session_exit", state.BY_MAX_BARS: "max_bars", state.BY_END: "end",
    state.BY_RUIN: "ruined",
}  # fmt: skip


def as_events(rows: Floats, names: Sequence[str], unit: float = 1.0) -> list[dict[str, Any]]:
    """Return events, float64 of shape (n, EVENT), as dictionaries; what does not belong to an event is left out.

    Args:
        names: of the entry rules.
        unit: prices are those of so many units, and sizes are told in whole ones.
    """
    return [_event(row, names, unit) for row in rows]


def _event(row: Floats, names: Sequence[str], unit: float) -> dict[str, Any]:
    said: dict[str, Any] = {
        "bar": int(row[state.E_BAR]), "at": AT[int(row[state.E_AT])], "do": DO[int(row[state.E_DO])],
    }  # fmt: skip
    if row[state.E_WHO] >= 0:
        said["order"] = _name(int(row[state.E_WHO]), row[state.E_WHOSE], names)
    if not np.isnan(row[state.E_SIDE]):
        said["side"] = "buy" if row[state.E_SIDE] > 0 else "sell"
    if not np.isnan(row[state.E_TYPE]):
        said["type"] = TYPES[int(row[state.E_TYPE])]
    for name, column in (
        ("price", state.E_PRICE),
        ("limit", state.E_LIMIT),
        ("stop", state.E_STOP),
        ("target", state.E_TARGET),
    ):
        if not np.isnan(row[column]):
            said[name] = float(row[column]) / unit
    if not np.isnan(row[state.E_SIZE]):
        said["size"] = _size(float(row[state.E_SIZE]), unit)
    if np.isfinite(row[state.E_UNTIL]):
        said["works_until_bar"] = int(row[state.E_UNTIL])
    if not np.isnan(row[state.E_REASON]):
        said["reason"] = REASONS[int(row[state.E_REASON])]
    if row[state.E_UNIT] > 0:
        said["unit"] = f"u{int(row[state.E_UNIT])}"
    targets = row[state.E_TARGETS :]
    if not np.isnan(targets[0]):
        said["targets"] = [float(price) / unit for price in targets[~np.isnan(targets)]]
    return said


def _name(who: int, whose: float, names: Sequence[str]) -> str:
    if who == state.BY_ENTRY:
        return names[int(whose)]
    if who == state.BY_EXIT:
        return f"exit{int(whose) + 1}"
    if who == state.BY_TARGET:
        return f"target{int(whose)}" if whose else "target"
    return NAMES[who]


def _size(size: float, unit: float) -> float | int | str:
    if size < 1:
        return "all" if size >= ALL_EQUITY else f"{100 * size:g}%"
    return int(size) if unit == 1 else size * unit
