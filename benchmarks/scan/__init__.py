"""How fast har-scan is, against decoding alone."""
