/* What is wrong with a file is said with its place. Clauses: interface.md 3 and 3.1.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config_load.h"
#include "unit/unit.h"

/* Three lines; what follows starts at line 4, its keys at column 5. */
#define SITE                                   \
    "sites:\n"                                 \
    "  - bindings: [\"http://127.0.0.1:0\"]\n" \
    "    upstream: echo\n"
#define HTTPS                                        \
    "sites:\n"                                       \
    "  - bindings: [\"https://127.0.0.1:0\"]\n"      \
    "    server_certificate: { chain: a, key: b }\n" \
    "    upstream: echo\n"

#define ESCAPE \
    "; in double quotes a backslash begins an escape: use single quotes, as in 'CONTOSO\\alice'"
#define QUOTES " with typographic quotes, which are part of the text; write \" or '"

struct bad {
    const char *yaml;
    unsigned line;
    unsigned column;
    const char *text; /* the whole message */
};

static const struct bad bad_values[] = {
    {"user: \"CONTOSO\\alice\"\n" SITE, 1, 7, "user: control characters are not allowed" ESCAPE},
    {"user: \"CONTOSO\\Laura\"\n" SITE, 1, 7, "user: contains a character that nobody sees" ESCAPE},
    {"user: \"CONTOSO\\carl\"\n" SITE, 1, 15,
     "not valid YAML: found unknown escape character (while parsing a quoted scalar at line "
     "1)" ESCAPE},
    {SITE "    tls: { min_version: TLSv1.2 }\n", 4, 25,
     "sites[0].tls.min_version: expected one of 1.2, 1.3, found \"TLSv1.2\"; did you mean `1.2`?"},
    {SITE "    tls: { max_version: tls13 }\n", 4, 25,
     "sites[0].tls.max_version: expected one of 1.2, 1.3, found \"tls13\"; did you mean `1.3`?"},
    {SITE "    tls: { min_version: SSLv3 }\n", 4, 25,
     "sites[0].tls.min_version: expected one of 1.2, 1.3, found \"SSLv3\""},
    {SITE "    client_certificate: \xe2\x80\x9crequire\xe2\x80\x9d\n", 4, 25,
     "sites[0].client_certificate: expected one of ignore, accept, require, pass, found "
     "\"\xe2\x80\x9crequire\xe2\x80\x9d\"" QUOTES},
    {SITE "    authorize: [{ user: [a] }, { user: [b] }, { user: [A] }]\n", 4, 47,
     "sites[0].authorize[2]: the same rule is given twice, first at line 4, column "
     "17; remove one of them"},
    {"workers: 443abc\n" SITE, 1, 10,
     "workers: expected a number from 1 to 1024 or auto, found \"443abc\""},
    {"workers: -1\n" SITE, 1, 10,
     "workers: expected a number from 1 to 1024 or auto, found \"-1\""},
    {"workers: 0\n" SITE, 1, 10, "workers: expected a number from 1 to 1024 or auto, found \"0\""},
    {"workers: 1025\n" SITE, 1, 10,
     "workers: expected a number from 1 to 1024 or auto, found \"1025\""},
    {"workers: 0x\n" SITE, 1, 10,
     "workers: expected a number from 1 to 1024 or auto, found \"0x\""},
    {"workers: '4'\n" SITE, 1, 10,
     "workers: expected a number from 1 to 1024 or auto, found \"4\" in quotes, which is a text"},
    {"workers: [4]\n" SITE, 1, 10,
     "workers: expected a number from 1 to 1024 or auto, found a list"},
    {"workers:\n" SITE, 1, 9, "workers: expected a number from 1 to 1024 or auto, found nothing"},
    {"user: ''\n" SITE, 1, 7, "user: must not be empty"},
    {"user: \"a\\0b\"\n" SITE, 1, 7, "user: control characters are not allowed" ESCAPE},
    {"user: \"a\\nb\"\n" SITE, 1, 7, "user: control characters are not allowed" ESCAPE},
    {SITE "    trust: { password_file: [a] }\n", 4, 29,
     "sites[0].trust.password_file: expected a path or null, found a list"},
    {SITE "    server_certificate: { chain: a.p12, password_file: {} }\n", 4, 56,
     "sites[0].server_certificate.password_file: expected a path or null, found a mapping"},
    {SITE "upstreams: { a: { servers: [{ url: 'https://x' }], tls: { password_file: [x] } } }\n", 4,
     74, "upstreams.a.tls.password_file: expected a path or null, found a list"},
    {"pid_file: {}\n" SITE, 1, 11, "pid_file: expected a path or null, found a mapping"},
    {"compatibility: iis7.5\n" SITE, 1, 16,
     "compatibility: expected one of iis75, iis8, iis10, iis10-2022, iis10-2025, found \"iis7.5\"; "
     "did you mean `iis75`?"},
    {"compat: { weak: maybe }\n" SITE, 1, 17,
     "compat.weak: expected one of reject, allow, found \"maybe\""},
    {"compat: { partial_chain: 0x800B010B }\n" SITE, 1, 26,
     "compat.partial_chain: expected one of 0x800B0109, 0x800B010A, found \"0x800B010B\"; did you "
     "mean `0x800B0109`?"},
    {"limits: { header_bytes: 32kb }\n" SITE, 1, 25,
     "limits.header_bytes: expected a size from 256 to 1m, found \"32kb\""},
    {"limits: { connections_per_client: 10000001 }\n" SITE, 1, 35,
     "limits.connections_per_client: expected a number from 0 to 10000000, found \"10000001\""},
    {"limits: { connections_per_client: half }\n" SITE, 1, 35,
     "limits.connections_per_client: expected a number from 0 to 10000000, found \"half\""},
    {"limits: { header_bytes: 2m }\n" SITE, 1, 25,
     "limits.header_bytes: expected a size from 256 to 1m, found \"2m\""},
    {"limits: { body_bytes: 99999999999g }\n" SITE, 1, 23,
     "limits.body_bytes: expected a size from 0 to 1048576g, found \"99999999999g\""},
    {"timeouts: { idle: 75 }\n" SITE, 1, 19,
     "timeouts.idle: expected a duration from 1ms to 1d with a unit (ms s m h d), found \"75\""},
    {"timeouts: { idle: 0s }\n" SITE, 1, 19,
     "timeouts.idle: expected a duration from 1ms to 1d with a unit (ms s m h d), found \"0s\""},
    {"limits: { buffered_body_bytes: 17m }\n" SITE, 1, 32,
     "limits.buffered_body_bytes: expected a size from 0 to 16m, found \"17m\""},
    {"temporary_directory: [x]\n" SITE, 1, 22,
     "temporary_directory: expected a path, found a list"},
    {SITE "    forward: { request_body: both }\n", 4, 30,
     "sites[0].forward.request_body: expected one of stream, buffer, found \"both\""},
    {"timeouts: { linger: 61m }\n" SITE, 1, 21,
     "timeouts.linger: expected a duration from 0s to 1h with a unit (ms s m h d), found \"61m\""},
    {"timeouts: { worker: 61m }\n" SITE, 1, 21,
     "timeouts.worker: expected a duration from 0s to 1h with a unit (ms s m h d), found "
     "\"61m\""},
    {"timeouts: { linger_total: yes }\n" SITE, 1, 27,
     "timeouts.linger_total: expected a duration from 0s to 1h with a unit (ms s m h d), found "
     "\"yes\""},
    {"timeouts: { idle: 1.5h }\n" SITE, 1, 19,
     "timeouts.idle: expected a duration from 1ms to 1d with a unit (ms s m h d), found \"1.5h\""},
    {"sessions: { tickets: tls13 }\n" SITE, 1, 22,
     "sessions.tickets: expected one of off, tls12, all, found \"tls13\"; did you mean `tls12`?"},
    {"log: { access: { format: xml } }\n" SITE, 1, 26,
     "log.access.format: expected one of w3c, json, combined, found \"xml\""},
    {"log: { access: { fields: date } }\n" SITE, 1, 26,
     "log.access.fields: expected a list such as [a, b] or default, found \"date\""},
    {SITE "    require_ssl: yes\n", 4, 18,
     "sites[0].require_ssl: expected true or false, found \"yes\""},
    {SITE "    require_ssl: True\n", 4, 18,
     "sites[0].require_ssl: expected true or false, found \"True\""},
    {SITE "    require_ssl: 'true'\n", 4, 18,
     "sites[0].require_ssl: expected true or false, found \"true\" in quotes, which is a text"},
    {SITE "    trust: { root: pki/root.pem }\n", 4, 20,
     "sites[0].trust.root: expected a list of paths such as [a, b], found \"pki/root.pem\""},
    {SITE "    trust: { root: null }\n", 4, 20,
     "sites[0].trust.root: expected a list of paths such as [a, b], found nothing"},
    {SITE "    trust: { root: [[a]] }\n", 4, 21,
     "sites[0].trust.root[0]: expected a path, found a list"},
    {SITE "    trust: []\n", 4, 12, "sites[0].trust: expected a mapping (`key: value` lines)"},
    {SITE "    trust: { policy: { initial: [1.2.x] } }\n", 4, 34,
     "sites[0].trust.policy.initial[0]: expected an object identifier such as 1.3.6.1.4.1.99999.1"},
    {SITE "    tls: { alpn: [h3] }\n", 4, 19,
     "sites[0].tls.alpn[0]: expected one of h2, http/1.1, found \"h3\"; did you mean `h2`?"},
    {SITE "    tls: { alpn: [h2] }\n    negotiate_client_certificate: late\n", 4, 18,
     "sites[0].tls.alpn: `negotiate_client_certificate: late` needs http/1.1, since nobody can be "
     "asked "
     "late over HTTP/2"},
    {SITE "    tls: { min_version: '1.1' }\n", 4, 25,
     "sites[0].tls.min_version: expected one of 1.2, 1.3, found \"1.1\"; did you mean `1.2`?"},
    {SITE "    tls: { min_version: '1.3', max_version: '1.2' }\n", 4, 25,
     "sites[0].tls.min_version: is higher than `max_version`"},
    {SITE "    forward: { identity: rfc9440 }\n", 4, 26,
     "sites[0].forward.identity: expected a list of rfc9440, rfc9440-chain, iis-arr, "
     "xfcc, nginx, traefik, aws-alb, apache, found \"rfc9440\""},
    {SITE "    forward: { identity: [rfc9440, rfc9440] }\n", 4, 36,
     "sites[0].forward.identity[1]: `rfc9440` is given twice"},
    {SITE "    mapping: { one_to_one: [{ user: a, certificate: 'sha256:12' }] }\n", 4, 53,
     "sites[0].mapping.one_to_one[0].certificate: sha256: takes 64 hexadecimal digits"},
    {SITE "    mapping: { many_to_one: [{ name: a }] }\n", 4, 30,
     "sites[0].mapping.many_to_one[0].user: is missing; only `permission: deny` does without"},
    {SITE "    mapping: { many_to_one: [{ name: a, user: u }, { name: a, user: u }] }\n", 4, 60,
     "sites[0].mapping.many_to_one: the name \"a\" is given twice, first at line 4"},
    {SITE "    accounts: { a: { state: gone } }\n", 4, 29,
     "sites[0].accounts.a.state: expected one of enabled, disabled, password_expired, "
     "logon_type_denied, found \"gone\""},
};

