"""The sub-commands: what they print, where, and with which exit code.

SPDX-License-Identifier: MIT
"""

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile

import pytest

import tlsclient
from events import DEADLINE, Lines
from proxy import BINARY, Proxy, binary_for_all, configuration, run, site

COMMANDS = ["run", "check", "explain", "init", "pki", "echo", "schema", "version"]


@pytest.fixture
def write(tmp_path):
    def one(content):
        path = tmp_path / "proxy.yaml"
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
        return str(path)
    return one


@pytest.fixture(scope="module")
def staging(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("init") / "staging")
    done = run("init", folder)
    assert done.returncode == 0, done.stderr
    return folder


# version and usage

@pytest.mark.parametrize("how", ["version", "-V"])
def test_version(how):
    done = run(how)
    assert done.returncode == 0
    assert re.match(r"mtls-proxy \d+\.\d+\.\d+", done.stdout)
    for library in ("OpenSSL", "libevent"):
        assert library.lower() in done.stdout.lower()


def test_no_command_is_usage():
    done = run()
    assert done.returncode == 2
    assert "usage" in done.stderr.lower()
    for command in COMMANDS:
        assert command in done.stderr


@pytest.mark.parametrize("arguments", [
    ["fly"], ["run", "--no-such-option"], ["check", "-c"], ["init"], ["echo"],
    ["explain", "--certificate"], ["init", "a", "b"], ["run", "extra"]])
