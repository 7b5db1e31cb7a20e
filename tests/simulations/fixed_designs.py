"""The exact chance of a false certificate of the designs with a fixed end."""

from simulations.tables import exact, header, table, write

from parity_eval.stats.fixed_designs import fixed_arm_boundaries, named_design
from parity_eval.stats.planner import operating
from parity_eval.stats.stopping import Stop, Terms

BARS = (0.5, 0.8, 0.9, 0.95, 0.99)
ALPHAS = (0.01, 0.05, 0.1)
BUDGETS = (500, 2_000)
LOOKS = 10
NAMES = {
    "fixed": "one look",
    "budget": "exact budget",
    "obrien_fleming": f"O'Brien-Fleming, {LOOKS} looks",
    "pocock": f"Pocock, {LOOKS} looks",
}


def main() -> None:
    how = (
        "No simulation and no seed: exact recursion over units and failures, at the bar, where "
        "false certificates are most frequent."
    )
    sections = [
        "## Certification only\n\nNo guard on the number of units, and negative stops not obeyed."
        "\n\n" + _sizes(has_negative_stops=False),
        "## With all rules\n\nGuards of 30 units for certificates and 10 for negative stops, which "
        "are obeyed: below the bar at 0.05, and curtailment.\n\n" + _sizes(has_negative_stops=True),
    ]
    title = "False certificates of designs with a fixed end"
    write("fixed_designs", title, how=how, sections=sections)


def _sizes(*, has_negative_stops: bool) -> str:
    rows = []
    for name, shown in NAMES.items():
        for n_max in BUDGETS:
            for bar in BARS:
                sizes = [
                    _size(name, bar, n_max, alpha, has_negative_stops=has_negative_stops)
                    for alpha in ALPHAS
                ]
                rows.append([shown, n_max, bar, *exact(sizes, ALPHAS)])
    return table(header(ALPHAS, "design", "budget", "bar"), rows)


def _size(name: str, bar: float, n_max: int, alpha: float, *, has_negative_stops: bool) -> float:
    design = named_design(name, bar, alpha=alpha, n_max=n_max, looks=LOOKS)
    rules = design.boundaries(curtail=False)
    if has_negative_stops:
        rules = fixed_arm_boundaries(Terms(n_max=n_max, alpha=max(alpha, 0.05)), design)
    (found,) = operating(rules, [bar])
    return found.probability[Stop.CERTIFIED]
