/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/init_make.h"
#include "cli/init_tree.h"

static const char USAGE[] =
    "usage: mtls-proxy init DIR\n"
    "\n"
    "Makes a throwaway PKI and a starter configuration for staging in DIR, which must be empty or\n"
    "not exist: a root and an issuing authority, a server certificate for localhost, and clients\n"
    "that are accepted, expired, not yet valid, revoked, of the wrong usage, untrusted and\n"
    "self-signed, each as .pem (with its chain), .key and .p12 (password \"" INIT_PKCS12_PASSWORD
    "\").\n"
    "\n"
    "The keys of the authorities are not kept.\n"
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

static void print_next_steps(const char *path)
{
    struct text text = {0};
    text_addf(&text,
              "Made in %s:\n"
              "  proxy.yaml     the configuration: https://localhost:8443, upstream echo\n"
              "  pki/           root, issuing authority, revocation lists, server certificate\n"
              "  pki/clients/   good expired not-yet-valid revoked wrong-usage untrusted "
              "self-signed\n"
              "                 each .pem .key .p12 (password \"%s\")\n"
              "  pki/external/  the authority of `untrusted`\n"
              "\n"
              "Next:\n"
              "  mtls-proxy run -c ",
              path, INIT_PKCS12_PASSWORD);
    add_argument(&text, path, "proxy.yaml");
    text_add_char(&text, '\n');
    add_curl(&text, path);
    text_add_cstr(&text, " --cert ");
    add_argument(&text, path, "pki/clients/good.pem");
    text_add_cstr(&text, " --key ");
    add_argument(&text, path, "pki/clients/good.key");
    text_add_cstr(&text, " https://localhost:8443/\n");
    add_curl(&text, path);
    text_add_cstr(&text, " https://localhost:8443/\n");
    (void)fputs(text.ptr, stdout);
    text_clear(&text);
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

static int make(const char *path)
{
    struct init_tree tree = {.fd = -1};
    const char *name = NULL;
    ERR_clear_error();
    int result = init_tree_open(&tree, path);
    if (result == 0)
        result = init_make(&tree, clock_wall_s(), &name);
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

int cli_init(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'}, {0}};
    optind = 0; /* getopt(3): start anew on another argv */
    int option;
    while ((option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1) {
        (void)fputs(USAGE, option == 'h' ? stdout : stderr);
        return option == 'h' ? CLI_OK : CLI_USAGE;
    }
    if (argc - optind != 1 || argv[optind][0] == '\0') {
        (void)fprintf(stderr, "mtls-proxy init: give one folder\n%s", USAGE);
        return CLI_USAGE;
    }
    char *path = argv[optind];
    strip_slashes(path);
    int status = make(path);
    if (status == CLI_OK)
        print_next_steps(path);
    return status;
}
