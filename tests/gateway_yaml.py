"""YAML as the gateway reads it, for tests that change a sample before it is loaded."""

from __future__ import annotations

import re

import yaml


class GatewayYaml(yaml.SafeLoader):
    """YAML in which `on` is a word, as the gateway reads it."""


BOOLEAN = "tag:yaml.org,2002:bool"
GatewayYaml.yaml_implicit_resolvers = {
    first: [(tag, words) for tag, words in resolvers if tag != BOOLEAN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
GatewayYaml.add_implicit_resolver(BOOLEAN, re.compile(r"^(?:true|false)$"), list("tf"))
