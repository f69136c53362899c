"""The loop between a coordinator and what computes: pieces of work, their futures, what comes back."""
