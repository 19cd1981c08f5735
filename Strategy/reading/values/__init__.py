"""The grammar of values: numbers, prices, indicators."""