static const struct bad bad_keys[] = {
    {"wrokers: 1\n" SITE, 1, 1, "wrokers: unknown key; did you mean `workers`?"},
    {"zzz: 1\n" SITE, 1, 1, "zzz: unknown key"},
    {"trust: 1\n" SITE, 1, 1, "trust: unknown key here; it is known as `sites[].trust`"},
    {"admin: { address: 127.0.0.1:9900 }\n" SITE, 1, 1, "admin: unknown key"},
    {"workers: 1\nworkers: 2\n" SITE, 2, 1, "workers: duplicate key, first given at line 1"},
    {"? [a]\n: 1\n" SITE, 1, 3, "?: a key must be a text"},
    {"workers: &w 1\n<<: *w\n" SITE, 2, 1,
     "<<: merge keys are not used; an alias may stand for a whole value"},
    {SITE "    requiressl: true\n", 4, 5,
     "sites[0].requiressl: unknown key; did you mean `require_ssl`?"},
    {SITE "    require-ssl: true\n", 4, 5,
     "sites[0].require-ssl: unknown key; did you mean `require_ssl`?"},
    {SITE "    trust: { revocation: { chekc: true } }\n", 4, 28,
     "sites[0].trust.revocation.chekc: unknown key; did you mean `check`?"},
    {SITE "    colours: {}\n", 4, 5, "sites[0].colours: unknown key"},
    {SITE "    locations: [{ path: /a, trust: {} }]\n", 4, 29,
     "sites[0].locations[0].trust: unknown key here; it is known as `sites[].trust`"},
    {SITE "    accounts: { a: {}, b: {}, a: {} }\n", 4, 31,
     "sites[0].accounts.a: duplicate key, first given at line 4"},
    {"workers: 1\n", 1, 1, "sites: is missing; expected a list"},
    {"sites: []\n", 1, 8, "sites: the list must not be empty"},
    {"sites: [{ bindings: ['http://127.0.0.1:0'] }]\n", 1, 9,
     "sites[0].upstream: is missing; expected a text"},
    {"sites: [{ upstream: echo }]\n", 1, 9, "sites[0].bindings: is missing; expected a list"},
    {"sites: [{ upstream: echo, bindings: [] }]\n", 1, 37,
     "sites[0].bindings: the list must not be empty"},
    {SITE "upstreams: { a: {} }\n", 4, 17, "upstreams.a.servers: is missing; expected a list"},
    {SITE "    server_certificate: { chain: a }\n", 4, 25,
     "sites[0].server_certificate.key: is missing; expected a path"},
};

