"""What a census says, in words: the same in the terminal and on the page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from parity_eval import figures
from parity_eval.census import Census, ModelCensus, Named, People, Reason, TaskCensus, Volume

_MOST_NAMES = 8
_MOST_FORMATS = 5
_NAME = 60
_K, _M, _G = 1e4, 1e6, 1e9
_ORIGINS = {
    "log": "named by the log",
    "templates": "found by what their requests have in common",
    "nothing": "nothing parts the requests",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line of a census."""

    label: str
    text: str
    is_warning: bool = False


def headline(census: Census) -> str:
    """Say how much there is, and from when."""
    n = figures.counted(census.n_requests, "request")
    if census.first_timestamp is None:
        return f"{n}, without dates"
    return f"{n}, {figures.span(census.first_timestamp, census.last_timestamp)}"


def formats(census: Census) -> str:
    """Say which formats the files are of."""
    found: dict[str, int] = {}
    for file in census.files:
        name = f"{file.title} ({file.format})"
        found[name] = found.get(name, 0) + 1
    if census.n_files == 1:
        return next(iter(found), "no rows")
    shown = [f"{name}: {n}" for name, n in list(found.items())[:_MOST_FORMATS]]
    shown += ["others"] if len(found) > _MOST_FORMATS else []
    shown += [f"empty: {census.n_empty_files}"] if census.n_empty_files else []
    return f"{figures.counted(census.n_files, 'file')}: {'; '.join(shown)}"


def facts(census: Census) -> tuple[Fact, ...]:
    """Return what there is to say of a log as a whole, beside models and tasks."""
    return tuple(_facts(census))


def _facts(census: Census) -> Iterator[Fact]:
    n = census.n_requests
    yield Fact(label="tasks", text=_tasks(census))
    share = f"{census.n_replayable:,} of {n:,} ({_percent(census.n_replayable, n)})"
    yield Fact(
        label="replayable",
        text=f"{share} can be sent again as they were",
        is_warning=census.n_replayable < n,
    )
    for reason in census.not_replayable:
        yield Fact(label="", text=_reason(reason), is_warning=True)
    answered = f"{census.n_answers:,} of these have an answer to compare with"
    yield Fact(label="answers", text=answered, is_warning=census.n_answers < census.n_replayable)
    for reason in census.no_answers:
        yield Fact(label="", text=_reason(reason), is_warning=True)
    yield Fact(label="duplicates", text=_duplicates(census))
    yield Fact(label="spend", text=_spend(census))
    if census.people is not None:
        yield Fact(label="users", text=_people(census.people))
    yield Fact(label="schemas", text=_named(census.schemas) or "none asked for")
    yield Fact(label="tools", text=_named(census.tools) or "none offered")
    if census.n_searched:
        yield _found(census)


def _duplicates(census: Census) -> str:
    if census.n_distinct >= census.n_requests:
        how_many = "hardly any" if census.is_distinct_estimated else "no"
        return f"{how_many} request asks what another asks"
    about = "about " if census.is_distinct_estimated else ""
    n_more = max(0, census.n_requests - census.n_distinct)
    verb = "asks" if n_more == 1 else "ask"
    return (
        f"{about}{n_more:,} {verb} what another request asks: {about}{census.n_distinct:,} "
        f"distinct ones, the commonest {census.most_repeated:,} times"
    )


def _spend(census: Census) -> str:
    volume = census.volume
    parts = [f"{spend(volume)} at the prices of litellm's table"]
    if volume.known_usd is None:
        parts = ["unknown: no tokens at a known price"]
    if volume.n_unpriced and volume.known_usd is not None:
        parts.append(f"without {figures.counted(volume.n_unpriced, 'request')} of unknown price")
    if volume.n_estimated:
        parts.append(f"tokens of {figures.counted(volume.n_estimated, 'request')} by their length")
    if census.n_cache_hits:
        parts.append(f"{census.n_cache_hits:,} answered from a cache, at no cost")
    if volume.logged_usd is not None:
        parts.append(
            f"the log itself says {figures.usd(volume.logged_usd)} for "
            f"{figures.counted(volume.n_logged_usd, 'request')}"
        )
    return "; ".join(parts)


def _tasks(census: Census) -> str:
    parts = [f"{len(census.tasks):,}, {_ORIGINS[census.tasks_from]}"]
    shares = census.top_tasks_share
    if len(shares) > 1:
        parts.append(f"the largest has {_share(shares[0])} of the spend")
    if len(shares) > 3:  # noqa: PLR2004 - three of four or more
        parts.append(f"the largest three {_share(shares[2])}")
    if any(task.is_estimated for task in census.tasks):
        parts.append("sizes with ~ are estimated from a sample")
    return "; ".join(parts)


