"""What is wrong, doubtful or worth knowing about a strategy.

`load_canonical` validates JSON and returns every problem at once; `diagnose` looks at a valid
strategy for rules that cannot work (errors) and for what a careful trader would ask (warnings).
"""

from Backtest.diagnostics.findings import diagnose
from Backtest.diagnostics.loading import Loaded, load_canonical, load_indicators

__all__ = ["Loaded", "diagnose", "load_canonical", "load_indicators"]
