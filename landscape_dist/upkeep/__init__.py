"""Looking after stores: whether they are sound; merged, freed of failures, extended."""
