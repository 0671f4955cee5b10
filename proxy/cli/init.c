/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/init_make.h"
#include "cli/init_tree.h"
#include "cli/usage.h"
#include "config/config_address.h"

static const char USAGE[] =
    "usage: mtls-proxy init [OPTION]... DIR\n"
    "\n"
    "Makes a throwaway PKI and a starter configuration for staging in DIR, which must be empty or\n"
    "not exist: a root and an issuing authority, a server certificate for localhost, and clients\n"
    "that are accepted, expired, not yet valid, revoked, of the wrong usage, untrusted and\n"
    "self-signed, each as .pem (with its chain), .key and .p12 (password \"" INIT_PKCS12_PASSWORD
    "\").\n"
    "\n"
    "  --host NAME|ADDRESS   the server's certificate is for this too, beside localhost, "
    "127.0.0.1\n"
    "                        and ::1; may be repeated\n"
    "  --listen ADDRESS      where the proxy listens: ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT\n"
    "                        (default 127.0.0.1:8443)\n"
    "  --days N              how long the certificates of server and clients are valid, 1 to\n"
    "                        36500 (default 365)\n"
    "  --key-type TYPE       p256 (default), p384, rsa2048, rsa4096 or ed25519\n"
    "  -h, --help            this text\n"
    "\n"
    "The keys of the authorities are in pki/private: `mtls-proxy pki` issues more with them.\n"
    "\n"
    "Exit status: 0 made, 1 not made, and nothing is left behind, 2 usage.\n";

/* As a shell must be given it. */
static void add_argument(struct text *text, const char *path, const char *name)
{
    static const char PLAIN[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+,:@%";
    if (path[strspn(path, PLAIN)] == '\0') {
        text_addf(text, "%s/%s", path, name);
        return;
    }
    text_add_char(text, '\'');
    for (const char *c = path; *c != '\0'; c++) {
        if (*c == '\'')
            text_add_cstr(text, "'\\''");
        else
            text_add_char(text, *c);
    }
    text_addf(text, "/%s'", name);
}

static void add_curl(struct text *text, const char *path)
{
    text_add_cstr(text, "  curl --cacert ");
    add_argument(text, path, "pki/roots/root.pem");
}

static void print_next_steps(const char *path, const struct init_options *options)
{
    struct str url =
        options->listen == NULL ? STR("https://localhost:8443") : str_of(options->listen);
    const char *host = options->host_count > 0 ? options->hosts[0] : "localhost";
    size_t colon = url.len;
    while (colon > 0 && url.ptr[colon - 1] != ':')
        colon--;
    struct str port = str_skip(url, colon);
    bool is_ipv6 = strchr(host, ':') != NULL;
    char *place = xasprintf(is_ipv6 ? "https://[%s]:%.*s" : "https://%s:%.*s", host, STR_ARG(port));
    struct text text = {0};
    text_addf(&text,
              "Made in %s:\n"
              "  proxy.yaml     the configuration: %.*s, upstream echo\n"
              "  pki/           root, issuing authority, revocation lists, server certificate\n"
              "  pki/clients/   good expired not-yet-valid revoked wrong-usage untrusted "
              "self-signed\n"
              "                 each .pem .key .p12 (password \"%s\")\n"
              "  pki/external/  the authority of `untrusted`\n"
              "  pki/private/   the keys of the authorities, for `mtls-proxy pki`\n"
              "\n"
              "Next:\n"
              "  mtls-proxy run -c ",
              path, STR_ARG(url), INIT_PKCS12_PASSWORD);
    add_argument(&text, path, "proxy.yaml");
    text_add_char(&text, '\n');
    add_curl(&text, path);
    text_add_cstr(&text, " --cert ");
    add_argument(&text, path, "pki/clients/good.pem");
    text_add_cstr(&text, " --key ");
    add_argument(&text, path, "pki/clients/good.key");
    text_addf(&text, " %s/\n", place);
    add_curl(&text, path);
    text_addf(&text, " %s/\n", place);
    (void)fputs(text.ptr, stdout);
    text_clear(&text);
    free(place);
}

static int report(const char *path, const char *name, int result)
{
    (void)fprintf(stderr, "mtls-proxy init: %s%s%s: ", path, name == NULL ? "" : "/",
                  name == NULL ? "" : name);
    if (result == -ENOTEMPTY && name == NULL)
        (void)fputs("the folder is not empty; nothing was changed\n", stderr);
    else if (result < 0)
        (void)fprintf(stderr, "%s\n", strerror(-result));
    else
        (void)fprintf(stderr, "OpenSSL: %s\n", ERR_reason_error_string(ERR_peek_last_error()));
    return CLI_FAILED;
}

static int make(const char *path, const struct init_options *options)
{
    struct init_tree tree = {.fd = -1};
    const char *name = NULL;
    ERR_clear_error();
    int result = init_tree_open(&tree, path);
    if (result == 0)
        result = init_make_with(&tree, options, clock_wall_s(), &name);
    if (result != 0) {
        init_tree_undo(&tree);
        (void)report(path, name, result);
    }
    init_tree_clear(&tree);
    ERR_clear_error();
    return result == 0 ? CLI_OK : CLI_FAILED;
}

/* "dir/" and "dir" are the same, and messages put a slash behind it. */
static void strip_slashes(char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
}

/* ---- options ------------------------------------------------------------------------------ */

#define HOSTS_MAX 64

struct init_request_line { /* of the command */
    struct init_options options;
    const char *hosts[HOSTS_MAX];
    char *listen; /* owned; a URL */
};

static int usage(const char *problem, const char *what)
{
    return usage_refuse("init", problem, what);
}

/* ADDRESS, [ADDRESS], either with a port behind a colon. */
static bool parse_listen(const char *text, char **ret_url)
{
    bool is_bare_ipv6 = text[0] != '[' && strchr(text, ':') != strrchr(text, ':');
    const char *behind = text[0] == '[' ? strchr(text, ']') : text;
    bool has_port = !is_bare_ipv6 && behind != NULL && strchr(behind, ':') != NULL;
    char *url = xasprintf("https://%s%s%s%s", is_bare_ipv6 ? "[" : "", text,
                          is_bare_ipv6 ? "]" : "", has_port ? "" : ":8443");
    struct config_url parsed;
    if (config_address_binding(str_of(url), &parsed) != NULL) {
        free(url);
        return false;
    }
    free(*ret_url);
    *ret_url = url;
    return true;
}

static bool add_host(struct init_request_line *line, const char *host)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool is_good = names != NULL && line->options.host_count < HOSTS_MAX && strlen(host) <= 64 &&
                   init_names_add_host(names, host);
    GENERAL_NAMES_free(names);
    if (is_good)
        line->hosts[line->options.host_count++] = host;
    return is_good;
}

