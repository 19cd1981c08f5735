"""The grammar of levels, sizes, costs and other settings."""
