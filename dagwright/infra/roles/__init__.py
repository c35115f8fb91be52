"""The roles of a project, cut to what its definitions use: a site comes in, roles and policies go into the template.

One role for each who acts, a file each: what runs inside of jobs, the pipelines that create these, state machines,
schedules, triggers, and people. A role that the configuration names is not made; whatever refers to it uses its ARN.

Every ARN is exact but for the following, of which each has its reason:

- `pipelines-*`, `{team}-{project}-*`: jobs and models are named when they start; SageMaker takes the first for what a
  pipeline creates.
- `hyper-parameter-tuning-job/*`, `automl-job/*`: their names have room for 32 characters, so that the service's own
  begin with no word that is known. Likewise actions, artifacts and contexts of the lineage, and jobs of Job steps.
- `*` for actions that are about no resource (Service Authorization Reference): List* of SageMaker and Step Functions,
  `ecr:GetAuthorizationToken`, `logs:*LogDelivery*`, `xray:*`, `logs:GetQueryResults`, `elasticmapreduce:RunJobFlow`.
- `*` for network interfaces: with a filter SageMaker's check of a job fails (developer guide, "SageMaker roles").
- `*` for `cloudwatch:PutMetricData`, which its namespace bounds, and `logs:PutResourcePolicy`, which is the account's.
- `key/*` for keys that are known by an alias: the condition `kms:ResourceAliases` bounds it.
- What a definition itself leaves to the run: `*` in an address, an image, a queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagwright.infra.roles.execution_role import add_execution_role
from dagwright.infra.roles.people import add_people
from dagwright.infra.roles.pipeline_role import add_pipeline_role
from dagwright.infra.roles.scheduler_role import add_scheduler_role
from dagwright.infra.roles.state_machine_role import add_state_machine_role
from dagwright.infra.roles.trigger_role import add_trigger_role

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template


def add_roles(template: Template, site: Site) -> None:
    """Add the roles that the configuration does not name, and the policies of people."""
    add_execution_role(template, site)
    add_pipeline_role(template, site)
    add_state_machine_role(template, site)
    add_scheduler_role(template, site)
    add_trigger_role(template, site)
    add_people(template, site)
