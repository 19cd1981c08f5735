"""The program inside the sandbox: import, wait for jobs, run each in a fork.

It is started with `python -I worker.py` and knows nothing of AlgoAgent. One line of JSON on
standard input names the job's folder; the folder holds job.json, strategy.py and prices.arrow
and receives result.json, trades.arrow, equity.arrow and, if asked for, report.html.
"""

import contextlib
import errno
import gc
import json
import math
import os
import signal
import sys
import time
import traceback
import warnings

FILES = 256


def limit(memory_mb, cpu_s, output_mb):
    """Set this process's limits; there is no way back up."""
    try:
        import resource
    except ImportError:  # not a POSIX system: the parent's wall clock is the only limit
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


def plain(value):
    """Return a metric as JSON can hold it."""
    import pandas as pd

    if isinstance(value, pd.Timedelta | pd.Timestamp) or value is pd.NaT:
        return None if value is pd.NaT else str(value)
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if isinstance(value, int) else number


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


def load(path):
    """Import the strategy file as a module."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("strategy", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["strategy"] = module
    spec.loader.exec_module(module)
    return module


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
        data = data.assign(**{f"Raw{name}": data[name] for name in data})
        return FractionalBacktest(data, cls, fractional_unit=settings["fractional_unit"], **options)
    return Backtest(data, cls, **options)


def statistics(result, data, settings):
    """Return backtesting.py's statistics, with the risk-free rate in them."""
    if settings["risk_free_rate"]:
        from backtesting.lib import compute_stats

        return compute_stats(stats=result, data=data, risk_free_rate=settings["risk_free_rate"])
    return result


def plot(test, result, path):
    """Write the chart as a page that loads nothing from anywhere."""
    from bokeh.resources import INLINE
    from bokeh.settings import settings

    settings.resources = INLINE.mode
    test.plot(results=result, filename=path, open_browser=False)
    with open(path, encoding="utf-8") as file:
        page = file.read()
    # backtesting.py's page tells its site of every view, through an invisible frame.
    page = page.replace("https://kernc.github.io/backtesting.py/plx.gif.html?utm_source=", "about:blank#")
    with open(path, "w", encoding="utf-8") as file:
        file.write(page)


def save(folder, name, frame):
    import pyarrow as pa
    import pyarrow.feather

    table = pa.Table.from_pandas(frame, preserve_index=True)
    pyarrow.feather.write_feather(table, os.path.join(folder, name), compression="uncompressed")


TRADE_COLUMNS = [
    "Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "SL", "TP", "PnL", "Commission", "ReturnPct",
    "EntryTime", "ExitTime",
]  # fmt: skip


def run(folder, job):
    """Run the job and write its results; return the JSON part."""
    import numpy as np
    import pandas as pd
    import pyarrow.feather

    data = pyarrow.feather.read_feather(os.path.join(folder, "prices.arrow"), use_threads=False)
    settings = job["settings"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", message="Some prices are larger than initial cash")
        with np.errstate(all="ignore"):
            cls = strategy_class(load(os.path.join(folder, "strategy.py")))
            test = backtest(cls, data, settings)
            result = test.run()
            stats = statistics(result, data, settings)
        if job["report"]:
            plot(test, result, os.path.join(folder, "report.html"))
    trades = stats["_trades"].reindex(columns=TRADE_COLUMNS)
    for column in ("SL", "TP"):
        trades[column] = pd.to_numeric(trades[column], errors="coerce").astype(float)
    equity = stats["_equity_curve"][["Equity", "DrawdownPct"]]
    save(folder, "trades.arrow", trades)
    save(folder, "equity.arrow", equity)
    metrics = {name: plain(value) for name, value in stats.items() if not name.startswith("_")}
    return {"metrics": metrics, "warnings": [str(w.message)[:300] for w in caught if w.category is UserWarning][:1000]}


def versions():
    import backtesting
    import numpy as np
    import pandas as pd
    import talib

    modules = {"backtesting": backtesting, "numpy": np, "pandas": pd, "TA-Lib": talib}
    found = {name: str(module.__version__) for name, module in modules.items()}
    return {"python": sys.version.split()[0], **found}


def own_trace(error):
    """Return the traceback from the strategy's own file on."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if os.path.basename(f.filename) == "strategy.py"]
    lines = [f"line {f.lineno}, in {f.name}: {f.line}" for f in own]
    if isinstance(error, SyntaxError) and error.lineno:
        lines.append(f"line {error.lineno}: {(error.text or '').strip()}")
    return "\n".join(lines)


def rehearse():
    """Run once through everything a job needs, so that no job pays for a first time."""
    import io

    import pandas as pd
    import pyarrow as pa
    import pyarrow.feather
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
        stats = Backtest(frame, Rehearsal, finalize_trades=True).run()
    buffer = io.BytesIO()
    pyarrow.feather.write_feather(pa.Table.from_pandas(stats["_trades"]), buffer, compression="uncompressed")
    pyarrow.feather.read_feather(io.BytesIO(buffer.getvalue()), use_threads=False)


def serve(order):
    """Run one job in this process, its output in a file of the job's folder."""
    folder = order["folder"]
    os.chdir(folder)
    with open(os.path.join(folder, "job.json"), encoding="utf-8") as file:
        job = json.load(file)
    output = os.open(os.path.join(folder, "output.txt"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    limit(order["memory_mb"], math.ceil(order["timeout_s"]) + 5, order["output_mb"])
    started = time.perf_counter()
    try:
        answer = {"status": "completed", **run(folder, job)}
    except MemoryError:
        answer = {"status": "memory", "error": "out of memory", "traceback": ""}
    except BaseException as error:  # noqa: BLE001 - the edge of the sandbox: whatever it is, it is reported
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        too_much = isinstance(cause, OSError) and cause.errno == errno.EFBIG
        answer = {
            "status": "memory" if isinstance(cause, MemoryError) else "output" if too_much else "error",
            "error": f"{type(cause).__name__}: {cause}"[:2000],
            "traceback": own_trace(cause)[:8000],
        }
    answer["run_ms"] = (time.perf_counter() - started) * 1000
    answer["versions"] = versions()
    with open(os.path.join(folder, "result.json"), "w", encoding="utf-8") as file:
        json.dump(answer, file, allow_nan=False)


def serve_in_fork(order):
    """Run one job in a fork; return how it ended. The fork's whole process group ends with it."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.setpgid(0, 0)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            serve(order)
            code = 0
        finally:
            os._exit(code)
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpgid(pid, pid)  # both sides do: whoever comes first
    deadline, reason = time.monotonic() + order["timeout_s"], ""
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            break
        left = deadline - time.monotonic()
        if left <= 0:
            reason = "timeout"
            end_group(pid)
            _, status, usage = os.wait4(pid, 0)
            break
        signal.sigtimedwait([signal.SIGCHLD], left)
    end_group(pid)
    cpu_ms = (usage.ru_utime + usage.ru_stime) * 1000
    code = os.waitstatus_to_exitcode(status)
    return {"code": code, "reason": reason, "cpu_ms": cpu_ms, "peak_memory_mb": usage.ru_maxrss / 1024}


def end_group(pid):
    """Kill what is left of a job's process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def main():
    rehearse()
    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    if hasattr(os, "fork"):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    for line in sys.stdin:
        order = json.loads(line)
        if hasattr(os, "fork"):
            done = serve_in_fork(order)
        else:
            serve(order)
            done = {"code": 0}
        answers.write(json.dumps(done) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
