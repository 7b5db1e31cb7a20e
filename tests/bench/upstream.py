"""The test server in a process of its own: prints its address and serves until it is killed."""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cli
import server


def answer(model: str, item: str) -> str:
    del model
    n = int(item.split()[1].rstrip(":"))
    return "nonsense" if n % 100 == 0 else cli.label(n)


if __name__ == "__main__":
    with server.serving(answer, latency_s=float(sys.argv[1])) as running:
        sys.stdout.write(running.base_url + "\n")
        sys.stdout.flush()
        threading.Event().wait()
