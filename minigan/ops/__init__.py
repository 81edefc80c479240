"""The op table: every operation with its formula, its kernel and its gradients, by kind."""