static const struct bad bad_yaml[] = {
    {"", 1, 1, "the file is empty; at least `sites` is needed"},
    {"# nothing\n", 1, 1, "the file is empty; at least `sites` is needed"},
    {"hello\n", 1, 1, "expected a mapping (`key: value` lines)"},
    {"- a\n", 1, 1, "expected a mapping (`key: value` lines)"},
    {SITE "---\n" SITE, 4, 1, "a second YAML document; the configuration is one"},
    {"workers: 1\n\tuser: x\n", 2, 1,
     "not valid YAML: found a tab character that violates indentation (while scanning a plain "
     "scalar at line 1)"},
    {"user: a\nuser2: \xff\n", 2, 8, "not UTF-8 text: invalid leading UTF-8 octet"},
    {"user: \x01\n", 1, 7, "not UTF-8 text: control characters are not allowed"},
    {"user: !!str 5\n" SITE, 1, 7, "YAML tags are not used in a configuration"},
    {"user: *nobody\n", 1, 7, "not valid YAML: found undefined alias"},
    {"user: [a\n", 2, 1,
     "not valid YAML: did not find expected ',' or ']' (while parsing a flow sequence at line 1)"},
    {"a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n", 1, 35, "nested deeper than 32 levels"},
};

static const struct bad bad_addresses[] = {
    {"sites: [{ upstream: echo, bindings: ['https://localhost:8443'], server_certificate: { chain: "
     "a, key: b } }]\n",
     1, 38,
     "sites[0].bindings[0]: a binding takes a numeric address, such as 127.0.0.1 or [::1]; names "
     "go "
     "in `hosts`"},
    {"sites: [{ upstream: echo, bindings: ['http://*:80'] }]\n", 1, 38,
     "sites[0].bindings[0]: write 0.0.0.0 for every IPv4 address or [::] for every IPv6 address"},
    {"sites: [{ upstream: echo, bindings: ['http://0.0.0.0:443abc'] }]\n", 1, 38,
     "sites[0].bindings[0]: the port must be a number from 0 to 65535"},
    {"sites: [{ upstream: echo, bindings: ['http://0.0.0.0:65536'] }]\n", 1, 38,
     "sites[0].bindings[0]: the port must be a number from 0 to 65535"},
    {"sites: [{ upstream: echo, bindings: ['http://::1:80'] }]\n", 1, 38,
     "sites[0].bindings[0]: an IPv6 address stands in brackets, such as http://[::1]:8080"},
    {"sites: [{ upstream: echo, bindings: ['http://[::1:80'] }]\n", 1, 38,
     "sites[0].bindings[0]: expected an IPv6 address in the brackets, such as [::1]"},
    {"sites: [{ upstream: echo, bindings: ['http://[127.0.0.1]:80'] }]\n", 1, 38,
     "sites[0].bindings[0]: expected an IPv6 address in the brackets, such as [::1]"},
    {"sites: [{ upstream: echo, bindings: ['http://127.0.0.1:80/'] }]\n", 1, 38,
     "sites[0].bindings[0]: a binding has no path"},
    {"sites: [{ upstream: echo, bindings: ['127.0.0.1:80'] }]\n", 1, 38,
     "sites[0].bindings[0]: expected a binding such as https://0.0.0.0:443 or http://[::]:80"},
    {"sites: [{ upstream: echo, bindings: ['http://010.0.0.1:80'] }]\n", 1, 38,
     "sites[0].bindings[0]: a binding takes a numeric address, such as 127.0.0.1 or [::1]; names "
     "go "
     "in `hosts`"},
    {SITE "    hosts: ['a.*.test']\n", 4, 13,
     "sites[0].hosts[0]: `*` stands only for the first label, as in *.example.test"},
    {SITE "    hosts: ['*']\n", 4, 13,
     "sites[0].hosts[0]: `*` stands only for the first label, as in *.example.test"},
    {SITE "    hosts: ['a*.test']\n", 4, 13,
     "sites[0].hosts[0]: `*` stands only for the first label, as in *.example.test"},
    {SITE "    hosts: ['a..test']\n", 4, 13,
     "sites[0].hosts[0]: each label of a host name has 1 to 63 characters"},
    {SITE "    hosts: ['-a.test']\n", 4, 13,
     "sites[0].hosts[0]: a label of a host name neither starts nor ends with a hyphen"},
    {SITE "    hosts: ['a.test:443']\n", 4, 13,
     "sites[0].hosts[0]: expected a host name without scheme, port or IPv6 address"},
    {SITE "    hosts: ['a b']\n", 4, 13,
     "sites[0].hosts[0]: a host name has letters, digits and hyphens only (other scripts as xn--)"},
    {SITE "    hosts: []\n", 4, 12, "sites[0].hosts: the list must not be empty"},
    {SITE "upstreams: { a: { servers: [{ url: 'http://x:80/p' }] } }\n", 4, 36,
     "upstreams.a.servers[0].url: an upstream URL has no path: the path of the request is passed "
     "on "
     "as it is"},
    {SITE "upstreams: { a: { servers: [{ url: 'https://x/p' }] } }\n", 4, 36,
     "upstreams.a.servers[0].url: an upstream URL has no path: the path of the request is passed "
     "on as it is"},
    {SITE "upstreams: { a: { servers: [{ url: 'https://x' }], tls: { key: x } } }\n", 4, 57,
     "upstreams.a.tls: `certificate` and `key` belong together"},
    {SITE "upstreams: { a: { servers: [{ url: 'https://x' }], tls: { server_name: '*.x' } } }\n", 4,
     72, "upstreams.a.tls.server_name: a certificate is checked for one name: no `*`"},
    {SITE "upstreams: { a: { servers: [{ url: 'http://x' }], balance: fair } }\n", 4, 60,
     "upstreams.a.balance: expected one of round_robin, least_connections, random, found \"fair\""},
    {SITE "upstreams: { a: { servers: [{ url: 'http://x' }], retries: 11 } }\n", 4, 60,
     "upstreams.a.retries: expected a number from 0 to 10, found \"11\""},
    {SITE "upstreams: { a: { servers: [{ url: 'http://x' }], retry_wait: 61s } }\n", 4, 63,
     "upstreams.a.retry_wait: expected a duration from 0s to 1m with a unit (ms s m h d), found "
     "\"61s\""},
    {SITE "upstreams: { a: { servers: [{ url: 'http://x' }], retry_wait: 9ms } }\n", 4, 63,
     "upstreams.a.retry_wait: expected 0s or at least 10ms"},
    {SITE "upstreams: { a: { servers: [{ url: 'http://u:p@x' }] } }\n", 4, 36,
     "upstreams.a.servers[0].url: a user name or password does not belong in an address"},
    {SITE "upstreams: { a: { servers: [{ url: 'http://x:0' }] } }\n", 4, 36,
     "upstreams.a.servers[0].url: port 0 is no port to connect to"},
    {SITE "upstreams: { a: { servers: [{ url: 'unix:app.sock' }] } }\n", 4, 36,
     "upstreams.a.servers[0].url: a socket takes an absolute path, such as unix:/run/app.sock"},
    {SITE "upstreams: { a: { servers: [{ url: 'ftp://x' }] } }\n", 4, 36,
     "upstreams.a.servers[0].url: expected http://host:port, https://host:port or unix:/path"},
    {SITE "upstreams: { a: { servers: [{ url: 'http://x', weight: 0 }] } }\n", 4, 56,
     "upstreams.a.servers[0].weight: expected a number from 1 to 1000, found \"0\""},
    {SITE "upstreams: { echo: { servers: [{ url: 'http://x' }] } }\n", 4, 14,
     "upstreams.echo: `echo` is the built-in upstream"},
    {SITE "upstreams: { 'a/b': { servers: [{ url: 'http://x' }] } }\n", 4, 14,
     "upstreams.a/b: the name of an upstream has letters, digits and -_. only"},
    {"sites: [{ bindings: ['http://127.0.0.1:0'], upstream: ecko }]\n", 1, 55,
     "sites[0].upstream: no upstream \"ecko\"; did you mean `echo`?"},
    {"sites: [{ bindings: ['http://127.0.0.1:0'], upstream: legacy }]\n", 1, 55,
     "sites[0].upstream: no upstream \"legacy\" under `upstreams`"},
    {"sites: [{ bindings: ['http://127.0.0.1:0'], upstream: 'http://a/b' }]\n", 1, 55,
     "sites[0].upstream: an upstream URL has no path: the path of the request is passed on as it "
     "is"},
    {"sites: [{ bindings: ['http://127.0.0.1:0'], upstream: 'https://a/b' }]\n", 1, 55,
     "sites[0].upstream: an upstream URL has no path: the path of the request is passed on as it "
     "is"},
    {SITE "    locations: [{ path: /a, upstream: legacy }]\n", 4, 39,
     "sites[0].locations[].upstream: no upstream \"legacy\" under `upstreams`"},
};

