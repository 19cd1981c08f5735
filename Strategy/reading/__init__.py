"""Text read by rules: tokens, then values, conditions, settings, rules, and what the whole text tells."""

from Strategy.reading.grounding import LeftOut, Quote, complaints, numbers_in, numbers_of, parts
from Strategy.reading.older_shape import assumptions_in, canonical_json_of
from Strategy.reading.parser import ParseResult, Span, is_notation, parse_notation, parse_strategy
from Strategy.reading.text.draft import Assumption
from Strategy.reading.text.lexer import MAX_LENGTH
from Strategy.reading.text.own_symbols import in_capitals
from Strategy.reading.two_ways import first_difference, first_differences

__all__ = [
    "MAX_LENGTH", "Assumption", "LeftOut", "ParseResult", "Quote", "Span", "assumptions_in", "canonical_json_of",
    "complaints", "first_difference", "first_differences", "in_capitals", "is_notation", "numbers_in", "numbers_of",
    "parse_notation", "parse_strategy", "parts",
]  # fmt: skip
