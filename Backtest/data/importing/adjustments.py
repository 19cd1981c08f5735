"""Prices brought to the adjusted close a file gives."""

from __future__ import annotations

import numpy as np
import pandas as pd

from Backtest.data.importing.understanding import Adjustment, FileQuestion, Findings
from Backtest.errors import DataError

AS_FILED = "as uploaded"
ADJUSTED = "splits and dividends"
UNADJUSTED = "none"


def adjust(
    frame: pd.DataFrame, adjusted: pd.Series | None, choice: Adjustment, findings: Findings
) -> tuple[pd.DataFrame, str]:
    """Return the frame in adjusted prices, and the adjustment to record.

    Each bar's open, high and low are multiplied by adjusted close / close, as Yahoo Finance's own
    adjustment does; volume stays as it is.

    Args:
        adjusted: the adjusted close of each bar; None where the file has none.

    Raises:
        DataError: adjusted prices are asked for and there are none.
    """
    if adjusted is None or not adjusted.notna().any():
        if choice == "adjusted":
            raise DataError("The file has no adjusted close: leave the choice adjustment out, or export it with one")
        return frame, UNADJUSTED if choice == "none" else AS_FILED
    if choice == "none":
        return frame, UNADJUSTED
    factor = (adjusted / frame["Close"]).to_numpy(dtype=float)
    changed = int((np.abs(factor - 1) > 1e-6).sum())
    if not choice:
        findings.questions.append(
            FileQuestion(
                "adjustment",
                f"The file has an adjusted close, which differs from the close in {changed} bars; prices are adjusted by it. "
                "Are prices as traded wanted instead?",
                ("adjusted", "none"),
                blocking=False,
            )
        )
    findings.notes.append(f"Prices are adjusted by the file's adjusted close; {changed} bars changed")
    return _scaled(frame, factor, adjusted), ADJUSTED


def _scaled(
    frame: pd.DataFrame, factor: np.ndarray[tuple[int, ...], np.dtype[np.float64]], adjusted: pd.Series
) -> pd.DataFrame:
    scaled = frame.copy()
    for column in ("Open", "High", "Low"):
        scaled[column] = frame[column] * factor
    scaled["Close"] = adjusted
    # The products may differ from the adjusted close in the last bit where high or low was the close.
    scaled["High"] = scaled[["Open", "High", "Low", "Close"]].max(axis=1)
    scaled["Low"] = scaled[["Open", "High", "Low", "Close"]].min(axis=1)
    return scaled
