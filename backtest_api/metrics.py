"""What backtests tell Prometheus."""

from prometheus_client import Counter, Histogram

_LONG = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 1800)
WAIT = Histogram("algoagent_backtest_queue_wait_seconds", "From the request to a worker taking it", buckets=_LONG)
RUN = Histogram("algoagent_backtest_run_seconds", "From a worker taking it to its end", buckets=_LONG)
ENDED = Counter("algoagent_backtests_ended_total", "Backtests by the state they ended in", ["status"])
