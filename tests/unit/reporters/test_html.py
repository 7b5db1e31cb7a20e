import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace

import pages
import pytest
import summaries
from pages import Element

from parity_eval import figures
from parity_eval.records import ModelName, RequestId, Status
from parity_eval.reporters.html import Html
from parity_eval.summary import PairView, RunSummary

TAGS = """
a article aside b bdi blockquote body br caption circle code dd defs desc details div dl dt em
figcaption figure footer h1 h2 h3 h4 h5 h6 head header html i input label li line main meta nav
option output p path pre script section select small span strong style summary svg symbol table
tbody td text th thead title tr ul use
"""
ATTRIBUTES = """
aria-hidden aria-label aria-labelledby aria-live autocomplete charset class content cx cy d
data-label data-status dir focusable height hidden href http-equiv id lang name open placeholder r
role scope stroke-dasharray tabindex text-anchor type value viewbox width x x1 x2 y y1 y2
"""
PATH = re.compile(r"M-?[\d.]+,-?[\d.]+(L-?[\d.]+,-?[\d.]+)*Z?")


@pytest.fixture(scope="module")
def believable() -> str:
    return Html().render(summaries.believable(), summaries.believable_pairs())


@pytest.fixture(scope="module")
def gated() -> str:
    return Html().render(summaries.gated(), ())


@pytest.fixture(scope="module")
def fixed_end() -> str:
    return Html().render(summaries.with_fixed_end(summaries.gated()), ())


@pytest.fixture(scope="module")
def hostile() -> str:
    return Html().render(*summaries.hostile())


@pytest.fixture(scope="module")
def large() -> str:
    return Html().render(*summaries.large())


# Safety


def test_only_known_elements_and_attributes(believable: str, gated: str, hostile: str) -> None:
    for page in (believable, gated, hostile):
        elements = pages.read(page).all()
        assert {element.tag for element in elements} <= set(TAGS.split())
        assert {name for element in elements for name in element.attributes} <= set(
            ATTRIBUTES.split()
        )


def test_hostile_text_adds_no_element(believable: str, hostile: str) -> None:
    for tag in ("script", "style", "title", "meta", "input", "select"):
        expected = len(_outside_svg(pages.read(believable), tag))
        assert len(_outside_svg(pages.read(hostile), tag)) == expected, tag


def test_links_stay_on_the_page_and_lead_somewhere(believable: str, hostile: str) -> None:
    for page in (believable, hostile):
        root = pages.read(page)
        ids = [element.attributes["id"] for element in root.all() if "id" in element.attributes]
        assert len(ids) == len(set(ids))
        assert all(re.fullmatch(r"[a-z0-9_-]+", name) for name in ids)
        targets = {e.attributes["href"] for e in root.all() if "href" in e.attributes}
        assert targets
        assert targets <= {f"#{name}" for name in ids}
        labels = [e.attributes.get("aria-labelledby", "").split() for e in root.all()]
        assert {name for names in labels for name in names} <= set(ids)


