"""mtls-proxy schema: what the program accepts an editor accepts, and it knows every key.

SPDX-License-Identifier: MIT
"""

import json
import os
import re

import pytest

from proxy import TOP, run

yaml = pytest.importorskip("yaml")
jsonschema = pytest.importorskip("jsonschema")


class Loader(yaml.SafeLoader):
    """YAML 1.2, as editors read it: `off` is a text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:bool"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), "tf")


@pytest.fixture(scope="module")
def schema():
    done = run("schema")
    assert done.returncode == 0 and done.stderr == ""
    made = json.loads(done.stdout)
    jsonschema.Draft7Validator.check_schema(made)
    return made


def problems(schema, text):
    validator = jsonschema.Draft7Validator(schema)
    return [f"{list(one.absolute_path)}: {one.message}"
            for one in validator.iter_errors(yaml.load(text, Loader))]


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8") as source:
        return source.read()


SMALL = """
sites:
  - bindings: ["https://0.0.0.0:8443"]
    server_certificate: { chain: a.pem, key: a.key }
    upstream: echo
"""


def paths_of(node, prefix=""):
    """The keys of a schema, spelled as in docs/reference.md."""
    found = set()
    kinds = [node, *node.get("anyOf", [])]
    if any("items" in one for one in kinds):  # a single item need not be in a list
        kinds = [one for one in kinds if "properties" not in one]
    for one in kinds:
        for name, below in one.get("properties", {}).items():
            path = f"{prefix}{name}"
            found.add(path)
            found |= paths_of(below, path + ".")
        if "items" in one:
            found |= paths_of(one["items"], prefix[:-1] + "[].")
        if isinstance(one.get("additionalProperties"), dict):
            found |= paths_of(one["additionalProperties"], prefix + "<name>.")
    return found


def test_every_key_is_in_it_and_no_other(schema):
    listed = run("schema", "--format", "text").stdout
    keys = set(re.findall(r"^(\S+)$", listed, re.MULTILINE))
    assert keys == paths_of(schema)
    assert keys == set(re.findall(r"^\| `([^`]+)`", read("docs/reference.md"), re.MULTILINE))


def test_every_key_has_a_meaning(schema):
    def check(node, path):
        for name, below in node.get("properties", {}).items():
            assert below["description"], path + name
            for one in [below, *below.get("anyOf", [])]:
                check(one, path + name + ".")
                check(one.get("items", {}), path + name + "[].")
    check(schema, "")


def test_the_example_and_every_snippet_of_the_documents_fit(schema):
    texts = [read("proxy.yaml.example")]
    for name in ("README.md", "docs/reference.md"):
        texts += [one for one in re.findall(r"```yaml\n(.*?)```", read(name), re.DOTALL)
                  if re.search(r"^sites:", one, re.MULTILINE)]
    assert len(texts) > 10
    for text in texts:
        assert problems(schema, text) == [], text


@pytest.mark.parametrize("text", [
    SMALL + "limits: { body_bytes: 10m, header_bytes: 4096 }",
    SMALL + "timeouts: { queue: 0, stop: 5s }",
    SMALL + "workers: auto",
    SMALL + "compat: { large_root_store: off, partial_chain: 0x800B010A, deny_status: 401.1 }",
    SMALL + "    tls: { min_version: 1.2, max_version: '1.3' }",
    SMALL + "user: 1001",
    SMALL + "log: { access: { path: null, fields: [date, time] } }",
    SMALL.replace("{ chain: a.pem, key: a.key }", "[{ chain: a.pem, key: a.key }]"),
])
def test_what_the_program_takes_fits(schema, text, tmp_path):
    assert problems(schema, text) == []
    path = tmp_path / "proxy.yaml"
    path.write_text(text)
    complaints = run("check", "-c", str(path)).stderr
    assert not re.search(r"expected|unknown key|is missing", complaints), complaints


@pytest.mark.parametrize("text, says", [
    (SMALL.replace("bindings", "binding"), "binding"),
    (SMALL.replace("    upstream: echo\n", ""), "upstream"),
    (SMALL + "workers: 0", "workers"),
    (SMALL + "workers: many", "workers"),
    (SMALL + "limits: { body_bytes: 10mb }", "body_bytes"),
    (SMALL + "timeouts: { stop: 5 }", "stop"),
    (SMALL + "log: { access: { daily: yes } }", "daily"),
    (SMALL + "    client_certificate: required", "client_certificate"),
    (SMALL + "    hosts: []", "hosts"),
])
def test_what_the_program_refuses_for_its_form_does_not_fit(schema, text, says, tmp_path):
    found = problems(schema, text)
    assert any(says in one for one in found), found
    path = tmp_path / "proxy.yaml"
    path.write_text(text)
    done = run("check", "-c", str(path))
    assert done.returncode == 1 and says in done.stderr


def test_wrong_use_is_one_line():
    for arguments in (["--format", "xml"], ["--format"], ["more"], ["--what"]):
        done = run("schema", *arguments)
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr.count("\n") == 1 and "mtls-proxy schema --help" in done.stderr
