"""The built-in controls: one file each."""
