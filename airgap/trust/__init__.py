"""Whom the operator trusts: trust stores, trust policy, identities, evidence directory, freshness."""
