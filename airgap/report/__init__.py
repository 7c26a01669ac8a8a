"""Outcomes into words and JSON documents. Pure functions."""
