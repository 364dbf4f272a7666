"""The values that pipelines exchange, what is measured of them, and checks of arrays."""
