"""Certificates to a vendor-neutral routing manifest.

What may move, on what evidence, and back to what. Byte-stable for equal inputs: nothing in it
depends on the clock.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from glob import escape
from typing import Any

from parity_eval import codec
from parity_eval.records import GateDecision, ModelSpec, Price, Status
from parity_eval.study import Study, TaskSpec
from parity_eval.summary import ArmSummary, RunSummary, TaskSummary

VERSION = 1
FALLBACK_ON = ("error", "timeout", "invalid_format", "refusal")
VALID_DAYS = 90
_UTC = "%Y-%m-%dT%H:%M:%SZ"
_LAST_YEAR = 9000


def build(summary: RunSummary, study: Study, newest: str | None) -> dict[str, Any]:
    """Turn a run into its manifest.

    Args:
        summary: The run.
        study: Its study.
        newest: UTC time (ISO 8601) of the newest response used; None where nobody recorded one.

    Returns:
        A document that `schemas/manifest.v1.json` accepts.
    """
    specs = {spec.name: spec for spec in study.tasks}
    return {
        "version": VERSION,
        "tool": {"name": "parity-eval", "version": summary.tool_version},
        "study": {
            "name": summary.name,
            "hash": summary.study_hash,
            "log_fingerprint": summary.log_fingerprint,
            "seed": summary.seed,
            "alpha": summary.alpha,
            "family": summary.family,
            "target": summary.target,
            "unit": summary.unit,
            "design": summary.design,
            "statement": summary.family_statement,
            "state": summary.state,
            **({"masked": _masked(summary)} if summary.masked else {}),
        },
        "baseline": _model(study.baseline.spec),
        "newest_response": _stamp(newest, days=0),
        "valid_until": _stamp(newest, days=VALID_DAYS),
        "routes": [_route(task, specs.get(task.name), study) for task in summary.tasks],
    }


def _masked(summary: RunSummary) -> dict[str, Any]:
    return {
        "lines": summary.n_masked,
        "places": dict(summary.masked),
        "note": "requests were replayed with placeholders in these places",
    }


def route_of(task: TaskSummary) -> ArmSummary | None:
    """Return the arm that a task is routed to, if any."""
    return next((arm for arm in task.arms if arm.is_route), None)


def may_route(arm: ArmSummary) -> bool:
    """Whether an arm is certified, not blocked, and not known to cost as much as the baseline."""
    saving = arm.money.saving_share
    return (
        arm.decision.status is Status.CERTIFIED
        and arm.blocked_by is None
        and (saving is None or saving > 0)
    )


def _route(task: TaskSummary, spec: TaskSpec | None, study: Study) -> dict[str, Any]:
    chosen = route_of(task)
    by_name = {model.name: model for model in study.candidates}
    rule_hash = _rule_hash(task, spec, study)
    base: dict[str, Any] = {
        "task": task.name,
        "match": dict(spec.match) if spec and spec.match else {"task": escape(task.name)},
        "kind": task.kind,
        "statement": task.statement,
        "fallback": {**_model(study.baseline.spec), "on": list(FALLBACK_ON)},
        "arms": [_arm(arm, task, rule_hash) for arm in task.arms],
    }
    if chosen is None:
        return {**base, "model": _model(study.baseline.spec), "certified": False, "why": _why(task)}
    return {
        **base,
        "model": _model(by_name[chosen.decision.arm.candidate]),
        "certified": True,
        "why": chosen.decision.reason,
    }


def _why(task: TaskSummary) -> str:
    if task.why_not_measurable:
        return f"not measurable: {task.why_not_measurable}"
    blocked = [a for a in task.arms if a.decision.status is Status.CERTIFIED and a.blocked_by]
    if blocked:
        return (
            f"{blocked[0].decision.arm.candidate} is certified, but fails on request "
            f"{blocked[0].blocked_by}, which is more than 1% of the traffic; acknowledge it to "
            "route"
        )
    certified = [a for a in task.arms if a.decision.status is Status.CERTIFIED]
    if certified:
        return f"{certified[0].decision.arm.candidate} is certified, but saves nothing"
    parts = [f"{a.decision.arm.candidate}: {a.decision.status.value}" for a in task.arms]
    return "no certificate (" + ", ".join(parts) + ")"


def _rule_hash(task: TaskSummary, spec: TaskSpec | None, study: Study) -> str:
    """Return the digest of all that makes a verdict of two answers."""
    judge = study.judge
    return codec.digest(
        {
            "kind": task.kind,
            "rule": task.rule,
            "configured": spec and [spec.rule, spec.scorers, spec.schema],
            "judge": judge and [judge.spec.name, judge.spec.model, judge.rubric, judge.orders],
        }
    )


def _arm(arm: ArmSummary, task: TaskSummary, rule_hash: str) -> dict[str, Any]:
    decision = arm.decision
    return {
        "candidate": decision.arm.candidate,
        "decision": decision.status.value,
        "reason": decision.reason,
        "evidence": {
            "estimand": task.estimand.name,
            "null": task.estimand.null,
            "margin": task.estimand.margin,
            "n": decision.n,
            "mean": decision.mean,
            "mean_by_traffic": arm.mean_by_traffic,
            "lower": decision.low,
            "upper": decision.high,
            "level": decision.level,
            "log_e": decision.log_e,
            "log_e_needed": decision.log_e_needed,
            "p_value": decision.p_value,
            "rule": task.rule,
            "rule_hash": rule_hash,
            "order_hash": task.order_hash,
            "labels_used": arm.labels_used,
            "gates": [_gate(gate, task) for gate in decision.gates],
            "must_pass": list(task.must_pass),
        },
        "economics": {
            "baseline_usd_per_1k": arm.money.baseline_usd_per_1k,
            "candidate_usd_per_1k": arm.money.candidate_usd_per_1k,
            "saving_share": arm.money.saving_share,
        },
        "qualifications": list(arm.qualifications),
        "blocked_by": arm.blocked_by,
    }


def _gate(gate: GateDecision, task: TaskSummary) -> dict[str, Any]:
    return {
        "name": gate.name,
        "statement": task.gates.get(gate.name, ""),
        "null": gate.null,
        "n": gate.n,
        "mean": gate.mean,
        "lower": gate.low,
        "upper": gate.high,
        "log_e": gate.log_e,
        "passed": gate.is_passed,
    }


def _model(spec: ModelSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "model": spec.model,
        "api_base": spec.api_base,
        "params": dict(spec.params),
        "prompt": None if spec.prompt is None else codec.builtins(spec.prompt),
        "price": _price(spec.price),
    }


def _price(price: Price | None) -> Mapping[str, float | None] | None:
    if price is None:
        return None
    return {"input": price.input, "output": price.output, "cached_input": price.cached_input}


def _stamp(newest: str | None, *, days: int) -> str | None:
    when = parse_time(newest) if newest else None
    if when is None or when.year > _LAST_YEAR:
        return None
    return (when + timedelta(days=days)).strftime(_UTC)


def parse_time(text: str) -> datetime | None:
    """Read an ISO 8601 time; one without a zone is UTC. None where it is not one."""
    try:
        when = datetime.fromisoformat(text)
        return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def utc(seconds: float) -> str:
    """Return a Unix time as UTC, ISO 8601."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime(_UTC)
