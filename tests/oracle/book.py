"""Money: equity, costs, and the sizes of orders (section 4, "Sizes" and "Costs").

There is no borrowing: what is held, long or short, is worth at most the equity. Sizes are whole units.
"""

from __future__ import annotations

from tests.oracle.levels import risk_in_points
from tests.oracle.orders import Account, Order
from tests.oracle.prices import Trade, sign, whole_units
from tests.oracle.strategy import Case, EntryRule, Size, Strategy

PAYABLE_TOLERANCE = 1e-6
"""In money: 989 units that cost 100,000.00000000001 in binary can be paid from 100,000."""


def held(account: Account) -> int:
    """Give the units held, negative for a short."""
    position = account.position
    return 0 if position is None else sign(position.side) * position.size


def equity(account: Account, price: float) -> float:
    """Give cash plus what is held at this price; the cost of closing it is not counted."""
    return account.cash + held(account) * price


def traded(strategy: Strategy, account: Account, trade: Trade, size: int, price: float) -> float:
    """Give the cash after a fill: what it moves, less the commission, which every fill pays."""
    moved = -size * price if trade == "buy" else size * price
    return account.cash + moved - size * price * strategy.commission


def entry_price(strategy: Strategy, order: Order, price: float) -> float:
    """Give the price an entry or add is filled at: market and stop orders pay the spread, limits and stop-limits do not."""
    if order.type in ("limit", "stop_limit"):
        return price
    return price * (1 + strategy.spread if order.trade == "buy" else 1 - strategy.spread)


def affordable(strategy: Strategy, account: Account, price: float) -> float:
    """Give how many more units of the position's side can be paid at this price, commission included."""
    free = equity(account, price) - abs(held(account)) * price
    return (free + PAYABLE_TOLERANCE) / (price * (1 + strategy.commission))


def size_when_placed(
    case: Case, account: Account, size: Size, rule: EntryRule, price: float, signal_bar: int
) -> int | None:
    """Give the units of an order placed at this price: None where they are known only at the fill, 0 where the order is refused.

    Equity at risk is that of the last close; the distance is from the order's own price to its stop.
    """
    match size.unit:
        case "units":
            return int(size.value)
        case "percent_of_equity":
            return None
        case "risk_percent":
            distance = risk_in_points(case, rule.risk, rule.side, price, signal_bar)
            return 0 if distance is None else whole_units(account.last_equity * size.value / 100 / distance)


def size_at_fill(strategy: Strategy, account: Account, order: Order, size: Size, price: float) -> int:
    """Give the units an entry or add gets at this price; 0 where they cannot be paid ("cancelled `no_cash`")."""
    most = affordable(strategy, account, price)
    if order.size is not None:
        return order.size if order.size <= most else 0
    share = equity(account, price) * size.value / 100 / (price * (1 + strategy.commission))
    return whole_units(min(share, most))


def size_said(order: Order, size: Size) -> int | str:
    """Give the size that is told when an order is placed: that of a share of the equity is known only at the fill."""
    if order.size is not None:
        return order.size
    return "all" if size.value == 100 else f"{size.value:g}%"
