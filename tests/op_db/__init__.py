"""PyTorch's own samples of its operations (op_db), run on minigan.

`operations` says which of them minigan has, and where; `samples` turns a sample into a call of minigan; `compare`
runs both and holds values, gradients and second-order gradients to each other; `report` writes docs/op_db.md.
"""
