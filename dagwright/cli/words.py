"""The words of the command line: its commands and their options."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn, TypeAlias

from dagwright.errors import UsageError

ENVIRONMENTS = ("local", "dev", "staging", "production")

_Command: TypeAlias = Callable[..., argparse.ArgumentParser]


class _Words(argparse.ArgumentParser):
    """Wrong words are an error like any other: one place prints it and chooses the exit code."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"See: {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """What turns the words into `module` (a file of this folder) and its options. Wrong words raise UsageError."""
    words = _Words(
        description="One ML pipeline definition in Python: run it here, on SageMaker or on Step Functions.",
        allow_abbrev=False,
    )
    commands = words.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Words)
    command = _adding_to(commands)
    _definitions(command)
    _deploying(command)
    _executions(command)
    _registry(command)
    what = "one step by itself, and the jobs of this project"
    jobs = commands.add_parser("job", help=what, description=what, allow_abbrev=False)
    _jobs(_adding_to(jobs.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Words)))
    what = "the stack of what the pipelines need around them: roles, network, keys, storage, alarms"
    infra = commands.add_parser("infra", help=what, description=what, allow_abbrev=False)
    _infra(_adding_to(infra.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Words)))
    return words


def _adding_to(commands: argparse._SubParsersAction[_Words], *, below_another: bool = False) -> _Command:
    """Adds a command, with what every command has.

    One below another command that has it too leaves the defaults to that one: its own would win over what was said.
    """

    def command(name: str, what: str, module: str = "", *, json_too: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=what, description=what, allow_abbrev=False)
        added.set_defaults(module=module or name, command=name)
        where = "local (default), dev, staging or production"
        added.add_argument("--env", default=argparse.SUPPRESS if below_another else "local", metavar="E", help=where)
        unsaid = argparse.SUPPRESS if below_another else False
        added.add_argument("--debug", action="store_true", default=unsaid, help="show the traceback of an error")
        if json_too:
            what = "one JSON object on standard output"
            added.add_argument("--json", action="store_true", default=unsaid, help=what)
        else:
            added.set_defaults(json=False)
        return added

    return command


def _definitions(command: _Command) -> None:
    command("list", "the pipelines here, with their parameters", "list_pipelines")
    images = command("images", "the addresses of the images that the configuration names")
    images.add_argument("--framework", metavar="NAME", help="the versions that AWS has of this one, such as pytorch")
    images.add_argument("--refresh", action="store_true", help="a newer list, from the SageMaker SDK of this Python")
    images.add_argument("--out", metavar="FILE", help="with --refresh; default: config/image_table.json")
    below = images.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Words)
    _images_push(_adding_to(below, below_another=True))
    render = command("render", "print what a pipeline becomes", json_too=False)
    _which(render)
    render.add_argument(
        "--target",
        choices=("sagemaker", "stepfunctions", "mermaid", "trigger", "infra"),
        default="sagemaker",
        help="default: sagemaker; trigger: the Lambda function that sizes its inputs and starts it; infra: the "
        "environment's CloudFormation template, of no one PIPELINE",
    )
    render.add_argument("--replica", action="store_true", help="with infra: of the Region that it is copied to")
    render.add_argument("--out", metavar="FILE", help="write there instead of standard output")
    brought = command("import", "write a pipeline module that emits a definition you have", "import_pipeline")
    brought.add_argument("--file", required=True, metavar="F", help="a pipeline-definition JSON; - for standard input")
    brought.add_argument("--name", metavar="NAME", help="of the pipeline; default: after its file")
    brought.add_argument("--out", metavar="FILE", help="default: pipelines/NAME.py, with _ for -")
    brought.add_argument("--force", action="store_true", help="write over a file that is there")
    validate = command("validate", "every problem of a pipeline at once, without AWS")
    _which(validate, "default: all of them")
    validate.add_argument(
        "--target",
        choices=("sagemaker", "stepfunctions", "local"),
        help="default: the engine of an environment on AWS; sagemaker with --env local",
    )


def _images_push(command: _Command) -> None:
    push = command("push", "build and push the project's own images that have changed", "images_push")
    push.add_argument("names", nargs="*", metavar="NAME", help="of the configuration; default: all that are built here")
    way = push.add_mutually_exclusive_group()
    way.add_argument("--check", action="store_true", help="say what would be built, and do nothing")
    what = "note the digests of those that are pushed already, and build nothing"
    way.add_argument("--no-build", action="store_true", help=what)


