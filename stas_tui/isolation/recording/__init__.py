"""A test run whose statements are written down: the command that loads the hook, and what stands in the record."""
