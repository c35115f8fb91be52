"""What the engines on AWS share: boto3's clients, what is deployed and whose it is, and executions that are followed.

What comes in: what a project wants there, and one service's way of holding it (`service.Service`). What goes out: a
plan and its execution, executions found by what people call them, and the logs of their jobs. There is no state file:
AWS is read, and what is ours carries our tag.
"""
