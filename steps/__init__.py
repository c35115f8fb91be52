"""How each step is declared: what it reads and its settings come in, a configured step goes out.

One function per step. Role, network, keys, sizes, limits and tags come from the project when the pipeline is emitted,
so no step can forget them; a step says only what is its own.
"""
