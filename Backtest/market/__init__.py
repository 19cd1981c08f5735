"""Where and when a symbol trades: what it names, its trading days and sessions, and the lengths of bars."""
