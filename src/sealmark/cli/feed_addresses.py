"""Where the public feeds are, and which ecosystems are fetched unless others are asked for."""

from __future__ import annotations

OSV = "https://osv-vulnerabilities.storage.googleapis.com"
KEV = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"
EPSS = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"
END_OF_LIFE = "https://endoflife.date/api/v1/products/full"
# Any other is fetched from then on once it was asked for.
ECOSYSTEMS = ("Alpine", "Debian", "PyPI", "npm")
