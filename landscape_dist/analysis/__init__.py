"""What a landscape tells: completeness evidence and comparison with others."""
