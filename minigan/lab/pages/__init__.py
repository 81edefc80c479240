"""The pages: each shows and explains what an experiment computed, and computes nothing."""
