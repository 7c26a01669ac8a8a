"""X.509, CRL, OCSP and RFC 3161 as facts, without opinions about whom to trust."""
