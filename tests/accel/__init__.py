"""Tests of `mlfast.accel`."""
