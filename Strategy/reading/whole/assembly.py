"""What only the whole text tells: what "sell" and "opposite" mean, which rules and indicators there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from Backtest.canonical import (
    All,
    AnyCondition,
    BarsHeld,
    Compare,
    Cross,
    IndicatorRef,
    Price,
    Rule,
    Side,
    Time,
    Value,
    walk,
)
from Backtest.indicators import PRICE_COLUMNS
from Backtest.market import is_intraday
from Strategy.reading.conditions.price_moves import settle_moves, settle_trails
from Strategy.reading.text.draft import Draft, Exit
from Strategy.reading.values.units import Units
from Strategy.reading.whole.cross_ways import changed, leaves_otherwise, ways_of_crosses
from Strategy.reading.whole.level_checks import sides_of_levels
from Strategy.reading.whole.opposites import opposites, reversal


def assemble(draft: Draft) -> None:
    """Settle what "sell", "exit", "opposite" and "reversing" mean, now that all is read."""
    _limits(draft)
    _buys(draft)
    _sells(draft)
    _time_limits(draft)
    _sides_of_exits(draft)
    ways_of_crosses(draft)
    settle_trails(draft)
    sides_of_levels(draft)
    _one_zone(draft)
    settle_moves(draft)
    opposites(draft)
    reversal(draft)
    _one_sided(draft)
    _fills(draft)
    _bare_periods(draft)
    Units(draft).ask_of_scales(_rules(draft))
    Units(draft).warn_of_equality(_rules(draft))
    _sides_of_filters(draft)
    if draft.filters:
        draft.entries = tuple(
            (side, _joined(condition, kept) if (kept := _filters_of(draft, side)) else condition)
            for side, condition in draft.entries
        )


def _limits(draft: Draft) -> None:
    """Join "only buy when A" to the other entries of its side: "buy when B" then is A and B."""
    kept: list[tuple[Side, AnyCondition]] = []
    for i, (side, condition) in enumerate(draft.entries):
        same = [j for j, (other, _) in enumerate(draft.entries) if other == side]
        limits = [j for j in same if j in draft.limits]
        bound_by = tuple(draft.entries[j][1] for j in limits if j != i)
        if i in limits and (limits != same or i != limits[0]):
            continue  # it is part of the others
        kept.append((side, _joined(condition, bound_by) if bound_by else condition))
        if bound_by and i not in limits:
            text = "What an entry was said to need with 'only' limits all entries of its side"
            draft.assume("only", text, "an entry of its own", "entry_rules")
    draft.entries, draft.limits = tuple(kept), ()


def _joined(condition: AnyCondition, filters: tuple[AnyCondition, ...]) -> AnyCondition:
    parts = list(condition.conditions) if isinstance(condition, All) else [condition]
    return All(conditions=[*parts, *filters])


def _sides_of_filters(draft: Draft) -> None:
    """Ask about a filter below the rules of the second side, which may be that of both."""
    sided = {side for side, _ in draft.filters if side is not None}
    entered = {side for side, _ in draft.entries}
    if draft.filter_in_section and len(entered) == 2 and sided == {draft.entries[-1][0]}:
        (side,) = sided
        message = f"The filter stands below the rules of the {side} side, and may be that of both"
        draft.problem("error", "filter_side", "text", message, "Say it above the rules of both sides, or for each")
        draft.ask(f"Does the filter limit the {side} entries only, or those of both sides?")


def _filters_of(draft: Draft, side: Side) -> tuple[AnyCondition, ...]:
    return tuple(condition for of, condition in draft.filters if of in (side, None))


def _bare_periods(draft: Draft) -> None:
    """Ask where a price is compared with the number of bars of an average: "above the 50 and 200 SMA … below the 50"."""
    asked = any(problem.code == "price_or_period" for problem in draft.diagnostics)
    if asked or draft.money_said:
        return
    periods = {i.params.get("timeperiod"): i for i in draft.indicators.values() if i.entry.is_average}
    for rule in draft.conditions():
        for node in walk(rule):
            if not isinstance(node, Compare | Cross):
                continue
            prices = isinstance(node.left, Price) and isinstance(node.right, Value)
            found = periods.get(node.right.value) if prices else None  # type: ignore[union-attr]
            if found is not None:
                number = f"{node.right.value:g}"  # type: ignore[union-attr]
                message = f"{number} is compared with the price, and {found.name}({number}) is named elsewhere"
                remedy = f"Say {found.name}({number}) for the average, ${number} for the price"
                draft.problem("error", "price_or_period", "text", message, remedy)
                draft.ask(f"Is {number} a price, or the average of {number} bars?")
                return


def _fills(draft: Draft) -> None:
    """Refuse fills at the open beside fills at the close; say which orders are filled at the close as well, and when a rule for a day is filled."""
    said = draft.filled_at_close
    if said:
        text = "Orders are filled at the close of the signal bar"
        if said in ({"enter"}, {"exit"}):
            these, others = ("entries", "exits") if said == {"enter"} else ("exits", "entries")
            text = f"All orders are filled at the close of the signal bar, {others} as well: it is said of {these} only"
        draft.assume("fill", text, "at the next bar's open", "execution.trade_on_close")
    if draft.bare_at_close == {"exit"}:
        _ask_of_leaving_at_close(draft)
    if draft.filled_at_open and draft.execution.get("trade_on_close"):
        message = "The text fills orders at the open and at the close; a strategy does one or the other"
        draft.problem(
            "error", "mixed_fills", "execution", message, "Fill all orders at the next open, or all at the close"
        )
        draft.ask("Shall orders be filled at the next bar's open, or at the close of the signal's bar?")
    rules = draft.conditions()
    days = any(isinstance(node, Time) and node.weekdays for rule in rules for node in walk(rule))
    if days and draft.timeframe == "1d" and not draft.execution.get("trade_on_close"):
        text = "A rule for a weekday is judged at that day's close and filled at the next day's open"
        draft.assume("fill_day", text, "filled on the day itself", "execution")


def _ask_of_leaving_at_close(draft: Draft) -> None:
    """Ask about "sell at the close" without a condition: of a day that nothing tells from the bars before."""
    if is_intraday(draft.timeframe):
        message = "'At the close' does not say at what time the position is left"
        draft.problem("error", "exit_at_close", "exit_rules", message, "Say the time, such as: exit at 15:45")
        draft.ask("At what time of the day shall the position be left?")
        return
    message = "A position that is opened on a bar cannot be left at the close of the same bar by a rule of its own"
    remedy = "Say after how many bars it is left, such as: exit after 1 bar, or on what condition"
    draft.problem("error", "exit_at_close", "exit_rules", message, remedy)
    draft.ask("At which close shall the position be left: after how many bars, or on what condition?")


def _one_sided(draft: Draft) -> None:
    """Refuse "long only" beside an entry of the other side."""
    for side in sorted(draft.only_sides):
        if any(entry != side for entry, _ in draft.entries):
            message = f"The text says {side} only, but has an entry of the other side"
            draft.problem("error", "contradiction", "entry_rules", message, "Leave out one of the two")
            draft.ask(f"Shall it trade the {side} side only, or both?")


def _buys(draft: Draft) -> None:
    """Settle what a bare "buy" behind a short entry does: with "short only" it covers; where nothing tells, it is asked.

    What tells that it goes long: a way out of its own for either side, a word of long positions, or of reversing.
    """
    if draft.only_sides == {"short"} and draft.sells and not any(side == "short" for side, _ in draft.entries):
        draft.entries += tuple(("short", condition) for condition in draft.sells)
        draft.sells = ()
        draft.assume("sell", "Selling opens a short position, as only shorts are traded", field="entry_rules")
    bought = [(side, condition) for side, condition in draft.entries if side == "long"]
    if not draft.bare_buys or any(condition not in draft.bare_buys for _, condition in bought):
        return
    if draft.only_sides == {"short"} and len(bought) < len(draft.entries):
        draft.entries = tuple(entry for entry in draft.entries if entry not in bought)
        for _, condition in bought:
            draft.add_exit("short", condition)
        draft.assume("buy", "Buying closes the short position, as only shorts are traded", "goes long", "exit_rules")
    elif not (
        draft.only_sides or draft.exits or draft.sells or draft.longs_named or draft.reversing or draft.opposite_exit
    ):
        message = "'Buy' behind a short entry may close the short position, or go long as well"
        remedy = "Say 'buy to cover when ...' to close the short position, 'go long when ...' to trade both sides"
        draft.problem("error", "buy_or_cover", "text", message, remedy)
        draft.ask("Does 'buy' close the short position (buy to cover), or go long as well?")


def _sells(draft: Draft) -> None:
    """Sell means close the long position, unless shorts are covered and nothing else opens them."""
    shorts = any(side == "short" for side, _ in draft.entries)
    longs = any(side == "long" for side, _ in draft.entries)
    covers = any(e.side == "short" for e in draft.exits) or "short" in draft.bare_entries
    for condition in draft.sells:
        if covers and not shorts:
            draft.entries += (("short", condition),)
            draft.assume(
                "sell",
                "Selling opens a short position, since it is covered later",
                "closes the long position",
                "entry_rules",
            )
            if longs and not any(e.side == "long" for e in draft.exits):
                draft.add_exit("long", condition)
        else:
            draft.add_exit("long" if longs or not shorts else None, condition)


def _time_limits(draft: Draft) -> None:
    """Make a time limit of one side, "exit longs after 5 days", that of the strategy, or an exit of that side where both are traded."""
    entered = {side for side, _ in draft.entries}
    same = len(draft.time_limits) == 2 and len(set(draft.time_limits.values())) == 1
    for side, bars in draft.time_limits.items():
        if len(entered) < 2:
            draft.set_risk("max_bars", bars)
        elif same:
            draft.risk = {**draft.risk, "max_bars": bars}
        else:
            draft.add_exit(side, BarsHeld(op=">=", bars=bars))


def _sides_of_exits(draft: Draft) -> None:
    """Give each exit that names no side the side among whose rules it stands.

    "Buy when A. Exit when B. Short when C. Exit when D." closes the long position on B and the
    short one on D; after both entries an exit is for both.
    """
    if len({side for side, _ in draft.entries}) < 2:
        return
    named = {e.side or e.near for e in draft.exits}
    settled: list[Exit] = []
    for said in draft.exits:
        if said.side is None and said.near is not None and not said.everything:
            other: Side = "short" if said.near == "long" else "long"
            if other not in named and draft.entries[-1][0] == other and not leaves_otherwise(draft):
                message = (
                    f"The text does not say whether the exit of the {said.near} position closes the {other} one too"
                )
                draft.problem("error", "exit_side", "exit_rules", message, "Say when each side is closed")
                draft.ask(f"When shall the {other} position be closed: on the same exit as the {said.near} one?")
            settled.append(replace(said, side=said.near, when=said.for_side(said.near)))
        elif said.side is None:
            settled += [replace(said, side=side, when=said.for_side(side)) for side in ("long", "short")]
        else:
            settled.append(said)
    draft.exits = tuple(settled)


def _one_zone(draft: Draft) -> None:
    """Give times without a zone the one that the text names for others; ask where it names several."""
    times = [node for rule in _rules(draft) for node in walk(rule) if isinstance(node, Time) and node.start is not None]
    zones = sorted({node.timezone for node in times if node.timezone})
    if not zones or all(node.timezone for node in times):
        return
    bare = next(node for node in times if not node.timezone)
    clock = bare.start if bare.end in (None, "00:00") else f"{bare.start} to {bare.end}"
    if len(zones) > 1:
        message = f"The text names the zones {' and '.join(zones)}, and none for {clock}"
        draft.problem("error", "time_zone", "text", message, "Name the zone of each time")
        draft.ask(f"In which zone is {clock}: {' or '.join(zones)}?")
        return
    draft.assume("one_zone", f"All times are in {zones[0]}, which is named once", "those of the prices for the others")

    def zoned(condition: AnyCondition) -> AnyCondition:
        return _with_zone(condition, zones[0])

    draft.entries = tuple((side, zoned(condition)) for side, condition in draft.entries)
    draft.filters = tuple((side, zoned(condition)) for side, condition in draft.filters)
    draft.exits = tuple(replace(e, when=zoned(e.when), short=zoned(e.short) if e.short else None) for e in draft.exits)


def _rules(draft: Draft) -> list[AnyCondition]:
    return [
        *(c for _, c in draft.entries),
        *(c for _, c in draft.filters),
        *(e.when for e in draft.exits),
        *(e.short for e in draft.exits if e.short),
    ]


def _with_zone(condition: AnyCondition, zone: str) -> AnyCondition:
    """Return a condition with the zone in all its times of day that have none."""

    def zoned(part: AnyCondition) -> AnyCondition | None:
        bare = isinstance(part, Time) and part.start and not part.timezone
        return part.model_copy(update={"timezone": zone}) if bare else None

    return changed(condition, zoned)


def rules_of(draft: Draft) -> tuple[list[Rule], list[Rule]]:
    """Return entries and exits as rules; an exit without a side is one of each side that is entered."""
    entries = [Rule(side=side, when=condition) for side, condition in draft.entries]
    sides: list[Side] = [s for s in ("long", "short") if any(r.side == s for r in entries)]
    exits: list[Rule] = []
    for said in draft.exits:
        for one in [said.side] if said.side else (sides or ["long"]):
            rule = Rule(side=one, when=said.for_side(one))
            if rule not in exits:
                exits.append(rule)
    return entries, exits


def used_indicators(draft: Draft, rules: list[Rule]) -> list[Any]:
    """Return the indicators of the rules in order of use, their sources before them."""
    ordered: list[str] = []

    def add(name: str) -> None:
        source = draft.indicators[name].source_name
        if source is not None and source not in PRICE_COLUMNS:
            add(source)
        if name not in ordered:
            ordered.append(name)

    for rule in rules:
        for node in walk(rule.when):
            if isinstance(node, IndicatorRef):
                add(node.id)
    return [draft.indicators[name] for name in ordered]
