"""Revocation: available evidence, and what it says about a certificate at a moment (decision 0009)."""
