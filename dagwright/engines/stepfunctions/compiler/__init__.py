"""The compiler: a pipeline's graph goes in, a state machine in Amazon States Language goes out (`machine.py`).

In the order of the data:

    values       expressions of the definition, as static JSON or as what a state finds out (`dynamic`)
    tasks        which call does a step's work: its request, retries, timeout, and where its values are (`task_…`,
                 `retries`, `loops`, `timeouts`, `job_names`); what cannot be carried over (`refusals`)
    conditions   what a condition asks, as tests of a Choice state (`comparisons`)
    work         all of this for all steps, and what they read of each other
    structure    the graph as steps one after the other and side by side (`order`, `barriers`)
    flow         how control goes, with guards where something may not have run (`requirements`)
    variables    what is kept, under which name, and handed on from branch to branch
    emission     the states of the flow (`states`, `names`), and of each step (`step_states`, `opening`)
    readback     what others read out of a machine again
"""