def test_the_policy_allows_our_own_style_and_script_only(hostile: str) -> None:
    root = pages.read(hostile)
    (policy,) = root.all("meta", http_equiv="Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.attributes["content"].split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    for tag in ("style", "script"):
        digest = hashlib.sha256(root.one(tag).text.encode()).digest()
        assert rules[f"{tag}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
    # The parser must meet it before anything that it could forbid.
    assert hostile.index("Content-Security-Policy") < hostile.index("<title>")


def test_nothing_names_a_place_outside(believable: str) -> None:
    assert not re.search(r"https?:|//[a-z]|url\(|@import|@font-face", believable)


def test_the_style_and_the_script_hold_nothing_of_the_run(believable: str, hostile: str) -> None:
    for tag in ("style", "script"):
        assert pages.read(believable).one(tag).text == pages.read(hostile).one(tag).text


@pytest.mark.parametrize("attack", summaries.ATTACKS)
def test_an_attack_is_shown_as_what_it_is(attack: str) -> None:
    name = ModelName(attack)
    summary = replace(summaries.believable(), baseline=name, name=attack, why_incomplete=attack)
    pair = replace(
        summaries.believable_pairs()[0],
        prompt=attack,
        baseline_text=attack,
        candidate_text=attack,
        reason=attack,
    )
    root = pages.read(Html().render(summary, (pair,)))
    shown = figures.visible(attack)
    texts = root.one("section", class_="pair").all("pre")
    assert [text.text.lstrip("\n") for text in texts] == [shown] * 3
    assert root.one("section", class_="pair").all("p")[0].text == shown
    assert shown in root.one("div", class_="loud").text
    line = figures.one_line(attack)
    assert line in root.one("p", class_="eyebrow").text
    assert line in root.one("ul", class_="facts").all("b")[0].text


def test_nothing_acts_unseen(hostile: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", hostile)
    hostile.encode()
    assert "⟨U+202E⟩" in hostile
    assert "␛[31m" in hostile


def test_a_template_in_the_text_is_not_run(hostile: str) -> None:
    assert "{{ 7*7 }}" in pages.read(hostile).text


def test_ten_million_characters_are_cut_and_said() -> None:
    page = Html().render(summaries.believable(), (summaries.huge_pair(),))
    assert len(page.encode()) < 400_000
    assert page.count("9,996,000 more characters left out") == 2
    assert "9,995,999 more characters left out" in page  # the prompt is a character shorter
    assert "9,999,000 characters left out" in page  # the reason
    pages.read(page)


def test_names_of_any_length_are_cut() -> None:
    name = "x" * 1_000_000
    summary = replace(summaries.believable(), name=name, baseline=ModelName(name), judge=name)
    assert len(Html().render(summary, ()).encode()) < 400_000


# Size


def test_an_ordinary_report_is_small(believable: str) -> None:
    assert len(believable.encode()) < 400_000


def test_a_large_report_is_bounded(large: str) -> None:
    assert len(large.encode()) < 15_000_000
    root = pages.read(large)
    assert len(root.all("details", class_="arm")) == 500
    assert not any("open" in arm.attributes for arm in root.all("details", class_="arm"))


def test_the_budget_for_pairs_holds_where_escapes_blow_them_up() -> None:
    summary, pairs = summaries.large(20, 5)
    quotes = tuple(replace(p, prompt='"' * 4000, candidate_text="\u202e" * 4000) for p in pairs)
    assert len(Html().render(summary, quotes).encode()) < 15_000_000


# What it says


def test_the_headline_counts_the_routes(believable: str) -> None:
    assert pages.read(believable).one("h1").text == "1 of 3 tasks can move to a cheaper model"


def test_an_incomplete_run_says_so_before_anything_else(believable: str) -> None:
    root = pages.read(believable)
    loud = root.one("div", class_="loud")
    assert "This run is incomplete." in loud.text
    assert "the budget of $4.00 is used up" in loud.text
    assert believable.index('class="loud"') < believable.index('id="decisions"')


def test_a_complete_run_does_not_cry() -> None:
    page = Html().render(summaries.believable(is_complete=True), ())
    assert not pages.read(page).all("div", class_="loud")
    assert "every test came to its end" in page


def test_an_empty_run() -> None:
    root = pages.read(Html().render(summaries.empty(), ()))
    assert root.one("h1").text == "Nothing was tested"
    assert "there is no decision" in root.one("section", id="decisions").text
    assert "No call was made." in root.one("section", id="ledger").text


def test_nothing_certified_moves_nothing() -> None:
    summary = _without_routes(summaries.believable())
    root = pages.read(Html().render(summary, ()))
    assert root.one("h1").text == "No task moves to a cheaper model"
    assert "Nothing moves, so nothing is saved." in root.one("aside", class_="saving").text
    assert "approve that every task stays on the baseline" in root.one("section", id="sign").text


def test_the_sections_come_in_order(believable: str) -> None:
    found = [element.attributes.get("id") for element in pages.read(believable).all("section")]
    order = ["decisions", "table", "tasks", "ledger", "method", "limits", "unused", "sign"]
    assert [name for name in found if name] == order


def test_the_saving_says_what_it_is_based_on(believable: str) -> None:
    text = pages.read(believable).one("aside", class_="saving").text
    assert "$8.25" in text
    assert "1 Oct 2026 to 31 Oct 2026 (31 days)" in text
    assert "the mean cost of the requests replayed in this run" in text
    assert "without an interval" in text


def test_the_decision_table_has_a_row_for_every_arm(believable: str) -> None:
    rows = pages.read(believable).one("table", id="decision-table").all("tbody")[0].all("tr")
    assert len(rows) == 9
    cells = [" ".join(cell.text.split()) for cell in rows[0].all("td")]
    assert cells == [
        "certified",
        "192",
        "96.35%90.00% to 98.93%parity rate",
        "",
        "90.00%",
        "60.4(59.8)",
        "$5.12 → $0.71",
        "86.1%",
        "moves",
    ]
    assert [row.attributes["data-status"] for row in rows] == [
        "certified",
        "certified",
        "rejected",
        "futile",
        "inconclusive",
        "open",
        *["not_measurable"] * 3,
    ]
    assert [row.all("td")[-1].text for row in rows[:3]] == ["moves", "blocked", "stays"]
    assert rows[5].all("td")[6].text == "$11.40 → unknown"


def test_the_filter_is_hidden_where_no_script_runs(believable: str) -> None:
    root = pages.read(believable)
    assert "hidden" in root.one("div", id="filter").attributes
    assert not any("hidden" in row.attributes for row in root.all("tr"))


def test_a_task_tells_its_terms(believable: str) -> None:
    text = _flat(pages.read(believable).one("article", id="t1"))
    for words in (
        "At least 90% of requests of this kind get an answer at parity with the baseline's.",
        "parity rate, bar 90.00% (configured: bar 0.9)",
        "the label is the same after normalisation",
        "1,870 log lines, of which 1,204 distinct requests can be used; the test may use 940",
        "11 lines: baseline answer cut off; 3 lines: no baseline answer",
        hashlib.sha256(b"ticket-triage").hexdigest(),
    ):
        assert words in text


def test_a_placebo_that_passes_is_named(believable: str) -> None:
    root = pages.read(believable)
    assert "no: it passes" in root.one("article", id="t3").text
    assert "no: it passes" not in root.one("article", id="t1").text
    assert "Not measurable." in root.one("article", id="t3").text


def test_an_arm_tells_its_evidence(believable: str) -> None:
    text = _flat(pages.read(believable).one("details", id="t1-a2"))
    for words in (
        "94.06% (90.00% to 96.79%), n = 556",
        "1.67% on each side of the confidence sequence",
        "e-value 61, needed 59.8; anytime p-value 0.017",
        "as judged by strict-judge, not calibrated",
        "Request req-00317 fails and carries more than 1% of the task's traffic",
        "33 requests of 556",
    ):
        assert words in text


def test_a_mean_by_traffic_stands_beside_its_n(believable: str) -> None:
    for arm in pages.read(believable).all("details", class_="arm"):
        text = _flat(arm)
        assert ("Weighted by traffic" in text) is ("nothing measured" not in text)
        if "Weighted by traffic" in text:
            assert re.search(r"Weighted by traffic\s*\S+( pp)? over the same \d+ requests", text)


def test_charts_are_drawn_and_described(believable: str) -> None:
    root = pages.read(believable)
    arms = root.all("details", class_="arm")
    charts = [arm.all("svg", class_="chart") for arm in arms]
    assert [len(found) for found in charts] == [2] * 6 + [0] * 3
    first = charts[0][0]
    assert first.one("title").text == "Path of the confidence sequence"
    assert "96.35% (90.00% to 98.93%), n = 192; bar 90.00%" in first.one("desc").text
    assert first.one("text", class_="axis").text == "parity rate, %"
    difference = charts[3][0].one("text", class_="axis").text
    assert difference == "difference in quality, percentage points"
    marks = root.one("defs").all("path")
    drawn = [path.attributes["d"] for path in root.all("path") if path not in marks]
    assert len(drawn) == 6 * 3
    assert all(PATH.fullmatch(path) for path in drawn)
    assert all(path.count("L") > 90 for path in drawn)


def test_a_chart_has_a_table_beside_it(believable: str) -> None:
    arm = pages.read(believable).one("details", id="t1-a1")
    rows = arm.all("table")[0].all("tbody")[0].all("tr")
    assert 5 < len(rows) <= 13
    cells = [cell.text for cell in rows[-1].all("td")]
    assert cells == ["192", "96.35%", "90.00% to 98.93%", "60.4"]


def test_the_method_names_every_parameter(believable: str) -> None:
    text = _flat(pages.read(believable).one("section", id="method"))
    summary = summaries.believable()
    for words in (
        "5.00%, for all 9 pairs of task and candidate together",
        summary.family_statement,
        "20261101",
        summary.study_hash,
        summary.log_fingerprint,
        summary.log_path,
        "strict-judge",
        "vendor-b/mini-8b-instruct",
    ):
        assert words in text


def test_the_limits_are_told(believable: str) -> None:
    text = _flat(pages.read(believable).one("section", id="limits"))
    for words in ("Several turns.", "Other traffic.", "An uncalibrated judge's own error."):
        assert words in text


def test_what_was_not_used_is_counted(believable: str) -> None:
    text = _flat(pages.read(believable).one("section", id="unused"))
    assert "12 (0.21%): damaged, listed with their reasons in rejects.jsonl" in text
    assert "168: usable, but no task of the study matches them" in text


def test_the_ledger_adds_up(believable: str) -> None:
    tables = pages.read(believable).one("section", id="ledger").all("table")
    totals = {row.one("th").text: row.all("td") for row in tables[0].all("tbody")[0].all("tr")}
    lines = summaries.believable().ledger
    assert set(totals) == {"candidate", "judge"}
    assert totals["judge"][-1].text == figures.usd(3 * 0.4127)
    assert totals["candidate"][0].text == figures.count(
        sum(line.calls for line in lines if line.purpose == "candidate")
    )
    assert len(tables[1].all("tbody")[0].all("tr")) == len(lines)


@pytest.mark.parametrize("make", [summaries.believable, summaries.empty])
def test_no_phrase_that_would_be_wrong(make: Callable[[], RunSummary]) -> None:
    text = _flat(pages.read(Html().render(make(), ()))).lower()
    assert "probability that" not in text
    assert "significant" not in text
    assert "95% sure" not in text


# Gates, the judge against humans, rules, the target


def test_an_ordinary_report_has_none_of_these(believable: str) -> None:
    root = pages.read(believable)
    for name in ("gates", "confusion", "rules"):
        assert not root.all("table", class_=name)
    assert not root.all("p", class_="must")
    assert not root.all("li", class_="term")


def test_gates_stand_under_the_decision(gated: str) -> None:
    arm = pages.read(gated).one("details", id="t1-a2")
    assert _rows(arm.one("table", class_="gates"))[2] == [
        "german",
        "shown below its bar",
        "where metadata.language = DE: more than 85% of requests of this kind",
        "57",
        "66.67 [48.76, 81.49]%",
        "1.2e-04",
    ]
    classes = [td.attributes["class"] for td in arm.all("td", class_="outcome")]
    assert classes == ["outcome certified", "outcome certified", "outcome rejected"]
    assert _flat(arm).index("shown to be below its bar after 57") < _flat(arm).index("Demands")


def test_a_gate_that_is_only_not_passed_is_not_called_rejected(gated: str) -> None:
    (outcome,) = pages.read(gated).one("details", id="t2-a1").all("td", class_="outcome")
    assert outcome.attributes["class"] == "outcome inconclusive"
    assert outcome.text == "not passed"


def test_requests_that_must_pass_are_listed_with_the_outcome(gated: str) -> None:
    root = pages.read(gated)
    listed = [_flat(p) for p in root.all("p", class_="must")]
    assert listed == [
        "Must pass: req-00017 passed, req-00317 passed.",
        "Must pass: req-00017 passed, req-00317 passed.",
        "Must pass: req-00317 falls short, req-00017 not known.",
    ]


def test_a_long_list_of_requests_is_cut_and_said() -> None:
    summary = summaries.gated()
    task = replace(summary.tasks[0], must_pass=tuple(RequestId(f"req-{i:05d}") for i in range(400)))
    page = Html().render(replace(summary, tasks=(task,)), ())
    first, _, last = (_flat(p) for p in pages.read(page).all("p", class_="must"))
    assert first.endswith("req-00019 passed, and 380 more requests.")
    assert last.startswith("Must pass: req-00317 falls short, req-00000 not known,")


def test_evidence_is_that_of_the_weakest_part(gated: str) -> None:
    root = pages.read(gated)
    arm = _flat(root.one("details", id="t1-a2"))
    assert "e-value 1.2e-04 (of the weakest: the task's own estimand or a gate)" in arm
    assert "needs, without the gates: 61 of 59.8" in arm
    caption = root.one("table", id="decision-table").one("caption").text
    assert "the e-value is that of the weakest: a gate or the result shown" in caption


def test_a_task_lists_its_gates(gated: str) -> None:
    root = pages.read(gated)
    assert "A certificate takes all of them" in _flat(root.one("article", id="t1"))
    assert "A certificate takes all of them" not in _flat(root.one("article", id="t2"))


def test_the_judge_is_held_against_humans(gated: str) -> None:
    arm = pages.read(gated).one("details", id="t3-a1")
    table = arm.one("table", class_="confusion")
    head = [th.text for th in table.all("thead")[0].all("th")]
    assert head == ["pairs", "human: worse", "human: draw", "human: better"]
    assert _rows(table) == [
        ["judge: worse", "11", "1", "0"],
        ["judge: draw", "2", "6", "1"],
        ["judge: better", "0", "2", "17"],
    ]
    assert [td.text for td in table.all("td", class_="same")] == ["11", "6", "17"]
    text = _flat(arm)
    for words in (
        "On 40 pairs with a verdict of both, they say the same on 34 of 40 (85.00%).",
        "Cohen's kappa: 0.77 [0.58, 0.95] (interval at level 95%).",
        "a simple random part of those that the judge was asked about",
        "not on kappa",
        "58 entered the test and corrected the judge",
        "15 requests of the first 571 in the order",
    ):
        assert words in text


def test_each_rule_and_the_one_that_is_used(gated: str) -> None:
    section = pages.read(gated).one("section", id="method")
    table = section.one("table", class_="rules")
    rows = _rows(table)
    assert [(row[0], row[2]) for row in rows] == [
        ("no correction", "3"),
        ("Bonferroni", "0"),
        ("e-Holm", "1"),
        ("selected e-BHused", "2"),
    ]
    assert [row[3] for row in rows[:2]] == [
        "ticket-triage/swift-lite, replies/mini-8b, ticket-triage/mini-8b",
        "none",
    ]
    assert len(table.all("tr", class_="used")) == 1
    assert "to choose among them afterwards voids the guarantee" in _flat(section)


def test_certificates_without_number_are_counted() -> None:
    summary = summaries.gated()
    rules = tuple(replace(view, certified=view.certified * 200) for view in summary.rules)
    table = pages.read(Html().render(replace(summary, rules=rules), ())).one(
        "table", class_="rules"
    )
    assert _rows(table)[0][2] == "600"
    assert _rows(table)[0][3].endswith(", and 540 more")


def test_the_head_names_the_target(gated: str, believable: str) -> None:
    root = pages.read(gated)
    said = [_flat(item) for item in root.all("li", class_="term")]
    assert said == [
        "Target this log; certificates speak of its requests, not of other traffic",
        "Unit one request per session",
    ]
    limits = _flat(root.one("section", id="limits"))
    assert "The statement of its task, for the requests of this log," in limits
    assert "says nothing about those to come" in limits
    assert "says nothing about those to come" not in believable


def test_a_design_with_a_fixed_end_claims_no_evidence(fixed_end: str) -> None:
    root = pages.read(fixed_end)
    assert "Design " + summaries.FIXED in [_flat(li) for li in root.all("li", class_="term")]
    rows = root.one("table", id="decision-table").all("tbody")[0].all("tr")
    assert {row.all("td")[5].text for row in rows} == {"none"}
    assert len(root.one("details", id="t1-a1").all("svg", class_="chart")) == 1
    text = _flat(root)
    assert "Such a design has no e-value, only a verdict at its level." in text
    for words in ("the wealth of the bets", "no matter how often anyone looked", "e-value 6"):
        assert words not in text


def test_hostile_gates_rules_and_terms_are_shown_as_text(hostile: str) -> None:
    root = pages.read(hostile)
    names = [row[0] for table in root.all("table", class_="gates") for row in _rows(table)]
    expected = {" ".join(figures.one_line(attack).split()) for attack in summaries.ATTACKS}
    assert set(names) == expected
    assert {row[0] for row in _rows(root.one("table", class_="rules"))} == expected


# Failing pairs


def test_failing_pairs_stand_in_the_seeded_order() -> None:
    pairs = summaries.believable_pairs()
    shuffled = tuple(sorted(pairs, key=lambda pair: pair.request_id[::-1]))
    for given in (pairs, shuffled, pairs[::-1]):
        arm = pages.read(Html().render(summaries.believable(), given)).one("details", id="t1-a3")
        places = [int(h.text.split()[1]) for h in arm.all("h5")]
        assert places == sorted(places)
        assert len(places) == 28


def test_pairs_at_parity_are_not_shown() -> None:
    passed = tuple(p for p in summaries.believable_pairs() if not p.is_failure)
    assert passed
    root = pages.read(Html().render(summaries.believable(), passed))
    assert not root.all("section", class_="pair")


def test_a_pair_shows_both_answers_and_every_score() -> None:
    pair = _first_failure()
    root = pages.read(Html().render(summaries.believable(), (pair,)))
    shown = root.one("section", class_="pair")
    assert [h.text for h in shown.all("h6")] == ["Request", "Baseline", "Candidate"]
    rows = [[c.text for c in row.all("td")] for row in shown.all("tbody")[0].all("tr")]
    assert rows == [
        ["1", "passed", "valid"],
        ["0", "failed", "'billing' != 'account'"],
        ["none", "not scored", "the verdict was not one of A, B, tie"],
    ]


def test_an_empty_answer_is_called_empty() -> None:
    pair = replace(_first_failure(), candidate_text="")
    shown = pages.read(Html().render(summaries.believable(), (pair,)))
    assert "(empty)" in shown.one("section", class_="pair").text


def test_pairs_that_are_left_out_are_counted() -> None:
    root = pages.read(Html().render(summaries.believable(), (_first_failure(),)))
    arm = root.one("details", id="t1-a1").text
    assert "Failing pairs side by side: 1 of 7, the first in the seeded order" in arm
    assert "6 more failing pairs left out here" in arm
    other = root.one("details", id="t1-a2").text
    assert "33 failing pairs: none was handed to this report" in other


def test_failures_without_number_are_bounded() -> None:
    pair = _first_failure()
    many = tuple(replace(pair, position=k) for k in range(1_000))
    root = pages.read(Html().render(summaries.believable(), many))
    assert len(root.all("section", class_="pair")) == 200


def _first_failure() -> PairView:
    return next(pair for pair in summaries.believable_pairs() if pair.is_failure)


def _without_routes(summary: RunSummary) -> RunSummary:
    tasks = tuple(
        replace(
            task,
            arms=tuple(
                replace(
                    arm,
                    is_route=False,
                    decision=replace(arm.decision, status=Status.INCONCLUSIVE),
                )
                for arm in task.arms
            ),
        )
        for task in summary.tasks
    )
    return replace(summary, tasks=tasks, saving_usd_in_log=None)


def _outside_svg(root: Element, tag: str) -> list[Element]:
    inside = [element for svg in root.all("svg") for element in svg.all(tag)]
    return [element for element in root.all(tag) if not any(element is one for one in inside)]


def _rows(table: Element) -> list[list[str]]:
    rows = table.all("tbody")[0].all("tr")
    return [[_flat(cell) for cell in row.children if isinstance(cell, Element)] for row in rows]


def _flat(element: Element) -> str:
    return " ".join(element.text.split())
