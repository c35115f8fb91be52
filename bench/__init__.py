"""`make bench`: what our work costs, beside what bare interpreters cost that do the same, measured in one run.

What comes in: nothing but the machine. What goes out: a table, or with `--json` every figure behind it. Nothing is
timed inside a process: each figure is of a whole one, from its start to its end.

    stopwatch.py    a small program that starts one command, waits for it, and says what it took
    process.py      one command measured by it: seconds, processor seconds, peak memory of its process tree
    machine.py      what the machine is, and whether it is quiet
    definition.py   pipeline definitions of any length, as JSON
    project.py      a project folder with pipelines of any length, written in the vocabulary
    work.py         what is measured: commands, their floors, their goals
    imports.py      which imports a command's start goes to
    table.py        the figures for people
    ecg.py          by itself (`python -m bench.ecg`): rows a second of a script, beside the usual way to write it

Nothing touches the network, and the folder everything is written to is removed at the end.
"""
