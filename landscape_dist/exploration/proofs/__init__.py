"""What is proved of formulas, by interval arithmetic: points, all the points of a box, branches of saddles."""
