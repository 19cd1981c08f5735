"""The readable Python of a strategy: written, checked line by line, asked of a model, and its numbers by path."""
