"""The values that pipelines exchange, what is measured of them, and rows of dask arrays.

Workers of a cluster import it with the maths, and no scikit-learn, which would take 80 MB more.
"""
