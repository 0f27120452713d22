"""A small Sigstore for tests: certificate authority, CT log, two Rekors and a TSA of our own."""
