"""Tests of the installed package; they mirror python/mlfast, and contract/ holds what every estimator must keep."""
