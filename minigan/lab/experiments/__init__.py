"""The experiments: each computes numbers, and draws nothing."""
