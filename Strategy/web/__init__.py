"""Strategies on pages of the web: found, fetched and read within limits."""
