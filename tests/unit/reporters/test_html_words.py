from dataclasses import replace

import pytest
import summaries
from summaries import NOISE_FLOOR, PARITY, PREFERENCE, QUALITY

from parity_eval.records import Estimand, Status
from parity_eval.reporters.html.words import Sentence, SentenceGroup, sentence_groups
from parity_eval.summary import RunSummary


def said(sentence: Sentence) -> str:
    return f"{sentence.task} {sentence.verb} {sentence.candidate}{sentence.rest}"


def sentence_for(estimand: Estimand, status: Status, low: float, high: float) -> str:
    """Return the sentence for the first arm of the believable run with another outcome."""
    summary = summaries.believable()
    task = summary.tasks[0]
    decision = replace(task.arms[0].decision, status=status, low=low, high=high, n=1200)
    arm = replace(task.arms[0], decision=decision, is_route=status is Status.CERTIFIED)
    changed = replace(task, estimand=estimand, arms=(arm,))
    (group,) = sentence_groups(replace(summary, tasks=(changed,)))
    (sentence,) = group.sentences
    return said(sentence)


@pytest.mark.parametrize(
    ("estimand", "low", "finding", "bar"),
    [
        (
            PARITY,
            0.93149,
            "at least 93.14% of requests like these get an answer at parity",
            "90.00%",
        ),
        (
            NOISE_FLOOR,
            -0.01231,
            "its parity with frontier-large is at most 1.24 pp below",
            "-3.00 pp",
        ),
        (
            NOISE_FLOOR,
            0.004,
            "its parity with frontier-large is at least 0.40 pp above",
            "-3.00 pp",
        ),
        (
            QUALITY,
            -0.01231,
            "its mean quality is at most 1.24 pp below frontier-large's",
            "-5.00 pp",
        ),
        (QUALITY, 0.0, "its mean quality is not below frontier-large's", "-5.00 pp"),
        (PREFERENCE, 0.47215, "the judge's mean preference for it (a tie is 50%) is", "45.00%"),
    ],
)
def test_a_certificate_tells_its_lower_bound(
    estimand: Estimand, low: float, finding: str, bar: str
) -> None:
    sentence = sentence_for(estimand, Status.CERTIFIED, low, 0.99)
    assert sentence.startswith(f"ticket-triage can move to swift-lite: {finding}")
    assert sentence.endswith(f" (bar {bar}, n = 1,200).")


def test_a_preference_tells_its_lower_bound_too() -> None:
    assert "is at least 47.21% (" in sentence_for(PREFERENCE, Status.CERTIFIED, 0.47215, 0.6)


@pytest.mark.parametrize(
    ("estimand", "high", "finding"),
    [
        (PARITY, 0.88121, "at most 88.13% of requests like these get an answer at parity with"),
        (NOISE_FLOOR, -0.0412, "its parity with frontier-large is at least 4.12 pp below"),
        (QUALITY, -0.0612, "its mean quality is at least 6.12 pp below frontier-large's"),
        (PREFERENCE, 0.4012, "the judge's mean preference for it (a tie is 50%) is at most 40.12%"),
    ],
)
def test_a_rejection_tells_its_upper_bound(estimand: Estimand, high: float, finding: str) -> None:
    sentence = sentence_for(estimand, Status.REJECTED, -0.2, high)
    start = "ticket-triage stays on frontier-large: swift-lite is shown to be below the bar: "
    assert sentence.startswith(start + finding)
    assert sentence.endswith(", n = 1,200).")


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("estimand", [PARITY, NOISE_FLOOR, QUALITY, PREFERENCE])
def test_only_a_rejection_shows_something_to_be_below(estimand: Estimand, status: Status) -> None:
    sentence = sentence_for(estimand, status, -0.01, 0.02)
    assert ("shown to be below" in sentence) is (status is Status.REJECTED)
    assert ("can move" in sentence) is (status is Status.CERTIFIED)
    assert ("n = 1,200" in sentence) is (status is not Status.NOT_MEASURABLE)


def test_the_other_decisions_claim_nothing() -> None:
    sentences = {g.status: said(g.sentences[0]) for g in groups(summaries.believable())}
    assert sentences[Status.FUTILE] == (
        "invoice-extraction stays on frontier-large: swift-lite was stopped because a certificate "
        "was out of reach, which does not show it worse; "
        "difference in quality -6.60 pp (-13.30 to -1.26 pp), n = 288."
    )
    assert sentences[Status.INCONCLUSIVE] == (
        "invoice-extraction stays on frontier-large: mini-8b was not settled before the requests "
        "or the sample limit ran out; difference in quality -3.94 pp (-7.36 to -1.01 pp), n = 940."
    )
    assert sentences[Status.OPEN] == (
        "invoice-extraction stays on frontier-large: nano is still open. 37 answers are missing "
        "(budget), the first of them at place 97 of the order; "
        "difference in quality -3.12 pp (-14.18 to +7.69 pp), n = 96."
    )
    assert sentences[Status.NOT_MEASURABLE] == (
        "moderation stays on frontier-large: swift-lite cannot be measured on it. The commonest "
        "answer, 'safe', given to every request is at parity in 291 of 300 pairs."
    )


