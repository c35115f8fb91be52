"""Secrets: a graph comes in, passwords, tokens and keys that are written into it go out, without their values.

Definitions, and the requests made of them, can be read by everybody who may describe a pipeline or a job. Two things
give a secret away: the name it goes by in a map that a user fills (an environment variable, a hyperparameter, a
command-line option, a parameter), and the form of a text, wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dagwright.definition.expression import Place, spell_place
from dagwright.definition.graph import Graph
from dagwright.definition.rules.names import declared, shortened
from dagwright.errors import Problem

#: The maps whose keys a user chooses.
_FREE = {"Environment", "HyperParameters", "StaticHyperParameters", "CustomerMetadataProperties", "Metadata"}
_COMMANDS = {"ContainerArguments", "ContainerEntrypoint"}
_FREE_STEPS = ("Lambda", "Callback")  # their Arguments are the payload

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NAMES = {"password", "passwd", "pwd", "passphrase", "secret", "token", "credential", "credentials"}
_ENDINGS = ("password", "passwd", "passphrase", "apikey", "secretkey", "privatekey", "accesskey", "authtoken")
_KEYS = {"api", "secret", "private", "access", "encryption", "signing", "account", "auth", "master"}
# Names of the models' vocabulary, and of a shell's own variable, that end in such a word.
_TOKENS = {"eos", "bos", "pad", "unk", "sep", "cls", "mask", "stop", "start", "end", "special", "next", "first", "last"}
_TOKENS |= {"max", "min", "num", "new", "per", "image", "prefix", "suffix", "separator", "continuation", "begin"}
_OWN_NAMES = {"PWD", "OLDPWD"}

_FORMS = re.compile(
    r"(?<![A-Za-z0-9_\-])(?:"
    r"(?P<aws>A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9]))"
    r"|(?P<github>gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255})"
    r"|(?P<gitlab>glpat-[A-Za-z0-9_\-]{20,255})"
    r"|(?P<slack>xox[abeoprs]-[A-Za-z0-9\-]{10,255})"
    r"|(?P<api>sk-(?:[a-z]{2,6}-)?(?=[A-Za-z0-9_]{0,40}[0-9])[A-Za-z0-9_]{20,255}|sk_live_[A-Za-z0-9]{20,255})"
    r"|(?P<face>hf_[A-Za-z0-9]{30,255})"
    r"|(?P<google>AIza[A-Za-z0-9_\-]{35})"
    r"|(?P<jwt>eyJ[A-Za-z0-9_\-]{10,4096}\.eyJ[A-Za-z0-9_\-]{10,4096}\.[A-Za-z0-9_\-]{10,4096})"
    r")"
    r"|(?P<pem>-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?s:.*))"
    r"|(?P<url>://[^/\s:@?#]{1,256}:(?![$<{])[^/\s:@?#]{1,256}@)"
    r"|(?P<query>[?&;](?i:password|passwd|pwd|api_key|access_token|x-amz-signature)=(?![$<{&;])[^&;\s]{1,4096})"
)
_MEANINGS = {
    "aws": "an AWS access key",
    "github": "a GitHub token",
    "gitlab": "a GitLab token",
    "slack": "a Slack token",
    "api": "an API key",
    "face": "a Hugging Face token",
    "google": "a Google API key",
    "jwt": "a signed token",
    "pem": "a private key",
    "url": "an address with a password in it",
    "query": "an address with a password in it",
}
# What stands for a secret without being one: an ARN or a secret's name, what something resolves, a place, a switch.
_HARMLESS = re.compile(
    r"\s*|arn:aws.*|\{\{.*|\$\{.*|\$[A-Za-z_]\w*|<.*>|s3://.*|/[\w./\-]*|[a-z0-9._\-]+(/[a-z0-9._\-]+)+"
    r"|(?i:true|false|none|null|yes|no)|\*+|x+",
    re.DOTALL,
)
_OPTION = re.compile(r"--?([A-Za-z][\w.\-]{0,80})(?:=(.*))?", re.DOTALL)
_HINT = "keep it in Secrets Manager, pass the secret's name and let the program ask for it"


class Secret(NamedTuple):
    """A secret, where it stands, and what gave it away; `value` is the part of the text there that is the secret."""

    step: str
    field: str
    value: str
    given_away: str

    @property
    def problem(self) -> Problem:
        """The problem that it stands there; its value is not told."""
        return Problem("secret", f"this is {self.given_away}", _HINT, "warning", self.step, self.field)


def secrets_in(graph: Graph) -> Iterator[Secret]:
    """Every text that is a secret by its name or by its form."""
    for index, raw in enumerate(declared(graph)):
        values = {key: raw.get(key) for key in ("DefaultValue", "EnumValues")}
        yield from _in("", values, ((None, "Parameters"), index), name=str(raw.get("Name") or ""))
    outer = {key: value for key, value in graph.definition.items() if key not in ("Parameters", "Steps")}
    yield from _in("", outer, None)
    for step in graph.steps.values():
        whole = {key: value for key, value in step.envelope.items() if key != "Arguments"}
        yield from _in(step.name, whole, None)
        arguments = {key: value for key, value in step.arguments.items() if key not in ("IfSteps", "ElseSteps")}
        yield from _in(step.name, arguments, (None, "Arguments"), free=step.type in _FREE_STEPS)


def secrets_in_request(request: Mapping[str, Any]) -> Iterator[Secret]:
    """The same of the request of a job, whose expressions have their values."""
    yield from _in("", request, None)


def _in(step: str, value: Any, place: Place, free: bool = False, name: str = "") -> Iterator[Secret]:
    """The secrets in a value. The keys of a free map are names, and so are those of the maps inside it; `name` is that
    of all that is inside."""
    pending: list[tuple[Any, Place, bool]] = [(value, place, free)]
    while pending:
        here, at, is_free = pending.pop()
        is_command = at is not None and at[1] in _COMMANDS
        for key, child in here.items() if isinstance(here, dict) else enumerate(here):
            if isinstance(child, (dict, list)):
                pending.append((child, (at, key), is_free or key in _FREE))
            elif isinstance(child, (str, int, float)) and not isinstance(child, bool):
                text = str(child)
                part, form = by_form(text)
                named = _by_name(name or _name_of(key, here, is_free), text)
                named = named or (_by_option(here, key, text) if is_command else "")
                if form or named:
                    yield Secret(step, spell_place((at, key)), text if named else part, form or named)


def _name_of(key: Any, container: Any, is_free: bool) -> str:
    """The name that a user gave the value under a key: the key itself, or the Key that a tag's Value goes with."""
    if isinstance(key, str) and is_free:
        return key
    name = container.get("Key") if key == "Value" and isinstance(container, dict) else None
    return name if isinstance(name, str) else ""


