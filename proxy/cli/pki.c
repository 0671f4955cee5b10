/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/pki_folder.h"
#include "cli/usage.h"

static const char USAGE[] =
    "usage: mtls-proxy pki client NAME [OPTION]...\n"
    "       mtls-proxy pki server NAME [--host NAME|ADDRESS]... [OPTION]...\n"
    "       mtls-proxy pki revoke NAME\n"
    "       mtls-proxy pki crl [--days N] [--expired]\n"
    "       mtls-proxy pki show [NAME]\n"
    "\n"
    "Adds to what `init` made: certificates good and bad, and revocation lists.\n"
    "\n"
    "  client NAME           pki/clients/NAME.pem (with its chain), .key and .p12 (password\n"
    "                        \"" INIT_PKCS12_PASSWORD "\")\n"
    "  server NAME           pki/servers/NAME.pem (with its chain) and .key\n"
    "  revoke NAME           puts a client or server, or `issuing`, on the list of its issuer\n"
    "  crl                   makes both lists anew, with later dates\n"
    "  show                  everything that is there, or one certificate in full\n"
    "\n"
    "  -d, --dir DIR         the folder of `init` (default: .)\n"
    "  --days N              how long it is valid, 1 to 36500 (default 365; lists 3650)\n"
    "  --key-type TYPE       p256 (default), p384, rsa2048, rsa4096 or ed25519\n"
    "  --cn TEXT             the common name (default: NAME)\n"
    "  --san KIND:VALUE      an alternative name: dns, ip, email, uri or upn; may be repeated\n"
    "  --upn USER@DOMAIN     the same as --san upn:USER@DOMAIN\n"
    "  --host NAME|ADDRESS   of a server, beside NAME; may be repeated\n"
    "  --expired             it ended yesterday\n"
    "  --not-yet-valid       it begins in a year\n"
    "  --wrong-usage         for servers what is for clients, and the other way round\n"
    "  --self-signed         by no authority\n"
    "  --untrusted           by the authority in pki/external\n"
    "  --revoked             made, and put on the list at once\n"
    "  -h, --help            this text\n"
    "\n"
    "Exit status: 0 done, 1 not done, 2 usage.\n";

#define HOUR ((int64_t)3600)
#define DAY  (24 * HOUR)

struct pki_options {
    const char *dir;
    const char *common_name;
    int64_t days; /* 0: not given */
    enum init_key_type key_type;
    GENERAL_NAMES *names; /* owned */
    bool is_expired;
    bool is_not_yet_valid;
    bool is_wrong_usage;
    bool is_self_signed;
    bool is_untrusted;
    bool is_revoked;
    bool makes_certificate; /* an option was given that only client and server have */
};

static int usage(const char *problem, const char *what)
{
    return usage_refuse("pki", problem, what);
}

static int failed(const struct pki_folder *folder, const char *name, int result)
{
    if (result < 0)
        (void)fprintf(stderr, "mtls-proxy pki: %s/%s: %s\n", folder->tree.path, name,
                      strerror(-result));
    else
        (void)fprintf(stderr, "mtls-proxy pki: %s/%s: OpenSSL: %s\n", folder->tree.path, name,
                      ERR_reason_error_string(ERR_peek_last_error()));
    return CLI_FAILED;
}

/* ---- options ------------------------------------------------------------------------------ */

enum {
    OPT_DAYS = 256,
    OPT_KEY_TYPE,
    OPT_CN,
    OPT_SAN,
    OPT_UPN,
    OPT_HOST,
    OPT_EXPIRED,
    OPT_NOT_YET_VALID,
    OPT_WRONG_USAGE,
    OPT_SELF_SIGNED,
    OPT_UNTRUSTED,
    OPT_REVOKED
};

static bool add_upn(struct pki_options *options, const char *value)
{
    char *text = xasprintf("upn:%s", value);
    bool is_added = init_names_add(options->names, text);
    free(text);
    return is_added;
}

static const char *take_flag(struct pki_options *options, int option)
{
    bool *const flags[] = {&options->is_expired,     &options->is_not_yet_valid,
                           &options->is_wrong_usage, &options->is_self_signed,
                           &options->is_untrusted,   &options->is_revoked};
    *flags[option - OPT_EXPIRED] = true;
    options->makes_certificate |= option != OPT_EXPIRED;
    return NULL;
}

