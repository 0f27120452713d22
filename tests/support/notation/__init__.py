"""Notation signatures for tests: authorities, and envelopes of every kind, good and bad."""
