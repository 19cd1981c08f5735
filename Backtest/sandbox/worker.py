"""The program inside the sandbox: import everything, wait for a job, run it, end.

It is started with `python -I worker.py FOLDER PACKAGES`, knows nothing of AlgoAgent, and talks over
its standard input and output:

    worker  {"ready": versions}
    server  "f" or "r", then {"code", "settings", "first", "limits", "report", "trace", "target_first", "stream", "filter", "token",
            "prices": {"columns", "rows", "unit", "timezone", "name"}}, then the prices: the times as little-endian integers, in units
            since 1970 in UTC, and each column as little-endian doubles
    worker  {"progress": 0..1}, any number of times
    worker  {"bar": b, "opening": yes or no, "decisions": n}, then what was decided since it asked before; only where prices are streamed
    server  the prices of the bars up to b that it has not sent yet, or the open of b alone, as little-endian doubles
    worker  {"status", "token", "begin", ..., "trades": n, "bars": n, "decisions": n, "report": n}, then the numbers of the
            trades (n rows of TRADE_COLUMNS), the equity of the bars, what was decided and not told yet (n rows of DECISION), and the tickets
            of code that trades through a Book (n rows of TICKET), all as little-endian doubles, and the report

After "f" a job is read and run in a fork, and the worker waits for the next one. It has run and read nothing itself, and nothing
a fork did is left for the next. `--forks` makes it a server of such workers, forks of itself, for the backend without isolation.
"""

import array
import base64
import contextlib
import errno
import gc
import json
import math
import os
import select
import signal
import socket
import sys
import time
import traceback
import types
import warnings

FILES = 256
LOG_BYTES = 64 * 1024
OUTPUT = "output.txt"
PROGRESS_S = 0.2
FORK, DONE = b"f", 3
DECISION = 9  # numbers a decision is told in
TICKET = 140  # and numbers of what an order brings along; see Backtest/kernel/actions.py
MARGIN_PX = 20  # above and below all figures of a chart
TRADE_COLUMNS = [
    "Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "SL", "TP", "PnL", "Commission", "ReturnPct",
]  # fmt: skip
TRADE_PARTS = ["size", "entry_bar", "exit_bar", "entry_price", "exit_price", "sl", "tp", "pl", "_commissions", "pl_pct"]


# -- Before the job --------------------------------------------------------------------------


def plot_when_asked():
    """Put off the import of backtesting.py's charts, which takes a third of a second, until a chart is drawn."""
    import importlib

    name = "backtesting._plotting"
    if name in sys.modules:
        return
    stub = types.ModuleType(name)

    def later(function):
        def call(*positional, **options):
            if sys.modules.get(name) is stub:
                del sys.modules[name]
            return getattr(importlib.import_module(name), function)(*positional, **options)

        return call

    for function in ("plot", "plot_heatmaps", "set_bokeh_output"):
        setattr(stub, function, later(function))
    sys.modules[name] = stub


def imports():
    """Import what jobs need; return the versions of it. With --draws that is the charts too."""
    if "--draws" not in sys.argv:
        plot_when_asked()
    for needless in (
        "pyarrow",
        "tqdm.auto",
    ):  # pandas and backtesting.py work without them, and their import takes a sixth less time
        sys.modules.setdefault(needless, None)
    import backtesting
    import backtesting.backtesting
    import numpy as np
    import pandas as pd
    import talib

    modules = {"backtesting": backtesting, "numpy": np, "pandas": pd, "TA-Lib": talib}
    return {"python": sys.version.split()[0], **{name: str(m.__version__) for name, m in modules.items()}}


def rehearse():
    """Run a small backtest, so that what Python and its packages do on first use is done before a job comes."""
    import pandas as pd
    import talib
    from backtesting import Backtest, Strategy

    class Rehearsal(Strategy):
        def init(self):
            self.average = self.I(talib.SMA, self.data.Close, timeperiod=2, name="SMA_2")

        def next(self):
            if self.position:
                self.position.close()
            else:
                self.buy(sl=self.data.Close[-1] * 0.5)

    index = pd.date_range("2000-01-01", periods=40)
    prices = pd.Series([100.0 + i % 7 for i in range(40)], index=index)
    frame = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close", "Volume"), prices))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Backtest(frame, Rehearsal, finalize_trades=True).run()
    head = {"columns": list(frame), "rows": 40, "unit": "us", "timezone": "America/New_York", "name": "Date"}
    table(head, bytes(8 * 40 * (1 + frame.shape[1])))


# -- Locking up ------------------------------------------------------------------------------


def limit(memory_mb, cpu_s, output_mb):
    """Set this process's limits. A process cannot raise its own hard limits again."""
    try:
        import resource
    except ImportError:  # not a POSIX system: the server's wall clock is the only limit
        return
    size = memory_mb * 1024 * 1024
    for name, value in (
        (resource.RLIMIT_AS, size),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, output_mb * 1024 * 1024),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(name)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (value, value))


