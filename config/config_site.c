/* SPDX-License-Identifier: MIT */
#include "config/config_site.h"

#include <stdlib.h>
#include <string.h>

#include "config/config_address.h"
#include "config/config_field.h"
#include "config/config_location.h"
#include "config/config_yaml.h"

struct profile { /* what differs from the schema's defaults, iis-semantics.md 0.3 */
    enum config_root_mix root_mix;
    enum config_large_root large_root_store;
    enum config_post_handshake post_handshake;
    bool trust_mode_honoured;
    bool send_trusted_issuer_list;
};

static const struct profile profiles[] = {
    [PROFILE_IIS75] = {ROOT_MIX_OFF, LARGE_ROOT_OFF, POST_HANDSHAKE_500, false, true},
    [PROFILE_IIS8] = {ROOT_MIX_STRICT, LARGE_ROOT_LEGACY, POST_HANDSHAKE_500, true, false},
    [PROFILE_IIS10] = {ROOT_MIX_STRICT, LARGE_ROOT_OFF, POST_HANDSHAKE_500, true, false},
    [PROFILE_IIS10_2022] = {ROOT_MIX_STRICT, LARGE_ROOT_OFF, POST_HANDSHAKE_RST, true, false},
    [PROFILE_IIS10_2025] = {ROOT_MIX_STRICT, LARGE_ROOT_OFF, POST_HANDSHAKE_500, true, false},
};

void config_profile_apply(const struct config_cursor *at, void *profile)
{
    const struct profile *chosen = &profiles[*(enum config_profile *)profile];
    struct config_compat *compat = &at->reader->config->compat;
    compat->root_mix = chosen->root_mix;
    compat->large_root_store = chosen->large_root_store;
    compat->post_handshake = chosen->post_handshake;
    compat->trust_mode_honoured = chosen->trust_mode_honoured;
    compat->send_trusted_issuer_list_default = chosen->send_trusted_issuer_list;
}

void config_root_prepare(const struct config_cursor *at, void *config)
{
    struct config *self = config;
    self->workers_mark = config_cursor_mark(at);
    config_profile_apply(at, &self->profile);
}

void config_workers_mark(const struct config_cursor *at, void *workers)
{
    (void)workers;
    at->reader->config->workers_mark = config_cursor_mark(at);
}

void config_authorize_prepare(const struct config_cursor *at, void *rule)
{
    struct config_authorize *self = rule;
    self->mark = config_cursor_mark(at);
}

void config_site_prepare(const struct config_cursor *at, void *site)
{
    struct config_site *self = site;
    self->mark = config_cursor_mark(at);
    self->trust.mark = self->mark;
    self->trust.send_trusted_issuer_list =
        at->reader->config->compat.send_trusted_issuer_list_default;
    self->access.tracing = at->reader->config->tracing.rules;
}

static struct config_cursor below(const struct config_cursor *at, const char *key,
                                  yaml_node_t *node)
{
    return (struct config_cursor){.reader = at->reader,
                                  .parent = at,
                                  .key = str_of(key),
                                  .node = node == NULL ? at->node : node};
}

static void read_name(const struct config_cursor *at, struct config_site *site)
{
    static const struct config_key key = {
        .name = "name", .type = CONFIG_TEXT, .size = sizeof(struct config_value)};
    struct config_value name = {0};
    yaml_node_t *node = config_decode_find(at, "name");
    if (node != NULL) {
        struct config_cursor where = below(at, "name", node);
        config_field_decode(&where, &key, &name);
    }
    if (name.text != NULL)
        site->name = name.text;
    else if (site->hosts.count > 0)
        site->name = site->hosts.items[0].text;
    else
        site->name = config_decode_copy(at, STR("default"));
}

static bool is_given(const struct config_cursor *at, const char *key)
{
    yaml_node_t *node = config_decode_find(at, key);
    if (node == NULL)
        return false;
    return node->type != YAML_SEQUENCE_NODE ||
           node->data.sequence.items.start != node->data.sequence.items.top;
}

static bool asks_for_certificate(const struct config_site *site)
{
    if (site->access.client_certificate != CLIENT_CERT_IGNORE)
        return true;
    for (size_t i = 0; i < site->location_count; i++) {
        if (site->locations[i].access.client_certificate != CLIENT_CERT_IGNORE)
            return true;
    }
    return false;
}

/* A site that asks for certificates without any anchor would refuse everyone: that is never what
 * was meant, and never to be mistaken for "trust all". The exclusive modes take the bound store
 * for anchors (iis-semantics.md 3.2, 3.3). */
