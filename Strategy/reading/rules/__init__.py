"""The grammar of rules: what to do when."""
