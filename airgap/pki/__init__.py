"""X.509, CRL, OCSP and RFC 3161 as facts; trust is decided elsewhere."""
