"""Amazon SageMaker Pipelines: what is deployed there is compared, changed, started and followed through boto3.

What comes in: a wanted pipeline (its definition and what goes with it), or an execution's name. What goes out: a plan,
or an execution in the service's own words. What this shares with the other engine on AWS is in the folder `aws`.
"""
