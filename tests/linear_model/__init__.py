"""Tests of `mlfast.linear_model`."""