static void check_trust(const struct config_cursor *at, const struct config_site *site)
{
    const struct config_compat *compat = &at->reader->config->compat;
    bool is_exclusive = site->trust.mode != TRUST_MODE_MACHINE && compat->trust_mode_honoured;
    struct config_cursor trust = below(at, "trust", config_decode_find(at, "trust"));
    bool has_trust = trust.node != at->node;
    if (!asks_for_certificate(site))
        return;
    if (has_trust && (trust.node->type != YAML_MAPPING_NODE || is_given(&trust, "root")))
        return;
    bool has_store =
        site->trust.trusted_issuers.count > 0 ||
        (compat->client_auth_issuers_documented && site->trust.client_auth_issuers.count > 0);
    if (is_exclusive && has_trust && has_store)
        return;
    if (has_trust) {
        struct config_cursor root = below(&trust, "root", config_decode_find(&trust, "root"));
        config_decode_error(&root, "no trusted root: every client certificate would be refused");
        return;
    }
    config_decode_error(&trust, "is missing; to judge client certificates `trust.root` is needed");
}

static void check_https(const struct config_cursor *at, const struct config_site *site)
{
    for (size_t i = 0; i < site->binding_count; i++) {
        if (!site->bindings[i].is_https || config_decode_find(at, "server_certificate") != NULL)
            continue;
        struct config_cursor where = below(at, "server_certificate", NULL);
        config_decode_error(&where, "is missing; the binding \"%s\" needs it",
                            site->bindings[i].url.text);
        return;
    }
}

static void check_versions(const struct config_cursor *at, const struct config_site *site)
{
    struct config_cursor tls = below(at, "tls", config_decode_find(at, "tls"));
    if (tls.node == at->node || site->tls.min_version <= site->tls.max_version)
        return;
    struct config_cursor where =
        below(&tls, "min_version", config_decode_find(&tls, "min_version"));
    config_decode_error(&where, "is higher than `max_version`");
}

/* RFC 8740 section 3: nobody can be asked late over HTTP/2, which is not offered then. */
static void check_protocols(const struct config_cursor *at, const struct config_site *site)
{
    const struct config_list *alpn = &site->tls.alpn;
    bool has_http1 = false;
    for (size_t i = 0; i < alpn->count; i++)
        has_http1 = has_http1 || strcmp(alpn->items[i].text, "http/1.1") == 0;
    if (has_http1 || !site->negotiate_late || alpn->count == 0)
        return;
    struct config_cursor tls = below(at, "tls", config_decode_find(at, "tls"));
    struct config_cursor where = below(&tls, "alpn", config_decode_find(&tls, "alpn"));
    config_decode_error(&where, "`negotiate_client_certificate: late` needs http/1.1, since nobody "
                                "can be asked late over HTTP/2");
}

/* Windows Server 2008 R2 does not know ClientAuthTrustMode (iis-semantics.md 0.3). */
static void check_mode(const struct config_cursor *at, const struct config_site *site)
{
    if (site->trust.mode == TRUST_MODE_MACHINE || at->reader->config->compat.trust_mode_honoured)
        return;
    struct config_cursor trust = below(at, "trust", config_decode_find(at, "trust"));
    struct config_cursor mode = below(&trust, "mode", config_decode_find(&trust, "mode"));
    config_decode_warn(&mode, "has no effect under `compatibility: iis75`");
}

static bool sends_basic(const struct config_site *site)
{
    bool found = site->access.forward.authorization_basic;
    for (size_t i = 0; i < site->location_count && !found; i++)
        found = site->locations[i].access.forward.authorization_basic;
    return found;
}

/* RFC 7617 section 2: the first colon ends the user name. */
static void check_basic_user(const struct config_cursor *at, const struct config_value *user)
{
    if (user->text != NULL && strchr(user->text, ':') != NULL)
        config_decode_error_at(at, user->mark,
                               "\"%.64s\" has a colon, which `authorization: basic` cannot send",
                               user->text);
}

static void check_basic(const struct config_cursor *at, const struct config_site *site)
{
    struct config_cursor mapping = below(at, "mapping", config_decode_find(at, "mapping"));
    if (!sends_basic(site))
        return;
    check_basic_user(&mapping, &site->mapping.default_logon_domain);
    for (size_t i = 0; i < site->mapping.one_to_one_count; i++)
        check_basic_user(&mapping, &site->mapping.one_to_one[i].user);
    for (size_t i = 0; i < site->mapping.many_to_one_count; i++)
        check_basic_user(&mapping, &site->mapping.many_to_one[i].user);
}

