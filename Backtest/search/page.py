"""What a search found, as a page that loads nothing from anywhere: verdict, evidence, and the objective by its numbers."""

from __future__ import annotations

from html import escape
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from Backtest.search.objective import Objective
from Backtest.search.space import Space

MOST_PAIRS = 6
MOST_CELLS = 250_000
EVIDENCE = (
    "trials", "sharpe_ratio", "overfitting", "data_snooping", "walk_forward", "shuffled_prices", "random_entries",
)  # fmt: skip


def search_page(table: Path, space: Space, objective: Objective, outcome: dict[str, Any]) -> str:
    """Return the HTML page of a search: its verdict, the figures behind it, and a heatmap for each pair of numbers.

    A cell has the mean of the objective over the other numbers; a single number has a line.

    Args:
        table: the Parquet file of a search.
    """
    from bokeh.embed import file_html
    from bokeh.layouts import column
    from bokeh.models import HoverTool, LinearColorMapper
    from bokeh.models.annotations import ColorBar
    from bokeh.models.widgets import Div
    from bokeh.plotting import figure
    from bokeh.resources import INLINE
    from bokeh.transform import transform

    varied = [name for name, values in zip(space.names, space.values, strict=True) if len(values) > 1]
    places = {name: k for k, name in enumerate(space.names)}
    columns = pd.read_parquet(table, columns=[*varied, objective.column])
    goal = columns[objective.column].replace([np.inf, -np.inf], np.nan)
    columns = columns.assign(**{objective.column: goal})
    best = outcome["best"]["values"]
    parts: list[Any] = [Div(text=_told(outcome), width=820)]
    if len(varied) == 1:
        name = varied[0]
        line = columns.groupby(name)[objective.column].mean()
        plot = figure(width=800, height=400, x_axis_label=name, y_axis_label=objective.name, toolbar_location=None)
        plot.line(line.index.to_numpy(), line.to_numpy(), line_width=2)
        plot.scatter(line.index.to_numpy(), line.to_numpy(), size=6)
        parts.append(plot)
    for x, y in list(combinations(varied, 2))[:MOST_PAIRS]:
        if len(space.values[places[x]]) * len(space.values[places[y]]) > MOST_CELLS:
            continue
        means = columns.groupby([x, y])[objective.column].mean().reset_index(name="goal")
        cells: dict[str, Any] = {
            "x": means[x].map("{:g}".format),
            "y": means[y].map("{:g}".format),
            "goal": means["goal"],
        }
        mapper = LinearColorMapper(
            palette="Viridis256", low=float(means["goal"].min()), high=float(means["goal"].max()), nan_color="#eeeeee"
        )
        labels: list[Any] = [[f"{v:g}" for v in space.values[places[name]]] for name in (x, y)]
        plot = figure(
            width=820, height=620, x_range=labels[0],
            y_range=labels[1], x_axis_label=x, y_axis_label=y,
            title=f"mean {objective.name}; the best is marked", toolbar_location=None,
        )  # fmt: skip
        plot.rect(x="x", y="y", width=1, height=1, source=cells, fill_color=transform("goal", mapper), line_color=None)
        plot.scatter([f"{best[x]:g}"], [f"{best[y]:g}"], marker="x", size=14, line_color="red", line_width=3)
        plot.add_tools(HoverTool(tooltips=[(x, "@x"), (y, "@y"), (objective.name, "@goal")]))
        plot.xaxis.major_label_orientation = 1.0
        plot.add_layout(ColorBar(color_mapper=mapper), "right")
        parts.append(plot)
    return str(file_html(column(*parts), INLINE, "Optimisation"))


def _told(outcome: dict[str, Any]) -> str:
    """Return the verdict and the figures behind it as HTML."""
    verdict, statistics = outcome["verdict"], outcome["statistics"]
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in verdict["reasons"])
    rows = [(name, value) for part in EVIDENCE for name, value in _figures(part, statistics.get(part) or {})]
    rows += [(f"kept one step beside {name}", f"{found['kept']:.0%}") for name, found in outcome["stability"].items()]
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
    values = ", ".join(f"{name} = {value:g}" for name, value in outcome["best"]["values"].items())
    return (
        f"<h1>{escape(verdict['text'])}</h1><ul>{reasons}</ul><p>The best of {outcome['tried']:,} combinations: "
        f"{escape(values)}</p><table cellpadding='4'>{cells}</table>"
    )


def _figures(part: str, found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the numbers of a part of the statistics with their names."""
    words = part.replace("_", " ")
    return [
        (f"{words}: {name.replace('_', ' ')}", f"{value:,.4g}")
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