static const struct bad bad_headers[] = {
    {SITE "    forward: { headers: { Host: a } }\n", 4, 33,
     "sites[0].forward.headers.Host: this header cannot be set: it is chosen with `host: keep` or "
     "`host: upstream`"},
    {SITE "    forward: { headers: { content_length: a } }\n", 4, 43,
     "sites[0].forward.headers.content_length: this header cannot be set: it says where the "
     "message "
     "ends"},
    {SITE "    forward: { headers: { Connection: a } }\n", 4, 39,
     "sites[0].forward.headers.Connection: this header cannot be set: it belongs to one "
     "connection, "
     "not to the request"},
    {SITE "    forward: { headers: { X-Forwarded-For: a } }\n", 4, 44,
     "sites[0].forward.headers.X-Forwarded-For: this header cannot be set: it is always set by the "
     "proxy"},
    {SITE "    forward: { headers: { 'X A': a } }\n", 4, 34,
     "sites[0].forward.headers.X A: not a header name: letters, digits and hyphens, at most 64"},
    {SITE "    forward: { headers: { X-A: '{usr}' } }\n", 4, 32,
     "sites[0].forward.headers.X-A: unknown field {usr}; did you mean {user}?"},
    {SITE "    forward: { headers: { X-A: '{subject:utf}' } }\n", 4, 32,
     "sites[0].forward.headers.X-A: unknown filter `utf`; there are utf8, base64 and urlencoded; "
     "did you mean utf8?"},
    {SITE "    forward: { headers: { X-A: '{subject:}' } }\n", 4, 32,
     "sites[0].forward.headers.X-A: unknown filter ``; there are utf8, base64 and urlencoded"},
    {SITE "    forward: { headers: { X-A: '{pem:base64}' } }\n", 4, 32,
     "sites[0].forward.headers.X-A: {pem} is encoded as it is; it takes no filter"},
    {SITE "    forward: { headers: { X-A: '{subjekt:utf8}' } }\n", 4, 32,
     "sites[0].forward.headers.X-A: unknown field {subjekt}; did you mean {subject}?"},
    {SITE "    forward: { headers: { X-A: '{}' } }\n", 4, 32,
     "sites[0].forward.headers.X-A: unknown field {}"},
    {SITE "    forward: { headers: { X-A: 'a{user' } }\n", 4, 32,
     "sites[0].forward.headers.X-A: the brace is never closed"},
    {SITE "    forward: { headers: { X-A: 'a}' } }\n", 4, 32,
     "sites[0].forward.headers.X-A: a closing brace without an opening one"},
    {SITE "    forward: { headers: { X-A: \"\xc3\xa4\" } }\n", 4, 32,
     "sites[0].forward.headers.X-A: the value of a header is printable ASCII"},
    {SITE "    forward: { headers: { Client-Cert: a } }\n", 4, 27,
     "sites[0].forward.headers.Client-Cert: the same header comes from rfc9440; one source only"},
    {SITE "    forward: { headers: { client.cert_chain: a }, identity: [rfc9440-chain] }\n", 4, 27,
     "sites[0].forward.headers.client.cert_chain: the same header comes from rfc9440-chain; one "
     "source only"},
    {SITE "    forward: { headers: { X-A: a, x_a: b } }\n", 4, 35,
     "sites[0].forward.headers.x_a: the same header comes from X-A; one source only"},
    {SITE "    forward: { headers: { Authorization: a }, authorization: basic }\n", 4, 27,
     "sites[0].forward.headers.Authorization: the same header comes from `authorization: basic`; "
     "one source only"},
};

