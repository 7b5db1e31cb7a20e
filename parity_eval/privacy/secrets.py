"""Secrets in a text: keys, tokens, passwords in addresses, private keys.

The patterns are those of detect-secrets, without its detectors of entropy and of keywords, which
find dozens of "secrets" on any page, and with those of some makers that it does not know.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from parity_eval.privacy.found import Found

_TOKEN = re.compile(r"[A-Za-z0-9_+/=.:-]{12}")
_RUN = re.compile(r"[A-Za-z0-9_-]{16,}")
_REST_OF_WORD = re.compile(r"[A-Za-z0-9_-]*")

_LEFT_OUT = frozenset(
    {
        "Public IP (ipv4)",  # personal data, not a secret
        "Private Key",  # finds the first line only
        "JSON Web Token",  # leaves the signature
        "NPM tokens",  # takes the rest of the line along
    }
)
_ANCHORS: Mapping[str, tuple[str, ...]] = {
    "Artifactory Credentials": ("AKC", "AP"),
    "AWS Access Key": ("A3T", "ABIA", "ACCA", "AKIA", "ASIA", "aws", "AWS", "Aws"),
    "Azure Storage Account access key": ("AccountKey=",),
    "Basic Auth Credentials": ("://",),
    "GitHub Token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    "GitLab Token": (
        "glpat-",
        "gldt-",
        "glft-",
        "glsoat-",
        "glrt-",
        "glcbt-",
        "glimt-",
        "glptt-",
        "glagent-",
        "gloas-",
        "GR1348941",
    ),
    "Mailchimp Access Key": ("-us",),
    "OpenAI Token": ("T3BlbkFJ",),
    "PyPI Token": ("pypi-",),
    "SendGrid API Key": ("SG.",),
    "Slack Token": ("xox", "XOX", "hooks.slack.com", "HOOKS.SLACK.COM"),
    "Square OAuth Secret": ("sq0csp-",),
    "Stripe Access Key": ("k_live_",),
    "Twilio API Key": ("AC", "SK"),
}
"""What a text needs for its pattern to fit: looking for it takes a hundredth of the time. The
pattern of a detector that is not here is always tried."""
_BROKEN_UP = frozenset(
    {
        "Artifactory Credentials", "AWS Access Key", "Azure Storage Account access key",
        "Basic Auth Credentials", "SendGrid API Key", "Slack Token", "_authToken", "whsec_",
        "earer", "PRIVATE KEY", "PuTTY-User-Key-File",
    }
)  # fmt: skip
"""Those whose beginning need not stand in a long run of letters and digits with the rest."""
_NEEDS: Mapping[str, str] = {
    "Cloudant Credentials": r"[A-Za-z]{24}|[0-9a-fA-F]{64}",
    "Discord Bot Token": r"[\w-]{27}",
    "IBM Cloud IAM Key": r"(?<!\S)(?=\S*\d)\S{44}(?!\S)",
    "IBM COS HMAC Credentials": r"[0-9a-fA-F]{48}",
    "SoftLayer Credentials": r"[A-Za-z0-9]{64}",
    "Telegram Bot Token": r"[\w-]{35}",
}
"""What their patterns hold in one piece, within a long run of letters and digits."""
_IN_GROUP = frozenset(
    {
        "AWS Access Key", "Basic Auth Credentials", "Cloudant Credentials", "IBM Cloud IAM Key",
        "IBM COS HMAC Credentials", "SoftLayer Credentials",
    }
)  # fmt: skip
"""Those whose patterns put the secret itself into a group. Of the others all that fits is taken:
their groups hold the beginning of a secret, or nothing that matters."""
_EXACT = frozenset({"AWS Access Key", "Twilio API Key"})
"""Those of a fixed length: with more letters or digits behind it, it is something else."""
_PASSWORD = "Basic Auth Credentials"  # noqa: S105 - the name of a detector
_NO_PASSWORD = re.compile(
    r"""(?ix) pass(?:word|wd|phrase)? | pwd | secret | change_?me | token | key | user(?:name)?
    | root | admin | guest | test | postgres | mysql | rabbitmq | minio
    | [x*.]+ | your.* | my_?pass(?:word)? | example | .*[<>{}%].*"""
)
"""What documentation writes where a password would stand."""

_GUESSABLE = 20
"""Shorter values may be words, or come from a list."""

_KEY_NAME = r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_OWN: tuple[tuple[str, str, str], ...] = (
    ("sk-ant-", "anthropic-key", r"sk-ant-[A-Za-z0-9_-]{20,}"),
    ("sk-", "openai-key", r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}"),
    ("sk-or-", "openrouter-key", r"sk-or-(?:v\d-)?[A-Za-z0-9]{32,}"),
    ("sk-", "api-key", r"sk-[A-Za-z0-9]{20,}"),
    ("AIza", "google-key", r"AIza[A-Za-z0-9_-]{35}"),
    ("github_pat_", "github-token", r"github_pat_[A-Za-z0-9_]{22,}"),
    ("hf_", "huggingface-token", r"hf_[A-Za-z0-9]{30,}"),
    ("gsk_", "groq-key", r"gsk_[A-Za-z0-9]{40,}"),
    ("xai-", "xai-key", r"xai-[A-Za-z0-9]{40,}"),
    ("pplx-", "perplexity-key", r"pplx-[A-Za-z0-9]{40,}"),
    ("npm_", "npm-token", r"npm_[A-Za-z0-9]{36}"),
    ("_authToken", "npm-token", r":_authToken=\s*([A-Za-z0-9_-]{20,})"),
    ("k_test_", "stripe-access-key", r"[rs]k_test_[A-Za-z0-9]{20,}"),
    ("whsec_", "stripe-access-key", r"whsec_[A-Za-z0-9+/]{24,}"),
    ("earer", "bearer-token", r"[Bb]earer\s+([A-Za-z0-9._~+/-]{20,}={0,2})"),
    (
        "eyJ",
        "json-web-token",
        r"eyJ[A-Za-z0-9_-]{8,}=*\.eyJ[A-Za-z0-9_-]{8,}=*(?:\.[A-Za-z0-9_-]*=*)?",
    ),
    (
        "PRIVATE KEY",
        "private-key",
        _KEY_NAME + r"(?:(?:(?!-----)[\s\S])*-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
        r"|(?:(?:\s|\\[nrt])*[A-Za-z0-9+/]{16,}={0,2})+)",
    ),
    (
        "PuTTY-User-Key-File",
        "private-key",
        r"PuTTY-User-Key-File-\d+:[\s\S]{1,20000}?Private-MAC: *[0-9a-fA-F]+",
    ),
)
"""What has to stand in a text, what it then may hold, and its pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Detector:
    kind: str
    anchors: tuple[str, ...]
    """One of them stands in every text that has such a secret; empty: nobody knows."""
    is_whole: bool
    """Whether it stands in a long run of letters and digits."""
    needs: re.Pattern[str] | None
    """Fits one of its long runs as well; None: nothing more."""
    patterns: tuple[re.Pattern[str], ...]
    takes_group: bool
    is_exact: bool
    is_password: bool
    is_sound: Callable[[str], bool]


