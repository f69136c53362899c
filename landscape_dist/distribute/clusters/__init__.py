"""Clusters: files that describe them, starting them, reaching them, keeping them at their size."""
