/* SPDX-License-Identifier: MIT */
#include "explain/explain.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "access/route.h"
#include "base/cert_bundle.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/password.h"
#include "cli/cli.h"
#include "cli/explain_print.h"
#include "cli/load.h"
#include "cli/usage.h"
#include "engine/snapshot_load.h"
#include "http/uri.h"

static const char USAGE[] =
    "usage: mtls-proxy explain [-c FILE] (--certificate FILE|- | --no-certificate) [OPTION]...\n"
    "       mtls-proxy explain --root PATH [--intermediate PATH] [--trusted-issuers PATH]\n"
    "               [--disallowed PATH] [--crl PATH] --certificate FILE|- [OPTION]...\n"
    "\n"
    "Judges a client certificate with the proxy's own code, off line, and says why.\n"
    "\n"
    "  -c, --config FILE      the configuration (default ./proxy.yaml, else\n"
    "                         /etc/mtls-proxy/proxy.yaml); - is the standard input\n"
    "  --certificate FILE|-   PEM, DER, PKCS#7 or PKCS#12; further certificates in it count as\n"
    "                         presented after the leaf\n"
    "  --no-certificate       a client that presents none\n"
    "  --chain FILE           more certificates that the client presents; may be repeated\n"
    "  --password-file FILE   the password of PKCS#12 files: one line\n"
    "  --root PATH            without a configuration: a file or folder of the root store; all of\n"
    "                         these may be repeated, everything else is as by default\n"
    "  --intermediate PATH    intermediates\n"
    "  --trusted-issuers PATH the store bound to the site\n"
    "  --disallowed PATH      certificates that are refused\n"
    "  --crl PATH             CRLs\n"
    "  --site NAME            the site (default: the one of --url, or the only one)\n"
    "  --url URL              what is asked for (default https://<first host>/)\n"
    "  --at TIME              judge at this time: RFC 3339, or @ and seconds since 1970\n"
    "  --trust-mode MODE      instead of trust.mode: 0, 1, 2, machine, exclusive_root,\n"
    "                         exclusive_ca, or all for the three side by side\n"
    "  --format text|json\n"
    "  -h, --help             this text\n"
    "\n"
    "Exit status: 0 allowed, 10 refused, 1 the configuration has errors, 2 usage.\n";

#define MODE_AS_CONFIGURED (-1)
#define MODE_ALL           3

struct explain_options {
    const char *config;
    json_t *stores; /* of a site without a configuration, by key of `trust`; NULL: none given */
    const char *certificate;
    bool no_certificate;
    const char *chains[16];
    size_t chain_count;
    const char *password_file;
    const char *site;
    const char *url;
    int64_t at; /* -1: now */
    int mode;
    bool is_json;
};

struct explain_input { /* what the options name, loaded */
    struct cert **presented;
    size_t count;
    const char *handshake; /* TLS would refuse it, and why; NULL: it would not */
};

static int usage(const char *problem, const char *what)
{
    return usage_refuse("explain", problem, what);
}

/* ---- options ------------------------------------------------------------------------------ */

static bool parse_mode(const char *text, int *ret_mode)
{
    static const char *const names[] = {"machine", "exclusive_root", "exclusive_ca", "all"};
    for (int i = 0; i <= MODE_ALL; i++) {
        if (strcmp(text, names[i]) == 0 ||
            (i < MODE_ALL && text[0] == '0' + i && text[1] == '\0')) {
            *ret_mode = i;
            return true;
        }
    }
    return false;
}

enum {
    OPT_CERTIFICATE = 256,
    OPT_NONE,
    OPT_CHAIN,
    OPT_PASSWORD,
    OPT_ROOT,
    OPT_INTERMEDIATE,
    OPT_ISSUERS,
    OPT_DISALLOWED,
    OPT_CRL,
    OPT_SITE,
    OPT_URL,
    OPT_AT,
    OPT_MODE,
    OPT_FORMAT
};