static const struct bad bad_locations[] = {
    {SITE "    locations: [{ path: health }]\n", 4, 25,
     "sites[0].locations[0].path: a path must start with `/`"},
    {SITE "    locations: [{}]\n", 4, 17,
     "sites[0].locations[0].path: is missing; expected a text"},
    {SITE "    locations: [{ path: /a/../b }]\n", 4, 25,
     "sites[0].locations[0].path: dot segments are removed from paths, so this never matches"},
    {SITE "    locations: [{ path: /a//b }]\n", 4, 25,
     "sites[0].locations[0].path: repeated slashes are merged in paths, so this never matches"},
    {SITE "    locations: [{ path: /a// }]\n", 4, 25,
     "sites[0].locations[0].path: repeated slashes are merged in paths, so this never matches"},
    {SITE "    ambiguous_path: true\n", 4, 21,
     "sites[0].ambiguous_path: expected one of refuse, keep, found \"true\""},
    {SITE "    locations: [{ path: '/a?b' }]\n", 4, 25,
     "sites[0].locations[0].path: a path has no `?`, `#`, `*` or backslash"},
    {SITE "    locations: [{ path: /%41 }]\n", 4, 25,
     "sites[0].locations[0].path: write letters, digits and -._~ without `%`: paths are compared "
     "in "
     "that form"},
    {SITE "    locations: [{ path: /%4 }]\n", 4, 25,
     "sites[0].locations[0].path: `%` must be followed by two hexadecimal digits"},
    {SITE "    locations: [{ path: /a%00 }]\n", 4, 25,
     "sites[0].locations[0].path: requests with %00 or %5c in the path are refused, so this never "
     "matches"},
    {SITE "    locations: [{ path: /a }, { path: /A/ }]\n", 4, 31,
     "sites[0].locations[1]: a second location for \"/A/\", first at line 4"},
    {SITE "    locations: { path: /a }\n", 4, 16,
     "sites[0].locations: expected a list such as [{ path: /health }]"},
};

