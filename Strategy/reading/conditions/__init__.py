"""The grammar of conditions: what is said of values."""
