"""Collecting evidence: which certificates need it, where it is fetched from, what is kept, and what is covered."""
