"""A run's manifest to a gateway's configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity_eval import codec, documents, plugins
from parity_eval.errors import InputError, UsageError
from parity_eval.store import write_atomically


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written, and what the gateway cannot guarantee."""

    files: tuple[Path, ...]
    caveats: tuple[str, ...]
    n_certified: int
    n_routes: int


def export(
    folder: Path, gateway: str, target: Path, *, deployed: Mapping[str, str], force: bool
) -> Exported:
    """Write a gateway's configuration.

    Args:
        folder: Run folder.
        gateway: Name of an exporter.
        target: Folder for the files.
        deployed: Model id by name, for models known only as recordings.
        force: Whether existing files may be replaced.

    Raises:
        UsageError: unknown gateway or model name, no manifest, or a file in the way.
    """
    exporter = plugins.exporter(gateway)
    manifest = load(folder)
    _check_names(manifest, deployed)
    texts = exporter.export(manifest, deployed)
    for name in texts:
        if (target / name).exists() and not force:
            raise UsageError(f"{target / name}: exists; --force replaces it")
    for name, text in texts.items():
        write_atomically(target / name, text)
    return Exported(
        files=tuple(target / name for name in texts),
        caveats=exporter.caveats,
        n_certified=sum(route["certified"] for route in manifest["routes"]),
        n_routes=len(manifest["routes"]),
    )


def load(folder: Path) -> dict[str, Any]:
    """Read and check a run's manifest.

    Raises:
        InputError: no manifest there, or one that its schema refuses.
    """
    path = folder / "manifest.json"
    try:
        manifest = codec.decode(path.read_bytes(), dict[str, Any], str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a run folder") from error
    documents.check(manifest, "manifest.v1.json", str(path))
    return manifest


def _check_names(manifest: Mapping[str, Any], deployed: Mapping[str, str]) -> None:
    known = {manifest["baseline"]["name"]}
    known |= {arm["candidate"] for route in manifest["routes"] for arm in route["arms"]}
    for name in deployed:
        if name not in known:
            raise UsageError(f"--model {name}: the run has no such model; it has: {sorted(known)}")
