"""What a notebook in Studio does with the example: run by the SDK's own Python, prints JSON."""

import json

from pipelines.training import get_pipeline

pipeline = get_pipeline()
client = pipeline.sagemaker_session.sagemaker_client
client.create_pipeline(
    PipelineName=pipeline.name,
    PipelineDefinition=pipeline.definition(),
    RoleArn="arn:aws:iam::123456789012:role/any-role",
    ClientRequestToken="0123456789012345678901234567890123",
)
execution = pipeline.start(parameters={"Trees": 50})
try:
    pipeline.upsert(role_arn="arn:aws:iam::123456789012:role/any-role")
except Exception as error:
    refused = str(error)
print(
    json.dumps(
        {
            "name": pipeline.name,
            "definition": pipeline.definition(),
            "kind": [kind.__module__ for kind in type(pipeline).__mro__],
            "shown": repr(pipeline),
            "described": pipeline.describe()["PipelineName"],
            "execution": execution.arn,
            "executions": [
                one["PipelineExecutionArn"] for one in pipeline.list_executions()["PipelineExecutionSummaries"]
            ],
            "parameters": execution.list_parameters()["PipelineParameters"],
            "refused": refused,
        }
    )
)
