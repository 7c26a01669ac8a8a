"""Plugins of the Notary Project: other people's programs, started, asked, and never trusted."""
