"""How are the proven routes said as an `AlertmanagerConfig`, for an Alertmanager that several teams share?"""

import json
import re
from collections.abc import Mapping
from typing import Any

from obs.output.secrets import key_of
from obs.stack import Stack
from watchkeeper.contract.labels import SERVICE

MOUNTED = "/etc/alertmanager/secrets"
"""Where `Alertmanager.spec.secrets` mounts them; an `AlertmanagerConfig` names the same secret and key."""

ROUTE = {
    "receiver": "receiver",
    "continue": "continue",
    "group_by": "groupBy",
    "group_wait": "groupWait",
    "group_interval": "groupInterval",
    "repeat_interval": "repeatInterval",
}
PAGE = ("severity", "description", "class", "component", "group", "client")
MATCHER = re.compile(r'(?P<name>\w+)(?P<operator>=~|!~|!=|=)(?P<value>".*")')
DEFINE = re.compile(
    r'\{\{ define "(?P<name>[\w.]+)" (?P<left>-?)\}\}(?P<body>.*?)\{\{(?P<right>-?) end \}\}(?=\s*(?:\{\{ define|\Z))',
    re.DOTALL,
)
CALL = re.compile(r'\{\{-? template "(?P<name>[\w.]+)" ')
WHOLE = re.compile(r'\{\{ template "(?P<name>[\w.]+)" \. \}\}')


def spec(stack: Stack, config: Mapping[str, Any], templates: str) -> dict[str, Any]:
    """
    Return the `spec` of an `AlertmanagerConfig` that does what ``config``, an ``alertmanager.yml``, does.

    It takes what is of this service alone. No such resource brings templates along: each text carries those it needs.
    Raises OutputError for a secret that is no key of a mounted one.
    """
    defined = {found["name"]: found for found in DEFINE.finditer(templates)}
    ours = {"matchers": [_matcher(str(SERVICE.eq(stack.service.name)))]}
    return {
        "route": ours | _route(config["route"]),
        "receivers": [_receiver(stack, one, defined) for one in config["receivers"]],
        "inhibitRules": [_inhibition(one) for one in config["inhibit_rules"]],
    }


def _route(route: Mapping[str, Any]) -> dict[str, Any]:
    said = {theirs: route[ours] for ours, theirs in ROUTE.items() if ours in route}
    matchers = {"matchers": [_matcher(one) for one in route["matchers"]]} if "matchers" in route else {}
    routes = {"routes": [_route(one) for one in route["routes"]]} if "routes" in route else {}
    return said | matchers | routes


def _matcher(text: str) -> dict[str, str]:
    found = MATCHER.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no matcher")
    return {"name": found["name"], "matchType": found["operator"], "value": json.loads(found["value"])}


def _inhibition(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "sourceMatch": [_matcher(one) for one in rule["source_matchers"]],
        "targetMatch": [_matcher(one) for one in rule["target_matchers"]],
        "equal": rule["equal"],
    }


def _receiver(stack: Stack, receiver: Mapping[str, Any], defined: Mapping[str, re.Match[str]]) -> dict[str, Any]:
    made: dict[str, Any] = {"name": receiver["name"]}
    if "pagerduty_configs" in receiver:
        made["pagerdutyConfigs"] = [_pagerduty(stack, one, defined) for one in receiver["pagerduty_configs"]]
    if "webhook_configs" in receiver:
        made["webhookConfigs"] = [
            {"urlSecret": _secret(one["url_file"]), "sendResolved": one["send_resolved"]}
            for one in receiver["webhook_configs"]
        ]
    return made


def _pagerduty(stack: Stack, page: Mapping[str, Any], defined: Mapping[str, re.Match[str]]) -> dict[str, Any]:
    return {
        "url": stack.notify.pagerduty_url,
        "routingKey": _secret(page["routing_key_file"]),
        "sendResolved": page["send_resolved"],
        **{name: _told(page[name], defined) for name in PAGE},
        "clientURL": _told(page["client_url"], defined),
        "details": [{"key": key, "value": _told(text, defined)} for key, text in page["details"].items()],
        "pagerDutyLinkConfigs": [{"alt": link["text"], "href": _told(link["href"], defined)} for link in page["links"]],
    }


def _secret(file: str) -> dict[str, str]:
    return key_of(file, MOUNTED, "an AlertmanagerConfig names keys of secrets alone")


def _told(text: str, defined: Mapping[str, re.Match[str]]) -> str:
    """Return a text that asks for no template but those it defines itself."""
    if whole := WHOLE.fullmatch(text):
        found = defined[whole["name"]]
        body = found["body"].lstrip() if found["left"] else found["body"]
        text = body.rstrip() if found["right"] else body
    needed: dict[str, str] = {}
    waiting = [text]
    while waiting:
        for call in CALL.finditer(waiting.pop()):
            if call["name"] not in needed:
                needed[call["name"]] = defined[call["name"]][0]
                waiting.append(defined[call["name"]]["body"])
    return "".join(needed.values()) + text
