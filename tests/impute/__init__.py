"""Parity of mlfast.impute with scikit-learn on real data."""
