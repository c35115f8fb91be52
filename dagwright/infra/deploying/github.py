"""GitHub as one who may come in: a site comes in, the identity provider and trust policies go out.

Its workflows bring a token that says which repository they are of and what they run for; nothing is stored there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagwright.infra.policy import Statement, document
from dagwright.infra.template import get_att

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

PROVIDER = "GitHubProvider"
_HOST = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"


def add_provider(template: Template, site: Site) -> None:
    """Add the provider, of which an account has one: in the environment with `infra.platform`."""
    if site.infra.platform:
        properties = {"Url": f"https://{_HOST}", "ClientIdList": [_AUDIENCE], "Tags": site.tags}
        template.add(PROVIDER, "AWS::IAM::OIDCProvider", properties, kept=True)


def provider_arn(site: Site) -> Any:
    """Its ARN, whoever makes it; one of this stack has to be there before the roles that trust it."""
    if site.infra.platform:
        return get_att(PROVIDER, "Arn")
    return f"arn:{site.project.partition}:iam::{site.project.account_id}:oidc-provider/{_HOST}"


def trusted_for(site: Site, event: str) -> dict[str, Any]:
    """Who may assume a role: workflows of the repository that run for `event`, such as `environment:production` or
    `pull_request`, and no other (GitHub, "OpenID Connect reference": the claim `sub`)."""
    condition = {"StringEquals": {f"{_HOST}:aud": _AUDIENCE, f"{_HOST}:sub": f"repo:{site.infra.repository}:{event}"}}
    principal = {"Federated": provider_arn(site)}
    return document([Statement("Assume", ("sts:AssumeRoleWithWebIdentity",), (), condition, principal)])
