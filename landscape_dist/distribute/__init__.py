"""Running searches: here or on Dask workers, one loop for both.

`runner` holds the loop (`run_serial`, `DaskRunner`), `clusters` finds or starts a cluster, `broadcast` brings the
problem to the workers.  Nothing here imports Dask before it is used.
"""