static const char *take_option(struct pki_options *options, int option, const char *value)
{
    options->makes_certificate |= option >= OPT_KEY_TYPE && option <= OPT_HOST;
    switch (option) {
    case 'd':
        options->dir = value;
        return NULL;
    case OPT_DAYS:
        return init_days_parse(value, &options->days) ? NULL : "--days takes 1 to 36500, not";
    case OPT_KEY_TYPE:
        return init_key_type_parse(value, &options->key_type) ? NULL : "not a type of key:";
    case OPT_CN:
        options->common_name = value;
        return value[0] != '\0' && strlen(value) <= 64 ? NULL : "not a common name:";
    case OPT_SAN:
        return init_names_add(options->names, value) ? NULL : "not an alternative name:";
    case OPT_UPN:
        return add_upn(options, value) ? NULL : "not a user principal name:";
    case OPT_HOST:
        return init_names_add_host(options->names, value) ? NULL : "not a host:";
    default:
        return take_flag(options, option);
    }
}

/* CLI_OK, CLI_USAGE, or -1 when the usage was asked for. */
static int parse_options(int argc, char **argv, struct pki_options *options)
{
    static const struct option names[] = {{"dir", required_argument, NULL, 'd'},
                                          {"days", required_argument, NULL, OPT_DAYS},
                                          {"key-type", required_argument, NULL, OPT_KEY_TYPE},
                                          {"cn", required_argument, NULL, OPT_CN},
                                          {"san", required_argument, NULL, OPT_SAN},
                                          {"upn", required_argument, NULL, OPT_UPN},
                                          {"host", required_argument, NULL, OPT_HOST},
                                          {"expired", no_argument, NULL, OPT_EXPIRED},
                                          {"not-yet-valid", no_argument, NULL, OPT_NOT_YET_VALID},
                                          {"wrong-usage", no_argument, NULL, OPT_WRONG_USAGE},
                                          {"self-signed", no_argument, NULL, OPT_SELF_SIGNED},
                                          {"untrusted", no_argument, NULL, OPT_UNTRUSTED},
                                          {"revoked", no_argument, NULL, OPT_REVOKED},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int option;
    optind = 0;
    while ((option = getopt_long(argc, argv, ":d:h", names, NULL)) != -1) {
        if (option == 'h')
            return -1;
        if (option == '?' || option == ':')
            return usage_refuse_option("pki", option, argv);
        const char *problem = take_option(options, option, optarg);
        if (problem != NULL)
            return usage(problem, optarg);
    }
    if (options->is_expired && options->is_not_yet_valid)
        return usage("--expired and --not-yet-valid exclude each other", NULL);
    if (options->is_self_signed + options->is_untrusted + options->is_revoked > 1)
        return usage("--self-signed, --untrusted and --revoked exclude each other", NULL);
    return CLI_OK;
}

/* ---- lists -------------------------------------------------------------------------------- */

struct list { /* an authority and its list */
    const char *certificate, *key, *crl;
};
static const struct list ISSUING = {INIT_ISSUING, INIT_ISSUING_KEY, INIT_ISSUING_CRL};
static const struct list ROOT = {INIT_ROOT, INIT_ROOT_KEY, INIT_ROOT_CRL};

static int no_authority(const struct pki_folder *folder, const char *key)
{
    (void)fprintf(
        stderr,
        "mtls-proxy pki: the authority's key %s/%s is missing, cannot be read or does not "
        "fit; `mtls-proxy init` makes a folder that has it\n",
        folder->tree.path, key);
    return CLI_FAILED;
}

static int write_list(struct pki_folder *folder, const struct list *list, X509 *revoked,
                      const struct pki_options *options)
{
    struct init_identity issuer = {0};
    int status = CLI_OK;
    if (!pki_folder_authority(folder, list->certificate, list->key, &issuer)) {
        status = no_authority(folder, list->key);
    } else {
        int64_t life = (options->days == 0 ? 3650 : options->days) * DAY;
        int64_t begin = options->is_expired ? folder->now - DAY - life : folder->now;
        X509_CRL *before = pki_folder_crl(folder, list->crl);
        X509_CRL *crl = init_crl_make(&issuer, before, revoked, begin, begin + life);
        int result = init_write_crl(&folder->writer, list->crl, crl);
        if (result != 0)
            status = failed(folder, list->crl, result);
        else
            (void)printf("%s/%s\n", folder->tree.path, list->crl);
        X509_CRL_free(crl);
        X509_CRL_free(before);
    }
    init_identity_clear(&issuer);
    return status;
}

static int make_lists(struct pki_folder *folder, const struct pki_options *options)
{
    int status = write_list(folder, &ROOT, NULL, options);
    return status == CLI_OK ? write_list(folder, &ISSUING, NULL, options) : status;
}

static bool is_issued_by(const struct pki_folder *folder, const char *authority, X509 *x509)
{
    X509 *issuer = pki_folder_certificate(folder, authority);
    EVP_PKEY *key = issuer == NULL ? NULL : X509_get0_pubkey(issuer);
    bool is_issuer = key != NULL && X509_verify(x509, key) == 1;
    ERR_clear_error();
    X509_free(issuer);
    return is_issuer;
}

static int revoke(struct pki_folder *folder, const char *name, X509 *x509)
{
    const struct pki_options as_usual = {0};
    if (pki_folder_state(folder, x509) == PKI_REVOKED) {
        (void)printf("%s is revoked already\n", name);
        return CLI_OK;
    }
    if (is_issued_by(folder, INIT_ISSUING, x509))
        return write_list(folder, &ISSUING, x509, &as_usual);
    if (is_issued_by(folder, INIT_ROOT, x509))
        return write_list(folder, &ROOT, x509, &as_usual);
    (void)fprintf(
        stderr, "mtls-proxy pki: %s: neither the issuing authority nor the root of %s issued it\n",
        name, folder->tree.path);
    return CLI_FAILED;
}

static int revoke_by_name(struct pki_folder *folder, const char *name)
{
    char *client = xasprintf("%s/%s.pem", PKI_CLIENTS, name);
    char *server = xasprintf("%s/%s.pem", PKI_SERVERS, name);
    X509 *x509 = pki_folder_certificate(folder, client);
    if (x509 == NULL)
        x509 = pki_folder_certificate(folder, server);
    if (x509 == NULL && strcmp(name, "issuing") == 0)
        x509 = pki_folder_certificate(folder, INIT_ISSUING);
    if (x509 == NULL && strcmp(name, "server") == 0)
        x509 = pki_folder_certificate(folder, "pki/server.pem");
    int status = CLI_FAILED;
    if (x509 != NULL)
        status = revoke(folder, name, x509);
    else
        (void)fprintf(stderr, "mtls-proxy pki: there is neither %s nor %s\n", client, server);
    X509_free(x509);
    free(client);
    free(server);
    return status;
}

/* ---- certificates ------------------------------------------------------------------------- */

static int write_files(struct pki_folder *folder, const char *where, const char *name,
                       const struct init_identity *identity, X509 *issuer, bool is_client)
{
    char *pem = xasprintf("%s/%s.pem", where, name);
    char *key = xasprintf("%s/%s.key", where, name);
    char *pkcs12 = xasprintf("%s/%s.p12", where, name);
    int result = init_write_certificates(&folder->writer, pem, identity->x509, issuer);
    if (result == 0)
        result = init_write_key(&folder->writer, key, identity->key);
    if (result == 0 && is_client)
        result = init_write_pkcs12(&folder->writer, pkcs12, identity, issuer, name);
    int status = CLI_OK;
    if (result == 0) {
        (void)printf("%s/%s\n%s/%s\n", folder->tree.path, pem, folder->tree.path, key);
        if (is_client)
            (void)printf("%s/%s\n", folder->tree.path, pkcs12);
    } else {
        status = failed(folder, folder->writer.name, result);
        init_tree_undo(&folder->tree);
    }
    free(pem);
    free(key);
    free(pkcs12);
    return status;
}

static int64_t begin_of(const struct pki_folder *folder, const struct pki_options *options,
                        int64_t life)
{
    if (options->is_expired)
        return folder->now - DAY - life;
    return options->is_not_yet_valid ? folder->now + 365 * DAY : folder->now - HOUR;
}

static int issue(struct pki_folder *folder, const char *name, bool is_client,
                 const struct pki_options *options, const struct init_identity *issuer)
{
    int64_t life = (options->days == 0 ? 365 : options->days) * DAY;
    int64_t begin = begin_of(folder, options, life);
    struct init_identity identity = {0};
    struct init_request request = {
        .common_name = options->common_name == NULL ? name : options->common_name,
        .key_type = options->key_type,
        .usage = is_client == options->is_wrong_usage ? "serverAuth" : "clientAuth",
        .names = options->names,
        .not_before = begin,
        .not_after = begin + life,
    };
    int status = CLI_OK;
    if (!init_identity_make(&request, issuer, &identity))
        status = failed(folder, name, INIT_CRYPTO_FAILED);
    else
        status = write_files(folder, is_client ? PKI_CLIENTS : PKI_SERVERS, name, &identity,
                             issuer == NULL ? NULL : issuer->x509, is_client);
    if (status == CLI_OK && options->is_revoked)
        status = revoke(folder, name, identity.x509);
    init_identity_clear(&identity);
    return status;
}

static int make_certificate(struct pki_folder *folder, const char *name, bool is_client,
                            struct pki_options *options)
{
    const char *certificate = options->is_untrusted ? INIT_EXTERNAL : INIT_ISSUING;
    const char *key = options->is_untrusted ? INIT_EXTERNAL_KEY : INIT_ISSUING_KEY;
    struct init_identity issuer = {0};
    int status = CLI_OK;
    if (!is_client && !init_names_add_host(options->names, name))
        return usage("not a host:", name);
    int made = is_client ? 0 : init_tree_add_folder(&folder->tree, PKI_SERVERS);
    if (made != 0 && made != -EEXIST)
        return failed(folder, PKI_SERVERS, made);
    if (!options->is_self_signed && !pki_folder_authority(folder, certificate, key, &issuer))
        status = no_authority(folder, key);
    else
        status = issue(folder, name, is_client, options, options->is_self_signed ? NULL : &issuer);
    init_identity_clear(&issuer);
    return status;
}

/* ---- commands ----------------------------------------------------------------------------- */

static int run_with(struct pki_folder *folder, const char *command, const char *name,
                    struct pki_options *options)
{
    if (strcmp(command, "crl") == 0)
        return make_lists(folder, options);
    if (name == NULL || strcmp(command, "show") == 0)
        return pki_show(folder, name);
    if (strcmp(command, "revoke") == 0)
        return revoke_by_name(folder, name);
    return make_certificate(folder, name, strcmp(command, "client") == 0, options);
}

/* What fits together: CLI_OK or CLI_USAGE. */
static int check_arguments(int count, char **arguments, const struct pki_options *options)
{
    static const struct {
        const char *name;
        int least, most;
        bool makes_certificate;
        bool has_dates; /* --days, --expired */
    } commands[] = {{"client", 2, 2, true, true},
                    {"server", 2, 2, true, true},
                    {"revoke", 2, 2, false, false},
                    {"crl", 1, 1, false, true},
                    {"show", 1, 2, false, false}};
    if (count == 0)
        return usage("give client, server, revoke, crl or show", NULL);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(arguments[0], commands[i].name) != 0)
            continue;
        if (count < commands[i].least)
            return usage("a name is missing behind", arguments[0]);
        if (count > commands[i].most)
            return usage("unexpected argument", arguments[commands[i].most]);
        if (count > 1 && !pki_name_is_valid(arguments[1]))
            return usage("not a name (letters, digits and ._@+-, at most 64):", arguments[1]);
        if ((options->makes_certificate && !commands[i].makes_certificate) ||
            ((options->days != 0 || options->is_expired) && !commands[i].has_dates))
            return usage("an option that does not belong to", arguments[0]);
        return CLI_OK;
    }
    return usage("there is no", arguments[0]);
}

