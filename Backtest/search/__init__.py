"""Searching over the numbers of a strategy: what may be tried, trying it, and what came of it."""