def _deploying(command: _Command) -> None:
    plan = command("plan", "what an upsert would change on AWS")
    _which(plan, "default: all of them")
    _engine(plan)
    plan.add_argument("--markdown", action="store_true", help="for a comment on a pull request")
    plan.add_argument("--out", metavar="FILE", help="keep the plan for upsert --plan FILE")
    upsert = command("upsert", "make AWS what the pipelines say; nothing to do is nothing done")
    _which(upsert, "default: all of them")
    _engine(upsert)
    upsert.add_argument("--plan", metavar="FILE", help="do what this plan says, or nothing if AWS has changed since")
    upsert.add_argument("--prune", action="store_true", help="also delete what this project owns and defines no more")
    doctor = command("doctor", "walk the checklists: what is missing around the pipelines, here or on AWS")
    doctor.add_argument("pipelines", nargs="*", metavar="PIPELINE", help="those it is about; default: all of them")
    doctor.add_argument("--offline", action="store_true", help="without AWS: the configuration and the definitions")
    doctor.add_argument(
        "--runtime", choices=("process", "docker"), help="on this machine: docker looks for a Docker engine too"
    )
    upload = command("upload", "put data where pipelines read it")
    upload.add_argument("paths", nargs="+", metavar="PATH", help="files or folders")
    upload.add_argument("--to", required=True, metavar="PREFIX", help="raw/uploads, or a whole s3://bucket/prefix")


def _executions(command: _Command) -> None:
    run = command("run", "run a pipeline and follow it")
    _which(run)
    _engine(run)
    run.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help="a start value")
    run.add_argument(
        "--runtime",
        choices=("process", "docker"),
        help="on this machine: jobs as processes (default), or their real images with a Docker engine",
    )
    _libraries(run)
    run.add_argument("--max-parallel", type=_count, metavar="N", help="at most N steps at a time")
    run.add_argument(
        "--limit", dest="limits", action="append", default=[], metavar="STEP=LIMIT",
        help="what a step's jobs may use: memory_mib:2048, processors:1.5 or both, with a comma between (here only)",
    )  # fmt: skip
    run.add_argument("--detach", action="store_true", help="start it and leave (on AWS)")
    run.add_argument("--resume", metavar="EXECUTION", help="go on with one that failed, was stopped or was killed")
    run.add_argument(
        "--with-current-code", action="store_true",
        help="with --resume: with the pipeline as it is now; what has changed of it runs again (here only)",
    )  # fmt: skip
    for word, what in (
        ("from", "this step and what follows from it"),
        ("to", "this step and what it needs"),
    ):
        run.add_argument(f"--{word}", dest=f"{word}_steps", action="append", default=[], metavar="STEP", help=what)
    run.add_argument("--only", dest="only_steps", action="append", default=[], metavar="STEP", help="this step alone")
    run.add_argument("--source", metavar="EXECUTION", help="whose results --from, --to and --only go on from")
    run.add_argument(
        "--interrupt", action="append", default=[], metavar="STEP",
        help="interrupt its Spot training once it has a checkpoint; again for each further time (here only)",
    )  # fmt: skip
    run.add_argument(
        "--check", action="store_true", help="say what would be done with each step, and do nothing (here only)"
    )
    run.add_argument(
        "--stand-in", action="append", default=[], metavar="STEP=PLACE",
        help="what is done instead of a step: outputs.json, its result, or file.py:function (here only)",
    )  # fmt: skip
    run.add_argument(
        "--map", action="append", default=[], metavar="S3=PATH",
        help="bring a file or folder to an address s3://bucket/prefix that the definition names (here only)",
    )  # fmt: skip
    run.add_argument(
        "--expect", action="append", default=[], metavar="S3",
        help="an address that a program of an earlier step writes by itself, through the S3 API (here only)",
    )  # fmt: skip
    run.add_argument(
        "--no-cache", action="store_true", help="run every step, also those with an earlier result (here only)"
    )
    what = "say of each step with a CacheConfig whether an earlier result was taken, and why or why not"
    run.add_argument("--explain", action="store_true", help=what)
    status = command("status", "how an execution went, step by step")
    _execution(status, "its id; default: the newest")
    status.add_argument("--explain", action="store_true", help=what)
    logs = command("logs", "what the jobs of an execution printed")
    _execution(logs, "its id; default: the newest")
    logs.add_argument("--step", metavar="STEP", help="of this step only")
    logs.add_argument("--tail", type=_count, metavar="N", help="the last N lines of each log")
    logs.add_argument("--follow", action="store_true", help="go on until the execution ends")
    stop = command("stop", "stop a running execution")
    _execution(stop, "its id; default: the one that runs")
    history = command("history", "the executions, newest first")
    _engine(history)
    history.add_argument("pipeline", nargs="?", default="", metavar="PIPELINE", help="of this pipeline only")
    history.add_argument("--limit", type=_count, default=20, metavar="N", help="at most N (default 20)")
    clean = command("clean", "free space on this machine: what old executions left; shows it and asks first")
    clean.add_argument(
        "--older-than", default="30d", metavar="SPAN", help="30d (default), 12h, 2w, P30D: since it ended"
    )
    what = "keep all executions that registered a model, not only those of approved and newest ones"
    clean.add_argument("--keep-registered", action="store_true", help=what)
    clean.add_argument("--yes", action="store_true", help="do not ask")