static int run(int count, char **arguments, struct pki_options *options)
{
    int status = check_arguments(count, arguments, options);
    if (status != CLI_OK)
        return status;
    struct pki_folder folder = {.tree = {.fd = -1}};
    const char *dir = options->dir == NULL ? "." : options->dir;
    int result = pki_folder_open(&folder, dir);
    if (result != 0) {
        (void)fprintf(stderr, "mtls-proxy pki: %s%s: %s\n", dir, result == -ENOENT ? "/pki" : "",
                      result == -ENOENT ? "not there; `mtls-proxy init` makes it (--dir DIR)"
                                        : strerror(-result));
        status = CLI_FAILED;
    } else {
        ERR_clear_error();
        status = run_with(&folder, arguments[0], count > 1 ? arguments[1] : NULL, options);
        ERR_clear_error();
    }
    pki_folder_close(&folder);
    return status;
}

int cli_pki(int argc, char **argv)
{
    struct pki_options options = {.names = GENERAL_NAMES_new()};
    int status = options.names == NULL ? CLI_FAILED : parse_options(argc, argv, &options);
    if (status == -1) {
        (void)fputs(USAGE, stdout);
        status = CLI_OK;
    } else if (status == CLI_OK) {
        status = run(argc - optind, argv + optind, &options);
    }
    GENERAL_NAMES_free(options.names);
    return status;
}
