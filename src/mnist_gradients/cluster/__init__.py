"""Rows of dask arrays, and the sums over them on the workers of a cluster.

A worker imports this package and the maths, and no scikit-learn, which would take 80 MB more.
"""