static const char *take_option(struct init_request_line *line, int option, const char *value)
{
    switch (option) {
    case 'H':
        return add_host(line, value) ? NULL : "not a host, or too many:";
    case 'l':
        return parse_listen(value, &line->listen) ? NULL : "not a numeric address with a port:";
    case 'd':
        return init_days_parse(value, &line->options.days) ? NULL : "--days takes 1 to 36500, not";
    default:
        return init_key_type_parse(value, &line->options.key_type) ? NULL : "not a type of key:";
    }
}

/* CLI_OK, CLI_USAGE, or -1 when the usage was asked for. */
static int parse_options(int argc, char **argv, struct init_request_line *line)
{
    static const struct option OPTIONS[] = {
        {"host", required_argument, NULL, 'H'}, {"listen", required_argument, NULL, 'l'},
        {"days", required_argument, NULL, 'd'}, {"key-type", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},       {0}};
    optind = 0; /* getopt(3): start anew on another argv */
    int option;
    while ((option = getopt_long(argc, argv, ":h", OPTIONS, NULL)) != -1) {
        if (option == 'h')
            return -1;
        if (option == '?' || option == ':')
            return usage_refuse_option("init", option, argv);
        const char *problem = take_option(line, option, optarg);
        if (problem != NULL)
            return usage(problem, optarg);
    }
    line->options.hosts = line->hosts;
    line->options.listen = line->listen;
    return argc - optind == 1 && argv[optind][0] != '\0' ? CLI_OK : usage("give one folder", NULL);
}

int cli_init(int argc, char **argv)
{
    struct init_request_line line = {0};
    int status = parse_options(argc, argv, &line);
    if (status == -1) {
        (void)fputs(USAGE, stdout);
        status = CLI_OK;
    } else if (status == CLI_OK) {
        char *path = argv[optind];
        strip_slashes(path);
        status = make(path, &line.options);
        if (status == CLI_OK)
            print_next_steps(path, &line.options);
    }
    free(line.listen);
    return status;
}