void config_site_finish(const struct config_cursor *at, void *site)
{
    struct config_site *self = site;
    bool anonymous_given = config_decode_find(at, "anonymous") != NULL;
    read_name(at, self);
    yaml_node_t *trust = config_decode_find(at, "trust");
    if (trust != NULL)
        self->trust.mark = config_yaml_mark(at->reader->config->file, trust->start_mark);
    self->accounts_set = config_decode_find(at, "accounts") != NULL;
    if (config_decode_find(at, "require_ssl") == NULL)
        self->access.require_ssl = self->access.client_certificate == CLIENT_CERT_REQUIRE;
    config_location_defaults(&self->access, self, anonymous_given);
    config_locations_decode(at, self, anonymous_given);
    check_https(at, self);
    check_versions(at, self);
    check_protocols(at, self);
    check_trust(at, self);
    check_mode(at, self);
    check_basic(at, self);
}

static int compare_mappings(const void *left, const void *right)
{
    const struct config_many_to_one *a = *(const struct config_many_to_one *const *)left;
    const struct config_many_to_one *b = *(const struct config_many_to_one *const *)right;
    int order = strcmp(a->name.text, b->name.text);
    return order != 0 ? order : (a > b) - (a < b);
}

/* IIS: `name` is the unique key of manyToOneMappings (iis-semantics.md 5.1). */
static void check_mapping_names(const struct config_cursor *at,
                                const struct config_mapping *mapping)
{
    const struct config_many_to_one **sorted =
        arena_calloc(at->reader->arena, mapping->many_to_one_count + 1, sizeof *sorted);
    size_t count = 0;
    for (size_t i = 0; i < mapping->many_to_one_count; i++) {
        if (mapping->many_to_one[i].name.text != NULL)
            sorted[count++] = &mapping->many_to_one[i];
    }
    qsort(sorted, count, sizeof *sorted, compare_mappings);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(sorted[i - 1]->name.text, sorted[i]->name.text) != 0)
            continue;
        struct config_cursor list = below(at, "many_to_one", NULL);
        config_decode_error_at(&list, sorted[i]->name.mark,
                               "the name \"%.64s\" is given twice, first at line %u",
                               sorted[i]->name.text, sorted[i - 1]->name.mark.line);
    }
}

void config_mapping_finish(const struct config_cursor *at, void *mapping)
{
    struct config_mapping *self = mapping;
    self->is_set = true;
    check_mapping_names(at, self);
}

/* Base64 of a DER certificate starts with MI (a SEQUENCE with a long length); shorter texts are
 * names of files. */
bool config_certificate_is_inline(struct str text)
{
    enum { SHORTEST = 64 };
    size_t letters = 0;
    if (str_starts_with(text, STR("sha256:")))
        return true;
    if (memmem(text.ptr, text.len, "-----BEGIN", 10) != NULL)
        return true;
    if (!str_starts_with(text, STR("MI")))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (ascii_is_alpha(c) || ascii_is_digit(c) || c == '+' || c == '/' || c == '=')
            letters++;
        else if (strchr(" \t\r\n", c) == NULL)
            return false;
    }
    return letters >= SHORTEST;
}

static const char *check_fingerprint(struct str hex)
{
    for (size_t i = 0; i < hex.len; i++) {
        if (ascii_hex_value(hex.ptr[i]) < 0)
            return "sha256: takes hexadecimal digits without separators";
    }
    return hex.len == 64 ? NULL : "sha256: takes 64 hexadecimal digits";
}

void config_one_to_one_finish(const struct config_cursor *at, void *mapping)
{
    struct config_one_to_one *self = mapping;
    if (self->certificate.text == NULL)
        return;
    struct config_cursor where = below(at, "certificate", config_decode_find(at, "certificate"));
    struct str text = str_of(self->certificate.text);
    if (str_starts_with(text, STR("sha256:"))) {
        const char *problem = check_fingerprint(str_skip(text, 7));
        if (problem != NULL)
            config_decode_error(&where, "%s", problem);
    } else if (!config_certificate_is_inline(text)) {
        self->certificate.text = config_decode_path(&where, text);
    }
}

void config_many_to_one_finish(const struct config_cursor *at, void *mapping)
{
    const struct config_many_to_one *self = mapping;
    struct config_cursor user = below(at, "user", NULL);
    if (config_decode_find(at, "user") == NULL && !self->deny)
        config_decode_error(&user, "is missing; only `permission: deny` does without");
}

void config_binding_after(const struct config_cursor *at, void *binding)
{
    struct config_binding *self = binding;
    struct config_url url = {0};
    char canonical[64] = "";
    const char *problem = config_address_binding(str_of(self->url.text), &url);
    if (problem == NULL && !config_address_canonical(url.host, canonical))
        problem = "not a numeric address";
    if (problem != NULL) {
        config_decode_error(at, "%s", problem);
        return;
    }
    self->is_https = url.is_https;
    self->port = url.port;
    self->host = config_decode_copy(at, str_of(canonical));
}

