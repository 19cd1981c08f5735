"""What work takes of this machine: how much at a time, in which order, within which limits, and files that are whole."""
