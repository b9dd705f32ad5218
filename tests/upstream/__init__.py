"""scikit-learn's own tests as the judge of mlfast."""
