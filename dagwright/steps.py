"""What every step has: a name, what it waits for, its envelope; and what every step that starts a job has besides.

A step is a declaration: writing it checks what can be known at that line, and emitting it changes nothing in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypedDict

from dagwright.errors import Problem
from dagwright.refusals import caller, checked_item_name, refusal, refuse, shown
from dagwright.retry import RetryPolicy, SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy, StepRetryPolicy
from dagwright.settings import JobSettings
from dagwright.variables import Number, PipelineVariable, Text, text

if TYPE_CHECKING:
    from dagwright.emit import Emission
    from dagwright.properties import OutputProperties, Properties

_DURATION = re.compile(r"P(?!$)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?)?")


class StepOptions(TypedDict, total=False):
    """What every step takes."""

    depends_on: Sequence[Step | str]
    display_name: str | None
    description: str | None


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
    retry_policies: Sequence[RetryPolicy]
    overrides: Mapping[str, Any] | None


class CacheConfig:
    """Whether an equal earlier run may stand in for this step, and how old it may be (ISO 8601: `P30D`, `PT1H`)."""

    __slots__ = ("enable_caching", "expire_after")

    def __init__(self, enable_caching: bool = False, expire_after: str | None = None) -> None:
        if expire_after is not None and not _DURATION.fullmatch(expire_after):
            hint = _right_duration(expire_after)
            refuse(
                "bad-duration", f"{expire_after!r} is not an ISO 8601 duration", hint, field="CacheConfig.ExpireAfter"
            )
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


class Step:
    """The base of all steps."""

    type: ClassVar[str]

    def __init__(
        self,
        name: str,
        *,
        depends_on: Sequence[Step | str] = (),
        display_name: str | None = None,
        description: str | None = None,
    ) -> None:
        self.name = checked_item_name("step", name)
        self.place = caller()
        self.display_name = display_name
        self.description = description
        self._depends_on: list[Step | str] = []
        self.add_depends_on(depends_on)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def depends_on(self) -> tuple[Step | str, ...]:
        """What this step waits for on top of what it reads from."""
        return tuple(self._depends_on)

    def add_depends_on(self, steps: Sequence[Step | str]) -> None:
        """Wait for these steps too, given themselves or by name."""
        if isinstance(steps, str) or not isinstance(steps, Sequence):
            refuse("bad-depends-on", f"{steps!r} is not a list of steps", "put it in [ ]", self.name, "DependsOn")
        for step in steps:
            if not isinstance(step, Step | str):
                refuse("bad-depends-on", f"{step!r} is neither a step nor a name", "", self.name, "DependsOn")
        self._depends_on.extend(steps)

    @property
    def properties(self) -> Properties | OutputProperties:
        """What the step will have to say once it has run."""
        self.refuse("no-properties", f"a {self.type} step has no properties", field="properties")

    @property
    def children(self) -> tuple[Step, ...]:
        """The steps inside this one's branches."""
        return ()

    def arguments(self, emission: Emission) -> dict[str, Any]:
        """AWS's request, in which values are still Python objects; problems go to `emission`."""
        raise NotImplementedError

    def siblings(self) -> dict[str, Any]:
        """What stands beside `Arguments` in the definition."""
        return {}

    def refuse(self, code: str, what: str, hint: str = "", field: str = "") -> NoReturn:
        """Raise a DefinitionError about this step."""
        refuse(code, what, hint, self.name, field)

    def refuse_all(self, problems: Sequence[tuple[str, str, str, str]]) -> None:
        """Raise one DefinitionError for all (code, what, hint, field), if there are any."""
        where = shown(caller())
        if problems:
            raise refusal(Problem(c, what, hint, step=self.name, field=f, where=where) for c, what, hint, f in problems)


class JobStep(Step):
    """The base of the steps that make SageMaker do something.

    `overrides` is merged into the request last, member by member: a way to anything that has no argument here. A
    member that is None is taken out.
    """

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
        retry_policies: Sequence[RetryPolicy] = (),
        overrides: Mapping[str, Any] | None = None,
        depends_on: Sequence[Step | str] = (),
        display_name: str | None = None,
        description: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(name, depends_on=depends_on, display_name=display_name, description=description)
        self.settings = JobSettings(**settings)
        self.cache_config = cache_config
        self.retry_policies = tuple(retry_policies)
        self.overrides = overrides or {}
        self.refuse_all([*self._setting_problems(), *self._policy_problems()])

    def _setting_problems(self) -> list[tuple[str, str, str, str]]:
        unused = sorted(self.settings.said - self.takes)
        found = [("no-such-setting", f"a {self.type} step has no {name}", "leave it out", name) for name in unused]
        for name in ("instance_count", "volume_size_in_gb", "max_runtime_in_seconds"):
            what = not_a_number(getattr(self.settings, name))
            if what:
                found.append(("bad-number", what, "a whole number or a ParameterInteger", name))
        return found

    def _policy_problems(self) -> list[tuple[str, str, str, str]]:
        found = []
        if self.cache_config is not None and not self.cacheable:
            found.append(("not-cacheable", f"a {self.type} step is never cached", "leave it out", "CacheConfig"))
        for policy in self.retry_policies:
            if not isinstance(policy, self.retries):
                allowed = " or ".join(kind.__name__ for kind in self.retries)
                what = f"{type(policy).__name__} does not apply to a {self.type} step"
                found.append(("bad-retry-policy", what, f"use {allowed}", "RetryPolicies"))
            elif self.type == "Tuning" and SageMakerJobExceptionTypeEnum.INTERNAL_ERROR in policy.exception_types:
                what = "a Tuning step is never tried again after JOB_INTERNAL_ERROR"
                found.append(("bad-retry-policy", what, "leave INTERNAL_ERROR out", "RetryPolicies"))
        return found

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
    """`request` with `overrides` laid over it, object by object; None takes a member out, a list replaces a list."""
    whole = dict(request)
    work: list[tuple[dict[str, Any], Mapping[str, Any]]] = [(whole, overrides)]
    while work:
        target, source = work.pop()
        for name, value in source.items():
            if isinstance(value, Mapping) and isinstance(target.get(name), Mapping):
                target[name] = dict(target[name])
                work.append((target[name], value))
            elif value is None:
                target.pop(name, None)
            else:
                target[name] = value
    return whole


def not_a_number(value: object) -> str:
    """What is wrong with a value for a field that counts; "" if nothing is."""
    from dagwright.functions import ExecutionVariable, Join
    from dagwright.parameters import Parameter, ParameterInteger

    if isinstance(value, Parameter) and not isinstance(value, ParameterInteger):
        return f"the parameter {value.name} is {value.type}, and this is a count"
    if isinstance(value, Join | ExecutionVariable):
        return f"{value!r} is text, and this is a count"
    if isinstance(value, PipelineVariable) or value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int):
        return f"{value!r} is not a whole number"
    return "" if value >= 0 else f"{value} is negative"


def texts(values: Mapping[str, object] | None, field: str, step: str) -> dict[str, Text] | None:
    """A map of texts, such as an environment; None for an empty one."""
    if not values:
        return None
    return {str(name): text(value, f"{field}['{name}']", step) for name, value in values.items()}


def text_list(values: Sequence[object] | None, field: str, step: str) -> list[Text] | None:
    """A list of texts, such as a program's arguments; None for an empty one."""
    if isinstance(values, str | PipelineVariable):
        refuse("bad-value", f"{values!r} is not a list", "put it in [ ]", step, field)
    if not values:
        return None
    return [text(value, f"{field}[{index}]", step) for index, value in enumerate(values)]
