"""One file per command; each composes steps and knows nothing of the others."""
