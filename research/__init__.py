"""Facts, and when they were known."""
