"""Matching components against advisories."""