static const struct bad bad_sites[] = {
    {"sites: [{ bindings: ['https://127.0.0.1:0'], upstream: echo }]\n", 1, 9,
     "sites[0].server_certificate: is missing; the binding \"https://127.0.0.1:0\" needs it"},
    {HTTPS "    client_certificate: require\n", 2, 5,
     "sites[0].trust: is missing; to judge client certificates `trust.root` is needed"},
    {HTTPS "    client_certificate: pass\n", 2, 5,
     "sites[0].trust: is missing; to judge client certificates `trust.root` is needed"},
    {HTTPS "    client_certificate: accept\n    trust: { root: [] }\n", 6, 20,
     "sites[0].trust.root: no trusted root: every client certificate would be refused"},
    {HTTPS "    client_certificate: accept\n    trust: { trusted_issuers: [a] }\n", 6, 12,
     "sites[0].trust.root: no trusted root: every client certificate would be refused"},
    {HTTPS "    locations: [{ path: /a, client_certificate: require }]\n", 2, 5,
     "sites[0].trust: is missing; to judge client certificates `trust.root` is needed"},
    {SITE "    name: a\n  - { name: a, bindings: ['http://127.0.0.2:0'], upstream: echo }\n", 5, 5,
     "sites[1].name: \"a\" is also the name of the site at line 2"},
    {SITE "    name: a\n  - { name: b, bindings: ['http://127.0.0.1:0'], upstream: echo }\n", 5, 27,
     "sites[1].bindings[0]: a second site without `hosts` on this binding; the first is \"a\""},
    {SITE "    hosts: [a]\n"
          "  - { name: b, hosts: [A.], bindings: ['http://127.0.0.1:0'], upstream: echo }\n",
     5, 24, "sites[1].hosts: \"a\" is given twice for the binding \"http://127.0.0.1:0\""},
    {SITE "    hosts: [a, A]\n", 4, 16,
     "sites[0].hosts: \"a\" is given twice for the binding \"http://127.0.0.1:0\""},
    {"sites: [{ upstream: echo, bindings: ['http://[::1]:1', 'http://[0::1]:1'] }]\n", 1, 56,
     "sites[0].bindings[1]: \"http://[0::1]:1\" is given twice"},
    {"sites: [{ upstream: echo, server_certificate: { chain: a, key: b }, bindings: "
     "['http://127.0.0.1:1', 'https://127.0.0.1:1'] }]\n",
     1, 102, "sites[0].bindings[1]: http and https on one port: \"http://127.0.0.1:1\" at line 1"},
    {"sites: [{ upstream: echo, server_certificate: { chain: a, key: b }, bindings: "
     "['http://127.0.0.1:1', 'https://0.0.0.0:1'] }]\n",
     1, 80, "sites[0].bindings[0]: http and https on one port: \"https://0.0.0.0:1\" at line 1"},
};

