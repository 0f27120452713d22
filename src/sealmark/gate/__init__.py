"""The one door: gather, decide, append, answer."""
