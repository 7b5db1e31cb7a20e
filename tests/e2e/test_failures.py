"""An endpoint's failures, from its words to the decision."""

import re
import stat
from pathlib import Path
from typing import Any

import cli
import pytest
from server import Reply, completion, serving

STUDY = """\
version: 1
log: {path: log.jsonl}
baseline: {model: big, price: {input: 9, output: 9}}
candidates:
  - {name: small, model: openai/small, api_base: URL, price: {input: 1, output: 1}}
test: {bar: 0.8}
budget: {usd: 5}
"""


def number(item: str) -> int:
    found = re.search(r"\d{4}", item)
    assert found
    return int(found[0])


def study(folder: Path, url: str, text: str = STUDY) -> None:
    (folder / "parity.yaml").write_text(text.replace("URL", f"'{url}'"), encoding="utf-8")


def test_half_an_answer_is_asked_for_again_and_nobody_else_is_given_it(tmp_path: Path) -> None:
    cli.log(tmp_path, 300)

    def answer(model: str, item: str) -> dict[str, Any]:
        body = completion(model, item, {"content": cli.label(number(item))})
        if number(item) % 3 == 0 and server.calls[model, item] == 1:
            body["choices"][0]["message"]["content"] = ""
            body["choices"][0]["finish_reason"] = "insufficient_system_resource"
        return body

    with serving(answer) as server:
        study(tmp_path, server.base_url)
        done = cli.run("run", "parity.yaml", "--out", "out", cwd=tmp_path)
        asked_again = sum(n > 1 for n in server.calls.values())
    assert done.code == 0, done.told
    (decision,) = cli.decisions(tmp_path / "out").values()
    assert (decision["status"], decision["mean"]) == ("certified", 1.0)
    assert asked_again > 0
    assert "insufficient" not in (tmp_path / "out" / "answers.jsonl").read_text(encoding="utf-8")


def test_a_picture_that_is_gone_is_passed_over_and_told(tmp_path: Path) -> None:
    cli.log(tmp_path, 300)

    def answer(_: str, item: str) -> str | Reply:
        if number(item) % 50:
            return cli.label(number(item))
        error = {"message": "Error while downloading http://x/a.png", "code": "invalid_image_url"}
        return Reply(status=400, body={"error": error})

    with serving(answer) as server:
        study(tmp_path, server.base_url)
        done = cli.run("run", "parity.yaml", "--out", "out", cwd=tmp_path)
    assert done.code == 0, done.told
    (decision,) = cli.decisions(tmp_path / "out").values()
    assert (decision["status"], decision["mean"]) == ("certified", 1.0)
    told = " ".join(done.err.split())
    assert re.search(r"requests? refers? to something that can no longer be fetched", told)
    assert "invalid_image_url" in told


def test_a_password_in_an_address_is_not_repeated(tmp_path: Path) -> None:
    cli.log(tmp_path, 60)
    text = STUDY + "replay: {limits: {user: {rpm: 3}}}\n"
    study(tmp_path, "http://user:passw0rd@127.0.0.1:9/v1", text)
    done = cli.run("run", "parity.yaml", "--out", "out", cwd=tmp_path)
    assert done.code == 2
    assert "127.0.0.1:9" in done.told
    assert "passw0rd" not in done.told


@pytest.mark.parametrize("limit", ["inf", "nan", "-1"])
def test_a_limit_that_is_none_is_refused(tmp_path: Path, limit: str) -> None:
    cli.log(tmp_path, 60)
    study(tmp_path, "http://127.0.0.1:9/v1")
    done = cli.run("run", "parity.yaml", "--max-cost", limit, cwd=tmp_path)
    assert done.code == 2
    assert "budget.usd" in done.err


def test_a_vendor_of_its_own_has_no_direct_transport(tmp_path: Path) -> None:
    cli.log(tmp_path, 60)
    text = STUDY.replace(
        "model: openai/small, api_base: URL", "model: mistral/s, transport: direct"
    )
    study(tmp_path, "", text)
    done = cli.run("run", "parity.yaml", "--out", "out", cwd=tmp_path)
    assert done.code == 2
    assert "name the endpoint with `api_base`" in " ".join(done.told.split())
    assert "OPENAI_API_KEY" not in done.told


def test_an_export_is_for_nobody_elses_eyes(tmp_path: Path) -> None:
    cli.log(tmp_path, 60)
    with serving(lambda _, item: cli.label(number(item))) as server:
        study(tmp_path, server.base_url)
        cli.run("run", "parity.yaml", "--out", "out", cwd=tmp_path)
    run = str(cli.only_run(tmp_path / "out"))
    to = ("--to", "recordings", "--output", "rec", "--with-log")
    done = cli.run("export", run, *to, cwd=tmp_path)
    assert done.code == 0, done.told
    paths = [tmp_path / "rec", *(tmp_path / "rec").rglob("*")]
    assert len(paths) >= 4
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
