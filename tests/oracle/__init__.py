"""A plain interpreter of the order of events within a bar, which holds the engines to account; see README.md."""
