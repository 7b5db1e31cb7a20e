"""Read the test vectors and compare with the tolerances they come with."""

import json
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from _pytest.mark.structures import ParameterSet

Vector: TypeAlias = dict[str, Any]

FOLDER = Path(__file__).parent / "vectors"


def cases(group: str) -> list[ParameterSet]:
    """Return one pytest parameter (inputs, outputs) per case of a group."""
    read = json.loads((FOLDER / f"{group}.json").read_text(encoding="utf-8"))
    return [
        pytest.param(case["inputs"], case["outputs"], id=case.get("name", f"{group}-{i}"))
        for i, case in enumerate(read["cases"])
    ]


def log_e(expected: float | str) -> object:
    return pytest.approx(float(expected), abs=1e-8, rel=1e-9)


def bound(expected: float) -> object:
    return pytest.approx(expected, abs=1e-7, rel=0)


def probability(expected: float) -> object:
    return pytest.approx(expected, abs=1e-9, rel=0)


def expected_n(expected: float) -> object:
    return pytest.approx(expected, rel=1e-8, abs=0)


def bits(outcomes: str) -> list[float]:
    return [float(outcome) for outcome in outcomes]