static void check_bad(const struct bad *bad)
{
    struct error_list errors = {0};
    struct config *config = config_parse("conf/p.yaml", bad->yaml, strlen(bad->yaml), &errors);
    ck_assert_msg(config == NULL, "accepted: %s", bad->yaml);
    ck_assert_msg(errors.errors > 0, "no reason for: %s", bad->yaml);
    struct text all = {0};
    for (size_t i = 0; i < errors.count; i++) {
        char *line = error_format(&errors.entries[i]);
        text_addf(&all, "%s\n", line);
        free(line);
    }
    struct text want = {0};
    text_addf(&want, "conf/p.yaml:%u:%u: error: %s\n", bad->line, bad->column, bad->text);
    ck_assert_msg(strcmp(all.ptr, want.ptr) == 0, "for:\n%s\nwanted %sgot    %s", bad->yaml,
                  want.ptr, all.ptr);
    text_clear(&all);
    text_clear(&want);
    errors_clear(&errors);
}

#define CHECK_ALL(table)                                          \
    for (size_t i = 0; i < sizeof(table) / sizeof(table)[0]; i++) \
    check_bad(&(table)[i])

START_TEST(a_wrong_value_is_one_error_with_its_place)
{
    CHECK_ALL(bad_values);
}
END_TEST

