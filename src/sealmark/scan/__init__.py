"""Bytes to evidence: inventories, vulnerabilities, secrets, settings."""
