"""What runs in the worker processes."""
