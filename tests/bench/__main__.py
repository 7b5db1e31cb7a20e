"""Measure the program against bare loops, faults and kills, into reports/measured.

python -m tests.bench           all tables, in a few minutes
python -m tests.bench faults    one of them
python -m tests.bench fuzz      a million damaged log lines (only if named; about half an hour)
"""

import importlib
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

TABLES = {"bench": "throughput", "faults": "faults", "kills": "kills"}
NAMED = {"fuzz": "fuzz"}


def main() -> None:
    for name in sys.argv[1:] or TABLES:
        with tempfile.TemporaryDirectory() as folder:
            importlib.import_module(f"bench.{(TABLES | NAMED)[name]}").measure_all(Path(folder))


if __name__ == "__main__":
    main()
