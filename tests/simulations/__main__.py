"""Measure error rates, efficiency and speed of parity_eval.stats into reports/measured.

python -m tests.simulations             all tables
python -m tests.simulations validity    one of them
"""

import importlib
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
FOLDER = TESTS.parent / "reports" / "measured"
NAMES = (
    "validity",
    "finite_log",
    "human_labels",
    "gates",
    "clusters",
    "families",
    "peeking",
    "efficiency",
    "paired_efficiency",
    "designs",
    "fixed_designs",
    "real_data",
    "tasks",
    "speed",
)


def main(names: list[str]) -> int:
    sys.path.insert(0, str(TESTS))
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        sys.stderr.write(f"{unknown[0]!r} is not one of {', '.join(NAMES)}\n")
        return 2
    failed = []
    for name in names or NAMES:
        began = time.perf_counter()
        importlib.import_module(f"simulations.{name}").main()
        sys.stderr.write(f"{name}: {time.perf_counter() - began:.0f} s\n")
        written = FOLDER / f"{name}.md"
        if written.exists() and "| NO |" in written.read_text(encoding="utf-8"):
            failed.append(name)
    if failed:
        sys.stderr.write(f"more false certificates than alpha in: {', '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
