"""The picture: a `Graph` comes in, a Mermaid flowchart goes out (GitHub, GitLab and most editors draw it).

Steps are boxes with their name and type, conditions are diamonds, Fail steps have their own shape and colour. A solid
arrow is data, a dotted one is order only, a labelled one leads into a branch. Same graph, same text.
"""

from __future__ import annotations

from dagwright.definition.graph import Edge, Graph, Step

#: Characters that mean something in a Mermaid label, as the entities it shows them by.
_ENTITIES = str.maketrans(
    {'"': "#quot;", "#": "#35;", "&": "#amp;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\n": " ", "\r": " "}
)
_SHAPES = {"Condition": ("{", "}"), "Fail": ("([", "])")}
_FAIL_STYLE = "classDef fail fill:#fde7e7,stroke:#b3261e,color:#000"


def mermaid(graph: Graph, direction: str = "TD") -> str:
    """The flowchart's text, ending in a line break. `direction` is Mermaid's: TD (top down) or LR (left to right)."""
    ids = {name: f"s{number}" for number, name in enumerate(graph.steps, start=1)}
    lines = [f"flowchart {direction}"]
    lines.extend(f"    {ids[name]}{_box(step)}" for name, step in graph.steps.items())
    lines.extend(
        f"    {ids[edge.source]} {_arrow(edge)} {ids[edge.target]}" for edge in graph.edges() if _shown(edge, graph)
    )
    fails = [ids[name] for name, step in graph.steps.items() if step.type == "Fail"]
    if fails:
        lines.extend([f"    {_FAIL_STYLE}", f"    class {','.join(fails)} fail"])
    return "\n".join(lines) + "\n"


def _box(step: Step) -> str:
    left, right = _SHAPES.get(step.type, ("[", "]"))
    return f'{left}"{step.name.translate(_ENTITIES)}<br/>{step.type.translate(_ENTITIES)}"{right}'


def _arrow(edge: Edge) -> str:
    line = "-.->" if edge.kind == "order" else "-->"
    return f'{line}|"{edge.label.translate(_ENTITIES)}"|' if edge.label else line


def _shown(edge: Edge, graph: Graph) -> bool:
    """A branch edge is left out where another step of the same branch already leads to its target."""
    if edge.kind != "branch":
        return True
    target = graph.steps[edge.target]
    before = (graph.steps[name] for name in graph.predecessors[edge.target])
    return not any((step.condition, step.branch) == (target.condition, target.branch) for step in before)
