"""Files as damaged or hostile as can be: each ends in a clear error or in a right result, in bounded time and memory.

`mutants` is the toolbox: damage by a seed, and the bounds. Each test module makes mutants of one kind of file, half of
them by chance, half by structure (wrong numbers in valid places, packed again with valid checksums), and counts them.
"""
