"""Parity of mlfast.neighbors with scikit-learn."""
