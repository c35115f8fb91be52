"""CloudFormation: what an environment's stack would change, making it so, and what it gave.

In: an `InfraStack` (`wanted.py`), which is a whole template with what belongs to it, and clients of the environment's
Region. Out: a plan (`plan.py`), what was done (`upsert.py`), drift (`drift.py`), and the ids of what is there now
(`found.py`). Nothing here knows what is in the template, or why.
"""
