"""The tags by which dagwright knows what it made on AWS; what they mean is in `engines/aws/ownership.py`.

Nothing comes in. Like errors.py this is a floor that every room may stand on: the stack tags as the engines do.
"""

PROJECT, ENVIRONMENT, PIPELINE = "dagwright:project", "dagwright:environment", "dagwright:pipeline"
