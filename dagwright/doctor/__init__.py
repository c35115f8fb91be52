"""`deploy.py doctor`: the checklists of a project, walked.

In: a project, its pipelines as they are built, and AWS as the credentials see it, in a `Ward`; or this machine. Out: a
`Finding` for each thing that was looked at: ok, a warning, a problem, or not seen, and what to do now. All of it reads,
nothing writes. The table of what is looked at is in `checks`, one file each holds a group of them.
"""
