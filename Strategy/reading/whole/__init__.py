"""What only the whole text tells."""
