import os
import subprocess
import sys

PROGRAM = """
import numpy as np
from parity_eval.stats.control_variate import draw_measured, subsample_terms
from parity_eval.stats.kernel import certify_kernel, log_e_path
from parity_eval.stats.labels import label_subsample
from parity_eval.stats.planner import plan_parity
from parity_eval.stats.stopping import Terms

rng = np.random.default_rng(20)
judged = (rng.random(200) < 0.9).astype(int)
design = label_subsample()
labels = np.where(draw_measured(design, judged, rng=rng), judged, np.nan)
values, lowers, _ = subsample_terms(design, judged, labels)
kernel = certify_kernel(0.85, alpha=0.05, n_max=400)
print(log_e_path(kernel, values, limits=lowers)[-1].hex())
print(plan_parity(0.9, Terms(n_max=200)).rows[0].expected_n.hex())
"""


def run(hash_seed: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        check=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
    ).stdout


def test_equal_seeds_give_equal_bits_in_every_process() -> None:
    first = run("1")
    assert len(first.split()) == 2
    assert run("2") == first
