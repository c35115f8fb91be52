"""The picture of a pipeline."""

from __future__ import annotations

from typing import Any

from dagwright.definition.draw import mermaid
from dagwright.definition.graph import read_definition

CHECKED: dict[str, Any] = {
    "Steps": [
        {"Name": "Prepare", "Type": "Processing"},
        {"Name": "Train", "Type": "Training", "DependsOn": ["Prepare"], "Arguments": {"a": {"Get": "Steps.Prepare.X"}}},
        {"Name": "Notify", "Type": "Lambda", "DependsOn": ["Train"]},
        {
            "Name": "Check",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [{"Type": "Equals", "LeftValue": {"Get": "Steps.Train.X"}, "RightValue": 1}],
                "IfSteps": [
                    {"Name": "Register", "Type": "RegisterModel"},
                    {"Name": "Deploy", "Type": "Lambda", "DependsOn": ["Register"]},
                ],
                "ElseSteps": [{"Name": "Stop", "Type": "Fail"}],
            },
        },
    ]
}


def test_a_pipeline_is_drawn() -> None:
    assert mermaid(read_definition(CHECKED)) == (
        "flowchart TD\n"
        '    s1["Prepare<br/>Processing"]\n'
        '    s2["Train<br/>Training"]\n'
        '    s3["Notify<br/>Lambda"]\n'
        '    s4{"Check<br/>Condition"}\n'
        '    s5["Register<br/>RegisterModel"]\n'
        '    s6["Deploy<br/>Lambda"]\n'
        '    s7(["Stop<br/>Fail"])\n'
        "    s1 --> s2\n"
        "    s2 -.-> s3\n"
        "    s2 --> s4\n"
        '    s4 -->|"if"| s5\n'
        "    s5 -.-> s6\n"
        '    s4 -->|"else"| s7\n'
        "    classDef fail fill:#fde7e7,stroke:#b3261e,color:#000\n"
        "    class s7 fail\n"
    )


def test_the_direction_can_be_chosen_and_nothing_is_nothing() -> None:
    assert mermaid(read_definition({"Steps": []}), direction="LR") == "flowchart LR\n"


def test_a_trigger_is_a_label() -> None:
    steps = [{"Name": "A", "Type": "X"}, {"Name": "B", "Type": "X", "DependsOn": [{"Step": "A", "Trigger": "Failed"}]}]
    assert '    s1 -.->|"Failed"| s2\n' in mermaid(read_definition({"Steps": steps}))


def test_any_name_can_be_drawn() -> None:
    name = 'end "x"] --> <b>#1 & `co`\nde'
    text = mermaid(read_definition({"Steps": [{"Name": name, "Type": "Fail|"}]}))
    assert '    s1["end #quot;x#quot;] --#gt; #lt;b#gt;#35;1 #amp; #96;co#96; de<br/>Fail|"]\n' in text


def test_the_same_graph_is_the_same_text() -> None:
    assert mermaid(read_definition(CHECKED)) == mermaid(read_definition(CHECKED))
