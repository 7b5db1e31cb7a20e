"""Anytime-valid statistics for certifying a cheaper model against a bar.

The package is pure mathematics and can be imported alone: standard library, NumPy and SciPy.

- `nodes`: the bets a test places. `kernel`: the test itself, streamed or in batch.
- `bounds`: confidence sequences, by inverting the same test.
- `stopping`: when one arm is decided. `multiplicity`: when a family is. `routing`: which model each
  task gets.
- `planner`, `log_planner`, `simulated`: what to expect before a cent is spent.
- `paired`, `noise_floor`, `labels`, `clusters`, `finite_log`, `drift`: what it is used for.
- `fixed_designs`, `agreement`: designs with a fixed end, and how far two raters agree.
"""
