"""What the Tidebox demo log is made of: texts, plan, answers, verdicts, and the planted truth."""