def test_a_blocked_certificate_says_what_blocks_it() -> None:
    _, blocked, *_ = groups(summaries.believable())
    assert said(blocked.sentences[0]) == (
        "ticket-triage could move to mini-8b: at least 90.00% of requests like these get an answer "
        "at parity with frontier-large's (bar 90.00%, n = 556), but request req-00317 fails and "
        "carries more than 1% of the traffic; acknowledge it to free the route."
    )


def test_a_certificate_that_is_not_the_route_says_so() -> None:
    summary = summaries.believable()
    task = summary.tasks[0]
    arms = (task.arms[0], replace(task.arms[1], blocked_by=None))
    _, other = groups(replace(summary, tasks=(replace(task, arms=arms),)))
    assert said(other.sentences[0]).endswith("; the manifest does not route it there.")


def test_what_moves_comes_first() -> None:
    found = groups(summaries.believable())
    assert [group.title for group in found] == [
        "Certified: can move",
        "Certified, but not the route",
        "Open",
        "Inconclusive",
        "Futile",
        "Rejected",
        "Not measurable",
    ]
    assert found[0].sentences[0].anchor == "t1-a1"
    assert sum(len(group.sentences) for group in found) == 9


def test_long_groups_start_closed_but_never_the_routes() -> None:
    summary, _ = summaries.large(100, 2)
    found = groups(summary)
    assert found[0].title == "Certified: can move"
    assert len(found[0].sentences) > 8
    assert found[0].is_open
    assert not any(group.is_open for group in found[1:] if len(group.sentences) > 8)


def groups(summary: RunSummary) -> tuple[SentenceGroup, ...]:
    return sentence_groups(summary)


# Gates, requests that must pass, the target


def sentences(summary: RunSummary) -> dict[str, str]:
    found = [said(sentence) for group in sentence_groups(summary) for sentence in group.sentences]
    return {" ".join(text.split()[:1]) + "/" + _candidate(text): text for text in found}


def _candidate(text: str) -> str:
    return next(name for name in ("swift-lite", "mini-8b", "nano") if name in text)


def test_what_is_said_of_a_log_is_said_of_that_log() -> None:
    text = sentences(summaries.gated())["ticket-triage/swift-lite"]
    assert "at least 90.00% of the requests of this log get an answer at parity" in text
    assert "requests like these" not in text


@pytest.mark.parametrize("estimand", [NOISE_FLOOR, QUALITY, PREFERENCE])
def test_a_difference_on_a_log_names_the_log(estimand: Estimand) -> None:
    summary = summaries.gated()
    task = replace(summary.tasks[0], estimand=estimand, arms=summary.tasks[0].arms[:1])
    of_log = replace(summary, target="log", tasks=(task,))
    of_traffic = replace(summary, target="traffic", tasks=(task,))
    assert "on this log, " in sentences(of_log)["ticket-triage/swift-lite"]
    assert "on this log, " not in sentences(of_traffic)["ticket-triage/swift-lite"]


def test_a_rejection_by_a_gate_claims_nothing_of_the_task_itself() -> None:
    text = sentences(summaries.gated())["ticket-triage/mini-8b"]
    assert text.endswith("is rejected: gate 'german': shown to be below its bar after 57 requests.")
    assert "at most" not in text


def test_a_rejection_by_a_request_names_it() -> None:
    text = sentences(summaries.gated())["ticket-triage/nano"]
    assert text.endswith("is rejected: falls short on request 'req-00317', which must pass.")


def test_a_gate_that_stands_in_the_way_is_the_reason() -> None:
    text = sentences(summaries.gated())["moderation/swift-lite"]
    assert "(the log used up after 288 requests; the baseline is not shown to agree" in text


def test_a_preference_that_humans_corrected_is_theirs() -> None:
    summary = summaries.gated()
    task = summary.tasks[2]
    decision = replace(task.arms[0].decision, status=Status.CERTIFIED, low=0.47)
    for used, whose in ((58, "humans' mean preference"), (0, "the judge's mean preference")):
        arm = replace(task.arms[0], decision=decision, is_route=True, labels_used=used)
        changed = replace(summary, tasks=(replace(task, arms=(arm,)),))
        assert whose in sentences(changed)["replies/mini-8b"]
