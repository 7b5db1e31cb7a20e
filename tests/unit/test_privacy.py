"""What is hidden, what is not, and what a placeholder says."""

import base64
import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from makers import entry

from parity_eval import privacy
from parity_eval.errors import UsageError
from parity_eval.intake import content_digest
from parity_eval.privacy import Masker
from parity_eval.privacy.personal import KINDS
from parity_eval.privacy.secrets import find_secrets
from parity_eval.records import Hole, Missing, Response, ToolCall

KEY = b"a secret of the user's own"
ALL = Masker(personal=frozenset(KINDS), key=KEY)
SECRETS = Masker()

# Put together here, so that no scanner takes this file for a leak.
A, B = "aB3dE6gH9jK2mN5pQ8sT", "0123456789abcdefghij"
PEM = "PRIVATE " + "KEY"
LEAKS = {
    "sk-" + f"proj-{A}{B}": "openai-key",
    "sk-" + f"{A}T3Blbk" + f"FJ{A}": "api-key",
    "sk-" + f"ant-api03-{A}_{B}-AA": "anthropic-key",
    "sk-" + f"or-v1-{B}{B}": "openrouter-key",
    "AI" + f"za{A}{B[:15]}": "google-key",
    "github" + f"_pat_11{A}_{B}": "github-token",
    "gh" + f"p_{A}{B[:16]}": "github-token",
    "glp" + f"at-{B}": "gitlab-token",
    "h" + f"f_{A}{B}": "huggingface-token",
    "gs" + f"k_{A}{A}{B}": "groq-key",
    "xa" + f"i-{A}{A}{B}": "xai-key",
    "np" + f"m_{A}{B[:16]}": "npm-token",
    "AK" + "IAIOSFODNN7EXAMPLE": "aws-access-key",
    "xo" + "xb-123456789012-abcdefABCDEF12": "slack-token",
    "sk" + f"_live_{B}abcd": "stripe-access-key",
    "S" + f"G.{A}ab.{A}{A}abc": "sendgrid-api-key",
    "AC" + "a1" * 16: "twilio-api-key",
    "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN_-": "json-web-token",
    f"-----BEGIN RSA {PEM}-----\nProc-Type: 4\n\nMIIEabc/+\nxyz==\n-----END RSA {PEM}-----": (
        "private-key"
    ),
    f"-----BEGIN {PEM}-----\\nMIIEvQIBADANBgkqhki\\nG9w0BAQEFAASCBKcwgg": "private-key",
}


@pytest.mark.parametrize(("leak", "kind"), LEAKS.items(), ids=[f"{k[:14]!r}" for k in LEAKS])
@pytest.mark.parametrize("around", ["{}", "My key is {}, all right?", "key={}\n", "`{}`", '"{}"'])
def test_no_part_of_a_secret_stays(leak: str, kind: str, around: str) -> None:
    masked = SECRETS.text(around.format(leak))
    before, after = map(re.escape, around.split("{}"))
    assert re.fullmatch(rf"{before}\[{kind}-[b-t]{{10}}\]{after}", masked), masked


def test_of_an_address_only_the_password_is_hidden() -> None:
    masked = SECRETS.text("postgres://bob:hunter2x@db.example.com/x")
    assert masked == "postgres://bob:[basic-auth-credentials]@db.example.com/x"
    # Nor is the rest of it taken for an e-mail address.
    assert ALL.text("postgres://bob:hunter2x@db.example.com/x").endswith("]@db.example.com/x")


