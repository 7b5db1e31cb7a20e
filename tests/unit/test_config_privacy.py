"""What a configuration says of privacy, of the lines that count, and of how they are drawn."""

from pathlib import Path

import pytest

from parity_eval import codec, prompt_log
from parity_eval.cli.options import fields
from parity_eval.config import build, read
from parity_eval.config.written import as_config, as_text
from parity_eval.errors import ConfigError, UsageError
from parity_eval.study import PrivacySpec, Study
from parity_eval.yaml_lines import load

HEAD = "version: 1\nbaseline: {model: big}\ncandidates: [{model: small}]\n"
LOG = "log: {path: a.jsonl}\n"


def study(rest: str) -> Study:
    return build(load(HEAD + rest, "parity.yaml"), origin="parity.yaml", base=Path("/"))


def refused(rest: str) -> str:
    with pytest.raises(ConfigError) as error:
        study(rest)
    return str(error.value)


class TestPrivacy:
    def test_secrets_are_hidden_by_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(prompt_log.MASK_KEY, raising=False)
        found = study(LOG)
        assert found.privacy == PrivacySpec(secrets="mask", personal="keep")
        masker = prompt_log.masker(found)
        assert (masker.secrets, masker.personal, masker.key) == (True, frozenset(), None)
        assert prompt_log.masker(study(LOG + "privacy: {secrets: keep}\n")).is_idle

    def test_personal_data_needs_a_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = study(LOG + "privacy: {personal: mask, kinds: [email, ip]}\n")
        monkeypatch.delenv(prompt_log.MASK_KEY, raising=False)
        with pytest.raises(ConfigError, match="export PARITY_EVAL_MASK_KEY="):
            prompt_log.masker(found)
        monkeypatch.setenv(prompt_log.MASK_KEY, "short")
        with pytest.raises(ConfigError, match="5 characters given, must be at least 16"):
            prompt_log.masker(found)
        monkeypatch.setenv(prompt_log.MASK_KEY, "0123456789abcdef")
        masker = prompt_log.masker(found)
        assert masker.personal == {"email", "ip"}
        assert masker.text("ann@example.org 4111111111111111").endswith(" 4111111111111111")

    def test_a_detector_is_found_by_its_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(prompt_log.MASK_KEY, "0123456789abcdef")
        masker = prompt_log.masker(study(LOG + "privacy: {detector: 're:findall'}\n"))
        assert masker.detect is not None
        for wrong in ("nowhere:f", "re:nothing"):
            with pytest.raises(ConfigError, match=f"detector: '{wrong}' cannot be imported"):
                prompt_log.masker(study(LOG + f"privacy: {{detector: '{wrong}'}}\n"))

    @pytest.mark.parametrize(
        ("part", "what"),
        [
            ("{secrets: hide}", "privacy.secrets: Input should be 'mask' or 'keep'"),
            (
                "{personal: mask, kinds: [mail]}",
                "kinds.0: nothing is known of 'mail'; did you mean",
            ),
            ("{kinds: [email]}", "privacy.kinds: personal data is kept; set `personal: mask`"),
            (
                "{detector: nonsense}",
                "privacy.detector: 'nonsense' given, must be `module:function`",
            ),
            ("{secret: mask}", "privacy.secret: unknown key; did you mean 'secrets'?"),
        ],
    )
    def test_mistakes(self, part: str, what: str) -> None:
        assert what in refused(LOG + f"privacy: {part}\n")


class TestSelection:
    def test_times_are_utc(self) -> None:
        log = study(
            "log: {path: a.jsonl, since: 2026-03-01, until: '2026-03-01T09:30:00+01:00', "
            "where: {metadata.env: prod}}\n"
        ).log
        assert (log.since, log.until) == ("2026-03-01T00:00:00Z", "2026-03-01T08:30:00Z")
        assert log.where == {"metadata.env": "prod"}

    @pytest.mark.parametrize(
        ("part", "what"),
        [
            ("since: yesterday", "log.since: 'yesterday' given, must be a date or a time"),
            (
                "since: 2026-03-02, until: 2026-03-02",
                "log.until: 2026-03-02T00:00:00Z is not after",
            ),
            ("where: {metadta.env: prod}", "metadta.env: unknown field; "),
        ],
    )
    def test_mistakes(self, part: str, what: str) -> None:
        assert what in refused(f"log: {{path: a.jsonl, {part}}}\n")

    def test_options(self) -> None:
        assert fields(None) is None
        assert fields(["metadata.env=a=b", "tag=x"]) == {"metadata.env": "a=b", "tag": "x"}
        with pytest.raises(UsageError, match="must be FIELD=GLOB"):
            fields(["prod"])
        with pytest.raises(UsageError, match="tag is asked for twice"):
            fields(["tag=x", "tag=y"])
        given = {"log.path": "a.jsonl", "baseline.model": "big", "log.since": "2026-01-01"}
        flags = {tuple(place.split(".")): value for place, value in given.items()}
        assert read(None, flags, candidates=["small"]).log.since == "2026-01-01T00:00:00Z"


class TestWeight:
    def test_traffic_takes_a_claim_about_the_log(self) -> None:
        assert study(LOG).test.weight == "requests"
        assert study(LOG + "test: {weight: traffic, target: log}\n").test.weight == "traffic"
        told = refused(LOG + "test: {weight: traffic}\n")
        assert "parity.yaml:5: test.weight: traffic counts lines" in told
        assert "Set `target: log`" in told

    def test_strata_are_refused_with_the_reason(self) -> None:
        told = refused(LOG + "test: {stratify: metadata.language}\n")
        assert "parity.yaml:5: test.stratify: is not offered: with balanced strata" in told


def test_all_of_it_is_written_and_read_back() -> None:
    given = study(
        "log: {path: /a.jsonl, since: 2026-03-01, where: {tag: x}}\n"
        "test: {weight: traffic, target: log}\n"
        "privacy: {secrets: keep, personal: mask, kinds: [email], detector: 'a.b:c'}\n"
    )
    plain = codec.builtins(codec.parse(codec.encode(given)))
    again = build(load(as_text(as_config(plain)), "again"), origin="again", base=Path("/"))
    assert (again.log, again.test, again.privacy) == (given.log, given.test, given.privacy)
    # What an earlier version wrote says nothing of privacy.
    del plain["privacy"]
    assert "privacy" not in as_config(plain)
