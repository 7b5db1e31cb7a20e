"""Requests and results of a batch, which stand in files of their own, to pairs."""

from collections.abc import Callable, Iterable, Iterator

from parity_eval.logged import fields
from parity_eval.records import JsonValue, Reject, Row

_KEY = "custom_id"


def paired(
    rows: Iterable[Row | Reject], *, is_request: Callable[[JsonValue], bool], remedy: str
) -> Iterator[Row | Reject]:
    """Yield each request of a batch with its result, as soon as both are there.

    Kept in memory is only what has no partner yet: where one file is read after the other, the
    first of them. Results stand in any order, and those that failed may be in a third file.

    Args:
        rows: Of all files, in any order; rejects pass through.
        is_request: Tells requests from results.
        remedy: What to do about a result without its request.

    Yields:
        Rows at the place of the request, `{"asked": ..., "given": ...}`, without `given` where no
        file has a result; rejects for results without a request, and for a second of either.
    """
    requests: dict[str, Row] = {}
    results: dict[str, Row] = {}
    answered: set[str] = set()
    for row in rows:
        key = None if isinstance(row, Reject) else fields.text(row.value, _KEY)
        if isinstance(row, Reject) or key is None:
            yield row if isinstance(row, Reject) else _reject(row, f"no `{_KEY}`")
            continue
        is_asked = is_request(row.value)
        mine, others = (requests, results) if is_asked else (results, requests)
        partner = others.pop(key, None)
        if partner is not None:
            answered.add(key)
            yield _pair(row, partner) if is_asked else _pair(partner, row)
        elif key in mine:
            first = f"{mine[key].path}:{mine[key].number}"
            yield _reject(row, f"`{_KEY}` {key!r} is at {first} too; read one batch at a time")
        elif not is_asked and key in answered:
            yield _reject(row, f"a second result for `{_KEY}` {key!r}; the first counts")
        else:
            mine[key] = row
    for row in requests.values():
        yield _pair(row, None)
    for key, row in results.items():
        yield _reject(row, f"no request with `{_KEY}` {key!r}; {remedy}")


def _pair(asked: Row, given: Row | None) -> Row:
    value: dict[str, JsonValue] = {"asked": asked.value}
    if given is not None:
        value["given"] = given.value
    return Row(path=asked.path, number=asked.number, value=value)


def _reject(row: Row, reason: str) -> Reject:
    return Reject(path=row.path, line=row.number, reason=reason)
