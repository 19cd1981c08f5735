"""Imported, it has the compiled engine loaded, for whoever is forked from this process."""

from Backtest.kernel import warm_up
from Backtest.sandbox import audit

warm_up()
audit.warm_up()