def by_form(text: str) -> tuple[str, str]:
    """The part of a text that is a secret by its form, and what it is; both empty if there is none."""
    found = _FORMS.search(text)
    if found is None:
        return "", ""
    return found[0], next(_MEANINGS[name] for name, part in found.groupdict().items() if part)


def _by_name(name: str, value: str) -> str:
    """What a value is by the name it goes by; empty if it is no secret."""
    words = ["", "", *(word.lower() for word in _WORD.findall(name))]
    before, last = words[-2:]
    if not (last in _NAMES or last.endswith(_ENDINGS) or (last in ("key", "keys") and before in _KEYS)):
        return ""
    value = value.strip().strip('"')  # a hyperparameter is a JSON text
    if name in _OWN_NAMES or _HARMLESS.fullmatch(value):
        return ""
    if last == "token" and (before in _TOKENS or value.isdecimal()):
        return ""
    return f"a secret by its name, '{shortened(name)}'"


def _by_option(words: Any, index: Any, text: str) -> str:
    """What a word of a command line is by its option: `--api-key=…`, or what follows `--api-key`."""
    if not isinstance(words, list):
        return ""
    option = _OPTION.fullmatch(text)
    if option is not None:
        return _by_name(option[1], option[2]) if option[2] else ""
    before = words[index - 1] if index else None
    option = _OPTION.fullmatch(before) if isinstance(before, str) else None
    return _by_name(option[1], text) if option is not None and option[2] is None else ""
