"""Parity of mlfast.cluster with scikit-learn on real data."""
