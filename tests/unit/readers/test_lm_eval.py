import pytest
from traces import read, rows, text

from parity_eval.logged.graded import recordings
from parity_eval.readers.lm_eval import LmEval
from parity_eval.records import JsonValue, LogEntry, Reject, Skipped
from parity_eval.tasks import field_values

READER = LmEval()
PATH = "out/org__big-1/samples_birds_easy_2026-03-01T09-30-00.123456.jsonl"


def sample(**more: JsonValue) -> dict[str, JsonValue]:
    arguments: JsonValue = {
        "gen_args_0": {
            "arg_0": "Q: Small, red breast?\nA:",
            "arg_1": {"until": ["\n"], "do_sample": False, "temperature": 0.0, "max_gen_toks": 9},
        }
    }
    plain: dict[str, JsonValue] = {
        "doc_id": 7,
        "doc": {"question": "Small, red breast?"},
        "target": "robin",
        "arguments": arguments,
        "resps": [[" robin"]],
        "filtered_resps": ["robin"],
        "filter": "strict-match",
        "metrics": ["exact_match"],
        "doc_hash": "d",
        "prompt_hash": "p",
        "target_hash": "t",
        "exact_match": 1.0,
    }
    return {**plain, **more}


def entry(value: JsonValue, path: str = PATH) -> LogEntry:
    (found,) = READER.read(rows(value, path=path))
    assert isinstance(found, LogEntry), found
    return found


def test_a_sample() -> None:
    found = entry(sample())
    assert found.request.id == "birds_easy:7@org/big-1"
    assert found.request.body == {
        "max_tokens": 9,
        "temperature": 0.0,
        "stop": ["\n"],
        "messages": [{"role": "user", "content": "Q: Small, red breast?\nA:"}],
    }
    assert (found.model, found.task, found.unreplayable) == ("org/big-1", "birds_easy", None)
    assert found.response is not None
    assert (found.response.text, found.response.usage) == (" robin", None)
    assert found.metadata == {
        "doc": {"question": "Small, red breast?"},
        "filter": "strict-match",
        "filtered": "robin",
        "case": "birds_easy:7",
        "score": 1.0,
        "scores": {"exact_match": 1.0},
        "target": "robin",
    }
    assert field_values(found, "metadata.target") == ("robin",)


@pytest.mark.parametrize(
    ("path", "task", "model"),
    [
        ("samples_birds.jsonl", "birds", None),
        ("a/samples_birds_2026-03-01T09-30-00.1.jsonl.gz", "birds", None),
        ("a__b/samples_x_y.jsonl", "x_y", "a/b"),
        ("a__b/other.jsonl", None, "a/b"),
    ],
)
def test_what_only_the_path_says(path: str, task: str | None, model: str | None) -> None:
    found = entry(sample(), path)
    assert (found.task, found.model) == (task, model)


def test_older_files_have_lists_of_arguments_and_no_list_of_metrics() -> None:
    old = sample(arguments=[["Q", {"until": []}]])
    del old["metrics"]
    found = entry(old)
    assert found.request.body == {"messages": [{"role": "user", "content": "Q"}]}
    assert found.metadata["scores"] == {"exact_match": 1.0}


@pytest.mark.parametrize("wrap", [True, False])
def test_a_conversation_is_written_as_text(wrap: bool) -> None:  # noqa: FBT001
    messages: list[JsonValue] = [
        {"role": "system", "content": "Name the bird."},
        {"role": "user", "content": "Small, red breast."},
    ]
    prompt: JsonValue = [text(messages)] if wrap else text(messages)
    found = entry(sample(arguments={"gen_args_0": {"arg_0": prompt, "arg_1": {}}}))
    assert found.request.body["messages"] == messages


def test_a_prompt_in_the_chat_template_of_a_model() -> None:
    prompt = "<|im_start|>user\nSmall, red breast.<|im_end|>\n<|im_start|>assistant\n"
    found = entry(sample(arguments=[[prompt, {}]]))
    assert "chat template" in str(found.unreplayable)


def test_log_likelihoods_are_skipped() -> None:
    choices: JsonValue = [["Q", " robin"], ["Q", " wren"]]
    (found,) = read(READER, sample(arguments=choices, resps=[[[-1.0, True]]]))
    assert isinstance(found, Skipped)


def test_of_several_filters_the_first_counts() -> None:
    again = sample(filter="flexible-extract")
    found = list(READER.read(rows(sample(), sample(doc_id=8), again, path=PATH)))
    assert [type(one) for one in found] == [LogEntry, LogEntry, Skipped]
    other = [*rows(sample(), path=PATH), *rows(again, path="b__c/samples_x.jsonl")]
    assert [type(one) for one in READER.read(other)] == [LogEntry, LogEntry]


def test_folders_of_two_models_have_the_same_cases() -> None:
    found = [
        entry(sample(), PATH),
        entry(sample(resps=[["wren"]]), PATH.replace("big", "mini")),
    ]
    lines = recordings(found, "org/big-1")
    assert [line["id"] for line in lines["org/mini-1"]] == ["birds_easy:7@org/big-1"]


def test_no_prompt_and_no_answer() -> None:
    (found,) = read(READER, sample(arguments={}))
    assert isinstance(found, Reject)
    assert entry(sample(resps=[])).response is None
    assert entry(sample(resps=[[]])).response is None


def test_the_format_is_recognised() -> None:
    assert READER.fit(sample()).score == 1
    assert READER.fit({"doc_id": 1, "target": "x"}).score < 1


@pytest.mark.parametrize("name", sorted(sample()))
@pytest.mark.parametrize("odd", [None, 7, True, "x", [], [1], {}, [[3]], {"a": {"arg_0": 3}}])
def test_odd_fields_never_crash(name: str, odd: JsonValue) -> None:
    assert len(read(READER, {**sample(), name: odd})) == 1
