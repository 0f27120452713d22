"""Bills of materials to evidence: `parse_sbom` in `read`, one file per format."""
