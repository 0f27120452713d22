"""Turns evidence into a verdict; the only place where facts are judged."""
