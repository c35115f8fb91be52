"""Processing steps that submit a Spark application: a Python file or a jar and what it depends on come in.

What comes out is the request that SageMaker's Spark images understand: `smspark-submit` with its options, and an input
for everything that it reads. Files of this machine travel under the hash of their content.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

from dagwright.arguments import as_text, mapping, of_kind, optional_text, required_text, s3_address, sequence
from dagwright.errors import did_you_mean
from dagwright.processing import ProcessingInput, ProcessingOutput, ProcessingStep, PropertyFile
from dagwright.refusals import Findings
from dagwright.settings import JobSettings
from dagwright.variables import PipelineVariable, Text

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagwright.emit import Emission
    from dagwright.steps import JobOptions

_INPUT = "/opt/ml/processing/input"
_EVENTS_FOLDER = "/opt/ml/processing/spark-events/"
_EVENTS = "spark-events"
_CONF = "conf"
_EMR = "docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-configure-apps.html"
# Which files each option takes; None for any. In the order in which the SDK writes the options.
_SUFFIXES: Mapping[str, tuple[str, ...] | None] = {
    "py-files": (".py", ".zip", ".egg"),
    "jars": (".jar",),
    "files": None,
}
# What the program of the image writes a file for: the table in smspark/config.py of aws/sagemaker-spark-container.
_CLASSIFICATIONS = (
    "core-site", "hadoop-env", "hadoop-log4j", "hive-env", "hive-log4j", "hive-exec-log4j", "hive-site",
    "spark-defaults", "spark-env", "spark-log4j", "spark-hive-site", "spark-metrics", "yarn-env", "yarn-site",
)  # fmt: skip
_OWN_PROGRAM = "the image's smspark-submit is started; ProcessingStep is for an image with another program"
_MEMBERS = ("Classification", "Properties", "Configurations")


class SparkStep(ProcessingStep):
    """Submit a Spark application in a container of SageMaker's Spark image.

    `submit_app` is a Python file, or a jar with its `submit_class`. `submit_py_files`, `submit_jars` and
    `submit_files` are local files, S3 addresses or variables; each address becomes an input, so that it is there
    without a network too. `configuration` is a classification such as `{"Classification": "spark-defaults",
    "Properties": {…}}`, or a list of them (the schema of Amazon EMR). With `spark_event_logs_s3_uri` the output
    `spark-events` takes the event logs there while the job runs. Local paths are seen from the project's folder.

        SparkStep("Features", image=image, submit_app="scripts/features.py", submit_py_files=["scripts/rows.py"])

    Raises DefinitionError at its line with everything that is wrong with it; a file that is not there is found when
    the pipeline is written.
    """

    not_taken: ClassVar[Mapping[str, str]] = {
        **ProcessingStep.not_taken,
        "code": "it is called submit_app here",
        "source_dir": "what the application imports goes into submit_py_files",
        **dict.fromkeys(("command", "entrypoint"), _OWN_PROGRAM),
    }

    def __init__(
        self,
        name: str,
        *,
        image: Text,
        submit_app: str,
        submit_class: Text | None = None,
        submit_py_files: Sequence[Text] | None = (),
        submit_jars: Sequence[Text] | None = (),
        submit_files: Sequence[Text] | None = (),
        configuration: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        spark_event_logs_s3_uri: Text | None = None,
        arguments: Sequence[object] | None = (),
        environment: Mapping[str, object] | None = None,
        inputs: Sequence[ProcessingInput] | None = (),
        outputs: Sequence[ProcessingOutput] | None = (),
        property_files: Sequence[PropertyFile] | None = (),
        **options: Unpack[JobOptions],
    ) -> None:
        found = self.found
        given = {"py-files": submit_py_files, "jars": submit_jars, "files": submit_files}
        self.dependencies = {kind: _dependencies(kind, files, found) for kind, files in given.items()}
        self.submit_class = optional_text(submit_class, "submit_class", found)
        self.configuration = _configuration(configuration, found)
        s3_address(spark_event_logs_s3_uri, "spark_event_logs_s3_uri", found)
        self.spark_event_logs_s3_uri = spark_event_logs_s3_uri
        super().__init__(
            name,
            image=image,
            code=submit_app,
            command=["smspark-submit"],
            arguments=arguments,
            environment=environment,
            inputs=inputs,
            outputs=outputs,
            property_files=property_files,
            **options,
        )

    def _checked_code(self, code: Text | None, entrypoint: Sequence[Text] | None) -> str | None:
        app = required_text(code, "submit_app", self.found)
        if isinstance(app, PipelineVariable):
            hint = "name the file; what varies goes into arguments"
            self.found.add(
                "bad-code", "submit_app is a variable: the name of its file is not known", hint, "submit_app"
            )
        elif isinstance(app, str) and app:
            self._check_app(app)
            return app
        return None

    def _check_app(self, app: str) -> None:
        suffix = PurePosixPath(app).suffix
        is_python = suffix == ".py"
        if app.endswith("/"):
            hint = "name the file to submit; modules it imports are for submit_py_files"
            self.found.add("bad-code", f"'{app}' is a folder", hint, "submit_app")
        elif suffix not in (".py", ".jar"):
            what = f"'{app}' is neither a Python file nor a jar"
            self.found.add("bad-code", what, "Spark starts a .py or a .jar", "submit_app")
        elif is_python and self.submit_class is not None:
            hint = "leave it out: a Python file is started as it is"
            self.found.add("bad-code", "submit_class goes with a jar", hint, "submit_class")
        elif not is_python and self.submit_class is None:
            what = f"'{app}' is a jar, and the class to start in it is not given"
            self.found.add("missing-value", what, "say submit_class='com.example.Main'", "submit_class")
        if suffix == ".jar" and self.dependencies["py-files"]:
            what = "submit_py_files go with a Python file, and a jar is submitted"
            self.found.add("bad-code", what, "leave them out", "submit_py_files")

    def _named_outputs(self, outputs: Sequence[ProcessingOutput] | None) -> dict[str, ProcessingOutput]:
        named = super()._named_outputs(outputs)
        uri = self.spark_event_logs_s3_uri
        if uri is not None and _EVENTS in named:
            what, hint = f"the name {_EVENTS!r} is taken by the event logs", "give the output another output_name"
            self.found.add("duplicate-output", what, hint, "ProcessingOutputConfig.Outputs")
        elif isinstance(uri, PipelineVariable) or (isinstance(uri, str) and uri.startswith("s3://")):
            named[_EVENTS] = ProcessingOutput(_EVENTS_FOLDER, uri, _EVENTS, "Continuous")
        return named

    @property
    def _code_inputs(self) -> tuple[str, ...]:
        conf = (_CONF,) if self.configuration is not None else ()
        named = [name for kind in _SUFFIXES for name in _input_names(kind, self.dependencies[kind])]
        return (*named, *conf, "code")

    def _start(self, settings: JobSettings, emission: Emission) -> tuple[list[Any] | None, list[ProcessingInput]]:
        words: list[Any] = [*self.command]
        inputs: list[ProcessingInput] = []
        if self.submit_class is not None:
            words += ["--class", self.submit_class]
        for kind in _SUFFIXES:
            brought = self._bring(kind, emission)
            if brought:
                words += [f"--{kind}", ",".join(str(one.destination) for one in brought)]
                inputs += brought
        if self.spark_event_logs_s3_uri is not None:
            words += ["--local-spark-event-logs-dir", _EVENTS_FOLDER]
        if self.configuration is not None:
            content = json.dumps(self.configuration, indent=2).encode()
            origin = f"the configuration of {self.name}"
            uri = emission.generated(self, "configuration", "configuration.json", content, origin)
            inputs.append(_input(uri, _CONF))
        uri, program = emission.script(self, str(self.code), "submit_app")
        inputs.append(_input(uri, "code"))
        return [*words, f"{_INPUT}/code/{program}"], inputs

    def _bring(self, kind: str, emission: Emission) -> list[ProcessingInput]:
        """The inputs of one option: a folder of the local files, then each address by itself."""
        files = self.dependencies[kind]
        local = {f"{_field(kind)}[{at}]": str(one) for at, one in enumerate(files) if _is_local(one)}
        sources: list[Text] = [emission.files(self, kind, local)] if local else []
        sources += [one for one in files if not _is_local(one)]
        return [_input(source, name) for source, name in zip(sources, _input_names(kind, files), strict=True)]


def _input(source: Text, name: str) -> ProcessingInput:
    return ProcessingInput(source, f"{_INPUT}/{name}", name)


def _field(kind: str) -> str:
    return f"submit_{kind.replace('-', '_')}"


def _is_local(file: Text) -> bool:
    return isinstance(file, str) and not file.startswith("s3://")


def _input_names(kind: str, files: Sequence[Text]) -> list[str]:
    """`jars` for the local files together; `jars-1`, `jars-2` for the addresses."""
    addresses = sum(1 for one in files if not _is_local(one))
    together = [kind] if addresses < len(files) else []
    return together + [f"{kind}-{number}" for number in range(1, addresses + 1)]


def _dependencies(kind: str, files: Sequence[Text] | None, found: Findings) -> list[Text]:
    field, suffixes = _field(kind), _SUFFIXES[kind]
    given = sequence(files, (str, PipelineVariable), "a file, an S3 address or a variable", field, found)
    names: set[str] = set()
    for at, file in enumerate(given):
        if not isinstance(file, str):
            optional_text(file, f"{field}[{at}]", found)
            continue
        name = PurePosixPath(file.replace("\\", "/")).name
        suffix = PurePosixPath(name).suffix
        # an address may be that of a folder
        if suffixes and suffix not in suffixes and (suffix or _is_local(file)):
            what = f"'{file}' is none of {', '.join(suffixes)}"
            found.add("bad-code", what, "only these are put on the path of the application", f"{field}[{at}]")
        if name in names and _is_local(file):
            what = f"two of them are called '{name}', and both are put into one folder"
            found.add("duplicate-file", what, "rename one", f"{field}[{at}]")
        if _is_local(file):
            names.add(name)
    return [*given]


def _configuration(given: object, found: Findings) -> dict[str, Any] | list[dict[str, Any]] | None:
    """The classifications as configuration.json holds them: every value a text."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        return _classification(given, "configuration", _CLASSIFICATIONS, found)
    if not of_kind(given, list | tuple, "a classification or a list of them", "configuration", found):
        return None
    return _classifications(given, "configuration", _CLASSIFICATIONS, found)  # type: ignore[arg-type]


