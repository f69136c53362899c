"""Small batched linear algebra, Krylov methods, sparse matrices: mathematics that knows no problem."""
