"""The rules of `validate`: a `Graph` comes in, problems go out. None of them ever raises.

    names.py        the top level, names, the keys of parameters and steps
    parameters.py   defaults, allowed values, parameters nobody reads
    siblings.py     what stands beside Arguments: the keys that a type of step needs
    policies.py     caching, retries, and the endings that release a waiting step
    branches.py     conditions inside conditions, and steps that can never run
    comparisons.py  the operands of conditions
    paths.py        steps that only an S3 address links
    requests.py     Arguments against AWS's own model of the request (with requests_*.py and constraints*.py)
    references.py   properties, outputs and variables that do not exist (with references_*.py)
    sizes.py        the lengths and counts that the service takes
    regions.py      the project's Region, and images of another
    protection.py   keys, VPC, time limits, traffic between instances
    isolation.py    containers without a network that need one
    spot.py         Spot without a checkpoint, and where there is none
    models.py       images by tag, approval without a person
    secrets.py      passwords, tokens and keys written into a definition

Two files hold no rule: `jobs.py`, the jobs of a pipeline in one form, and `catalogue.py`, every code with its weight.
"""
