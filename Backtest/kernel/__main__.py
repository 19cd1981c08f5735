"""`python -m Backtest.kernel` compiles the engine, so that no run has to wait for it."""

from Backtest.kernel import warm_up

if __name__ == "__main__":
    warm_up()
