"""Views formed from facts already known."""