void config_host_after(const struct config_cursor *at, void *host)
{
    struct config_value *self = host;
    struct str text = str_of(self->text);
    if (text.len > 1 && text.ptr[text.len - 1] == '.')
        text.len--;
    self->text = config_decode_copy(at, text);
    for (char *c = self->text; *c != '\0'; c++)
        *c = ascii_lower(*c);
    const char *problem = config_address_site_host(str_of(self->text));
    if (problem != NULL)
        config_decode_error(at, "%s", problem);
}

void config_oid_after(const struct config_cursor *at, void *oid)
{
    struct str text = str_of(((struct config_value *)oid)->text);
    struct str arc = {0};
    uint64_t value = 0;
    size_t arcs = 0;
    bool is_good = true;
    while (is_good && str_split(&text, '.', &arc)) {
        is_good = str_parse_u64(arc, arcs == 0 ? 2 : UINT64_MAX, &value);
        arcs++;
    }
    if (!is_good || arcs < 2)
        config_decode_error(at, "expected an object identifier such as 1.3.6.1.4.1.99999.1");
}

void config_server_after(const struct config_cursor *at, void *server)
{
    struct config_server *self = server;
    struct config_url url = {0};
    if (self->url.text == NULL)
        return;
    struct config_cursor where = below(at, "url", config_decode_find(at, "url"));
    const char *problem = config_address_server(str_of(self->url.text), &url);
    if (problem != NULL) {
        config_decode_error(&where, "%s", problem);
        return;
    }
    self->is_https = url.is_https;
    self->is_unix = url.is_unix;
    self->port = url.port;
    self->host = config_decode_copy(at, url.host);
}

void config_server_name_after(const struct config_cursor *at, void *name)
{
    const struct config_value *self = name;
    char canonical[64];
    if (self->text == NULL || config_address_canonical(str_of(self->text), canonical))
        return;
    const char *problem = str_starts_with(str_of(self->text), STR("*."))
                              ? "a certificate is checked for one name: no `*`"
                              : config_address_site_host(str_of(self->text));
    if (problem != NULL)
        config_decode_error(at, "%s", problem);
}

void config_health_path_after(const struct config_cursor *at, void *path)
{
    const struct config_value *self = path;
    if (self->text == NULL)
        return;
    bool is_good = self->text[0] == '/';
    for (const char *c = self->text; *c != '\0'; c++)
        is_good = is_good && *c > ' ' && *c < 0x7f && *c != '#';
    if (!is_good)
        config_decode_error(at, "expected a path such as /healthz, without blanks");
}

/* A file that holds the key as well. */
static bool is_pkcs12(const char *path)
{
    return str_ends_with_icase(str_of(path), STR(".p12")) ||
           str_ends_with_icase(str_of(path), STR(".pfx"));
}

void config_server_certificate_finish(const struct config_cursor *at, void *certificate)
{
    const struct config_server_certificate *self = certificate;
    if (self->key.text != NULL || self->chain.text == NULL || is_pkcs12(self->chain.text))
        return;
    struct config_cursor where = below(at, "key", NULL);
    config_decode_error(&where, "is missing; expected a path");
}

/* A shorter wait is a busy loop. */
#define RETRY_WAIT_MIN_MS 10

void config_retry_wait_after(const struct config_cursor *at, void *wait_ms)
{
    const uint64_t *self = wait_ms;
    if (*self > 0 && *self < RETRY_WAIT_MIN_MS)
        config_decode_error(at, "expected 0s or at least 10ms");
}

void config_upstream_tls_finish(const struct config_cursor *at, void *tls)
{
    const struct config_upstream_tls *self = tls;
    bool is_one_file = self->certificate.text != NULL && is_pkcs12(self->certificate.text);
    if ((self->certificate.text == NULL) != (self->key.text == NULL) && !is_one_file)
        config_decode_error(at, "`certificate` and `key` belong together");
}

void config_upstream_after(const struct config_cursor *at, void *upstream)
{
    const struct config_upstream *self = upstream;
    struct str name = str_of(self->name.text);
    if (str_equal(name, STR("echo"))) {
        config_decode_error_at(at, self->name.mark, "`echo` is the built-in upstream");
        return;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && strchr("-_.", c) == NULL) {
            config_decode_error_at(at, self->name.mark,
                                   "the name of an upstream has letters, digits and -_. only");
            return;
        }
    }
}
