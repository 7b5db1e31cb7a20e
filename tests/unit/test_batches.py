from pathlib import Path

import pytest

from parity_eval.batches import BATCHES, Batch, BatchLog
from parity_eval.errors import InputError
from parity_eval.frames import frame
from parity_eval.records import ModelName

MINI = ModelName("mini")


def batch(name: str, *keys: str, model: ModelName = MINI) -> Batch:
    return Batch(name=name, model=model, keys=keys, at=7)


def test_a_log_that_was_read_again_knows_what_was_sent(tmp_path: Path) -> None:
    log = BatchLog.load(tmp_path)
    log.intend(batch("one", "a", "b"))
    sent = log.submitted("one", "batch_1")
    log.intend(batch("two", "c"))
    again = BatchLog.load(tmp_path)
    assert again.holder(MINI, "a") == again.holder(MINI, "b") == sent
    assert sent == Batch(name="one", model=MINI, keys=("a", "b"), at=7, id="batch_1")
    assert again.holder(MINI, "c") == batch("two", "c")
    assert again.holder(MINI, "d") is None
    assert again.ids() == {"batch_1"}


def test_the_last_batch_that_holds_a_call_counts(tmp_path: Path) -> None:
    log = BatchLog.load(tmp_path)
    log.intend(batch("one", "a", "b"))
    log.intend(batch("two", "b"))
    log.dropped("one", "refused")
    for known in (log, BatchLog.load(tmp_path)):
        assert known.holder(MINI, "a") is None
        assert known.holder(MINI, "b") == batch("two", "b")


def test_models_do_not_share_their_calls() -> None:
    log = BatchLog()
    log.intend(batch("one", "a"))
    assert log.holder(ModelName("other"), "a") is None


def test_a_torn_last_line_is_dropped_and_the_log_goes_on(tmp_path: Path) -> None:
    path = tmp_path / BATCHES
    log = BatchLog.load(tmp_path)
    log.intend(batch("one", "a"))
    log.intend(batch("two", "b"))
    path.write_bytes(path.read_bytes()[:-9])
    again = BatchLog.load(tmp_path)
    assert again.holder(MINI, "b") is None
    again.submitted("one", "batch_1")
    assert BatchLog.load(tmp_path).ids() == {"batch_1"}


def test_damage_before_the_end_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / BATCHES
    log = BatchLog.load(tmp_path)
    for name in ("one", "two", "three"):
        log.intend(batch(name, name))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"two", b"2wo", 1) + lines[2])
    with pytest.raises(InputError, match=f"{BATCHES}:2: damaged"):
        BatchLog.load(tmp_path)


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / BATCHES).write_bytes(frame({"kind": "intent", "version": 2}))
    with pytest.raises(InputError, match="newer version; upgrade"):
        BatchLog.load(tmp_path)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    log = BatchLog(path=tmp_path / "nowhere" / BATCHES)
    with pytest.raises(InputError, match="cannot be written"):
        log.intend(batch("one", "a"))
    assert log.holder(MINI, "a") is None


def test_without_a_folder_nothing_is_written() -> None:
    log = BatchLog()
    log.intend(batch("one", "a"))
    assert log.submitted("one", "batch_1").id == "batch_1"
    assert (log.count("one"), log.count("two")) == (1, 0)