/* A file or folder of a store that no configuration names. */
static const char *add_store(struct explain_options *options, int option, const char *path)
{
    static const char *const keys[] = {"root", "intermediate", "trusted_issuers", "disallowed",
                                       "crls"};
    const char *key = keys[option - OPT_ROOT];
    if (options->stores == NULL)
        options->stores = json_object();
    json_t *list = json_object_get(options->stores, key);
    if (list == NULL) {
        list = json_array();
        (void)json_object_set_new(options->stores, key, list);
    }
    json_t *text = json_string(path);
    if (text == NULL)
        return "not a path in UTF-8:";
    return json_array_append_new(list, text) == 0 ? NULL : "not a path:";
}

static const char *take_option(struct explain_options *options, int option, const char *value)
{
    switch (option) {
    case 'c':
        options->config = value;
        return NULL;
    case OPT_CERTIFICATE:
        options->certificate = value;
        return NULL;
    case OPT_NONE:
        options->no_certificate = true;
        return NULL;
    case OPT_CHAIN:
        if (options->chain_count == sizeof options->chains / sizeof options->chains[0])
            return "too many --chain:";
        options->chains[options->chain_count++] = value;
        return NULL;
    case OPT_PASSWORD:
        options->password_file = value;
        return NULL;
    case OPT_ROOT:
    case OPT_INTERMEDIATE:
    case OPT_ISSUERS:
    case OPT_DISALLOWED:
    case OPT_CRL:
        return add_store(options, option, value);
    case OPT_SITE:
        options->site = value;
        return NULL;
    case OPT_URL:
        options->url = value;
        return NULL;
    case OPT_AT:
        return clock_parse(str_of(value), &options->at) ? NULL : "not a time:";
    case OPT_MODE:
        return parse_mode(value, &options->mode) ? NULL : "not a trust mode:";
    case OPT_FORMAT:
        options->is_json = strcmp(value, "json") == 0;
        return options->is_json || strcmp(value, "text") == 0 ? NULL : "not a format:";
    default:
        return "unknown option";
    }
}

/* CLI_OK, CLI_USAGE, or -1 when the usage was asked for. */
static int parse_options(int argc, char **argv, struct explain_options *options)
{
    static const struct option names[] = {
        {"config", required_argument, NULL, 'c'},
        {"certificate", required_argument, NULL, OPT_CERTIFICATE},
        {"no-certificate", no_argument, NULL, OPT_NONE},
        {"chain", required_argument, NULL, OPT_CHAIN},
        {"password-file", required_argument, NULL, OPT_PASSWORD},
        {"root", required_argument, NULL, OPT_ROOT},
        {"intermediate", required_argument, NULL, OPT_INTERMEDIATE},
        {"trusted-issuers", required_argument, NULL, OPT_ISSUERS},
        {"disallowed", required_argument, NULL, OPT_DISALLOWED},
        {"crl", required_argument, NULL, OPT_CRL},
        {"site", required_argument, NULL, OPT_SITE},
        {"url", required_argument, NULL, OPT_URL},
        {"at", required_argument, NULL, OPT_AT},
        {"trust-mode", required_argument, NULL, OPT_MODE},
        {"format", required_argument, NULL, OPT_FORMAT},
        {"help", no_argument, NULL, 'h'},
        {0}};
    int option;
    optind = 0;
    while ((option = getopt_long(argc, argv, ":c:h", names, NULL)) != -1) {
        if (option == 'h')
            return -1;
        if (option == '?' || option == ':')
            return usage_refuse_option("explain", option, argv);
        const char *problem = take_option(options, option, optarg);
        if (problem != NULL)
            return usage(problem, optarg);
    }
    if (optind < argc)
        return usage("unexpected argument", argv[optind]);
    if ((options->certificate != NULL) == options->no_certificate)
        return usage("give --certificate FILE or --no-certificate", NULL);
    if (options->stores != NULL && options->config != NULL)
        return usage("--root and its like stand for a configuration: give these or", "-c");
    if (options->stores != NULL && json_object_get(options->stores, "root") == NULL)
        return usage("without a configuration --root is needed", NULL);
    if (options->config != NULL && strcmp(options->config, "-") == 0 &&
        options->certificate != NULL && strcmp(options->certificate, "-") == 0)
        return usage("the configuration or the certificate can be the standard input, not both",
                     NULL);
    if (options->config == NULL && options->stores == NULL)
        options->config = load_default_file("explain");
    return options->config == NULL && options->stores == NULL ? CLI_FAILED : CLI_OK;
}

