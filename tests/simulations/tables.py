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


def header(alphas: Sequence[float], *first: str) -> list[str]:
    return [*first, *(f"alpha {alpha}" for alpha in alphas), "at most alpha"]


def simulated(shares: Sequence[float], alphas: Sequence[float], runs: int) -> list[str]:
    """Cells of one row: shares with their errors, and whether all are within theirs."""
    shown = [f"{p:.4f} ± {error(p, runs):.4f}" for p in shares]
    pairs = zip(shares, alphas, strict=True)
    return [*shown, "yes" if all(within(p, runs, a) == "yes" for p, a in pairs) else "NO"]


def exact(shares: Sequence[float], alphas: Sequence[float]) -> list[str]:
    """Cells of one row: exact shares, and whether none is above its alpha."""
    is_below = all(p <= alpha for p, alpha in zip(shares, alphas, strict=True))
    return [*(f"{p:.5f}" for p in shares), "yes" if is_below else "NO"]
