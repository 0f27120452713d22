"""Sealmark secures containers from the commit to the running process."""
