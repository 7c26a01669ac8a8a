"""Bundles: a layout that carries artifacts, their evidence, and a document that lists all of it."""