def test_wrong_use_is_exit_2(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr


@pytest.mark.parametrize("arguments", [
    ["fly"], ["check", "--no-such-option"], ["run", "-x"], ["check", "-c"], ["echo"],
    ["echo", "--listen"], ["version", "x"], ["version", "-z"], ["explain"], ["explain", "--fly"],
    ["init"], ["init", "--days"], ["pki", "--fly"], ["run", "extra"], ["check", "a"]])
def test_wrong_use_is_one_line_that_points_to_help(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("mtls-proxy")
    assert "--help tells more)" in done.stderr
    wrong = arguments[-1]
    assert len(arguments) == 1 or wrong == "echo" or wrong in done.stderr


@pytest.mark.parametrize("arguments", [["check"], ["run"], ["explain", "--no-certificate"]])
@pytest.mark.skipif(os.path.exists("/etc/mtls-proxy/proxy.yaml"), reason="there is a configuration")
def test_without_a_configuration_every_place_is_named(tmp_path, arguments):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    for part in (f"{tmp_path}/proxy.yaml", "/etc/mtls-proxy/proxy.yaml", "-c", "mtls-proxy init"):
        assert part in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_everywhere(command):
    done = run(command, "--help")
    assert done.returncode == 0
    assert command in done.stdout


# check

@pytest.mark.parametrize("how", [["check"], ["-t"]])
def test_check_of_a_good_file(write, basics, how):
    path = write(configuration(site(basics)))
    done = run(*how, "-c", path)
    assert (done.returncode, done.stdout) == (0, f"{path}: ok\n")
    assert done.stderr == ""


def test_check_of_a_file_with_warnings(write, basics, tmp_path):
    (tmp_path / "empty").mkdir()
    path = write(configuration(site(basics, trust={"root": ["empty"]})))
    done = run("check", "-c", path)
    assert (done.returncode, done.stdout) == (0, f"{path}: ok\n")
    assert re.search(re.escape(path) + r":\d+:\d+: warning: ", done.stderr)


def test_check_names_every_error_with_its_place(write):
    path = write("""\
wrokers: 2
workers: 3
workers: 4
sites:
  - name: a
    bindings: ["https://127.0.0.1:8443x"]
    client_certificate: perhaps
    server_certificate: { chain: missing.pem, key: missing.key }
    require_ssl: yes
    trust: { root: [missing-root.pem], mode: 7 }
    upstream: nowhere
limits: { connections: -1, header_bytes: 32q }
timeouts: { idle: 5 parsecs }
""")
    done = run("check", "-c", path)
    assert (done.returncode, done.stdout) == (1, "")
    places = [int(line) for line in
              re.findall(r"^%s:(\d+):\d+: error: " % re.escape(path), done.stderr, re.M)]
    for line in (1, 3, 6, 7, 9, 10, 12, 13):
        assert line in places, f"line {line} in:\n{done.stderr}"
    assert "workers" in done.stderr.splitlines()[0]  # the key that was probably meant


def test_check_of_files_that_are_missing(write, basics):
    made = site(basics, trust={"root": ["no-root.pem"], "disallowed": ["no-list.pem"]})
    made["server_certificate"] = {"chain": "no-chain.pem", "key": "no-key.pem"}
    done = run("check", "-c", write(configuration(made)))
    assert done.returncode == 1
    for name in ("no-root.pem", "no-list.pem", "no-chain.pem"):
        assert name in done.stderr


@pytest.mark.parametrize("content", [
    "", "[]", "just text", "sites: []", "sites: {}", "a: &a [*a]\n", "sites: [}\n", "\t- x\n",
    "sites:\n  - &x {bindings: *x}\n", "%YAML 9.9\n---\n{}\n", "{}\n---\n{}\n", "\0", "\xff"])
def test_check_of_nonsense_is_an_error_not_a_crash(tmp_path, content):
    path = tmp_path / "proxy.yaml"
    path.write_bytes(content.encode("latin-1"))
    done = run("check", "-c", str(path))
    assert done.returncode == 1
    assert "proxy.yaml" in done.stderr


def test_check_of_no_file(tmp_path):
    done = run("check", "-c", str(tmp_path / "none.yaml"))
    assert done.returncode == 1
    assert "none.yaml" in done.stderr


def test_errors_about_files_carry_the_path_of_the_key(write, basics):
    made = site(basics, trust={"root": [basics.path("root.pem"), "no-root.pem"],
                               "revocation": {"check": True, "crls": ["no.crl"]}})
    made["server_certificate"] = {"chain": "no-chain.pem", "key": basics.path("server.key")}
    made["mapping"] = {"one_to_one": [{"user": "a", "certificate": "no-client.pem",
                                       "password_file": "no-password"}]}
    made["accounts"] = {"a": {"password_file": "no-account"}}
    made["errors"] = {"pages": {"403": "no-page.html"}}
    done = run("check", "-c", write(configuration(made)))
    assert done.returncode == 1
    for key in ("trust.root[1]", "trust.revocation.crls[0]", "server_certificate", "accounts.a",
                "mapping.one_to_one[0].certificate", "mapping.one_to_one[0].password_file",
                "errors.pages.403"):
        assert re.search(r"error: sites\[0\]\." + re.escape(key), done.stderr), (key, done.stderr)


DUPLICATES = {
    "rules of a mapping": ("mapping.many_to_one[0].rules[1].match", {"mapping": {"many_to_one": [
        {"name": "m", "user": "u", "enabled": False, "rules": [
            {"field": "subject", "subfield": "O", "match": "Example"},
            {"field": "subject", "subfield": "o", "match": "Example"}]}]}}),
    "mapped certificates": ("mapping.one_to_one[1].certificate", {"mapping": {"one_to_one": [
        {"user": "a", "certificate": "sha256:" + 64 * "0"},
        {"user": "b", "certificate": "sha256:" + 64 * "0", "enabled": False}]}}),
    "rules of authorize": ("authorize[1]", {"authorize": [
        {"san_dns": ["a.test"]}, {"san_dns": ["A.test"]}]}),
    "rules of authorize in a location": ("locations[0].authorize[1]", {"locations": [
        {"path": "/a", "authorize": [{}, {}]}]}),
    "subjects in a rule": ("authorize[0].subject[1].match", {"authorize": [{"subject": [
        {"subfield": "O", "match": "a"}, {"subfield": "O", "match": "a"}]}]}),
    "origins": ("cors.origins[1]", {"cors_preflight": "answer", "cors": {
        "origins": ["https://a.test", "https://A.test"]}}),
    "methods": ("cors.methods[1]", {"cors_preflight": "answer", "cors": {
        "origins": ["https://a.test"], "methods": ["PUT", "PUT"]}}),
    "headers": ("cors.headers[1]", {"cors_preflight": "answer", "cors": {
        "origins": ["https://a.test"], "headers": ["X-A", "x-a"]}}),
}


@pytest.mark.parametrize("name", DUPLICATES)
def test_what_iis_takes_once_is_refused_twice_with_both_places(write, basics, name):
    key, change = DUPLICATES[name]
    path = write(configuration(site(basics, **change)))
    done = run("check", "-c", path)
    assert done.returncode == 1
    found = re.search(rf"^{re.escape(path)}:(\d+):\d+: error: sites\[0\]\.{re.escape(key)}: "
                      r".* is given twice, first at line (\d+), column \d+", done.stderr, re.M)
    assert found and int(found[1]) > int(found[2]), done.stderr


def test_rules_that_differ_in_case_alone_are_two(write, basics):
    made = site(basics, mapping={"many_to_one": [{"name": "m", "user": "u", "rules": [
        {"field": "subject", "subfield": "OU", "match": match, "case_sensitive": sensitive}
        for match, sensitive in (("A", True), ("a", True), ("A", False))]}]})
    assert run("check", "-c", write(configuration(made))).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_check_says_that_this_user_may_not_read_the_key(basics):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name in ("server.pem", "server.key", "root.pem"):
            shutil.copy(basics.path(name), folder)
        os.chmod(os.path.join(folder, "server.key"), 0o600)
        path = os.path.join(folder, "proxy.yaml")
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"sites": [{
                "bindings": ["https://127.0.0.1:0"], "upstream": "echo",
                "client_certificate": "require", "trust": {"root": ["root.pem"]},
                "server_certificate": {"chain": "server.pem", "key": "server.key"}}]}, out)
        os.chmod(path, 0o644)
        nobody = pwd.getpwnam("nobody").pw_uid
        done = subprocess.run([binary_for_all(), "check", "-c", path], capture_output=True, text=True,
                              check=False, user=nobody, group=nobody, extra_groups=[], cwd="/")
    assert done.returncode == 1
    assert "server_certificate" in done.stderr and "cannot be read by this user" in done.stderr
    assert f"uid {nobody}" in done.stderr and "Permission denied" in done.stderr


