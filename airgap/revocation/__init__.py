"""Revocation: available evidence, and what it says about a certificate at a moment (design 10)."""
