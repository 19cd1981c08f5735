"""Settings, routes and everything that wires the apps together."""