def test_check_finds_a_key_of_another_certificate(write, basics):
    made = site(basics)
    made["server_certificate"]["key"] = basics.path("root.key")
    done = run("check", "-c", write(configuration(made)))
    assert done.returncode == 1


def test_check_binds_nothing(write, basics):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        path = write(configuration(site(basics, bindings=[f"https://127.0.0.1:{port}"])))
        assert run("check", "-c", path).returncode == 0


# init

def modes(folder):
    return {os.path.relpath(os.path.join(at, name), folder):
            os.stat(os.path.join(at, name)).st_mode & 0o777
            for at, _, names in os.walk(folder) for name in names}


def test_init_makes_what_it_says(staging):
    found = modes(staging)
    wanted = ["proxy.yaml", "pki/roots/root.pem", "pki/cas/issuing.pem", "pki/server.pem",
              "pki/server.key", "pki/crls/root.pem", "pki/crls/issuing.pem",
              "pki/external/root.pem", "pki/external/issuing.pem"]
    for client in ("good", "expired", "not-yet-valid", "revoked", "wrong-usage", "untrusted",
                   "self-signed"):
        wanted += [f"pki/clients/{client}.{kind}" for kind in ("pem", "key", "p12")]
    assert not set(wanted) - set(found)
    for name, mode in found.items():
        if name.endswith((".key", ".p12")):
            assert mode == 0o600, name


def test_init_refuses_a_folder_with_something_in_it(tmp_path):
    (tmp_path / "mine").write_text("precious")
    done = run("init", str(tmp_path))
    assert done.returncode == 1
    assert os.listdir(tmp_path) == ["mine"]


def test_init_takes_an_empty_folder(tmp_path):
    assert run("init", str(tmp_path)).returncode == 0
    assert run("check", "-c", str(tmp_path / "proxy.yaml")).returncode == 0


def test_configuration_of_init_is_in_order(staging):
    done = run("check", "-c", os.path.join(staging, "proxy.yaml"))
    assert done.returncode == 0, done.stderr


# explain

VERDICTS = {"good": (0, "200"), "expired": (10, "403.17"), "not-yet-valid": (10, "403.17"),
            "revoked": (10, "403.13"), "wrong-usage": (10, "403.16"),
            "untrusted": (10, "403.16"), "self-signed": (10, "403.16")}


def explain(staging, *arguments, stdin=None):
    return run("explain", "-c", os.path.join(staging, "proxy.yaml"), *arguments, stdin=stdin)


