"""Multi-lead electrocardiograms to four principal components each, divided among eight hosts."""

from __future__ import annotations

from dagwright import ParameterInteger, ParameterString, Pipeline
from dagwright.project import Project
from steps.ecg_pca import collect, ecg_pca


def build(project: Project) -> Pipeline:
    """The pipeline of `project`."""
    signals = ParameterString("Signals", project.raw("ecg"), description="where the CSV of each signal is")
    hosts = ParameterInteger("Hosts", 8, description="instances; each gets its share of the objects")
    components = ParameterInteger("Components", 4, description="principal components to keep of each signal")
    objects = ParameterInteger("Objects", 0, description="how many objects there have to be; 0: not known")
    reduced = ecg_pca(project, signals, hosts, components)
    return Pipeline(
        "ecg-pca",
        description="Multi-lead signals to principal components, on many hosts",
        parameters=[signals, hosts, components, objects],
        steps=[reduced, collect(project, reduced, objects)],
        project=project,
    )
