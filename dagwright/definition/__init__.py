"""Pure readings of a SageMaker pipeline definition (the JSON, version 2020-12-01).

What comes in: the definition, as text or as the object it parses to; whoever wrote it. What goes out: a `Graph` of its
steps and parameters, the values of its expressions, the answer of its conditions, typed start values, every problem,
every change, a picture.

    text.py         JSON to the object, and nothing that only Python would take for JSON
    path.py         `a.b['c'][0]`: the keys a property path names, and the value they lead to
    expression.py   Get, Std:Join, Std:JsonGet: what they refer to and what they come to
    declaration.py  one step, one parameter: what each says about itself
    graph.py        the whole: `read_definition`, who waits for whom, in which order
    conditions.py   does a condition step take its if branch?
    parameters.py   the values a run is started with
    slices.py       which steps --from, --to and --only mean
    diff.py         what changes from one definition to another
    validate.py     everything that is wrong with a definition; the rules it asks are in rules/
    draw.py         the graph as a Mermaid flowchart

This is the only room that knows how a reference, a function, a dependency or a branch is spelled. It imports nothing of
ours but the errors and AWS's own model (`dagwright/shapes.py`), and touches neither network nor clock: what an
expression needs from outside comes through `expression.Scope`.
"""
