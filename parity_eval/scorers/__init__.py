"""Scorers by name. A new one is a file here, a line in this table, its tests and its docs."""

SCORERS: dict[str, str] = {
    "embedding": "parity_eval.scorers.embedding:Embedding",
    "exact": "parity_eval.scorers.exact:Exact",
    "judge": "parity_eval.scorers.judge:Judge",
    "rating": "parity_eval.scorers.rating:Rating",
    "recorded_judge": "parity_eval.scorers.recorded_judge:RecordedJudge",
    "schema": "parity_eval.scorers.schema:Schema",
}
