"""Correction of a surrogate against the true energy, where that can be queried; see `landscape_dist.correct`."""
