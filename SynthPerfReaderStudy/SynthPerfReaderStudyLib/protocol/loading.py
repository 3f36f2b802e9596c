"""Reading a protocol's YAML so that every complaint names the file, the line and the reason."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from SynthPerfLib.errors import InputError
from SynthPerfLib.images import written_whole

from .checks import Wrong
from .models import Protocol
from .part import Part

_PLACES = tuple(folder / "Resources" / "Protocols" for folder in Path(__file__).resolve().parents[1:3])
"""Inside the package in an installed wheel, beside it in Slicer and a checkout."""

_LARGEST = 1_000_000  # bytes; a protocol is a page or two


@dataclass(frozen=True)
class LoadedProtocol:
    """A protocol with the exact bytes it was read from.

    Attributes
    ----------
    sha256
        Of ``content``; goes into every record.
    """

    protocol: Protocol
    content: bytes
    sha256: str


def shipped_protocols() -> dict[str, Path]:
    """The protocols that come with the software, by name."""
    return {path.stem: path for place in reversed(_PLACES) for path in sorted(place.glob("*.yaml"))}


def load_protocol(name_or_file: str | Path) -> LoadedProtocol:
    """A shipped protocol by name, or one from a YAML file.

    Raises
    ------
    InputError
        If there is none, or it is wrong: the sentence names the file, the line and the reason.
    """
    path = Path(name_or_file)
    if path.suffix not in (".yaml", ".yml"):
        shipped = shipped_protocols()
        if str(name_or_file) not in shipped:
            raise InputError(
                f"There is no protocol {name_or_file}: give a YAML file or one of {', '.join(sorted(shipped))}."
            )
        path = shipped[str(name_or_file)]
    if not path.is_file():
        raise InputError(f"The protocol {path} does not exist: check the name.")
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path.name} is too large for a protocol: give the YAML file of one.")
    content = path.read_bytes()
    return LoadedProtocol(_parsed(content, path.name), content, hashlib.sha256(content).hexdigest())


def with_readers(protocol: str | Path, readers: Sequence[str], folder: Path) -> Path:
    """The protocol with other readers (its adjudicators and coordinators stay), as a file in ``folder``.

    Raises
    ------
    InputError
        As :func:`load_protocol`; also if one of the readers has another role in it.
    """
    content = yaml.safe_load(load_protocol(protocol).content)
    known = {reader["id"]: reader for reader in content["readers"]}
    others = [reader for reader in content["readers"] if reader.get("role", "reader") != "reader"]
    for reader in readers:
        if reader in {other["id"] for other in others}:
            raise InputError(f"{reader} has another role in the protocol: choose another id for the reader.")
    content["readers"] = [*(known.get(reader, {"id": reader}) for reader in readers), *others]
    path = folder / Path(protocol).with_suffix(".yaml").name
    with written_whole(path) as temporary:
        temporary.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def json_schema() -> dict[str, Any]:
    """The JSON schema of a protocol, for editors that check while one writes."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Protocol.model_json_schema(by_alias=True)}


def _parsed(content: bytes, file: str) -> Protocol:
    loader = None
    try:
        loader = yaml.SafeLoader(content.decode("utf-8-sig"))
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise InputError(f"{file}, line 1: a protocol is a list of keys with values, beginning with 'schema: 1'.")
        _refuse_doubles(root, file, ())
        values = loader.construct_document(root)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{file}, line {line}: this is not UTF-8 text, save the file as UTF-8.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InputError(f"{file}, line {line}: not valid YAML, {error.problem or error.context}.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{file}: not valid YAML, {' '.join(str(error).split())}.") from error
    finally:
        if loader is not None:
            loader.dispose()
    try:
        return Protocol.model_validate(values)
    except ValidationError as error:
        # A key that is missing may be one that is misspelt: the misspelt one is told first.
        details = sorted(error.errors(), key=lambda detail: detail["type"] == "missing")
        complaints = [_complaint(root, detail) for detail in details]
        line, sentence = complaints[0]
        more = f" ({len(complaints) - 1} more)" if len(complaints) > 1 else ""
        raise InputError(f"{file}, line {line}: {sentence}.{more}") from error


def _refuse_doubles(node: yaml.Node, file: str, above: tuple[yaml.Node, ...]) -> None:
    """A key twice (YAML would silently take the last), or a node inside itself."""
    if node in above:
        raise InputError(f"{file}, line {node.start_mark.line + 1}: an alias that holds itself.")
    above = (*above, node)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                raise InputError(
                    f"{file}, line {line}: '{key.value}' is there twice, first in line {lines[key.value]}."
                )
            lines[str(key.value)] = line
            _refuse_doubles(value, file, above)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_doubles(value, file, above)


def _line(root: yaml.Node, where: Sequence[Any]) -> int:
    """Line of the deepest node on the way."""
    return _followed(root, where, root.start_mark.line + 1)[1]


def _followed(node: yaml.Node, where: Sequence[Any], line: int) -> tuple[int, int]:
    """Steps of ``where`` that could be taken from ``node``, and the line reached.

    A word of pydantic's own (the tag of a union) is no step, though a key may be called the same: the way that takes
    most steps is the right one.
    """
    if not where:
        return 0, line
    step, rest = where[0], where[1:]
    ways = [_followed(node, rest, line)]
    if isinstance(node, yaml.MappingNode):
        found = [(key, value) for key, value in node.value if str(key.value) == str(step)]
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        found = [(node.value[step], node.value[step])]
    else:
        found = []
    for key, value in found:
        taken, reached = _followed(value, rest, key.start_mark.line + 1)
        ways.append((taken + 1, reached))
    return max(ways, key=lambda way: way[0])


def _complaint(root: yaml.Node, detail: Any) -> tuple[int, str]:
    """Line and sentence (without its full stop) of one of pydantic's errors."""
    where, kind, given = detail["loc"], detail["type"], detail.get("input")
    context = detail.get("ctx", {})
    key = next((str(step) for step in reversed(where) if isinstance(step, str)), "the protocol")
    if kind == "value_error":
        error = context["error"]
        return _line(root, error.where if isinstance(error, Wrong) else where), str(error)
    line = _line(root, where)
    if kind == "missing":
        owner = next((str(step) for step in reversed(where[:-1]) if isinstance(step, str)), "the protocol")
        return line, f"{owner} lacks the key '{where[-1]}'"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, _known_keys(), 1)
        return line, f"unknown key '{key}'" + (f", is '{near[0]}' meant?" if near and near[0] != key else " here")
    if isinstance(given, bool):
        return line, f"'{key}' is read as {str(given).lower()}: put words such as yes and no in quotes"
    if kind in ("literal_error", "union_tag_invalid"):
        wanted = context.get("expected") or context.get("expected_tags")
        return line, f"'{key}' must be {wanted}, not {_short(given)}"
    if kind == "union_tag_not_found":
        return line, f"an entry of '{key}' lacks the key 'kind'"
    reason = detail["msg"][0].lower() + detail["msg"][1:]
    return line, f"'{key}': {reason.replace('input ', 'it ')}, not {_short(given)}"


def _known_keys() -> list[str]:
    parts, found = [Part], set()
    while parts:
        part = parts.pop()
        parts += part.__subclasses__()
        found |= {field.alias or name for name, field in part.model_fields.items()}
    return sorted(found)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
