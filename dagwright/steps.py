"""What every step has: a name, what it waits for, its envelope; and what every step that starts a job has besides.

A step is a declaration: writing it checks what can be known at that line, and emitting it changes nothing in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypedDict

from dagwright.arguments import count, literal, mapping, of_kind, optional_text, sequence, text_list, texts
from dagwright.keywords import Declared
from dagwright.refusals import Findings, caller, item_name, refuse
from dagwright.retry import RetryPolicy, SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy, StepRetryPolicy
from dagwright.settings import JobSettings
from dagwright.variables import Number, PipelineVariable, Text

if TYPE_CHECKING:
    from dagwright.emit import Emission
    from dagwright.properties import OutputProperties, Properties

_DURATION = re.compile(r"P(?!$)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?)?")


class StepOptions(TypedDict, total=False):
    """What every step takes."""

    depends_on: Sequence[Step | str] | None
    display_name: str | None
    description: str | None
    members: Mapping[str, Any] | None


class JobOptions(StepOptions, total=False):
    """What every step that starts a job takes; what is left out comes from the pipeline's project."""

    role: Text | None
    instance_type: Text | None
    instance_count: Number | None
    volume_size_in_gb: Number | None
    max_runtime_in_seconds: Number | None
    subnets: Sequence[Text] | None
    security_group_ids: Sequence[Text] | None
    enable_network_isolation: bool | PipelineVariable | None
    encrypt_inter_container_traffic: bool | PipelineVariable | None
    volume_kms_key: Text | None
    output_kms_key: Text | None
    tags: Mapping[str, Text] | None
    cache_config: CacheConfig | None
    retry_policies: Sequence[RetryPolicy] | None
    overrides: Mapping[str, Any] | None


class CacheConfig:
    """Whether an equal earlier run may stand in for this step, and how old it may be (ISO 8601: `P30D`, `PT1H`)."""

    __slots__ = ("enable_caching", "expire_after")

    def __init__(self, enable_caching: bool = False, expire_after: str | None = None) -> None:
        found = Findings()
        if expire_after is not None and not (isinstance(expire_after, str) and _DURATION.fullmatch(expire_after)):
            hint = _right_duration(expire_after) if isinstance(expire_after, str) else "it is written out: P30D"
            what = f"{expire_after!r} is not an ISO 8601 duration"
            found.add("bad-duration", what, hint, "CacheConfig.ExpireAfter")
        of_kind(enable_caching, bool, "True or False", "CacheConfig.Enabled", found)
        found.raise_any()
        self.enable_caching = enable_caching
        self.expire_after = expire_after

    def expression(self) -> dict[str, Any]:
        """The JSON of the setting."""
        return present({"Enabled": self.enable_caching, "ExpireAfter": self.expire_after})


def _right_duration(wrong: str) -> str:
    """The duration that was probably meant, as a hint: `30d` is `P30D`, `T12H` is `PT12H`."""
    letters = wrong.upper().strip()
    days, _, clock = letters.lstrip("P").partition("T")
    if "H" in days and not clock:
        at = re.search(r"\d+H", days)
        days, clock = (days[: at.start()], days[at.start() :]) if at else (days, clock)
    right = f"P{days}T{clock}" if clock else f"P{days}"
    return f"write '{right}'" if _DURATION.fullmatch(right) else "such as 'P30D' for 30 days or 'PT12H' for 12 hours"