def lock(program):
    """Put a seccomp filter, a compiled BPF program, on this process. A filter cannot be taken off."""
    import ctypes

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    libc = ctypes.CDLL(None, use_errno=True)
    filled = Program(len(program) // 8, program)
    no_new_privs, set_seccomp, mode_filter = 38, 22, 2
    if libc.prctl(no_new_privs, 1, 0, 0, 0) or libc.prctl(set_seccomp, mode_filter, ctypes.byref(filled), 0, 0):
        raise OSError(ctypes.get_errno(), "the seccomp filter was refused")


# -- The job ---------------------------------------------------------------------------------


def load(code):
    """Run the strategy file as a module; its lines are there for tracebacks."""
    import linecache

    module = types.ModuleType("strategy")
    module.__file__ = "strategy.py"
    sys.modules["strategy"] = module
    linecache.cache["strategy.py"] = (len(code), None, code.splitlines(keepends=True), "strategy.py")
    exec(compile(code, "strategy.py", "exec"), module.__dict__)  # noqa: S102 - what a sandbox is for
    return module


def strategy_class(module):
    """Return the one Strategy class the module defines."""
    from backtesting import Strategy

    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        names = ", ".join(c.__name__ for c in found) or "none"
        raise ValueError(f"The code must define exactly one Strategy class, found: {names}")
    return found[0]


def backtest(cls, data, settings):
    """Return backtesting.py's backtest as the settings want it."""
    from backtesting import Backtest
    from backtesting.lib import FractionalBacktest

    commission = settings["commission"]
    if settings["commission_fixed"]:
        commission = (settings["commission_fixed"], commission)
    options = {
        "cash": settings["cash"],
        "commission": commission,
        "spread": settings["spread"],
        "margin": settings["margin"],
        "trade_on_close": settings["trade_on_close"],
        "finalize_trades": True,
    }
    if settings["fractional_unit"] < 1:
        data = data.assign(**{f"Raw{name}": data[name].astype(float) for name in data})
        return FractionalBacktest(data, cls, fractional_unit=settings["fractional_unit"], **options)
    return Backtest(data, cls, **options)


class Stream:
    """Prices that come bar by bar.

    The server sends a bar once it knows what was decided at the bar before, so the future is not in this process.
    """

    def __init__(self, index, names, decisions, read, say):
        import numpy as np
        import pandas as pd

        self.prices = {name: np.full(len(index), np.nan) for name in names}
        self.frame = pd.DataFrame(self.prices, index=index, copy=False)
        self.decisions, self.read, self.say, self.seen = decisions, read, say, 0

    def feed(self, data, broker):
        """Let backtesting.py's data grow with the bars. Where orders wait, the open of a bar comes first, and the rest once they have met it."""
        set_length = data._set_length

        def grow(length):
            self.until(length, opening=bool(broker.orders) and length == self.seen + 1)
            set_length(length)

        data._Data__df = self.frame
        data._set_length = grow

    def until(self, length, opening=False):
        """Ask for the bars up to a length, or for no more than the open of the last one."""
        import numpy as np

        if length <= self.seen:
            return
        decided = self.decisions.take()
        self.say({"bar": length - 1, "opening": opening, "decisions": len(decided) // (8 * DECISION)}, decided)
        if opening:
            self.prices["Open"][length - 1] = np.frombuffer(self.read(8), dtype="<f8")[0]
            return
        count = length - self.seen
        block = np.frombuffer(self.read(8 * count * len(self.prices)), dtype="<f8").reshape(count, len(self.prices))
        for name, values in zip(self.prices, block.T, strict=True):
            self.prices[name][self.seen : length] = values
        self.seen = length


class OrderBar:
    """What the orders of backtesting.py's broker meet in a bar: its open alone, or open, high and low. It stands in the place of the data."""

    def __init__(self, data):
        self._data, self.index, self._length = data, data.index, len(data)
        self.Close = (data.Close[-2], None)  # the broker asks for [-2], the close before, and for nothing else

    def __getattr__(self, name):
        return getattr(self._data, name)

    def __len__(self):
        return self._length

    def _current_value(self, name):
        return self.price if name == "Close" else self.met[name]


class Part(float):
    """The size of an order for a part of the equity (0.5 is half of it), with the order it belongs to."""


class Steps:
    """Lets orders meet the open of a bar first, and then the rest of it; backtesting.py goes through a bar once, and knows all of it.

    At the open the strategy sees the bars before it: what it decides of a trade that is filled there does not depend on how the bar
    goes on. What it decides of one that is filled later in the bar holds from the next bar on. A stop that the open is beyond is
    filled at the open. What there is to pay for an order is reckoned at the price of its fill. See Backtest/kernel/order_book.py.
    """

    def __init__(self, strategy, decisions, stream):
        from backtesting.backtesting import Order

        self.strategy, self.decisions, self.stream = strategy, decisions, stream
        self.broker, self.data = strategy._broker, strategy._data
        self.going, self.gone = 0, False
        self.process, self.adjusted = self.broker._process_orders, self.broker._adjusted_price
        self.broker._process_orders, self.broker._adjusted_price = self.once, self.noting
        if not hasattr(Order, "has_stop"):
            contingent, Order.has_stop = Order.is_contingent.fget, False
            # backtesting.py fills an order that is not contingent at the close before. An order that had a stop is filled at its own price.
            Order.is_contingent = property(
                lambda order: contingent(order) or (order.has_stop and isinstance(order._Order__broker._data, OrderBar))
            )

    def begin(self):
        """Wrap the broker's method as it is now, with whatever the strategy's code has wrapped around it."""
        self.around, self.broker._process_orders = self.broker._process_orders, self.go

    def noting(self, size=None, price=None):
        """Return the broker's price with spread, and note the price: the broker asks for it before it reckons whether an order can be paid."""
        adjusted = self.adjusted(size, price)
        if price and isinstance(self.broker._data, OrderBar):
            self.broker._data.price = price
            self.broker._trades_cache_clear()
            if isinstance(size, Part):
                self.count(size, price, adjusted)
        return adjusted

    def count(self, part, price, adjusted):
        """Give an order for a part of the equity the units it comes to; backtesting.py adds a fixed commission to the price of each."""
        broker, size = self.broker, abs(part)
        money = broker.margin_available * broker._leverage * size - broker._commission_fixed
        units = max(0.0, money) // (adjusted + (size * price * broker._commission_relative) / size)
        if units:  # an order for no unit is refused by the broker
            part.order._replace(size=math.copysign(units, part))

    def once(self):
        """Go through the orders; through the high and low of a bar only once."""
        if self.going or not self.gone:
            self.going += 1
            self.process()
            self.going -= 1
            self.gone = self.decisions.when == Decisions.IN_REST and not self.going

    def go(self):
        if self.decisions.when:  # the broker calls itself again after a fill
            self.around()
            return
        broker, data = self.broker, self.data
        if not broker.orders:
            return
        bar, opened = OrderBar(data), data._current_value("Open")
        with self.before_the_bar() if any(o.parent_trade is None for o in broker.orders) else contextlib.nullcontext():
            self.meet(bar, Decisions.AT_OPEN, opened, opened, opened)
        if self.stream is not None:
            self.stream.until(len(data))
        self.meet(bar, Decisions.IN_REST, *(data._current_value(name) for name in ("Open", "High", "Low")))
        broker._trades_cache_clear()

    def meet(self, bar, when, open_, high, low):
        for order in self.broker.orders:
            order.has_stop = bool(order.stop)
            if -1 < order.size < 1:
                order._replace(size=Part(order.size))
                order.size.order = order
            if order.stop and order.limit and (open_ >= order.stop if order.is_long else open_ <= order.stop):
                order._replace(stop_price=None)  # the open is beyond the stop, so this is a limit order now
        bar.met, bar.price = {"Open": open_, "High": high, "Low": low}, open_
        self.broker._data, self.decisions.when, self.gone = bar, when, False
        try:
            self.around()
        finally:
            self.broker._data, self.decisions.when, self.gone = self.data, 0, False

    @contextlib.contextmanager
    def before_the_bar(self):
        """Let the strategy see prices and indicators up to the bar before."""
        from backtesting._util import _Indicator

        set_length, length = type(self.data)._set_length, len(self.data)
        shown = {name: value for name, value in vars(self.strategy).items() if isinstance(value, _Indicator)}
        for name, value in shown.items():
            setattr(self.strategy, name, value[..., :-1])
        set_length(self.data, length - 1)
        try:
            yield
        finally:
            set_length(self.data, length)
            for name, value in shown.items():
                setattr(self.strategy, name, value)


def settled(cls, bars, running, decisions, target_first=False, stream=None):
    """Return the class with orders that meet a bar in steps, what is open closed at the last close, and all closed when money is out.

    backtesting.py goes through the last bar a second time to close what is open, at the open of that bar, a price of the
    past; an entry that was ordered at its close would be filled there, too, and never be closed. `running` is given the
    strategy when it begins. `target_first` is how a bar goes that holds both stop and target of a trade; `stream` is where the bars
    come from, one after the other.
    """

    def next(self):  # noqa: A001 - the name that backtesting.py calls
        cls.next(self)
        if len(self.data) == bars:
            broker = self._broker
            for trade in list(broker.trades):
                broker._close_trade(trade, broker.last_price, bars - 1)
            broker.orders.clear()
            broker._equity[-1] = broker.equity

    def init(self):
        running.append(self)
        if stream is not None:
            stream.feed(self._data, self._broker)
        # When the money is out, backtesting.py closes trades of the list it is going through, and so skips some of them.
        self._broker.trades = Steady(self._broker.trades)
        if target_first:
            put_targets_first(self._broker)
        if self._broker._trade_on_close:
            pay_at_the_close(self._broker, running)
        steps = Steps(self, decisions, stream)
        cls.init(self)
        steps.begin()

    return type(cls.__name__, (cls,), {"init": init, "next": next, "__module__": cls.__module__})


def through_a_book(cls, bars, running):
    """Return a class that trades through a Book, with what is open closed at the last close, also where its code does not say so."""

    def next(self):  # noqa: A001 - the name that backtesting.py calls
        cls.next(self)
        if len(self.data) == bars and (self.book.units or self.book.orders):
            self.book.end()

    def init(self):
        running.append(self)
        cls.init(self)

    return type(cls.__name__, (cls,), {"init": init, "next": next, "__module__": cls.__module__})


def pay_at_the_close(broker, running):
    """Take what a fill at the last close costs from the equity of that close; backtesting.py does so a bar later.

    The close of the first decision is where the account begins, all cash.
    """
    enter, leave = broker._open_trade, broker._close_trade

    def entered(price, size, sl, tp, time_index, tag):
        enter(price, size, sl, tp, time_index, tag)
        if running[0] < time_index < broker._i:
            before = broker._data.Close[-2]
            broker._equity[time_index] -= broker._commission(size, price) + abs(size) * abs(price - before)

    def left(trade, price, time_index):
        leave(trade, price, time_index)
        if running[0] < time_index < broker._i:
            broker._equity[time_index] -= broker._commission(trade.size, price)

    broker._open_trade, broker._close_trade = entered, left


def put_targets_first(broker):
    """Let a bar that holds both stop and target of a trade reach the target first, unless it opens beyond the stop."""
    process = broker._process_orders

    def reordered():
        open_, high, low = (broker._data._current_value(name) for name in ("Open", "High", "Low"))
        for trade in broker.trades:
            stop, target = trade._sl_order, trade._tp_order
            if not stop or not target:
                continue
            long = trade.size > 0
            if (
                low <= stop.stop < open_ and high >= target.limit
                if long
                else high >= stop.stop > open_ and low <= target.limit
            ):
                for order in (target, stop):  # behind the orders that are filled at the open
                    broker.orders.remove(order)
                    broker.orders.append(order)
        process()

    broker._process_orders = reordered


class Decisions:
    """Writes down what the strategy decides, as rows of numbers (Backtest/kernel/order_book.py says which).

    Orders and trades are counted in the order in which they come to be. What is decided while orders meet a bar says in which of
    the `Steps`; what backtesting.py does by itself, such as the stop of a trade that is opened with one, is left out.
    """

    ORDER, CANCEL, CLOSE, SET_STOP, SET_TARGET = range(5)
    AT_OPEN, IN_REST = 1, 2

    def __init__(self):
        self.rows = array.array("d")
        self.when, self.nested = 0, False
        self.bar = -1  # that the run has come to

    def take(self):
        """Return what was written since the last call, as little-endian doubles."""
        import numpy as np

        taken, self.rows = self.rows, array.array("d")
        return np.asarray(taken, dtype="<f8").tobytes()

    def write(self, broker, action, which, *numbers):
        filled = [math.nan if value is None else float(value) for value in (*numbers, *[None] * (5 - len(numbers)))]
        self.rows.extend([len(broker._data) - 1, self.when, action, which, *filled])

    def watch(self):
        """Begin to write decisions down."""
        from backtesting.backtesting import Order, Trade, _Broker

        self._count(Order)
        self._count(Trade)
        self._decides(_Broker, "new_order", self._ordered)
        self._decides(Order, "cancel", lambda order, _: self.write(order._Order__broker, self.CANCEL, order.number))
        self._decides(Trade, "close", self._closed)
        for name, action in (("sl", self.SET_STOP), ("tp", self.SET_TARGET)):
            self._sets(Trade, name, action)
        enter = _Broker._open_trade
        _Broker._open_trade = lambda *given: self._alone(enter, *given)[0]

    def _count(self, cls):
        start, counted = cls.__init__, [0]

        def init(thing, *positional, **named):
            thing.number = counted[0]
            counted[0] += 1
            start(thing, *positional, **named)

        cls.__init__ = init

    def _alone(self, function, *positional, **named):
        """Do what decides, and return whether nothing around it did."""
        if self.nested:
            return function(*positional, **named), False
        self.nested = True
        try:
            return function(*positional, **named), True
        finally:
            self.nested = False

    def _decides(self, cls, name, write):
        function = getattr(cls, name)

        def decide(thing, *positional, **named):
            found, alone = self._alone(function, thing, *positional, **named)
            if alone:
                write(thing, (positional, named))
            return found

        setattr(cls, name, decide)

    def _sets(self, cls, name, action):
        level = getattr(cls, name)

        def change(trade, price):
            _, alone = self._alone(level.fset, trade, price)
            if alone:
                self.write(trade._Trade__broker, action, trade.number, price or None)

        setattr(cls, name, property(level.fget, change))

    def _ordered(self, broker, given):
        (size, limit, stop, sl, tp, *_), named = (*given[0], None, None, None, None, None, None), given[1]
        wanted = {"size": size, "limit": limit, "stop": stop, "sl": sl, "tp": tp, **named}
        numbers = [wanted[key] or None for key in ("size", "limit", "stop", "sl", "tp")]
        self.write(broker, self.ORDER, -1, *numbers)

    def _closed(self, trade, given):
        portion = given[0][0] if given[0] else given[1].get("portion", 1.0)
        self.write(trade._Trade__broker, self.CLOSE, trade.number, portion)


# The numbers by which tickets tell words, as Backtest/kernel/actions.py has them.
TYPES = {"market": 0, "limit": 1, "stop": 2, "stop_limit": 3}
SHARED = {"per_unit": 0, "from_last": 1, "from_average": 2}
MEASURES = {"part": 0, "points": 1, "money": 2, "risk": 3, "price": 4}
SIZINGS = {"units": 0, "share": 1, "cash": 2, "risk": 3, "factor": 4}
KINDS = {"stop": 1, "followed": 2, "trailing_stop": 3}
LEAVES = {"max_bars": -1, "session_exit": -2}


class Actions:
    """Writes down what code that trades through a Book decides at closes, as rows of decisions and tickets (Backtest/kernel/actions.py).

    A decision is bar, 0, FIRST and the action, which, number of the stop, amount, reason. That of an order says also its price and the
    sum of its ticket's numbers, by which two runs are compared.
    """

    FIRST = 5  # behind the actions of Decisions
    CLOSE_NOW, MOVE, CLOSE, PLACE, CANCEL, REFUSE = range(6)
    HOOKS = ("send", "refuse", "leave", "move_stops")
    BREAK_EVEN, LAST_BAR, SIZE, FIRST_STOP = 8, 5, 7, 12
    ALL = 1 - sys.float_info.epsilon

    def __init__(self, decisions):
        self.decisions = decisions
        self.tickets, self.groups = array.array("d"), {}

    @classmethod
    def book_of(cls, module):
        """Return the class by which a module trades, None where it has none."""
        book = vars(module).get("Book")
        return (
            book if isinstance(book, type) and all(callable(getattr(book, name, None)) for name in cls.HOOKS) else None
        )

    def write(self, book, action, which=0, stop=-1, amount=math.nan, reason=0, price=math.nan, total=math.nan):
        row = [book.bar, 0, self.FIRST + action, which, stop, amount, reason, price, total]
        self.decisions.rows.extend(float(number) for number in row)

    def watch(self, cls):
        """Begin to write actions down."""
        send, refuse, leave, move_stops = (getattr(cls, name) for name in self.HOOKS)

        def sent(book, order):
            ticket = self.ticket(order)
            self.tickets.extend(ticket)
            said = (number for place, number in enumerate(ticket) if place != self.LAST_BAR)
            total = math.fsum(number for number in said if math.isfinite(number))
            self.write(book, self.PLACE, order.rule, order.add, ticket[self.SIZE], 0, order.price, total)
            return send(book, order)

        def refused(book, order):
            self.write(book, self.REFUSE, order.rule, order.add)
            return refuse(book, order)

        def left(book, name, reason, size=None, at_close=False):
            if reason != "end_of_data":
                number = LEAVES.get(name)
                number = int(name.removeprefix("exit")) - 1 if number is None else number
                amount = math.inf if size is None else size
                self.write(book, self.CLOSE_NOW if at_close else self.CLOSE, 0, -1, amount, number)
            return leave(book, name, reason, size, at_close)

        def moved(book, place, levels, stops, why):
            unit = book.name(levels)
            for number, line in enumerate(stops):
                known = levels.stops[number].price if number < len(levels.stops) else math.nan
                if line.price > 0 and line.price != known:
                    stop = number if number < len(levels.plan.stops) else self.BREAK_EVEN
                    self.write(book, self.MOVE, int(unit[1:]) if unit else 0, stop, line.price)
            return move_stops(book, place, levels, stops, why)

        cls.send, cls.refuse, cls.leave, cls.move_stops = sent, refused, left, moved

    def check(self):
        """Raise where something was decided that no Book plays."""
        if any(action < self.FIRST for action in self.decisions.rows[2::DECISION]):
            raise ValueError("Code with a Book trades through it alone: self.buy() and self.sell() do nothing there")

    def level(self, level):
        number = level.number / 100 if level.measure == "part" else level.number
        return [MEASURES[level.measure], number]

    def ticket(self, order):
        """Return an order as a row of numbers."""
        plan, row = order.plan, [math.nan] * TICKET
        size = order.units
        if size is None:
            size = self.ALL
            if order.size.sizing == "share":
                size = min(order.size.number / 100, self.ALL)
        group = self.groups.setdefault(order.group, len(self.groups) + 1) if order.group else 0
        kind = 4 if order.at_close else TYPES[order.type]
        row[: self.FIRST_STOP] = [
            order.rule, order.side, kind, order.price, order.limit, order.last, group, size, order.signal, order.add,
            SHARED[plan.unit_levels], plan.most_units,
        ]  # fmt: skip
        stops, targets = [[0, -1, math.nan, 0]] * 8, [[-1, math.nan, math.nan]] * 8
        table, adds = [[0, -1, math.nan]] * 16, [[-1, math.nan, 1, 0, math.nan, 0]] * 4
        for place, stop in enumerate(plan.stops):
            measure, number = self.level(stop.level)
            number = number if stop.after is None else math.nan
            stops[place] = [KINDS[stop.reason], measure, number, stop.after_bars]
        for place, target in enumerate(plan.targets):
            targets[place] = [*self.level(target.level), math.nan if target.portion is None else target.portion]
        for place, line in enumerate(plan.table):
            table[place] = [line.after_bars, *self.level(line.level)]
        for add in plan.adds:
            number = add.size.number / (100 if add.size.sizing in ("share", "risk") else 1)
            number = min(number, self.ALL) if add.size.sizing == "share" else number
            sizing = SIZINGS[add.size.sizing]
            every = [-1, math.nan] if add.every is None else self.level(add.every)
            adds[add.number] = [*every, add.towards, sizing, number, add.most]
        row[self.FIRST_STOP :] = [number for part in (stops, targets, table, adds) for line in part for number in line]
        return [float(number) for number in row]


class Steady(list):
    """A list whose loops go through a copy, so that items may be removed meanwhile."""

    def __iter__(self):
        return iter(self[:])


def first_decision(start, first, strategy):
    """Return the first bar at whose close the code decides.

    backtesting.py begins one bar after all indicators have a value. Code with a `first_bar`, as generated code has it,
    begins on the bar on which all have a value; without indicators on the first of all.
    """
    if hasattr(strategy, "first_bar"):
        start = max(start - 1, 1) if strategy._indicators else 0
    return max(start, first)


def bars_to_decide(running, first, say, decisions):
    """Return what goes through the bars for backtesting.py; it puts the first of them in the place of the strategy that runs."""

    def walk(bars, **_):
        if not isinstance(bars, range):  # no bars of a run, but the tries of backtesting.py's optimiser
            return bars
        begin = first_decision(bars.start, first, running[0])
        running[0] = min(begin, bars.stop - 1)
        return told(range(begin, bars.stop), say, decisions)

    return walk


def stats_of(compute):
    """Return backtesting.py's function for statistics, which fails where a year's gain is too large for a number, as one that does
    not: nobody asks for its figures."""

    def computed(trades, equity, **more):
        try:
            return compute(trades=trades, equity=equity, **more)
        except OverflowError:
            found = compute(trades=trades, equity=equity * 0 + equity[0], **more)
            found["_equity_curve"]["Equity"] = equity
            return found

    return computed


def without_statistics(trades, equity, strategy_instance, **_):
    """What the run came to, in the place of backtesting.py's function for statistics, which takes longer than a short run."""
    import pandas as pd

    parts = zip(TRADE_COLUMNS, TRADE_PARTS, strict=True)
    columns = {name: [getattr(trade, part) for trade in trades] for name, part in parts}
    return {"_trades": pd.DataFrame(columns), "_equity_curve": {"Equity": equity}, "_strategy": strategy_instance}


def told(bars, say, decisions):
    """Go through the bars, saying now and then how many are done."""
    count, step, last = len(bars), max(1, len(bars) // 200), time.monotonic()
    for done, bar in enumerate(bars):
        decisions.bar = bar
        if done % step == 0 and time.monotonic() - last > PROGRESS_S:
            last = time.monotonic()
            say({"progress": round(done / count, 4)})
        yield bar


def plot(test, result, booked):
    """Return the chart as a page that loads nothing from anywhere, its height in pixels among the page's `meta` elements.

    `booked`: the code trades through a Book, whose orders and levels are drawn too. Where backtesting.py cannot draw it there is none; the figures of the run are worth having all the same.
    """
    from bokeh.resources import INLINE
    from bokeh.settings import settings

    settings.resources = INLINE.mode
    try:
        if booked:
            draw_orders(result["_strategy"], len(test._data), getattr(test, "_fractional_unit", 1))
        layout = test.plot(results=result, filename="report.html", open_browser=False)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return b""
    with open("report.html", encoding="utf-8") as file:
        page = file.read()
    # backtesting.py's page tells its site of every view, through an invisible frame.
    page = page.replace("https://kernc.github.io/backtesting.py/plx.gif.html?utm_source=", "about:blank#")
    height = MARGIN_PX + sum(figure.height for figure, *_ in layout.children)
    return page.replace("<head>", f'<head><meta name="chart-height" content="{height}">', 1).encode()


def draw_orders(strategy, bars, unit):
    """Let the chart show what waited, and where stops and targets lay, in quoted prices: `unit` is how much of one is traded."""
    from backtesting._util import _Indicator

    for name, prices in order_lines(strategy.book.events, bars).items():
        color = {"stop": "crimson", "targ": "seagreen"}.get(name[:4], "slateblue")
        drawn = {"plot": True, "overlay": True, "color": color, "scatter": False, "index": strategy.data.index}
        strategy._indicators.append(_Indicator(prices / unit, name=name, **drawn))


def order_lines(events, bars):
    """Return where each order that waits and each level lay, by its name, a price a bar and NaN where there was none.

    A bar has what was in force when it began, or what was placed in it. More than 24 names are left out.
    """
    import numpy as np

    by_bar, lines, now, units = {}, {}, {}, {}
    for event in events:
        by_bar.setdefault(event["bar"], []).append(event)
    for bar in range(bars):
        shown = dict(now)
        for event in by_bar.get(bar, ()):
            do, of = event["do"], f" {event['unit']}" if "unit" in event else ""
            placed = {}
            if do == "placed" and "price" in event:
                placed[event["order"]] = event["price"]
            elif do in ("filled", "cancelled"):
                now.pop(event["order"] + of if event.get("reason") == "target" else event["order"], None)
            if do == "filled" and event["reason"] in ("entry", "add"):
                units[event["unit"]] = event["size"]
            elif do == "filled":
                take_from(units, event["size"], event.get("unit"))
                for name in [name for name in now if name.startswith(("stop", "target"))]:
                    if not units or (" " in name and name.split(" ")[1] not in units):
                        del now[name]
            if "stop" in event:
                placed[f"stop{of}"] = event["stop"]
            if "target" in event:
                placed[f"target{of}"] = event["target"]
            for k, price in enumerate(event.get("targets", ())):
                placed[f"target{k + 1}{of}"] = price
            now |= placed
            shown |= {} if event["at"] == "close" else placed
        for name, price in shown.items():
            if name in lines or len(lines) < 24:
                lines.setdefault(name, np.full(bars, np.nan))[bar] = np.nan if price is None else price
    return lines


def take_from(units, size, name):
    """Take so many from a unit, or from the oldest."""
    for unit in [name] if name in units else list(units):
        taken = min(size, units[unit])
        size, units[unit] = size - taken, units[unit] - taken
        if units[unit] <= 0:
            del units[unit]


def table(head, content):
    """Return the prices as a frame."""
    import numpy as np
    import pandas as pd

    rows, names, zone = head["rows"], head["columns"], head["timezone"]
    index = pd.DatetimeIndex(np.frombuffer(content, "<i8", rows).astype(f"M8[{head['unit']}]"), name=head["name"])
    values = np.frombuffer(content, "<f8", offset=8 * rows).reshape(len(names), rows).copy()
    return pd.DataFrame(values.T, index.tz_localize("UTC").tz_convert(zone) if zone else index, names, copy=False)


def run(job, content, say, read, decisions):
    """Run the job; return the JSON part of the answer and the bytes that follow it. `read` reads further prices where they are
    streamed; `decisions` is given what is decided."""
    import backtesting.backtesting
    import numpy as np
    import pandas as pd

    data = table(job["prices"], content)
    np.random.seed()  # forks would draw the same numbers; Python seeds its own `random` anew in each
    report, running = b"", []
    decisions.watch()
    statistics = stats_of(backtesting.backtesting.compute_stats) if job["report"] else without_statistics
    backtesting.backtesting.compute_stats = statistics
    backtesting.backtesting._tqdm = bars_to_decide(running, job["first"], say, decisions)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", message="Some prices are larger than initial cash")
        with np.errstate(all="ignore"):
            stream = Stream(data.index, list(data), decisions, read, say) if job["stream"] else None
            module, actions = load(job["code"]), Actions(decisions)
            cls, book = strategy_class(module), Actions.book_of(module)
            if book is None:
                cls = settled(cls, len(data), running, decisions, job["target_first"], stream)
            else:
                actions.watch(book)
                cls = through_a_book(cls, len(data), running)
            test = backtest(cls, data, job["settings"])
            stats = test.run()
        if book is not None:
            actions.check()
        if job["report"]:
            report = plot(test, stats, book is not None)
    trades = stats["_trades"]
    numbers = np.column_stack([pd.to_numeric(trades[c], errors="coerce").astype("<f8") for c in TRADE_COLUMNS])
    equity = np.ascontiguousarray(stats["_equity_curve"]["Equity"], dtype="<f8")
    decided = decisions.take()
    answer = {
        "warnings": [str(w.message)[:300] for w in caught if w.category is UserWarning][:1000],
        "begin": running[0],
        "trades": len(trades),
        "bars": len(equity),
        "report": len(report),
        "decisions": len(decided) // (8 * DECISION),
        "tickets": len(actions.tickets) // TICKET,
        "booked": book is not None,
    }
    tickets = np.asarray(actions.tickets, dtype="<f8").tobytes()
    traced = b""
    if job["trace"]:
        rows = {}
        for indicator in stats["_strategy"]._indicators:
            for k, values in enumerate(np.atleast_2d(np.asarray(indicator, dtype="<f8"))[:8]):
                rows[f"{indicator.name}[{k}]" if k else str(indicator.name)] = values
        names = list(rows)[:64]
        answer["indicators"] = [name[:80] for name in names]
        traced = b"".join(np.ascontiguousarray(rows[name]).tobytes() for name in names)
    return answer, numbers.astype("<f8").tobytes() + equity.tobytes() + decided + tickets + report + traced


def own_trace(error):
    """Return the traceback from the strategy's own file on."""
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == "strategy.py"]
    lines = [f"line {f.lineno}, in {f.name}: {f.line}" for f in own]
    if isinstance(error, SyntaxError) and error.lineno:
        lines.append(f"line {error.lineno}: {(error.text or '').strip()}")
    return "\n".join(lines)


def failed(error):
    """Return the answer for what the job raised."""
    cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
    too_much = isinstance(cause, OSError) and cause.errno in (errno.EFBIG, errno.ENOSPC)
    status = "memory" if isinstance(cause, MemoryError) else "output" if too_much else "error"
    return {"status": status, "error": f"{type(cause).__name__}: {cause}"[:2000], "traceback": own_trace(cause)[:8000]}


def usage():
    """Return this process's CPU time and peak memory, as it says itself."""
    try:
        import resource
    except ImportError:
        return {"cpu_ms": time.process_time() * 1000, "peak_memory_mb": 0.0}
    used = resource.getrusage(resource.RUSAGE_SELF)
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return {"cpu_ms": (used.ru_utime + used.ru_stime) * 1000, "peak_memory_mb": used.ru_maxrss / unit}


def serve(versions, folder):
    """Say that everything is imported, wait for a job, run it and answer; wait for another one if it was done in a fork."""
    answers = os.fdopen(os.dup(1), "wb")

    def say(message, rest=b""):
        answers.write(json.dumps(message, allow_nan=False).encode() + b"\n" + rest)
        answers.flush()

    say({"ready": versions})
    os.chdir(folder)
    while (how := os.read(0, 1)) == FORK:
        keep_to_itself()
        fork(lambda: attend(say), answers.fileno())
        fork(lambda: empty(folder), answers.fileno())
    if how:
        attend(say)


def keep_to_itself():
    """Close this process's memory to all processes but root's, its own forks included."""
    import ctypes

    set_dumpable = 4
    if sys.platform == "linux" and ctypes.CDLL(None).prctl(set_dumpable, 0, 0, 0, 0):
        raise OSError("the interpreter's memory could not be closed")


def fork(work, answers):
    """Do work in a fork and pass on what it answers. Where it does not come to its end, this process ends as the fork did.

    Nothing of the work stays in this process's memory, which the next fork starts from.
    """
    theirs, ours = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.dup2(ours, answers)
            os.closerange(3, answers)
            os.closerange(answers + 1, os.sysconf("SC_OPEN_MAX"))
            work()
            os._exit(DONE)
        finally:
            os._exit(1)
    os.close(ours)
    passing = bytearray(1 << 16)
    while count := os.readv(theirs, [passing]):
        left = memoryview(passing)[:count]
        while left:
            left = left[os.write(answers, left) :]
        passing[:] = bytes(len(passing))
    os.close(theirs)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code < 0:
        os.kill(os.getpid(), -code)
        os._exit(128 - code)  # process 1 of a container is not ended by a signal it sends to itself
    if code != DONE:
        os._exit(code)


def empty(folder):
    """Remove what a job left in its folder."""
    import shutil

    for parent, folders, _ in os.walk(folder):
        for path in (os.path.join(parent, name) for name in folders):
            if not os.path.islink(path):
                os.chmod(path, 0o700)  # os.walk enters the folder after this
    for entry in list(os.scandir(folder)):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def attend(say):
    """Read a job, run it, locked up, and answer. What comes in after it cannot be read any more, unless prices are streamed."""
    orders = os.fdopen(os.dup(0), "rb")
    job = json.loads(orders.readline())
    content = orders.read(8 * job["prices"]["rows"] * (1 + len(job["prices"]["columns"])))
    if not job["stream"]:
        orders.close()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    output = os.open(OUTPUT, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    limits = job["limits"]
    limit(limits["memory_mb"], math.ceil(limits["timeout_s"]) + 5, limits["output_mb"])
    if job["filter"]:
        lock(base64.b64decode(job["filter"]))
    before, rest, decisions = usage(), b"", Decisions()
    try:
        answer, rest = run(job, content, say, orders.read, decisions)
        answer["status"] = "completed"
    except BaseException as error:  # noqa: BLE001 - the edge of the sandbox: whatever it is, it is reported
        answer = failed(error)
        if job["trace"]:
            rest = decisions.take()
            answer |= {"bar": decisions.bar, "decisions": len(rest) // (8 * DECISION)}
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        answer["log"] = os.pread(output, LOG_BYTES, 0).decode(errors="replace")
    after = usage()
    answer |= {"cpu_ms": after["cpu_ms"] - before["cpu_ms"], "peak_memory_mb": after["peak_memory_mb"]}
    answer["token"] = job["token"]
    say(answer, rest)


# -- Forks, where there is no isolation --------------------------------------------------------


def serve_forks(control, versions):
    """Fork a worker for each `{"folder"}`, with the socket that comes along; end one for each `{"end"}`.

    A fork stays unreaped until it is to be ended, so that its number means no other process.
    """
    children = set()
    while True:
        try:
            message, files, _, _ = socket.recv_fds(control, 65536, 1)
        except OSError:
            break
        if not message:
            break
        order = json.loads(message)
        if "end" in order:
            pid, until = order["end"], time.monotonic() + order["patience_s"]
            while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None and time.monotonic() < until:
                time.sleep(0.005)
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            children.discard(pid)
            control.sendall(json.dumps({"code": os.waitstatus_to_exitcode(status)}).encode() + b"\n")
            continue
        pid = os.fork()
        if not pid:
            try:
                os.setsid()
                control.close()
                os.dup2(files[0], 0)
                os.dup2(files[0], 1)
                serve(versions, order["folder"])
            finally:
                os._exit(0)
        os.close(files[0])
        children.add(pid)
        control.sendall(json.dumps({"pid": pid}).encode() + b"\n")
    for pid in children:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def main():
    folder, packages = sys.argv[1:3]
    gc.disable()  # what is imported stays: there is no garbage to look for
    if packages:
        sys.path.insert(0, packages)
    versions = imports()
    if os.name != "posix" or not select.select([0], [], [], 0)[0]:  # no job has come yet, so there is time
        rehearse()
    gc.collect()
    gc.freeze()
    gc.enable()
    if "--forks" in sys.argv:
        serve_forks(socket.socket(fileno=0), versions)
    else:
        serve(versions, folder)


if __name__ == "__main__":
    main()
