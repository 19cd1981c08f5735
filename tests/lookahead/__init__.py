"""Programs that know the future, and programs that do not."""
