"""Where points live, and when two of them are the same."""
