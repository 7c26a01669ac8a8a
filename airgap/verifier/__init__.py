"""Judges signatures: a function of artifact, envelopes, trust and time, without files, sockets and clock."""
