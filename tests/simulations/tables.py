"""Write measured tables as Markdown, each with the command that makes it again."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "reports" / "measured"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(name: str, title: str, *, how: str, sections: Sequence[str]) -> None:
    command = f"Made by `python -m tests.simulations {name}`. {how}"
    text = "\n\n".join([f"# {title}", command, *sections])
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.md").write_text(text + "\n", encoding="utf-8", newline="\n")


def share(hits: float, runs: int) -> str:
    """A share with its Monte Carlo standard error."""
    p = hits / runs
    return f"{p:.4f} ± {error(p, runs):.4f}"


def error(p: float, runs: int) -> float:
    return math.sqrt(p * (1 - p) / runs)


def within(p: float, runs: int, alpha: float) -> str:
    """Say whether a share is above alpha by more than Monte Carlo error (3 standard errors)."""
    return "yes" if p <= alpha + 3 * error(alpha, runs) else "NO"
