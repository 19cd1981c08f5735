"""Turn a canonical strategy into results: schema, indicators, data, code, isolated execution.

The files beside this one are the doors that have had their names from the beginning: `backtesting_adapter.py` (a whole backtest),
`data_manager.py` (prices), `gemini_strategy_generator.py` (code that a model writes) and `errors.py`.
"""
