"""Text read by rules: tokens, then values, conditions, settings, rules, and what the whole text tells."""

from Strategy.reading.parser import ParseResult, Span, is_notation, parse_notation, parse_strategy

__all__ = ["ParseResult", "Span", "is_notation", "parse_notation", "parse_strategy"]