/* ---- certificates ------------------------------------------------------------------------- */

/* More than any client can present. */
#define INPUT_MAX ((size_t)4 * 1024 * 1024)

static bool read_file(const char *name, struct text *out)
{
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rbe");
    if (file == NULL) {
        (void)fprintf(stderr, "mtls-proxy explain: %s: %s\n", name, strerror(errno));
        return false;
    }
    char piece[16384];
    size_t len;
    while (out->len <= INPUT_MAX && (len = fread(piece, 1, sizeof piece, file)) > 0)
        text_add(out, str_make(piece, len));
    bool is_read = ferror(file) == 0 && out->len <= INPUT_MAX;
    if (!is_read)
        (void)fprintf(stderr, "mtls-proxy explain: %s: cannot be read\n", name);
    if (file != stdin)
        (void)fclose(file);
    return is_read;
}

/* What is no certificate at all is said to be what it is; damage is for TLS to refuse. */
static bool take_file(const char *name, const struct text *bytes, const char *password,
                      struct explain_input *input)
{
    size_t before = input->count;
    const char *problem = NULL;
    bool is_read = cert_list_read(bytes->ptr, bytes->len, password, &input->presented,
                                  &input->count, &problem);
    if (is_read && input->count > before)
        return true;
    const char *what = problem != NULL ? problem : cert_bundle_describe(bytes->ptr, bytes->len);
    if (what == NULL) {
        input->handshake = "the certificate cannot be decoded";
        return true;
    }
    (void)fprintf(stderr, "mtls-proxy explain: %s: no certificate to judge: %s\n", name, what);
    return false;
}

static bool read_certificates(const struct explain_options *options, const char *name,
                              struct explain_input *input)
{
    struct text bytes = {0};
    const char *problem = NULL;
    char *password =
        options->password_file == NULL ? NULL : password_read(options->password_file, &problem);
    bool is_read = problem == NULL && read_file(name, &bytes);
    if (problem != NULL)
        (void)fprintf(stderr, "mtls-proxy explain: %s: %s\n", options->password_file, problem);
    if (is_read)
        is_read = take_file(name, &bytes, password, input);
    if (bytes.len > 0)
        OPENSSL_cleanse(bytes.ptr, bytes.len); /* it may hold a key */
    text_clear(&bytes);
    password_free(password);
    return is_read;
}

/* Keys that no TLS 1.2 or 1.3 signature can be made with are refused before HTTP. */
static const char *key_problem(const struct cert *leaf)
{
    EVP_PKEY *key = X509_get0_pubkey(leaf->x509);
    if (key == NULL)
        return "the public key cannot be decoded, or its curve is not supported";
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
    case EVP_PKEY_EC:
    case EVP_PKEY_ED25519:
    case EVP_PKEY_ED448:
        return NULL;
    default:
        return "TLS has no signature for this type of key";
    }
}

static bool load_input(const struct explain_options *options, const struct config *config,
                       struct explain_input *input)
{
    if (options->certificate != NULL && !read_certificates(options, options->certificate, input))
        return false;
    for (size_t i = 0; i < options->chain_count; i++) {
        if (!read_certificates(options, options->chains[i], input))
            return false;
    }
    size_t bytes = 0;
    for (size_t i = 0; i < input->count; i++)
        bytes += input->presented[i]->der_len;
    if (input->handshake == NULL && bytes > config->limits.chain_bytes)
        input->handshake = "more certificates than limits.chain_bytes allows";
    if (input->handshake == NULL && input->count > 0)
        input->handshake = key_problem(input->presented[0]);
    return true;
}

static void clear_input(struct explain_input *input)
{
    for (size_t i = 0; i < input->count; i++)
        cert_unref(input->presented[i]);
    free(input->presented);
}