def _classifications(
    given: Sequence[object], field: str, known: Sequence[str], found: Findings
) -> list[dict[str, Any]]:
    entries = [_classification(one, f"{field}[{at}]", known, found) for at, one in enumerate(given)]
    names = [one.get("Classification") for one in entries]
    for at, name in enumerate(names):
        if name is not None and name in names[:at]:
            found.add("duplicate-configuration", f"{name} is there twice", "put it in one", f"{field}[{at}]")
    return entries


def _classification(given: object, field: str, known: Sequence[str], found: Findings) -> dict[str, Any]:
    if not of_kind(given, Mapping, "a classification", field, found, f"its schema: {_EMR}"):
        return {}
    assert isinstance(given, Mapping)  # noqa: S101 - what `of_kind` has just made sure of
    for member in given:
        if member not in _MEMBERS:
            hint = did_you_mean(str(member), _MEMBERS) or f"it has {', '.join(_MEMBERS)}"
            found.add("unknown-configuration", f"a classification has no {member!r}", hint, field)
    name = given.get("Classification")
    if name not in known:
        hint = did_you_mean(str(name), known) or f"one of {', '.join(known)}"
        found.add("unknown-configuration", f"{name!r} is not a classification here", hint, f"{field}.Classification")
    inner = given.get("Configurations") or []
    is_environment = isinstance(name, str) and name.endswith("-env")
    if is_environment and not inner:
        hint = 'such as "Configurations": [{"Classification": "export", "Properties": {"NAME": "value"}}]'
        found.add("missing-value", f"{name} sets variables in an inner 'export'", hint, f"{field}.Configurations")
    entry = {"Classification": name, "Properties": _properties(given.get("Properties"), f"{field}.Properties", found)}
    if inner and of_kind(inner, list | tuple, "a list", f"{field}.Configurations", found):
        allowed = ("export",) if is_environment else ()
        entry["Configurations"] = _classifications(inner, f"{field}.Configurations", allowed, found)
    return entry


def _properties(given: Any, field: str, found: Findings) -> dict[str, str]:
    written = {}
    for name, value in mapping(given, field, found).items():
        text = as_text(value)
        if isinstance(value, PipelineVariable) or not isinstance(text, str):
            what = f"{value!r} has no value when configuration.json is written"
            hint = "a text, a number or a boolean; give what varies as an argument of the application"
            found.add("bad-value", what, hint, f"{field}['{name}']")
        else:
            written[name] = text
    return written
