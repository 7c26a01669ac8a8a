"""What the operator believes: trust stores, trust policy, identities, evidence directory, freshness."""