def _jobs(command: _Command) -> None:
    run = command("run", "run one step of a pipeline by itself and follow it", "job_run")
    run.add_argument("step", metavar="STEP", help="a step of a pipeline of pipelines/, or of --file")
    run.add_argument("--pipeline", metavar="P", help="its pipeline, where several have a step of that name")
    run.add_argument("--file", metavar="F", help="a pipeline-definition JSON instead; - for standard input")
    run.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help="a start value")
    what = "what an input reads: a file, a folder or an s3:// address"
    run.add_argument("--input", action="append", default=[], metavar="NAME=PATH_OR_S3", help=what)
    what = "an execution whose results it goes on from; latest: the newest that has them"
    run.add_argument("--source", default="", metavar="EXECUTION", help=what)
    _libraries(run)
    run.add_argument("--detach", action="store_true", help="start it and leave (on AWS)")
    listed = command("list", "the jobs, newest first", "jobs")
    listed.add_argument("--type", choices=("processing", "training", "transform"), help="only jobs of this type")
    listed.add_argument("--status", default="", metavar="S", help="only those that are InProgress, Failed, …")
    listed.add_argument("--limit", type=_count, default=20, metavar="N", help="at most N (default 20)")
    describe = command("describe", "everything about a job", "jobs")
    describe.add_argument("job", metavar="JOB", help="its name, or the beginning of it")
    describe.add_argument("--tail", type=_count, metavar="N", help="with the last N lines of each log")
    stop = command("stop", "stop a running job", "jobs")
    stop.add_argument("job", metavar="JOB", help="its name, or the beginning of it")


def _infra(command: _Command) -> None:
    plan = command("plan", "what an upsert would change in the stack", "infra")
    plan.add_argument("--markdown", action="store_true", help="for a comment on a pull request")
    plan.add_argument("--out", metavar="FILE", help="keep the plan for infra upsert --plan FILE")
    plan.add_argument("--drift", action="store_true", help="also what was changed past the stack; takes a minute or so")
    upsert = command("upsert", "make the stack what the configuration says; nothing to do is nothing done", "infra")
    upsert.add_argument("--plan", metavar="FILE", help="do what this plan says, or nothing if AWS has changed since")
    what = "write the ids that AWS gave into config/outputs/, and print all that the stack gives"
    command("outputs", what, "infra").set_defaults(replica=False)
    drift = command("drift", "what was changed past the stack, property by property", "infra")
    for one in (plan, upsert, drift):
        one.add_argument("--replica", action="store_true", help="of the Region that infra.replica_region names")


def _registry(command: _Command) -> None:
    models = command("models", "the model packages, newest first")
    models.add_argument("package", nargs="?", default="", metavar="PACKAGE", help="everything about this one")
    models.add_argument("--group", metavar="GROUP", help="of this group; default: the project's")
    models.add_argument("--limit", type=_count, default=20, metavar="N", help="at most N (default 20)")
    for word in ("approve", "reject"):
        decide = command(word, f"{word} a model package", "approval")
        decide.add_argument("package", metavar="PACKAGE", help="its version, group/version or ARN")
        decide.add_argument("--reason", required=True, metavar="TEXT", help="kept with the package")


def _which(added: argparse.ArgumentParser, default: str = "") -> None:
    what = f"a pipeline of pipelines/; {default}" if default else "a pipeline of pipelines/"
    added.add_argument("pipeline", nargs="?", metavar="PIPELINE", help=what)
    added.add_argument("--file", metavar="F", help="a pipeline-definition JSON instead; - for standard input")


def _execution(added: argparse.ArgumentParser, what: str) -> None:
    added.add_argument("execution", nargs="?", default="", metavar="EXECUTION", help=what)
    _engine(added)


def _libraries(added: argparse.ArgumentParser) -> None:
    what = (
        "on this machine: which libraries the jobs of a known image get, those of this Python or the image's own, in "
        "an environment that is made once; default: 'local.libraries' of config/project.yaml, else here"
    )
    added.add_argument("--libraries", choices=("here", "image"), help=what)


def _engine(added: argparse.ArgumentParser) -> None:
    what = (
        "sagemaker or stepfunctions; default: 'engine' of config/project.yaml, which does not count with --env local: "
        "there 'run --engine stepfunctions' executes the state machine"
    )
    added.add_argument("--engine", choices=("sagemaker", "stepfunctions"), metavar="ENGINE", help=what)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"'{text:.40}' is not a number of 1 or more")
    return int(text)
