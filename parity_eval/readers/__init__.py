"""Readers of prompt logs, by format name."""

READERS: dict[str, str] = {"canonical": "parity_eval.readers.canonical:Canonical"}
