"""mlfast inside other people's tools: meta-estimators, files, converters."""
