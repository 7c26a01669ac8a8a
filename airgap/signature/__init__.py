"""Envelopes (JWS, COSE) to one neutral record, and the manifests that carry them."""
