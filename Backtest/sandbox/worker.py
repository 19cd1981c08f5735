"""The program inside the sandbox: import, wait for one job, run it, leave.

It is started with `python -I worker.py` and knows nothing of AlgoAgent. One line of JSON on
standard input names the job's folder; the folder holds job.json, strategy.py and prices.arrow
and receives result.json, trades.arrow, equity.arrow and, if asked for, report.html.
"""

import json
import math
import os
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

    data = pyarrow.feather.read_feather(os.path.join(folder, "prices.arrow"))
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
            from bokeh.resources import INLINE
            from bokeh.settings import settings as bokeh_settings

            bokeh_settings.resources = INLINE.mode
            test.plot(results=result, filename=os.path.join(folder, "report.html"), open_browser=False)
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


def main():
    import pyarrow.feather  # noqa: F401
    import talib  # noqa: F401

    known = versions()
    line = sys.stdin.readline()
    if not line:
        return
    folder = json.loads(line)["folder"]
    with open(os.path.join(folder, "job.json"), encoding="utf-8") as file:
        job = json.load(file)
    limits = job["limits"]
    output = os.open(os.path.join(folder, "output.txt"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    limit(limits["memory_mb"], math.ceil(limits["timeout_s"]) + 5, limits["output_mb"])
    started = time.perf_counter()
    try:
        answer = {"status": "completed", **run(folder, job)}
    except MemoryError:
        answer = {"status": "memory", "error": "out of memory", "traceback": ""}
    except BaseException as error:  # noqa: BLE001 - the edge of the sandbox: whatever it is, it is reported
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        answer = {
            "status": "error",
            "error": f"{type(cause).__name__}: {cause}"[:2000],
            "traceback": own_trace(cause)[:8000],
        }
        if isinstance(cause, MemoryError):
            answer["status"] = "memory"
    answer["run_ms"] = (time.perf_counter() - started) * 1000
    answer["versions"] = known
    with open(os.path.join(folder, "result.json"), "w", encoding="utf-8") as file:
        json.dump(answer, file, allow_nan=False)


if __name__ == "__main__":
    main()
