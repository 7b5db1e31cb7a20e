import json
import subprocess
import sys

import pytest

HEAVY = (
    "litellm", "pandas", "scipy", "numpy", "statsmodels", "sentence_transformers", "torch",
    "duckdb", "jsonschema", "aiohttp", "jinja2", "msgspec", "yaml",
    "detect_secrets",
)  # fmt: skip


def loaded_by(arguments: list[str]) -> set[str]:
    code = (
        "import json, sys\n"
        f"sys.argv = ['parity-eval', *{arguments!r}]\n"
        "from parity_eval.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n' + json.dumps(sorted({name.split('.')[0] for name in sys.modules})))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "command", ["", "demo", "inspect", "run", "report", "export", "ls", "show"]
)
def test_help_loads_nothing_heavy(command: str) -> None:
    loaded = loaded_by([*command.split(), "--help"])
    assert "typer" in loaded
    assert not loaded.intersection(HEAVY)


def test_the_first_help_loads_no_pydantic() -> None:
    # Below the top typer reads parameters with it.
    assert "pydantic" not in loaded_by(["--help"])


def test_the_maths_stands_alone() -> None:
    code = (
        "import json, sys\nimport parity_eval.stats.stopping, parity_eval.stats.routing\n"
        "print(json.dumps(sorted(n for n in sys.modules if n.startswith('parity_eval'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = json.loads(done.stdout)
    assert [name for name in ours if not name.startswith("parity_eval.stats")] == ["parity_eval"]
