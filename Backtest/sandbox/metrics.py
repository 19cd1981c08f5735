"""What the sandbox tells Prometheus."""

from prometheus_client import Counter, Histogram

STARTS = Histogram(
    "algoagent_sandbox_start_seconds",
    "From starting an interpreter to its first job being possible, as far as a job had to wait for it",
    ["backend"],
    buckets=(0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 60),
)
EXITS = Counter("algoagent_sandbox_exits_total", "Jobs by the way they ended", ["backend", "reason"])
POOL = Counter("algoagent_sandbox_pool_total", "Jobs that found an interpreter waiting, or did not", ["backend", "hit"])
