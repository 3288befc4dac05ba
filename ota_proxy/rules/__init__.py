"""The rules: pure functions from facts to findings, one module a stage, one catalogue behind every door."""
