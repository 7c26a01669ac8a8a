"""Hostile bytes for every door, and hostile changes to whole cases: see README.md."""
