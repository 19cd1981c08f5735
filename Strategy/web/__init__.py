"""Strategies on pages of the web: found (`research.py`), fetched (`text.py`) and read within limits.

The two are imported by their own names, so that the process that reads a page holds nothing that speaks to a network.
"""
