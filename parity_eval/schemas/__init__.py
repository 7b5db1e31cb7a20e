"""JSON Schemas of the documents that parity-eval writes."""