@pytest.mark.parametrize(
    "text",
    [
        "postgres://user:password@localhost/db",
        "redis://:@cache:6379",
        "postgresql://postgres:postgres@localhost",
        "http://user:<token>@host/",
        "sk-learn and sk-estimator-html-representation-container",
        "const hf_model_configuration_for_everything = 3",
        "AC" + "a1" * 16 + "ff00",  # too long for what it looks like
        "The bearer internationalisation-is-hard",
        "APERIODICITY and APARTMENTBUILDING",
        f"A file that begins with -----BEGIN {PEM}----- is one.",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8, md5 d41d8cd98f00b204e9800998ecf8427e",
        "def token(key: str, password: str) -> bool: return key == password",
        "https://example.org/a?key=value&token=next:12 time 12:30:45",
        str(uuid.UUID(int=2**127 + 12345)),
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert SECRETS.text(text) is text


def test_a_library_that_finds_the_beginning_of_a_key_only_does_not_leave_the_rest() -> None:
    # Its pattern for GitHub has one group, the prefix; that for web tokens stops at the signature.
    (found,) = find_secrets("gh" + f"p_{A}{B[:16]}")
    assert (found.start, found.end) == (0, 40)
    (found,) = find_secrets("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN_-")
    assert found.end == 67


def test_a_longer_key_than_the_library_knows_is_hidden_whole() -> None:
    assert re.fullmatch(r"\[github-token-\w+\]", SECRETS.text("gh" + f"p_{A}{B}{A}"))


def test_files_inside_of_a_text_are_not_looked_at() -> None:
    image = "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 40).decode()
    leak = "AK" + "IAIOSFODNN7EXAMPLE"
    inside = f"data:text/plain;base64,/{leak}"
    assert ALL.text(f"![]({image})") == f"![]({image})"
    assert ALL.text(f"see {inside}") == f"see {inside}"
    assert leak not in ALL.text(f"see {inside} {leak}").replace(inside, "")


PERSONAL = {
    "ann@example.org": "email",
    "Ann.O'Neil+x@mail.example.co.uk": "email",
    "+49 171 1234567": "phone",
    "+1 (555) 123-4567": "phone",
    "+1.555.123.4567": "phone",
    "(555) 123-4567": "phone",
    "555-123-4567": "phone",
    "0171 1234567": "phone",
    "DE89 3704 0044 0532 0130 00": "iban",
    "GB29NWBK60161331926819": "iban",
    "4111 1111 1111 1111": "card",
    "378282246310005": "card",
    "8.8.8.8": "ip",
    "2001:4860:4860::8888": "ip",
    "078-05-1120": "ssn",
}


@pytest.mark.parametrize(("value", "kind"), PERSONAL.items())
def test_personal_data(value: str, kind: str) -> None:
    assert re.fullmatch(rf"a \[{kind}-[b-t]{{10}}\], b", ALL.text(f"a {value}, b"))
    assert SECRETS.text(value) is value  # only where that is wanted
    others = Masker(personal=frozenset(KINDS) - {kind}, key=KEY)
    assert f"[{kind}" not in others.text(value)


@pytest.mark.parametrize(
    "text",
    [
        "git@github.com:o/r.git, @decorator, a@b",
        "DE89 3704 0044 0532 0130 01",  # wrong check digits
        "4111 1111 1111 1112",  # likewise
        "0000 0000 0000 0000",
        "order 1718000000123 of 2026-03-01T09:30:00.123456Z",
        "10.0.0.1, 127.0.0.1, 192.168.1.1, 999.1.1.1, version 1.2.3",
        "RFC 7540 § 8.1.2.2 and section 4.1.2.1 of version 3.5.0.1, urn:oid:2.5.4.42",
        "[+2.52063189, 1.0], a:b::c",
        "12:30:45, 00:1B:44:11:3A:B7, std::vector<a::b>",
        "000-12-3456, 1-800, 3.14159265358979",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "x = [1234567, 12345678, 123456789012]",
        "2026-03-01 10:00 - 2026-03-02",
    ],
)
def test_what_is_not_personal_stays(text: str) -> None:
    assert ALL.text(text) is text


class TestPlaceholders:
    def test_same_value_same_placeholder(self) -> None:
        masked = ALL.text("ann@example.org, Ann@Example.org; bob@example.org")
        first, second, third = re.findall(r"\[email-\w+\]", masked)
        assert first == second != third
        assert ALL.text("from ann@example.org") == f"from {first}"
        assert ALL.text("+49 171 1234567") == ALL.text("+491711234567")

    def test_they_hang_on_the_key_alone(self) -> None:
        text = "ann@example.org"
        assert ALL.text(text) == replace(ALL).text(text) == "[email-qscphlhdmm]"
        assert replace(ALL, key=b"another key of another user").text(text) != ALL.text(text)

    def test_the_kind_counts_too(self) -> None:
        # A number that is two things has no placeholder that links them.
        assert ALL.text("378282246310005")[1:5] == "card"

    def test_without_a_key_what_can_be_guessed_says_nothing(self) -> None:
        open_ = Masker(personal=frozenset(KINDS))
        assert open_.text("ann@example.org, bob@example.org") == "[email], [email]"
        short, other = "https://a:hunter2x@h", "https://a:tr0ub4dor@h"
        assert open_.text(short) == open_.text(other)
        one, two = (open_.text("sk-" + f"proj-{x}") for x in (A + B, B + A))
        assert one != two

    def test_different_values_differ(self) -> None:
        masked = {ALL.text(f"user{i}@example.org") for i in range(3000)}
        assert len(masked) == 3000

    def test_what_is_masked_is_not_masked_again(self) -> None:
        for value in (*LEAKS, *PERSONAL):
            once = ALL.text(f"it is {value} now")
            assert ALL.text(once) is once


class TestJson:
    def test_text_that_is_json_stays_json(self) -> None:
        given = {"to": "ann@example.org", "card": 4111111111111111, "n": 3, "note": '12\n"x"'}
        masked = json.loads(ALL.text(json.dumps(given)))
        assert masked["to"] == ALL.text("ann@example.org")
        # A number cannot carry a placeholder.
        assert masked["card"] == ALL.text("4111111111111111")
        assert (masked["n"], masked["note"]) == (3, '12\n"x"')

    def test_its_layout_stays_where_it_can(self) -> None:
        assert ALL.text('{"to":  "ann@example.org" }') == '{"to":  "[email-qscphlhdmm]" }'

    def test_escapes_hide_nothing(self) -> None:
        masked = ALL.text('{"to": "ann\\u0040example.org", "url": "https:\\/\\/a:hunter2x@h"}')
        assert json.loads(masked)["to"] == "[email-qscphlhdmm]"
        assert "hunter2x" not in masked

    def test_a_key_of_many_lines_inside_of_it(self) -> None:
        pem = f"-----BEGIN {PEM}-----\nMIIEvQIBADANBgkqhki\n-----END {PEM}-----"
        masked = json.loads(ALL.text(json.dumps({"pem": pem, "next": 1})))
        assert masked["pem"].startswith("[private-key-")
        assert masked["next"] == 1

    def test_what_only_looks_like_json_is_a_text(self) -> None:
        assert ALL.text("{not json, ann@example.org}") == "{not json, [email-qscphlhdmm]}"


class TestEntry:
    LEAK = "sk-" + f"proj-{A}{B}"
    RICH = replace(
        entry(
            "a",
            f"I am ann@example.org, {LEAK}",
            answer=Response(
                text="Hello ann@example.org",
                tool_calls=(ToolCall(name="mail", arguments='{"to": "ann@example.org"}'),),
                detail="to ann@example.org",
            ),
            metadata={"customer": {"mails": ["ann@example.org"], "age": 40}},
            body={
                "tools": [{"type": "function", "function": {"name": "mail", "description": LEAK}}],
                "temperature": 0.5,
                "seed": 12345678901,
            },
        ),
        user="ann@example.org",
        session="talk of ann@example.org",
    )

    def test_all_texts_of_a_request_and_its_answer(self) -> None:
        masked, n = ALL.entry(self.RICH)
        assert n == {"email": 7, "openai-key": 2}
        whole = "\n".join(privacy.texts(masked))
        assert "ann@" not in whole
        assert self.LEAK not in whole
        assert whole.count("[email-qscphlhdmm]") == 7
        assert masked.is_masked
        assert not self.RICH.is_masked
        assert masked.response is not None
        assert json.loads(masked.response.tool_calls[0].arguments) == {"to": "[email-qscphlhdmm]"}
        assert (masked.request.body["seed"], masked.request.id) == (12345678901, "a")

    def test_nothing_to_hide_is_the_same_object(self) -> None:
        plain = entry("a", "What is 17 times 3?", metadata={"tags": ["x", 3, None, {"y": True}]})
        masked, n = ALL.entry(plain)
        assert masked is plain
        assert not n

    def test_equal_requests_stay_equal_and_others_stay_others(self) -> None:
        mails = ["ann@example.org", "ann@example.org", "bob@example.org"]
        found = [ALL.entry(entry(str(i), f"I am {mail}"))[0] for i, mail in enumerate(mails)]
        one, two, three = map(content_digest, found)
        assert one == two != three

    def test_everything_can_be_kept(self) -> None:
        keeps = Masker(secrets=False)
        assert keeps.is_idle
        assert keeps.entry(self.RICH)[0] is self.RICH
        given = Response(text=self.LEAK)
        assert keeps.answer(given) is given

    def test_answers_of_models_and_what_endpoints_say(self) -> None:
        answer = Response(text="Mail to ann@example.org")
        masked = ALL.answer(answer)
        assert isinstance(masked, Response)
        assert masked.text == "Mail to [email-qscphlhdmm]"
        missing = ALL.answer(Missing(hole=Hole.AUTH, detail=f"wrong key {self.LEAK}"))
        assert self.LEAK not in str(missing)
        fine = Response(text="4")
        assert ALL.answer(fine) is fine

    def test_counting(self) -> None:
        assert privacy.found(privacy.texts(self.RICH)) == {"email": 7, "openai-key": 2}
        assert privacy.shown("ann@example.org") == "[email]"


def names(text: str) -> Iterator[tuple[int, int, str]]:
    for match in re.finditer("Ann|Bob", text):
        yield (*match.span(), "name")


class TestDetector:
    def test_it_finds_more(self) -> None:
        masked = Masker(key=KEY, detect=names).text("Ann and Bob and Ann")
        first, second, third = re.findall(r"\[name-[b-t]{10}\]", masked)
        assert first == third != second

    @pytest.mark.parametrize("wrong", [(0, 99, "name"), (2, 2, "name"), (0, 3, "A Name")])
    def test_what_makes_no_sense_names_it(self, wrong: tuple[int, int, str]) -> None:
        with pytest.raises(UsageError, match=r"privacy\.detector: .*<lambda>.*must be a place"):
            Masker(key=KEY, detect=lambda _: [wrong]).text("Ann")

    def test_what_fails_names_it(self) -> None:
        def fails(_: str) -> list[tuple[int, int, str]]:
            raise RuntimeError("no model")

        with pytest.raises(UsageError, match=r"fails: no model; mend it"):
            Masker(key=KEY, detect=fails).text("Ann")


def test_the_quick_look_misses_nothing() -> None:
    # What a detector needs is looked for first; its pattern alone must not find more.
    from detect_secrets.core.plugins.util import (  # noqa: PLC0415
        get_mapping_from_secret_type_to_class,
    )

    plugins = get_mapping_from_secret_type_to_class()
    known = {re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in plugins}
    samples = [
        *LEAKS,
        "AccountKey=" + "a1+/" * 22,
        'cloudant_key = "' + "a" * 24 + '"',
        "MTk4NjIyNDgzNDcxOTI1MjQ4" + ".Cl2FMQ." + "ZnCjm1XVW7vRze4b7Cq4se7kKWs",
        'ibm_cloud_iam_key: "' + "a1_-" * 11 + '"',
        "cos_secret_access_key = " + "a1" * 24,
        "a1" * 16 + "-us12",
        "pypi-" + "AgEIcHlwaS5vcmc" + "a1" * 40,
        "softlayer_api_key = " + "a1" * 32,
        "sq0csp-" + "a1" * 21 + "b",
        "110201543:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawb"[:35],
        '"' + "AKC" + "a1" * 6 + '"',
        "aws_secret_key = '" + "a1B2" * 10 + "'",
        "https://a:hunter2x@h",
    ]
    met = Counter(one.kind for text in samples for one in find_secrets(text))
    own = {"private-key", "json-web-token", "npm-tokens", "public-ip-ipv4"}
    entropy = {kind for kind in known if "entropy" in kind or kind == "secret-keyword"}
    assert known - own - entropy - {"openai-token"} <= set(met), known - own - entropy - set(met)
