"""Answers from batch endpoints: half the price, and an answer within a day."""
