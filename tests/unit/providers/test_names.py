import subprocess
import sys

import pytest

from parity_eval.providers import PROVIDERS


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_the_name_table_imports_nothing() -> None:
    loaded = modules_after("import parity_eval.providers")
    ours = {name for name in loaded if name.startswith("parity_eval")}
    assert ours == {"parity_eval", "parity_eval.providers"}


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_every_name_is_a_provider_that_loads_nothing_heavy(name: str) -> None:
    module, attribute = PROVIDERS[name].split(":")
    loaded = modules_after(
        f"from {module} import {attribute} as found\n"
        "assert found.complete and found.check and found.aclose"
    )
    assert module in loaded
    assert not loaded & {"litellm", "aiohttp", "openai", "httpx"}
