"""What a strategy decides at each close, and why: on prices to come, in a finished run, and bar by bar."""
