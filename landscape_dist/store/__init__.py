"""The landscape database: schema, columns, Zarr backend, and `Database` in front of them."""
