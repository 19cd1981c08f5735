"""What a search found, as a page that loads nothing from anywhere: verdict, evidence, and the objective by its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from Backtest.search.objective import Objective
from Backtest.search.space import Space


@dataclass(frozen=True)
class Heading:
    """What a search was of: a title, the strategy in sentences, names and values of data and settings, and warnings."""

    title: str
    strategy: Sequence[str] = ()
    settings: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()


MOST_PAIRS = 6
MOST_CELLS = 250_000


def search_page(table: Path, space: Space, objective: Objective, outcome: dict[str, Any], heading: Heading) -> str:
    """Return the HTML page of a search: strategy, verdict, the best combinations, the evidence, and a heatmap for each pair of numbers.

    A cell of a heatmap is the mean of the objective over all values of the other numbers; where one number was searched, a line takes its place.

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
    parts: list[Any] = [Div(text=_told(outcome, heading), width=1000)]
    if len(varied) == 1:
        name = varied[0]
        line = columns.groupby(name)[objective.column].mean()
        plot = figure(width=800, height=400, x_axis_label=name, y_axis_label=objective.label, toolbar_location=None)
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
            title=f"mean {objective.label}; the best is marked", toolbar_location=None,
        )  # fmt: skip
        plot.rect(x="x", y="y", width=1, height=1, source=cells, fill_color=transform("goal", mapper), line_color=None)
        plot.scatter([f"{best[x]:g}"], [f"{best[y]:g}"], marker="x", size=14, line_color="red", line_width=3)
        plot.add_tools(HoverTool(tooltips=[(x, "@x"), (y, "@y"), (objective.label, "@goal")]))
        plot.xaxis.major_label_orientation = 1.0
        plot.add_layout(ColorBar(color_mapper=mapper), "right")
        parts.append(plot)
    return str(file_html(column(*parts), INLINE, "Optimisation"))


SHOWN = ("Sharpe Ratio", "Return [%]", "CAGR [%]", "Max. Drawdown [%]", "Profit Factor", "# Trades")


def _told(outcome: dict[str, Any], heading: Heading) -> str:
    """Return everything but the heatmaps as HTML: what was searched, the verdict, the best combinations and the evidence."""
    verdict = outcome["verdict"]
    searched = [
        (name, f"{found['values']:,} values from {found['min']:g} to {found['max']:g}")
        for name, found in outcome["parameters"].items()
    ]
    return "".join([
        f"<h1>{escape(heading.title)}</h1>{_listed(heading.strategy)}",
        f"<h2>Verdict</h2><p><b>{escape(verdict['text'])}</b></p>{_listed(verdict['reasons'])}",
        f"<h2>Warnings</h2>{_listed(heading.warnings)}" if heading.warnings else "",
        f"<h2>Data and settings</h2>{_table([], heading.settings)}",
        (f"<h2>What was searched</h2><p>{outcome['tried']:,} of {outcome['combinations']:,} combinations by {escape(outcome['method'])}, for the "
        f"best {escape(_goals(outcome))}; {outcome['failed']:,} failed.</p>{_table([], searched)}"),
        f"<h2>The best combinations</h2><p>Over all graded bars, which is in sample: they were chosen by these figures.</p>{_top(outcome)}",
        f"<h2>In sample and out of sample</h2>{_walked(outcome['statistics']['walk_forward'])}",
        f"<h2>The evidence</h2>{_table(['Figure', 'Value', 'What it is'], _evidence(outcome))}",
    ])  # fmt: skip


def _goals(outcome: dict[str, Any]) -> str:
    return ", ".join(Objective.of_name(name).label for name in outcome["objective"])


def _listed(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    names = f"<tr>{''.join(f'<th align=left>{escape(name)}</th>' for name in head)}</tr>" if head else ""
    cells = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table cellpadding='4'>{names}{cells}</table>"


def _number(value: float | None, form: str = ",.2f") -> str:
    return "–" if value is None else format(value, form)


def _top(outcome: dict[str, Any]) -> str:
    names = list(outcome["best"]["values"])
    rows = [
        [*(f"{row['values'][name]:g}" for name in names),
         *(_number(row["figures"].get(name), ",.0f" if name == "# Trades" else ",.2f") for name in SHOWN)]
        for row in outcome["top"]
    ]  # fmt: skip
    return _table([*names, *SHOWN], rows)


def _walked(walked: dict[str, Any]) -> str:
    """Return the windows of the walk-forward as rows: the dates of each, and the Sharpe ratio of its choice in and out of sample."""
    if not walked["windows"]:
        return "<p>There are too few bars to choose on a part of them and test on the next.</p>"
    rows = [
        [w["from"][:10], w["to"][:10], ", ".join(f"{name} = {value:g}" for name, value in w["values"].items()),
         _number(w["sharpe_in_sample"]), _number(w["sharpe_out_of_sample"]), f"{_number(w['return_pct'])}%"]
        for w in walked["windows"]
    ]  # fmt: skip
    head = ["Tested from", "to", "Best before", "Sharpe in sample", "Sharpe out of sample", "Return out of sample"]
    return (
        "<p>The best combination of the bars before each window, tested on the window. Each Sharpe ratio is of its own window, so none "
        f"of them is that of all bars above.</p>{_table(head, rows)}"
    )


def _evidence(outcome: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return each figure behind the verdict with what it is."""
    found = outcome["statistics"]
    tries, ratio, walked, shuffled = (
        found["trials"],
        found["sharpe_ratio"],
        found["walk_forward"],
        found["shuffled_prices"],
    )
    interval, costs, random = (
        found["intervals"]["sharpe_ratio"],
        found["ranges"]["sharpe_ratio"],
        found["random_entries"],
    )
    rows = [
        ("Sharpe ratio, all bars", _number(ratio["annual"]), "Of the best combination, in sample: the same as in the table above"),
        ("… resampled", f"{_number(interval['low'])} to {_number(interval['high'])}", f"{interval['confidence']:.0%} of histories drawn from its days"),
        ("… other paths and costs", f"{_number(costs['low'])} to {_number(costs['high'])}", "Over what bars do not tell, and dearer trading"),
        ("… out of sample", _number(walked["sharpe_ratio"]), f"Of all windows together: {walked['efficiency']:.0%} of the mean in-sample Sharpe of its windows"),
        ("… by luck alone", _number(tries["sharpe_ratio_of_luck"]), "What the best of so many tries without skill is expected to reach"),
        ("Tries", f"{tries['total']:,}", f"{tries['before']:,} of them before this search; as good as {tries['independent']:g} independent ones"),
        ("Deflated Sharpe ratio", f"{ratio['deflated']:.1%}", "How sure it is that the Sharpe ratio is above that of luck"),
        ("Years of data", _number(ratio["years"], ".1f"), f"{ratio['minimum_backtest_years']:.1f} are needed after so many tries"),
        ("Shuffled prices", f"{shuffled['as_good_when_shuffled']:.0%}", "How often the same search found as much in prices without order"),
        ("Random entries", f"{random['as_good_at_random']:.1%}", "Of as many trades at random bars, how many sets did as well"),
        ("Buy and hold", f"{_number(found['buy_and_hold_return_pct'])}%", "Over the same bars at the same costs"),
    ]  # fmt: skip
    if found["overfitting"]:
        told = "How often the best of one half of the days was below the median in the other half"
        rows.append(("Probability of overfitting", f"{found['overfitting']['pbo']:.0%}", told))
    told = "Of the objective, one step beside the best value"
    return [*rows, *((f"Kept beside {name}", f"{one['kept']:.0%}", told) for name, one in outcome["stability"].items())]
