"""What code that somebody wrote is put through by running it: does it know the future, and does it trade like another?

Imported by their own names: `lookahead.py` and `equivalence.py`, as each brings an engine.
"""