@pytest.mark.parametrize("client", VERDICTS)
def test_explain_tells_the_verdict_first(staging, client):
    done = explain(staging, "--certificate", f"{staging}/pki/clients/{client}.pem")
    code, status = VERDICTS[client]
    assert done.returncode == code, done.stderr
    if code:
        assert status in done.stdout.splitlines()[0]
    assert "CN=" in done.stdout


def test_explain_without_a_certificate(staging):
    done = explain(staging, "--no-certificate")
    assert done.returncode == 10
    assert "403.7" in done.stdout.splitlines()[0]


def test_explain_from_standard_input(staging):
    with open(f"{staging}/pki/clients/good.pem", encoding="ascii") as source:
        assert explain(staging, "--certificate", "-", stdin=source.read()).returncode == 0


def test_explain_at_another_time(staging):
    good = f"{staging}/pki/clients/good.pem"
    done = explain(staging, "--certificate", good, "--at", "@4102444800")  # the year 2100
    assert done.returncode == 10
    assert "403.17" in done.stdout.splitlines()[0] or "403.16" in done.stdout.splitlines()[0]
    assert explain(staging, "--certificate", good, "--at", "yesterday").returncode == 2


def test_explain_of_something_that_is_no_certificate(staging, tmp_path):
    path = tmp_path / "junk.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert explain(staging, "--certificate", str(path)).returncode in (1, 10)


def test_explain_agrees_with_the_running_proxy(staging):
    """The same configuration and certificates, asked and tried."""
    with open(os.path.join(staging, "proxy.yaml"), encoding="utf-8") as source:
        text = source.read().replace(":8443", ":0").replace("pki/", f"{staging}/pki/")
    with Proxy(text) as proxy:
        for client, (_, status) in VERDICTS.items():
            path = f"{staging}/pki/clients/{client}.pem"
            told = json.loads(explain(staging, "--certificate", path, "--format", "json").stdout)
            got = proxied(proxy, staging, client)
            if told["outcome"] == "allowed":
                assert (status, told["user"], got[0]) == ("200", "CONTOSO\\alice", 200)
            else:
                assert "%d.%d" % (told["status"], told["substatus"]) == status
                assert (told["status"], told["substatus"], told["win32"]) == got


def proxied(proxy, staging, client):
    tls = tlsclient.context()
    tls.load_cert_chain(f"{staging}/pki/clients/{client}.pem",
                        f"{staging}/pki/clients/{client}.key")
    with tlsclient.connect(proxy, tls=tls, sni="localhost") as connection:
        connection.request(target="/" + client, host="localhost")
    return proxy.verdict("/" + client)


# echo

def test_echo_stands_alone():
    process = subprocess.Popen([BINARY, "echo", "--listen", "127.0.0.1:0"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, errors = Lines(process.stdout), Lines(process.stderr)
    try:
        pattern = re.compile(r"127\.0\.0\.1:(\d+)")
        line = errors.wait(pattern.search) or out.wait(pattern.search)
        assert line, errors.text()
        with socket.create_connection(("127.0.0.1", int(pattern.search(line).group(1))),
                                      timeout=DEADLINE) as sock:
            client = tlsclient.Connection(sock)
            answer = client.request("POST", "/x?y", [("Accept", "application/json"),
                                                     ("X-Own", "1")], b"body")
        told = answer.json()
        assert (told["method"], told["target"], told["body_bytes"]) == ("POST", "/x?y", 4)
        assert told["body_sha256"] == (
            "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5")
        assert ["X-Own", "1"] in told["headers"]
    finally:
        process.terminate()
        assert process.wait(DEADLINE) == 0


def test_echo_inside_the_proxy(start, basics):
    proxy = start(site(basics))
    told = tlsclient.fetch_json(proxy, "/in?q", method="PUT", body=b"0123456789",
                                identity=basics.alice).json()
    assert (told["method"], told["target"], told["version"], told["body_bytes"]) == (
        "PUT", "/in?q", "HTTP/1.1", 10)
    names = [name.lower() for name, _ in told["headers"]]
    assert "client-cert" in names and "x-forwarded-for" in names
    text = tlsclient.fetch(proxy, "/text", identity=basics.alice)
    assert text.header("content-type").startswith("text/plain")

