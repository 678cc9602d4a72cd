"""Hi-LANDER on a Dask cluster. Nothing here is imported before a client is given: Dask is an extra."""
