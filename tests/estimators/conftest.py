"""What the tests of the estimators share."""

import pytest
from threadpoolctl import threadpool_limits


def pytest_configure(config):
    """Know a marker that scikit-learn's own tests carry."""
    config.addinivalue_line("markers", "thread_unsafe: not for several threads (scikit-learn's)")


@pytest.fixture(autouse=True, scope="package")
def _one_blas_thread():
    """Many small products: BLAS threads would spend most of their time waiting for each other."""
    with threadpool_limits(1, user_api="blas"):
        yield
