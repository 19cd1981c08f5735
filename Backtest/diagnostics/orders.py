"""What cannot work, or hardly is meant, of orders, levels and further units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from Backtest.canonical import (
    AnyOperand,
    CanonicalStrategy,
    EntryRule,
    LimitOrder,
    Math,
    PercentLevel,
    Price,
    PriceLevel,
    Risk,
    Side,
    StopLimitOrder,
    StopOrder,
    Ticks,
    Value,
    WaitingOrder,
)
from Backtest.diagnostics.satisfiability import never_above
from Backtest.errors import Diagnostic

_error, _warning = partial(Diagnostic, "error"), partial(Diagnostic, "warning")
CLOSE = Price()


def of_orders(strategy: CanonicalStrategy) -> Iterable[Diagnostic]:
    """Yield the errors and warnings of entries with their levels, of exits by portions, and of groups."""
    for i, rule in enumerate(strategy.entry_rules):
        field = f"entry_rules[{i}]"
        yield from _order(strategy, rule, f"{field}.order")
        yield from _levels_of(strategy, rule, f"{field}.risk" if rule.risk else "risk")
    groups = [rule.group for rule in strategy.entry_rules if rule.group]
    for name in dict.fromkeys(groups):
        if groups.count(name) == 1:
            message = f"The group {name!r} has one order, so nothing is cancelled by it"
            yield _warning("lonely_group", "entry_rules", message, "Give its partner the same group")
    for where, risk in strategy.risks():
        yield from _units(risk, where)
        yield from _costs(strategy, risk, where)
    yield from _portions(strategy)


def _beyond(side: Side, one: AnyOperand, other: AnyOperand) -> tuple[AnyOperand, AnyOperand]:
    """Return two prices so that the first is above the second where, for a long, one is above the other; for a short below."""
    return (one, other) if side == "long" else (other, one)


def _order(strategy: CanonicalStrategy, rule: EntryRule, field: str) -> Iterable[Diagnostic]:
    order = rule.order
    if not isinstance(order, WaitingOrder):
        return
    price = _price_of(order)
    if never_above(strategy, price, Value(value=0)):
        message = f"The order {order.text(strategy)} can never be filled: that is never above zero"
        yield _error("never_filled", field, message, "Say a price, such as the High of the signal bar")
        return
    better, worse = _beyond(rule.side, CLOSE, price)
    if isinstance(order, LimitOrder) and never_above(strategy, better, worse):
        yield _warning("order_at_market", field, f"The order {order.text(strategy)} is never better than the close of its signal: it is filled at the next "
                       "open unless that gaps away", "A buy limit lies below the market, a sell limit above it")  # fmt: skip
    if isinstance(order, StopOrder | StopLimitOrder) and never_above(strategy, worse, better):
        yield _warning("order_at_market", field, f"The order {order.text(strategy)} is passed already at the close of its signal: it is filled at the next open",
                       "A buy stop lies above the market, a sell stop below it")  # fmt: skip


def _price_of(order: WaitingOrder) -> AnyOperand:
    assert isinstance(order, LimitOrder | StopOrder | StopLimitOrder)
    return order.price


def _levels_of(strategy: CanonicalStrategy, rule: EntryRule, where: str) -> Iterable[Diagnostic]:
    """Yield where a stop lies beyond the entry, or a target behind it, on every bar."""
    risk, entry = strategy.risk_of(rule), CLOSE if not isinstance(rule.order, WaitingOrder) else _price_of(rule.order)
    name = "the entry" if isinstance(rule.order, WaitingOrder) else "the close of the signal"
    for field, level in _price_levels(risk):
        price = level.short if rule.side == "short" and level.short is not None else level.price
        stop = field.startswith("stop")
        nearest = _unshifted(price, up=stop == (rule.side == "long"))
        low, high = (nearest, entry) if stop else (entry, nearest)
        if never_above(strategy, *_beyond(rule.side, high, low)):
            wrong, right = ("above", "below") if stop == (rule.side == "long") else ("below", "above")
            what = "stop" if stop else "target"
            message = f"The {what} of a {rule.side}, at {price.text(strategy)}, is never {right} {name}: the trade is over as it begins"
            suggestion = f"A {what} of a {rule.side} lies {right} the entry, not {wrong} it"
            yield _error("level_beyond_entry", f"{where}.{field}", message, suggestion)


def _unshifted(price: AnyOperand, *, up: bool) -> AnyOperand:
    """Return an operand without what is added to it (`up`) or taken off: High + 50 lies above High."""
    if not isinstance(price, Math) or price.op != ("+" if up else "-") or not isinstance(price.right, Value | Ticks):
        return price
    return price.left if price.right.value >= 0 else price


def _price_levels(risk: Risk) -> Iterator[tuple[str, PriceLevel]]:
    found = [
        ("stop_loss", risk.stop_loss), ("take_profit", risk.take_profit),
        *((f"stops[{i}].level", stop.level) for i, stop in enumerate(risk.stops)),
        *((f"targets[{i}].level", target.level) for i, target in enumerate(risk.targets)),
    ]  # fmt: skip
    yield from ((field, level) for field, level in found if isinstance(level, PriceLevel))


def _units(risk: Risk, where: str) -> Iterable[Diagnostic]:
    for i, add in enumerate(risk.adds):
        field = f"{where}.adds[{i}]"
        if add.factor is not None and add.factor > 1:
            grows = add.factor**add.most
            message = f"Each further unit is {add.factor:g} times the one before, the last {grows:g} times the first (martingale)"
            yield _warning("martingale", field, message, "Use a factor of 1 or less, or fewer units")
        if add.direction == "against" and add.every is not None and not risk.is_stopped:
            message = f"Units are added as the trade loses, {add.most} times, and there is no stop"
            yield _warning(
                "averaging_down", field, message, "Add a stop, such as one set of levels from the average price"
            )


def _costs(strategy: CanonicalStrategy, risk: Risk, where: str) -> Iterable[Diagnostic]:
    costs = 100 * (2 * strategy.execution.commission + strategy.execution.spread)
    targets = [
        ("take_profit", risk.take_profit),
        *((f"targets[{i}]", target.level) for i, target in enumerate(risk.targets)),
    ]
    for field, level in targets:
        if isinstance(level, PercentLevel) and level.value <= costs:
            message = f"A target of {level.value:g}% is nearer than what a trade costs, {costs:g}%"
            yield _warning("target_in_costs", f"{where}.{field}", message, "Use a target well above the costs")


def _portions(strategy: CanonicalStrategy) -> Iterable[Diagnostic]:
    """Yield where exits leave a part that nothing ever closes."""
    for side in strategy.sides:
        exits = [rule for rule in strategy.exit_rules if rule.side == side]
        risks = [strategy.risk_of(rule) for rule in strategy.entry_rules if rule.side == side]
        rest = any(not risk.closes_all for risk in risks)
        if exits and rest and all(rule.portion < 1 and not rule.repeat for rule in exits):
            taken = sum(rule.portion for rule in exits)
            if taken < 1 - 1e-9:
                message = f"The exits of the {side} side close {taken:.0%} of a position, and nothing closes the rest"
                yield _error("part_stays", "exit_rules", message, "Add an exit for all of it, a stop or a target")
