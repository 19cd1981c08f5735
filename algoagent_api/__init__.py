"""Settings, routes and everything that wires the apps together."""

import gc

# Python looks for cycles after 700 new objects unless told otherwise: a sixth of the time that a start takes.
gc.set_threshold(50_000, 10, 10)
