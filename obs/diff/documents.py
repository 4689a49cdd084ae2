"""Which dashboards and rule groups does a file hold, whatever it is called and however they are wrapped?"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import orjson
import yaml

from obs.diff.change import DiffError
from obs.diff.values import objects, table

Document = dict[str, Any]
Found = tuple[Literal["dashboard", "rule-group"], str, Document]
"""A kind, where inside the file it stands (its namespace, "" for the file itself), and the document."""

DASHBOARD_FIELDS = frozenset({"panels", "rows", "templating", "schemaVersion", "elements"})
FOLDER_ANNOTATION = "grafana.app/folder"  # where Grafana's resources keep the folder


def parsed(path: str, text: bytes) -> Any:
    """Read JSON, or every document of a YAML file; raise DiffError, with the path and one sentence."""
    try:
        return orjson.loads(text) if path.endswith(".json") else list(yaml.load_all(text, yaml.CSafeLoader))
    except orjson.JSONDecodeError as error:
        raise DiffError(f"{path} is not valid JSON: {error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DiffError(f"{path} is not valid YAML: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(error).split())
    return f"{problem} (line {mark.line + 1}, column {mark.column + 1})"


def held(value: Any, where: str = "") -> Iterator[Found]:
    """
    Yield the dashboards and rule groups in what a file holds; nothing for what is neither.

    Looks into lists, Kubernetes' `List`, `ConfigMap` (files of its `data`) and `PrometheusRule`, the groups of a rule
    file (mimirtool's have a `namespace`), and a ruler's answer, which maps each namespace to its groups.
    """
    if isinstance(value, list):
        for one in value:
            yield from held(one, where)
    if not isinstance(value, dict):
        return
    groups = value.get("groups", table(value.get("spec")).get("groups"))
    if value.get("kind") == "List" or _is_config_map(value):
        for inner in _wrapped(value):
            yield from held(inner, where)
    elif isinstance(groups, list):
        space = str(value.get("namespace") or where)
        yield from (("rule-group", space, group) for group in objects(groups))
    elif value and all(_is_group(group) for member in value.values() for group in _members(member)):
        for namespace, members in value.items():
            yield from (("rule-group", str(namespace), group) for group in members)
    elif DASHBOARD_FIELDS & opened(value).keys():
        yield "dashboard", where, value


def _is_config_map(value: Document) -> bool:
    return value.get("kind") == "ConfigMap" and isinstance(value.get("data"), dict)


def _wrapped(value: Document) -> Iterator[Any]:
    if value["kind"] == "List":
        yield from objects(value.get("items"))
        return
    for name, text in value["data"].items():
        if str(name).endswith((".json", ".yml", ".yaml")):
            yield parsed(f"the file {name} of a ConfigMap", str(text).encode())


def _members(value: Any) -> list[Any]:
    return value if isinstance(value, list) and value else [None]


def _is_group(value: Any) -> bool:
    return isinstance(value, dict) and "name" in value and isinstance(value.get("rules"), list)


def opened(document: Mapping[str, Any] | None) -> Document:
    """Take a dashboard out of its envelope; its folder becomes the field `folderUid`, a resource's name its `uid`."""
    if document is None:
        return {}
    if "apiVersion" in document and isinstance(document.get("spec"), dict):
        metadata = table(document.get("metadata"))
        folder = table(metadata.get("annotations")).get(FOLDER_ANNOTATION)
        return {**_written_out(document["spec"]), "uid": metadata.get("name")} | (
            {"folderUid": folder} if folder else {}
        )
    inner = document.get("dashboard")
    if not isinstance(inner, dict):
        return dict(document)
    folder = document.get("folderUid") or table(document.get("meta")).get("folderUid")
    return {**inner, "folderUid": folder} if folder else inner


def _written_out(spec: Document) -> Document:
    """Read the text in which the Grafana operator's `GrafanaDashboard` holds its model."""
    text = spec.get("json")
    try:
        model = json.loads(text) if isinstance(text, str) else spec
    except ValueError:
        return spec
    return model if isinstance(model, dict) else spec
