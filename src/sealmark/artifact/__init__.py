"""What is judged: digests, references, manifests, layers, root file systems."""
