"""What stands around pipelines, as one CloudFormation template.

In: a project and what its pipelines use. Out: plain data, which `stacks/` deploys; nothing here asks AWS. One file per
subject; `stack.py` calls them in order.
"""
