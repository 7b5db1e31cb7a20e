"""Configuration of the LiteLLM proxy: a model group per task, with the baseline to fall back on."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import yaml

from parity_eval.errors import UsageError
from parity_eval.records import JsonObject

_PREFIX = "parity/"
_HEADER = """\
# LiteLLM proxy configuration, made by parity-eval from the study {name!r}.
# Study {hash}
# Holds until: {until}
#
# Applications send the task's group as the model, e.g. "{example}".
# Certified tasks go to their candidate and fall back to the baseline on an error;
# all others go to the baseline.
#
# Not guaranteed here:
{caveats}
{kept}"""
_KEPT = "# Task {task!r} stays on the baseline: its candidate needs a prompt of its own.\n"


class LiteLLM:
    """Write `litellm.config.yaml` for the stock LiteLLM proxy, without a plug-in."""

    name: ClassVar[str] = "litellm"
    caveats: ClassVar[tuple[str, ...]] = (
        "the answer's format is not checked: an invalid answer does not fall back",
        "a refusal does not fall back",
        "the date until which the certificates hold is not enforced",
        "a request that names no task's group is not routed at all",
        "nothing is added to a prompt: a candidate with a prompt of its own is not routed to",
    )

    def export(self, manifest: JsonObject, deployed: Mapping[str, str]) -> Mapping[str, str]:
        """Return the configuration file.

        Raises:
            UsageError: a model that is only known as a recording and has no deployed id.
        """
        document: Any = manifest
        baseline = _deployment(document["baseline"], deployed)
        groups: list[dict[str, Any]] = [
            {"model_name": f"{_PREFIX}baseline", "litellm_params": baseline}
        ]
        fallbacks: list[dict[str, list[str]]] = []
        for route in document["routes"]:
            group = _PREFIX + route["task"]
            is_routed = route["certified"] and not _needs_prompt(route)
            params = _deployment(route["model"], deployed) if is_routed else baseline
            groups.append({"model_name": group, "litellm_params": params})
            if is_routed:
                fallbacks.append({group: [f"{_PREFIX}baseline"]})
        config = {
            "model_list": groups,
            "router_settings": {
                # A retry on the candidate only delays the fallback; a cooldown would park a group
                # that has a single deployment.
                "num_retries": 0,
                "disable_cooldowns": True,
                "fallbacks": fallbacks,
            },
            "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
        }
        body = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100)
        return {"litellm.config.yaml": _header(document, groups[-1]["model_name"]) + body}


def _needs_prompt(route: Mapping[str, Any]) -> bool:
    """Whether a certificate holds only with a prompt that the proxy cannot add."""
    return route["model"].get("prompt") is not None


def _deployment(model: Mapping[str, Any], deployed: Mapping[str, str]) -> dict[str, Any]:
    name, model_id = model["name"], model["model"]
    chosen = deployed.get(name, model_id)
    if chosen == "recorded":
        raise UsageError(
            f"{name!r} is only known as a recording; say which model it is: "
            f"--model {name}=PROVIDER/MODEL"
        )
    params: dict[str, Any] = {"model": chosen}
    if model["api_base"]:
        params["api_base"] = model["api_base"]
    params["api_key"] = f"os.environ/{_key_name(chosen)}"
    params |= {key: value for key, value in model["params"].items() if key != "drop"}
    return params


def _key_name(model: str) -> str:
    provider = model.split("/", 1)[0] if "/" in model else "openai"
    return re.sub(r"[^A-Z0-9]+", "_", provider.upper()) + "_API_KEY"


def _header(document: Any, example: str) -> str:  # noqa: ANN401 - a JSON document
    text = _HEADER.format(
        name=document["study"]["name"],
        hash=document["study"]["hash"],
        until=document["valid_until"] or "unknown (no response carries a time)",
        example=example,
        caveats="\n".join(f"#   - {caveat}" for caveat in LiteLLM.caveats),
        kept="".join(
            _KEPT.format(task=route["task"])
            for route in document["routes"]
            if route["certified"] and _needs_prompt(route)
        ),
    )
    # Names come from logs: a line break in one must not end the comment.
    return "".join(
        line if line.startswith("#") else f"# {line}" for line in text.splitlines(keepends=True)
    )
