"""Tests of `mlfast.svm`."""
