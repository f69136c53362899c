"""Which searches to make, and what their results mean."""
