"""What is said of a landscape on one page."""
