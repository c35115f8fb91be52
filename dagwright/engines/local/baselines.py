"""The baselines of a quality, bias or explainability check: which it is compared with, and which it passes on.

What comes in: what a check step says beside its Arguments, and the model registry. What goes out: addresses of files,
by `Constraints` and `Statistics`, and the four properties that later steps read. The rules are the developer guide's
"Baseline calculation, drift detection and lifecycle with ClarifyCheck and QualityCheck steps".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dagwright.definition.expression import evaluate, render
from dagwright.definition.graph import Step
from dagwright.engines.local.publishing import key_below
from dagwright.engines.local.registry import Registry
from dagwright.engines.local.request import member, needed, objects
from dagwright.engines.local.scope import UNKNOWN, RunScope
from dagwright.errors import ExecutionError

FILES: Mapping[str, Mapping[str, str]] = {
    "QualityCheck": {"Constraints": "constraints.json", "Statistics": "statistics.json"},
    "ClarifyCheck": {"Constraints": "analysis.json"},
}
"""What the containers of Model Monitor and Clarify write as a baseline (Amazon's SDK, model_monitor)."""

VIOLATIONS = "constraint_violations.json"
CALCULATED, USED = "CalculatedBaseline", "BaselineUsedForDriftCheck"
PROPERTIES: Mapping[str, tuple[str, ...]] = {
    kind: tuple(f"{which}{part}" for which in (CALCULATED, USED) for part in parts) for kind, parts in FILES.items()
}
"""By type of step, what later steps read of it."""

_REGISTERED: Mapping[str, Mapping[str, str]] = {
    "DATA_QUALITY": {"Constraints": "ModelDataQuality.Constraints", "Statistics": "ModelDataQuality.Statistics"},
    "MODEL_QUALITY": {"Constraints": "ModelQuality.Constraints", "Statistics": "ModelQuality.Statistics"},
    "DATA_BIAS": {"Constraints": "Bias.PreTrainingConstraints"},
    "MODEL_BIAS": {"Constraints": "Bias.PostTrainingConstraints"},
    "MODEL_EXPLAINABILITY": {"Constraints": "Explainability.Constraints"},
}
"""Where DriftCheckBaselines of a model package keeps the baseline of a check."""


@dataclass(frozen=True)
class CheckSettings:
    """What a check step says beside its Arguments: `supplied` are the addresses of its baseline, as far as it has
    one."""

    check_type: str
    skips: bool
    fails: bool
    registers: bool
    group: str
    supplied: Mapping[str, str]

    @property
    def needs_baseline(self) -> bool:
        """Whether a previous baseline must be there (API reference, QualityCheckStepMetadata: SkipCheck,
        RegisterNewBaseline)."""
        return not (self.skips and self.registers)


def settings_of(step: Step, scope: RunScope, read: Callable[[Any, RunScope], Any] = evaluate) -> CheckSettings:
    """Raises ExecutionError for values of no use, EvaluationError for those that are not there; `read` is
    `evaluate_known` before the run."""
    said = {key: read(value, scope) for key, value in step.envelope.items() if key in _SETTINGS}
    check_type = render(said.get("CheckType", ""))
    if check_type not in _REGISTERED:
        raise ExecutionError(f"CheckType must be {' or '.join(_REGISTERED)}, it is {check_type!a:.80}")
    supplied = {part: _text(said.get(f"SuppliedBaseline{part}")) for part in FILES[step.type]}
    return CheckSettings(
        check_type,
        skips=_switch(said, "SkipCheck", False),
        fails=_switch(said, "FailOnViolation", True),
        registers=_switch(said, "RegisterNewBaseline", False),
        group=_text(said.get("ModelPackageGroupName")),
        supplied={part: uri for part, uri in supplied.items() if uri},
    )


_SETTINGS = (
    "CheckType", "SkipCheck", "FailOnViolation", "RegisterNewBaseline", "ModelPackageGroupName",
    "SuppliedBaselineStatistics", "SuppliedBaselineConstraints",
)  # fmt: skip


def _switch(said: Mapping[str, Any], name: str, default: bool) -> bool:
    """True or false, also as the text of a String parameter."""
    value = said.get(name)
    if value is None or value == UNKNOWN:
        return default
    if str(value).lower() not in ("true", "false"):
        raise ExecutionError(f"{name} must be true or false, it is {value!a:.80}")
    return str(value).lower() == "true"


def _text(value: Any) -> str:
    """Templates give parameters without a value the default '' or 'None'."""
    text = "" if value is None else render(value)
    return "" if text == "None" else text


def previous_baseline(settings: CheckSettings, registry: Registry) -> dict[str, str]:
    """The addresses of the baseline before this run: the one supplied, else that of the newest approved version of the
    group. Raises ExecutionError if a baseline has to be there and there is none."""
    found = {**_registered(settings, registry), **settings.supplied}
    if settings.needs_baseline and "Constraints" not in found:
        asks = "SkipCheck" if not settings.skips else "RegisterNewBaseline"
        where = f"no approved version of '{settings.group}' has one" if settings.group else "no group is named"
        raise ExecutionError(
            f"There is no baseline to compare with or to keep, which {asks} false asks for: none is supplied, {where}",
            hint="Supply SuppliedBaselineConstraints, approve a version that was registered with DriftCheckBaselines, "
            "or start a first run with SkipCheck and RegisterNewBaseline true.",
        )
    return found


def _registered(settings: CheckSettings, registry: Registry) -> dict[str, str]:
    package = registry.newest_approved(settings.group) if settings.group else None
    if package is None:
        return {}
    places = _REGISTERED[settings.check_type]
    found = {part: member(package, f"DriftCheckBaselines.{place}.S3Uri", str, "") for part, place in places.items()}
    return {part: uri for part, uri in found.items() if uri}


def output_of(request: Mapping[str, Any]) -> str:
    """The address below which a check's job writes: that of its first output. Raises ExecutionError if it has none."""
    outputs = objects(request, "ProcessingOutputConfig.Outputs")
    if not outputs:
        raise ExecutionError("The check has no output in S3", hint="Give it one under ProcessingOutputConfig.")
    return str(needed(outputs[0], "S3Output.S3Uri", str))


def calculated_baseline(step: Step, request: Mapping[str, Any]) -> dict[str, str]:
    """The addresses of the baseline that the check's job writes."""
    return {part: key_below(output_of(request), name) for part, name in FILES[step.type].items()}


def properties_of(
    settings: CheckSettings, calculated: Mapping[str, str], previous: Mapping[str, str]
) -> dict[str, str]:
    """What later steps read: the calculated baseline, and the one that is kept for the next time."""
    used = calculated if settings.registers else {part: previous[part] for part in calculated if part in previous}
    return {
        **{f"{CALCULATED}{part}": uri for part, uri in calculated.items()},
        **{f"{USED}{part}": uri for part, uri in used.items()},
    }