def _people(people: People) -> str:
    about = "about " if people.is_estimated else ""
    if not people.n_users:
        return f"unknown; {about}{figures.counted(people.n_sessions, 'session')}"
    parts = [f"{about}{people.n_users:,}"]
    if people.top_tenth_share is not None and people.n_users > 1:
        parts.append(f"the top 10% have {_share(people.top_tenth_share)} of the {people.measure}")
    if people.sessions_per_user is not None:
        parts.append(
            f"{about}{figures.counted(people.n_sessions, 'session')}, "
            f"{people.sessions_per_user:.1f} per user"
        )
    return "; ".join(parts)


def _found(census: Census) -> Fact:
    if not census.found:
        n = figures.counted(census.n_searched, "request")
        return Fact(label="privacy", text=f"no secrets or personal data found in {n}")
    return Fact(label="privacy", text=f"found: {_named(census.found)}", is_warning=True)


def _named(found: Sequence[Named]) -> str:
    shown = [f"{figures.one_line(each.name, _NAME)} ({each.n:,})" for each in found[:_MOST_NAMES]]
    if len(found) > _MOST_NAMES:
        shown.append(f"and {len(found) - _MOST_NAMES:,} more")
    return ", ".join(shown)


def lacks(census: Census) -> tuple[Fact, ...]:
    """Return what the log lacks, each with what that costs."""
    return tuple(
        Fact(
            label=lack.what,
            text=f"{_of(lack.n, lack.of)}: {lack.cost}"
            + (f", about {figures.usd(lack.usd)}" if lack.usd is not None else ""),
        )
        for lack in census.lacks
    )


def _of(n: int, of: int) -> str:
    if of == 1:
        return "lacking"
    return f"lacking in all {of:,}" if n == of else f"lacking in {n:,} of {of:,}"


def unused(census: Census) -> tuple[Fact, ...]:
    """Return the rows that are not used, by reason."""
    return tuple(
        Fact(label=label, text=_reason(reason), is_warning=label == "rejected")
        for label, reasons in (("skipped", census.skipped), ("rejected", census.rejected))
        for reason in reasons
    )


def _reason(reason: Reason) -> str:
    first = figures.one_line(reason.first, 200)
    return f"{reason.n:,}: {figures.one_line(reason.reason)} (first: {first})"


def tasks_title(census: Census) -> str:
    """Say where the tasks come from."""
    return _ORIGINS[census.tasks_from]


def why_task(task: TaskCensus) -> str:
    """Say why these requests are a task, and of its kind."""
    return figures.one_line(f"{task.why_kind}; {task.why}")


def model_name(model: ModelCensus) -> str:
    """Name a model as it was asked for, and who answered where that is another or unknown."""
    asked = figures.one_line(model.asked, _NAME) if model.asked else None
    served = figures.one_line(model.served, _NAME) if model.served else None
    if asked == served:
        return asked or "(not said)"
    return f"{asked or '?'} > {served or '?'}"


def spend(volume: Volume) -> str:
    """Write dollars: `?` where unknown, `~` where estimated, `+` where some is unknown."""
    if volume.known_usd is None:
        return "?" if volume.n_counted + volume.n_estimated else "-"
    about = "~" if volume.n_estimated else ""
    return f"{about}{figures.usd(volume.usd)}{'+' if volume.n_unpriced else ''}"


def logged(volume: Volume) -> str:
    """Write what the log says that it cost."""
    return "-" if volume.logged_usd is None else figures.usd(volume.logged_usd)


def amount(n: int) -> str:
    """Write a count in a narrow column.

    Example:
        >>> amount(9_999), amount(123_456), amount(1_234_567)
        ('9,999', '123k', '1.23M')
    """
    for size, sign in ((_G, "G"), (_M, "M")):
        if n >= size:
            return f"{n / size:.3g}{sign}"
    return f"{n / 1e3:.0f}k" if n >= _K else f"{n:,}"


def task_share(census: Census, task: TaskCensus) -> str:
    """Write a task's share of the spend, or of the requests where no spend is known."""
    total = sum(each.volume.usd for each in census.tasks)
    if total:
        return _share(task.volume.usd / total)
    return _percent(task.volume.n, census.n_requests)


def _share(share: float) -> str:
    """Write a share in whole percent; only what is all or nothing is 100% or 0%."""
    shown = f"{share:.0%}"
    if shown == "0%" and share > 0:
        return "<1%"
    return ">99%" if shown == "100%" and share < 1 else shown


def _percent(n: int, of: int) -> str:
    return _share(n / of) if of else "0%"
