"""The places that can run a pipeline definition.

What comes in: a `Graph` read from a definition, and the values of its parameters. What goes out: an execution, with the
service's own words for its steps. `local` runs it on this machine, `sagemaker` and `stepfunctions` have AWS run what is
deployed there; what these two share is in `aws`.
"""
