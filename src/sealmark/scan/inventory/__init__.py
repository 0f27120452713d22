"""What software is inside: one file per ecosystem."""
