"""What is to be said beside the template, since nothing in it shows it: a site comes in, sentences go out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagwright.infra import dead_man

if TYPE_CHECKING:
    from dagwright.infra.site import Site


def notes_of(site: Site) -> list[str]:
    """For `render --target infra` and `infra plan` to print; none if all goes without saying."""
    return [*_on_encryption(site), *dead_man.notes_of(site)]


def _on_encryption(site: Site) -> list[str]:
    if site.key is None:
        what = "the alerts' topic is not encrypted with a key"
        return [f"{what}: `keys` names none by its ARN or id, and EventBridge cannot use the one that SNS has"]
    if site.infra.makes("keys"):
        return []
    what = "encrypts topic, queues and logs: its policy has to let events, cloudwatch and logs of AWS use it"
    return [f"{site.key} {what} (docs/alerts.md)"]