def find_secrets(text: str) -> Iterator[Found]:
    """Yield the secrets of a text.

    What is only a name for a secret is none: a password has to differ from `password`, and what
    a pattern of ours finds has to have a digit.
    """
    if not may_hold_secrets(text):
        return
    runs = " ".join(run for run in _RUN.findall(text) if not _is_name(run))
    for detector in _detectors():
        where = runs if detector.is_whole else text
        for anchor in detector.anchors:  # a third of the time that `any` takes
            if anchor in where:
                break
        else:
            if detector.anchors:
                continue
        if detector.needs is None or detector.needs.search(runs):
            yield from _matches(detector, text)


def may_hold_secrets(text: str) -> bool:
    """Whether a text is worth a closer look; nearly all that is not prose is."""
    return _TOKEN.search(text) is not None or "PRIVATE KEY" in text or "://" in text


def _is_name(run: str) -> bool:
    """Whether a run is words with `_` or `-` between them: a label, not a key."""
    words = run.replace("_", "").replace("-", "")
    return len(words) < len(run) and words.isalpha() and words.islower()


def _matches(detector: _Detector, text: str) -> Iterator[Found]:
    for pattern in detector.patterns:
        for match in pattern.finditer(text):
            group = pattern.groups if detector.takes_group and match.lastindex else 0
            start, end = match.span(group)
            start += len(match[group]) - len(match[group].lstrip("\"' \t\r\n=:"))
            if start and text[start].isalnum() and text[start - 1].isalnum():
                continue  # it begins in the middle of a word
            rest = _REST_OF_WORD.match(text, end)
            if rest and not detector.is_password:
                if detector.is_exact and rest.end() > end:
                    continue
                # Makers lengthen their keys; no part of one may stay.
                end = rest.end()
            value = text[start:end].rstrip("\"' \t\r\n")
            if value and detector.is_sound(value):
                yield Found(
                    start, start + len(value), detector.kind, value, len(value) < _GUESSABLE
                )


@cache
def _detectors() -> tuple[_Detector, ...]:
    from detect_secrets.core.plugins.util import (  # noqa: PLC0415 - slow
        get_mapping_from_secret_type_to_class,
    )
    from detect_secrets.plugins.base import RegexBasedDetector  # noqa: PLC0415

    own = [
        _Detector(
            kind=kind,
            anchors=(anchor,),
            is_whole=anchor not in _BROKEN_UP,
            needs=None,
            patterns=(re.compile(pattern),),
            takes_group=re.compile(pattern).groups > 0,
            is_exact=False,
            is_password=False,
            is_sound=_is_anything if kind == "private-key" else _has_digit,
        )
        for anchor, kind, pattern in _OWN
    ]
    plugins: Mapping[str, Any] = get_mapping_from_secret_type_to_class()
    known = [
        _Detector(
            kind=re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"),
            anchors=_ANCHORS.get(name, ()),
            is_whole=name not in _BROKEN_UP,
            needs=re.compile(_NEEDS[name]) if name in _NEEDS else None,
            patterns=tuple(plugin.denylist),
            takes_group=name in _IN_GROUP,
            is_exact=name in _EXACT,
            is_password=name == _PASSWORD,
            is_sound=_SOUND.get(name, _is_anything),
        )
        for name, plugin in sorted(plugins.items())
        if issubclass(plugin, RegexBasedDetector) and name not in _LEFT_OUT
    ]
    return (*own, *known)


def _has_digit(value: str) -> bool:
    return any(character.isdigit() for character in value)


def _is_password(value: str) -> bool:
    return _NO_PASSWORD.fullmatch(value) is None


def _is_anything(_: str) -> bool:
    return True


_SOUND = {_PASSWORD: _is_password, "Artifactory Credentials": _has_digit}