START_TEST(an_unknown_duplicate_or_missing_key_is_one_error_with_its_place)
{
    CHECK_ALL(bad_keys);
}
END_TEST

START_TEST(what_is_not_yaml_is_one_error_with_its_place)
{
    CHECK_ALL(bad_yaml);
}
END_TEST

START_TEST(a_wrong_address_or_host_is_one_error_with_its_place)
{
    CHECK_ALL(bad_addresses);
}
END_TEST

START_TEST(a_header_the_proxy_owns_or_an_unknown_field_is_one_error)
{
    CHECK_ALL(bad_headers);
}
END_TEST

START_TEST(a_location_that_could_never_match_is_one_error)
{
    CHECK_ALL(bad_locations);
}
END_TEST

START_TEST(rules_across_keys_and_sites_are_one_error)
{
    CHECK_ALL(bad_sites);
}
END_TEST

START_TEST(every_error_is_reported_in_the_order_of_the_file)
{
    static const char yaml[] = "workers: 0\nbogus: 1\nsites:\n  - upstream: nowhere\n    name: ''\n"
                               "    bindings: [x]\nlimits: { connections: 0 }\n";
    static const unsigned lines[] = {1, 2, 4, 5, 6, 7};
    struct error_list errors = {0};
    ck_assert_ptr_null(config_parse("p.yaml", yaml, strlen(yaml), &errors));
    ck_assert_uint_eq(errors.count, sizeof lines / sizeof lines[0]);
    for (size_t i = 0; i < errors.count; i++)
        ck_assert_uint_eq(errors.entries[i].line, lines[i]);
    errors_clear(&errors);
}
END_TEST

START_TEST(a_thousand_errors_are_enough)
{
    struct text yaml = {0};
    struct error_list errors = {0};
    for (unsigned i = 0; i < 5000; i++)
        text_addf(&yaml, "zzzz%u: 1\n", i);
    ck_assert_ptr_null(config_parse("p.yaml", yaml.ptr, yaml.len, &errors));
    ck_assert_uint_eq(errors.count, 1001);
    ck_assert_str_eq(errors.entries[1000].text, "more than 1000 errors; the rest is not shown");
    errors_clear(&errors);
    text_clear(&yaml);
}
END_TEST

/* Each alias is cheap to write; what it stands for is decoded every time. */
START_TEST(aliases_that_multiply_are_an_error_at_once)
{
    static const char yaml[] =
        "user: &a [x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x]\n"
        "sites: &s\n  - &t { upstream: echo, bindings: *a, hosts: *a, locations: *s }\n";
    struct text laughs = {0};
    struct error_list errors = {0};
    ck_assert_ptr_null(config_parse("p.yaml", yaml, strlen(yaml), &errors));
    errors_clear(&errors);
    text_add_cstr(&laughs, "sites:\n  - &s\n    bindings: ['http://127.0.0.1:0']\n"
                           "    upstream: echo\n    trust: { root: &r [");
    for (unsigned i = 0; i < 100; i++)
        text_add_cstr(&laughs, "a, ");
    text_add_cstr(&laughs, "a], intermediate: *r }\n");
    for (unsigned i = 0; i < 9000; i++)
        text_add_cstr(&laughs, "  - *s\n");
    ck_assert_ptr_null(config_parse("p.yaml", laughs.ptr, laughs.len, &errors));
    bool is_bounded = false;
    for (size_t i = 0; i < errors.count; i++)
        is_bounded = is_bounded || strstr(errors.entries[i].text, "aliases repeat too much");
    ck_assert(is_bounded);
    errors_clear(&errors);
    text_clear(&laughs);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("config_errors");
    TCase *tcase = tcase_create("config_errors");
    tcase_add_test(tcase, a_wrong_value_is_one_error_with_its_place);
    tcase_add_test(tcase, an_unknown_duplicate_or_missing_key_is_one_error_with_its_place);
    tcase_add_test(tcase, what_is_not_yaml_is_one_error_with_its_place);
    tcase_add_test(tcase, a_wrong_address_or_host_is_one_error_with_its_place);
    tcase_add_test(tcase, a_header_the_proxy_owns_or_an_unknown_field_is_one_error);
    tcase_add_test(tcase, a_location_that_could_never_match_is_one_error);
    tcase_add_test(tcase, rules_across_keys_and_sites_are_one_error);
    tcase_add_test(tcase, every_error_is_reported_in_the_order_of_the_file);
    tcase_add_test(tcase, a_thousand_errors_are_enough);
    tcase_add_test(tcase, aliases_that_multiply_are_an_error_at_once);
    suite_add_tcase(suite, tcase);
    return suite;
}
