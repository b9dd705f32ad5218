"""Trees: parity with scikit-learn, node for node."""
