"""`python -m Backtest.kernel` compiles the engine, so that no run has to wait for it; the hours of New York's exchanges are computed as well."""

from Backtest.kernel import warm_up, warm_up_orders
from Backtest.market.sessions import calendar_of

if __name__ == "__main__":
    warm_up()
    warm_up_orders()
    calendar_of("XNYS", 2000, 2000)
