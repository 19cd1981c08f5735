"""Searching over the numbers of a strategy: what may be tried, trying it, and what came of it.

Its modules are imported by their own names: a page or a range is made without the engine that the search itself needs.
"""
