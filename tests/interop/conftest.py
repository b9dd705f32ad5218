"""What all tests of this folder run under."""

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    """On data as small as here the threads of BLAS do little else than wait for each other."""
    with threadpool_limits(1, user_api="blas"):
        yield
