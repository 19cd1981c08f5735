"""What the steps of reading a file hand on to each other."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from Backtest.data.importing.layout import FileTable
from Backtest.data.importing.parts import Columns
from Backtest.data.importing.times import Times
from Backtest.data.importing.understanding import Findings, ImportChoices
from Backtest.data.importing.vendors import Vendor


@dataclass
class Progress:
    """What the steps have found so far."""

    table: FileTable
    choices: ImportChoices
    findings: Findings
    columns: Columns
    vendor: Vendor
    symbols: tuple[str, ...]
    in_file: str
    rows: pd.Index
    mark: str = "."
    times: Times | None = None
    timeframe: str = ""
    zone: str = ""
    adjustment: str = ""
    frame: pd.DataFrame | None = None
