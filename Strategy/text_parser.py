"""Text → canonical strategy, by rules alone: the door of `Strategy.reading`, under the name it has always had.

>>> parse_strategy("Buy GOOG when RSI < 30, sell when RSI > 70").require().symbols
['GOOG']
"""

from Strategy.reading import ParseResult, Span, is_notation, parse_notation, parse_strategy

__all__ = ["ParseResult", "Span", "is_notation", "parse_notation", "parse_strategy"]
