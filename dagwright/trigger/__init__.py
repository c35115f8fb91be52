"""The Lambda trigger: an event comes in, inputs are measured, a pipeline or machine is started, its ARN goes out.

`handler.py` runs on AWS with `dagwright/sizing.py` and nothing else of ours; `package.py` makes the zip of the two.
"""