/* ---- site and path ------------------------------------------------------------------------ */

static const struct snapshot_site *site_by_name(const struct snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->site_count; i++) {
        if (strcmp(snapshot->sites[i].config->name, name) == 0)
            return &snapshot->sites[i];
    }
    return NULL;
}

static const struct snapshot_site *site_by_host(const struct snapshot *snapshot, struct str host,
                                                unsigned port)
{
    const struct snapshot_site *found = NULL;
    for (size_t i = 0; i < snapshot->binding_count && found == NULL; i++) {
        const struct snapshot_binding *binding = &snapshot->bindings[i];
        if (port == 0 || addr_port(&binding->addr) == port || addr_port(&binding->addr) == 0)
            found = route_site(binding, host);
    }
    for (size_t i = 0; i < snapshot->binding_count && found == NULL; i++)
        found = route_site(&snapshot->bindings[i], host);
    return found;
}

/* Finds site, path and scheme; a usage error when they are not told. */
static bool find_place(const struct explain_options *options, const struct snapshot *snapshot,
                       struct arena *arena, struct explain_request *request)
{
    struct str target = options->url == NULL ? STR("https://localhost/") : str_of(options->url);
    struct uri uri;
    struct str host;
    unsigned port = 0;
    if (uri_parse_target(target, HTTP_GET, true, arena, &uri) != URI_VALID ||
        uri.form == URI_AUTHORITY || uri.form == URI_ASTERISK ||
        (uri.form == URI_ABSOLUTE && !uri_parse_authority(uri.authority, arena, &host, &port))) {
        (void)usage("not a URL:", options->url);
        return false;
    }
    request->path = uri.path;
    request->is_tls = uri.form != URI_ABSOLUTE || uri.is_https;
    if (options->site != NULL)
        request->site = site_by_name(snapshot, options->site);
    else if (snapshot->site_count == 1)
        request->site = &snapshot->sites[0];
    else if (options->url != NULL && uri.form == URI_ABSOLUTE)
        request->site = site_by_host(snapshot, host, port);
    if (request->site == NULL) {
        (void)usage(options->site != NULL  ? "there is no site"
                    : options->url != NULL ? "no site has the host of"
                                           : "there are several sites: give --site or --url",
                    options->site != NULL ? options->site : options->url);
        return false;
    }
    if (request->is_tls && request->site->trust == NULL)
        request->is_tls = false; /* the site has no https binding at all */
    return true;
}

/* ---- running ------------------------------------------------------------------------------ */

static void set_mode(struct config *config, void *arg)
{
    const int *mode = arg;
    for (size_t i = 0; i < config->site_count && *mode != MODE_AS_CONFIGURED; i++)
        config->sites[i].trust.mode = (enum config_trust_mode) * mode;
}

/* A site that has nothing but stores. */
static struct snapshot *load_stores(const struct explain_options *options, int *mode)
{
    json_t *trust = json_copy(options->stores);
    json_t *crls = json_object_get(trust, "crls");
    if (crls != NULL) {
        (void)json_object_set_new(trust, "revocation", json_pack("{s:O}", "crls", crls));
        (void)json_object_del(trust, "crls");
    }
    if (options->password_file != NULL)
        (void)json_object_set_new(trust, "password_file", json_string(options->password_file));
    /* The server's own files are never opened. */
    json_t *config = json_pack("{s:[{s:s, s:[s], s:{s:s, s:s}, s:s, s:s, s:o}]}", "sites", "name",
                               "stores", "bindings", "https://127.0.0.1:0", "server_certificate",
                               "chain", "/dev/null", "key", "/dev/null", "client_certificate",
                               "require", "upstream", "echo", "trust", trust);
    char *yaml = json_dumps(config, 0);
    struct snapshot *snapshot = load_text_to_judge(str_of(yaml), set_mode, mode);
    free(yaml);
    json_decref(config);
    return snapshot;
}

struct explain_result { /* start from {0} */
    int status;
    struct text text; /* or, with --format json: */
    json_t *json;
};

