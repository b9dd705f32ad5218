"""What the house promises of every estimator, over the list in registry.py."""