class Step(metaclass=Declared):
    """The base of all steps. A constructor notes what is wrong in `found`; all of it is raised when it is done.

    `members` stand beside `Arguments` in the definition as they are, in the place of any that the step has itself.
    """

    type: ClassVar[str]
    found: Findings

    def __init__(
        self,
        name: str,
        *,
        depends_on: Sequence[Step | str] | None = (),
        display_name: str | None = None,
        description: str | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = self.found.step = item_name("step", name, self.found)
        self.place = caller()
        self.display_name = literal(display_name, "DisplayName", self.found)
        self.description = literal(description, "Description", self.found)
        self._depends_on = [*_steps_or_names(depends_on, self.found)]
        self.members = mapping(members, "members", self.found)
        for member in ("Name", "Type"):
            if member in self.members:
                self.found.add("bad-members", f"{member} is what the step is", "leave it out of the members", member)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def depends_on(self) -> tuple[Step | str, ...]:
        """What this step waits for on top of what it reads from."""
        return tuple(self._depends_on)

    def add_depends_on(self, steps: Sequence[Step | str]) -> None:
        """Wait for these steps too, given themselves or by name."""
        found = Findings(self.name)
        self._depends_on.extend(_steps_or_names(steps, found))
        found.raise_any()

    @property
    def properties(self) -> Properties | OutputProperties:
        """What the step will have to say once it has run."""
        self.refuse("no-properties", f"a {self.type} step has no properties", field="properties")

    @property
    def children(self) -> tuple[Step, ...]:
        """The steps inside this one's branches."""
        return ()

    def arguments(self, emission: Emission) -> Mapping[str, Any] | None:
        """AWS's request, in which values are still Python objects; problems go to `emission`."""
        raise NotImplementedError

    def siblings(self) -> dict[str, Any]:
        """What stands beside `Arguments` in the definition."""
        return {}

    def entry(self, emission: Emission) -> dict[str, Any]:
        """The step as it stands in a definition; values are still Python objects, problems go to `emission`."""
        names = dict.fromkeys(one if isinstance(one, str) else one.name for one in self.depends_on)
        own = {
            "Name": self.name,
            "Type": self.type,
            "Description": self.description,
            "DisplayName": self.display_name,
            "DependsOn": [*names] or None,
            "Arguments": self.arguments(emission),
        }
        return {**present(own), **self.siblings(), **self.members}

    def refuse(self, code: str, what: str, hint: str = "", field: str = "") -> NoReturn:
        """Raise a DefinitionError about this step."""
        refuse(code, what, hint, self.name, field)


def _steps_or_names(steps: Sequence[Step | str] | None, found: Findings) -> tuple[Step | str, ...]:
    return sequence(steps, (Step, str), "a step or the name of one", "DependsOn", found)


class JobStep(Step):
    """The base of the steps that make SageMaker do something.

    `overrides` is merged into the request last, member by member: a way to anything that has no argument here. A
    member that is None is taken out.
    """

    setting_names: ClassVar[frozenset[str]] = frozenset(JobSettings.__dataclass_fields__)
    kind: ClassVar[str]
    takes: ClassVar[frozenset[str]]
    needs: ClassVar[tuple[str, ...]]
    cacheable: ClassVar[bool] = True
    retries: ClassVar[tuple[type[RetryPolicy], ...]] = (StepRetryPolicy, SageMakerJobStepRetryPolicy)

    def __init__(
        self,
        name: str,
        *,
        cache_config: CacheConfig | None = None,
        retry_policies: Sequence[RetryPolicy] | None = (),
        overrides: Mapping[str, Any] | None = None,
        depends_on: Sequence[Step | str] | None = (),
        display_name: str | None = None,
        description: str | None = None,
        members: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(
            name, depends_on=depends_on, display_name=display_name, description=description, members=members
        )
        self.settings = self._checked_settings(JobSettings(**settings))
        self.cache_config = cache_config
        self.retry_policies = sequence(retry_policies, RetryPolicy, "a retry policy", "RetryPolicies", self.found)
        self.overrides = mapping(overrides, "overrides", self.found)
        self._check_policies()

    def _checked_settings(self, said: JobSettings) -> JobSettings:
        for name in sorted(said.said - self.takes):
            self.found.add("no-such-setting", f"a {self.type} step has no {name}", "leave it out", name)
        for name in ("instance_count", "volume_size_in_gb", "max_runtime_in_seconds"):
            count(getattr(said, name), name, self.found)
        for name in ("role", "instance_type", "volume_kms_key", "output_kms_key"):
            optional_text(getattr(said, name), name, self.found)
        for name in ("enable_network_isolation", "encrypt_inter_container_traffic"):
            of_kind(getattr(said, name), bool | PipelineVariable | None, "True or False", name, self.found)
        for name in ("subnets", "security_group_ids"):
            text_list(getattr(said, name), name, self.found)
        return replace(said, tags=texts(said.tags, "tags", self.found))

    def _check_policies(self) -> None:
        of_kind(self.cache_config, CacheConfig | None, "a CacheConfig", "CacheConfig", self.found)
        if self.cache_config is not None and not self.cacheable:
            self.found.add("not-cacheable", f"a {self.type} step is never cached", "leave it out", "CacheConfig")
        for policy in self.retry_policies:
            if not isinstance(policy, self.retries):
                allowed = " or ".join(kind.__name__ for kind in self.retries)
                what = f"{type(policy).__name__} does not apply to a {self.type} step"
                self.found.add("bad-retry-policy", what, f"use {allowed}", "RetryPolicies")
            elif self.type == "Tuning" and SageMakerJobExceptionTypeEnum.INTERNAL_ERROR in policy.exception_types:
                what = "a Tuning step is never tried again after JOB_INTERNAL_ERROR"
                self.found.add("bad-retry-policy", what, "leave INTERNAL_ERROR out", "RetryPolicies")

    def request(self, settings: JobSettings, emission: Emission) -> dict[str, Any]:
        """AWS's request with the project's values filled in; members that are None are left out."""
        raise NotImplementedError

    def arguments(self, emission: Emission) -> dict[str, Any]:
        return merged(self.request(emission.settings(self), emission), self.overrides)

    def siblings(self) -> dict[str, Any]:
        return present({"CacheConfig": self.cache_config, "RetryPolicies": self.retry_policies or None})


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def merged(request: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`request` with `overrides` laid over it, object by object; None takes a member out, a list replaces a list.

    What stands for an object, such as ModelMetrics, is merged into as well; a variable is one value and is replaced.
    """
    whole = dict(request)
    work: list[tuple[dict[str, Any], Mapping[str, Any]]] = [(whole, overrides)]
    while work:
        target, source = work.pop()
        for name, value in source.items():
            members = _members(value)
            if members is not None:
                target[name] = dict(_members(target.get(name)) or {})
                work.append((target[name], members))
            elif value is None:
                target.pop(name, None)
            else:
                target[name] = value
    return whole


def _members(value: object) -> Mapping[str, Any] | None:
    """The members of what is, or stands for, an object; None for anything else."""
    if hasattr(type(value), "expression") and not isinstance(value, PipelineVariable):
        value = value.expression()  # type: ignore[attr-defined]
    return value if isinstance(value, Mapping) else None