static void print_result(struct explain_result *result)
{
    if (result->json != NULL) {
        (void)json_dumpf(result->json, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    }
    (void)fwrite(text_str(&result->text).ptr == NULL ? "" : result->text.ptr, 1, result->text.len,
                 stdout);
}

static void clear_result(struct explain_result *result)
{
    json_decref(result->json);
    text_clear(&result->text);
}

static void explain_handshake(const struct explain_options *options, const char *why,
                              struct explain_result *ret_result)
{
    ret_result->status = CLI_REFUSED;
    if (options->is_json)
        ret_result->json = explain_print_handshake_json(why);
    else
        explain_print_handshake_text(why, &ret_result->text);
}

static void explain_request(const struct explain_options *options, const struct snapshot *snapshot,
                            const struct explain_request *request, struct arena *arena,
                            struct explain_result *ret_result)
{
    struct explain_report report;
    explain_make(snapshot, request, arena, &report);
    ret_result->status = report.outcome == OUTCOME_OK ? CLI_OK : CLI_REFUSED;
    if (options->is_json)
        ret_result->json = explain_print_json(&report);
    else
        explain_print_text(&report, &ret_result->text);
    explain_clear(&report);
}

static void explain_with(const struct explain_options *options, const struct snapshot *snapshot,
                         struct explain_result *ret_result)
{
    struct buf_pool pool;
    struct arena arena;
    struct explain_input input = {0};
    struct explain_request request = {.now = options->at};
    buf_pool_init(&pool, 0);
    arena_init(&arena, &pool);
    ret_result->status = CLI_USAGE;
    if (!load_input(options, snapshot->config, &input)) {
        ret_result->status = CLI_FAILED;
    } else if (find_place(options, snapshot, &arena, &request)) {
        request.presented = input.presented;
        request.presented_count = input.count;
        if (input.handshake != NULL)
            explain_handshake(options, input.handshake, ret_result);
        else
            explain_request(options, snapshot, &request, &arena, ret_result);
    }
    clear_input(&input);
    arena_clear(&arena);
    buf_pool_clear(&pool);
}

static void explain_mode(const struct explain_options *options, int mode,
                         struct explain_result *ret_result)
{
    struct snapshot *snapshot = options->stores == NULL
                                    ? load_to_judge(options->config, set_mode, &mode)
                                    : load_stores(options, &mode);
    ret_result->status = CLI_FAILED;
    if (snapshot != NULL)
        explain_with(options, snapshot, ret_result);
    snapshot_free(snapshot);
}

/* The three modes side by side; the configured one decides the exit status. */
static int explain_all(const struct explain_options *options)
{
    struct explain_result configured = {0};
    explain_mode(options, MODE_AS_CONFIGURED, &configured);
    int status = configured.status;
    clear_result(&configured);
    if (status == CLI_USAGE || status == CLI_FAILED)
        return status;
    struct explain_result all = {0};
    json_t *modes = json_array();
    for (int mode = 0; mode < MODE_ALL; mode++) {
        struct explain_result one = {0};
        explain_mode(options, mode, &one);
        text_add(&all.text, text_str(&one.text));
        if (one.json != NULL)
            (void)json_array_append(modes, one.json);
        clear_result(&one);
    }
    if (options->is_json)
        all.json = json_pack("{s:O}", "modes", modes);
    json_decref(modes);
    print_result(&all);
    clear_result(&all);
    return status;
}

static int explain(struct explain_options *options)
{
    if (options->at < 0)
        options->at = clock_wall_s();
    if (options->mode == MODE_ALL)
        return explain_all(options);
    struct explain_result result = {0};
    explain_mode(options, options->mode, &result);
    print_result(&result);
    clear_result(&result);
    return result.status;
}

int cli_explain(int argc, char **argv)
{
    struct explain_options options = {.at = -1, .mode = MODE_AS_CONFIGURED};
    int status = parse_options(argc, argv, &options);
    if (status == -1) {
        (void)fputs(USAGE, stdout);
        status = CLI_OK;
    } else if (status == CLI_OK) {
        status = explain(&options);
    }
    json_decref(options.stores);
    return status;
}
