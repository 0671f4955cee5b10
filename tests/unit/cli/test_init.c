/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "auth/cert_map.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/init_make.h"
#include "config/config_load.h"
#include "unit/unit.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define DAY           ((time_t)86400)

static char parent[64];
static char *folder;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static void setup(void)
{
    (void)snprintf(parent, sizeof parent, "/tmp/init-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(parent));
    folder = xasprintf("%s/staging", parent);
}

static void teardown(void)
{
    (void)nftw(parent, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(folder);
}

static void make_folder(void)
{
    struct init_tree tree = {.fd = -1};
    const char *name = NULL;
    ck_assert_int_eq(init_tree_open(&tree, folder), 0);
    int result = init_make(&tree, clock_wall_s(), &name);
    ck_assert_msg(result == 0, "%s: %d", name, result);
    init_tree_clear(&tree);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}

static BIO *open_made(const char *name)
{
    char *path = xasprintf("%s/%s", folder, name);
    BIO *bio = BIO_new_file(path, "r");
    ck_assert_msg(bio != NULL, "%s", path);
    free(path);
    return bio;
}

/* Every certificate of a file, in order. */
static STACK_OF(X509) * read_certificates(const char *name)
{
    BIO *bio = open_made(name);
    STACK_OF(X509) *list = sk_X509_new_null();
    X509 *x509;
    while ((x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        sk_X509_push(list, x509);
    ERR_clear_error();
    BIO_free(bio);
    return list;
}

static X509 *read_certificate(const char *name)
{
    STACK_OF(X509) *list = read_certificates(name);
    X509 *first = sk_X509_shift(list);
    ck_assert_ptr_nonnull(first);
    sk_X509_pop_free(list, X509_free);
    return first;
}

static void add_crl(X509_STORE *store, const char *name)
{
    BIO *bio = open_made(name);
    X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
    ck_assert_ptr_nonnull(crl);
    ck_assert_int_eq(X509_STORE_add_crl(store, crl), 1);
    X509_CRL_free(crl);
    BIO_free(bio);
}

/* What OpenSSL says of a client under the made trust. at 0: now. */
static int verify(const char *name, const char *root_name, int purpose, bool check_crls, time_t at)
{
    X509_STORE *store = X509_STORE_new();
    X509 *root = read_certificate(root_name);
    X509_STORE_add_cert(store, root);
    if (check_crls) {
        add_crl(store, "pki/crls/root.pem");
        add_crl(store, "pki/crls/issuing.pem");
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    }
    STACK_OF(X509) *chain = read_certificates(name);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store, sk_X509_value(chain, 0), chain);
    X509_STORE_CTX_set_purpose(context, purpose);
    X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT);
    if (at != 0)
        X509_STORE_CTX_set_time(context, 0, at);
    int error = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    sk_X509_pop_free(chain, X509_free);
    X509_free(root);
    X509_STORE_free(store);
    return error;
}

/* interface.md 6 */
START_TEST(every_client_fails_for_the_reason_it_is_named_after)
{
    static const struct {
        const char *name;
        int error;
    } cases[] = {
        {"pki/clients/good.pem", X509_V_OK},
        {"pki/clients/expired.pem", X509_V_ERR_CERT_HAS_EXPIRED},
        {"pki/clients/not-yet-valid.pem", X509_V_ERR_CERT_NOT_YET_VALID},
        {"pki/clients/revoked.pem", X509_V_ERR_CERT_REVOKED},
        {"pki/clients/wrong-usage.pem", X509_V_ERR_INVALID_PURPOSE},
        {"pki/clients/untrusted.pem", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
        {"pki/clients/self-signed.pem", X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT},
    };
    make_folder();
    for (size_t i = 0; i < LENGTH(cases); i++) {
        int error = verify(cases[i].name, "pki/roots/root.pem", X509_PURPOSE_SSL_CLIENT, true, 0);
        ck_assert_msg(error == cases[i].error, "%s: %s", cases[i].name,
                      X509_verify_cert_error_string(error));
    }
}
END_TEST

START_TEST(nothing_else_is_wrong_with_the_clients_that_fail)
{
    make_folder();
    time_t now = (time_t)clock_wall_s();
    const char *root = "pki/roots/root.pem";
    ck_assert_int_eq(verify("pki/clients/revoked.pem", root, X509_PURPOSE_SSL_CLIENT, false, 0), 0);
    ck_assert_int_eq(verify("pki/clients/wrong-usage.pem", root, X509_PURPOSE_SSL_SERVER, true, 0),
                     0);
    ck_assert_int_eq(verify("pki/clients/untrusted.pem", "pki/external/root.pem",
                            X509_PURPOSE_SSL_CLIENT, false, 0),
                     0);
    /* not yet valid for nearly as long as the authorities live, then valid */
    ck_assert_int_eq(verify("pki/clients/not-yet-valid.pem", root, X509_PURPOSE_SSL_CLIENT, true,
                            now + 3280 * DAY),
                     X509_V_ERR_CERT_NOT_YET_VALID);
    ck_assert_int_eq(verify("pki/clients/not-yet-valid.pem", root, X509_PURPOSE_SSL_CLIENT, true,
                            now + 3400 * DAY),
                     0);
    /* a clock that is a little slow, and the whole year */
    ck_assert_int_eq(
        verify("pki/clients/good.pem", root, X509_PURPOSE_SSL_CLIENT, true, now - 3000), 0);
    ck_assert_int_eq(
        verify("pki/clients/good.pem", root, X509_PURPOSE_SSL_CLIENT, true, now + 364 * DAY), 0);
    ck_assert_int_eq(
        verify("pki/clients/good.pem", root, X509_PURPOSE_SSL_CLIENT, true, now + 366 * DAY),
        X509_V_ERR_CERT_HAS_EXPIRED);
}
END_TEST

START_TEST(the_server_is_localhost_by_name_and_address)
{
    make_folder();
    ck_assert_int_eq(
        verify("pki/server.pem", "pki/roots/root.pem", X509_PURPOSE_SSL_SERVER, true, 0), 0);
    X509 *server = read_certificate("pki/server.pem");
    ck_assert_int_eq(X509_check_host(server, "localhost", 0, 0, NULL), 1);
    ck_assert_int_eq(X509_check_ip_asc(server, "127.0.0.1", 0), 1);
    ck_assert_int_eq(X509_check_ip_asc(server, "::1", 0), 1);
    ck_assert_int_eq(X509_check_host(server, "example.test", 0, 0, NULL), 0);
    X509_free(server);
}
END_TEST

static const char *const clients[] = {"good",        "expired",   "not-yet-valid", "revoked",
                                      "wrong-usage", "untrusted", "self-signed"};

static EVP_PKEY *read_key(const char *name)
{
    BIO *bio = open_made(name);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    ck_assert_ptr_nonnull(key);
    BIO_free(bio);
    return key;
}

static void assert_mode(const char *name, mode_t mode)
{
    struct stat status;
    char *path = xasprintf("%s/%s", folder, name);
    ck_assert_int_eq(lstat(path, &status), 0);
    ck_assert_msg((status.st_mode & 07777) == mode, "%s is %o", name, status.st_mode & 07777);
    free(path);
}

START_TEST(keys_fit_their_certificates_and_are_private)
{
    (void)umask(0);
    make_folder();
    for (size_t i = 0; i < LENGTH(clients); i++) {
        char *pem = xasprintf("pki/clients/%s.pem", clients[i]);
        char *key_name = xasprintf("pki/clients/%s.key", clients[i]);
        char *p12_name = xasprintf("pki/clients/%s.p12", clients[i]);
        STACK_OF(X509) *chain = read_certificates(pem);
        ck_assert_int_eq(sk_X509_num(chain), strcmp(clients[i], "self-signed") == 0 ? 1 : 2);
        X509 *leaf = sk_X509_value(chain, 0);
        EVP_PKEY *key = read_key(key_name);
        ck_assert_int_eq(X509_check_private_key(leaf, key), 1);
        assert_mode(key_name, 0600);
        assert_mode(p12_name, 0600);
        BIO *bio = open_made(p12_name);
        PKCS12 *pkcs12 = d2i_PKCS12_bio(bio, NULL);
        EVP_PKEY *packed_key = NULL;
        X509 *packed = NULL;
        STACK_OF(X509) *others = NULL;
        ck_assert_int_eq(PKCS12_parse(pkcs12, INIT_PKCS12_PASSWORD, &packed_key, &packed, &others),
                         1);
        ck_assert_int_eq(X509_cmp(packed, leaf), 0);
        ck_assert_int_eq(EVP_PKEY_eq(packed_key, key), 1);
        ck_assert_int_eq(sk_X509_num(others) > 0 ? sk_X509_num(others) : 0, sk_X509_num(chain) - 1);
        sk_X509_pop_free(others, X509_free);
        X509_free(packed);
        EVP_PKEY_free(packed_key);
        PKCS12_free(pkcs12);
        BIO_free(bio);
        EVP_PKEY_free(key);
        sk_X509_pop_free(chain, X509_free);
        free(pem);
        free(key_name);
        free(p12_name);
    }
    assert_mode("pki/server.key", 0600);
    EVP_PKEY *key = read_key("pki/server.key");
    char group[32] = "";
    ck_assert_int_eq(EVP_PKEY_get_group_name(key, group, sizeof group, NULL), 1);
    ck_assert_str_eq(group, "prime256v1");
    EVP_PKEY_free(key);
}
END_TEST

static void assert_extension(const X509 *x509, int nid, bool is_critical)
{
    int at = X509_get_ext_by_NID(x509, nid, -1);
    ck_assert_int_ge(at, 0);
    ck_assert_int_eq(X509_EXTENSION_get_critical(X509_get_ext(x509, at)) != 0, is_critical);
}

/* RFC 5280 section 4.2 */
START_TEST(certificates_have_the_extensions_a_strict_reader_wants)
{
    static const struct {
        const char *name;
        bool is_authority;
        uint32_t usage, extended;
    } cases[] = {
        {"pki/roots/root.pem", true, KU_KEY_CERT_SIGN | KU_CRL_SIGN, UINT32_MAX},
        {"pki/cas/issuing.pem", true, KU_KEY_CERT_SIGN | KU_CRL_SIGN, UINT32_MAX},
        {"pki/external/root.pem", true, KU_KEY_CERT_SIGN | KU_CRL_SIGN, UINT32_MAX},
        {"pki/external/issuing.pem", true, KU_KEY_CERT_SIGN | KU_CRL_SIGN, UINT32_MAX},
        {"pki/server.pem", false, KU_DIGITAL_SIGNATURE, XKU_SSL_SERVER},
        {"pki/clients/good.pem", false, KU_DIGITAL_SIGNATURE, XKU_SSL_CLIENT},
        {"pki/clients/wrong-usage.pem", false, KU_DIGITAL_SIGNATURE, XKU_SSL_SERVER},
        {"pki/clients/self-signed.pem", false, KU_DIGITAL_SIGNATURE, XKU_SSL_CLIENT},
    };
    make_folder();
    unsigned char serials[LENGTH(cases)][20];
    for (size_t i = 0; i < LENGTH(cases); i++) {
        X509 *x509 = read_certificate(cases[i].name);
        assert_extension(x509, NID_basic_constraints, true);
        assert_extension(x509, NID_key_usage, true);
        assert_extension(x509, NID_subject_key_identifier, false);
        assert_extension(x509, NID_authority_key_identifier, false);
        ck_assert_int_eq(X509_check_ca(x509) == 1, cases[i].is_authority);
        ck_assert_uint_eq(X509_get_key_usage(x509), cases[i].usage);
        ck_assert_uint_eq(X509_get_extended_key_usage(x509), cases[i].extended);
        ck_assert_int_lt(X509_get_ext_by_NID(x509, NID_crl_distribution_points, -1), 0);
        ck_assert_int_eq(X509_get_version(x509), X509_VERSION_3);
        const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
        ck_assert_int_eq(ASN1_STRING_length(serial), 16);
        memcpy(serials[i], ASN1_STRING_get0_data(serial), 16);
        for (size_t j = 0; j < i; j++)
            ck_assert(memcmp(serials[i], serials[j], 16) != 0);
        X509_free(x509);
    }
}
END_TEST

/* The folder is ready to run: what is written in it loads, and the good client is a user. */
START_TEST(the_configuration_loads_and_maps_the_good_client)
{
    make_folder();
    char *file = xasprintf("%s/proxy.yaml", folder);
    struct error_list errors = {0};
    struct config *config = config_load(file, &errors);
    for (size_t i = 0; i < errors.count; i++)
        ck_assert_msg(false, "%u: %s", errors.entries[i].line, errors.entries[i].text);
    ck_assert_ptr_nonnull(config);
    struct cert_map *map = cert_map_new(&config->sites[0], config, &errors);
    ck_assert_ptr_nonnull(map);
    ck_assert_uint_eq(errors.count, 0);
    struct cert good = {.x509 = read_certificate("pki/clients/good.pem")};
    ck_assert_int_eq(X509_digest(good.x509, EVP_sha256(), good.sha256, NULL), 1);
    ck_assert_str_eq(cert_map_lookup(map, &good).user, "CONTOSO\\alice");
    struct cert other = {.x509 = read_certificate("pki/clients/wrong-usage.pem")};
    ck_assert_int_eq(X509_digest(other.x509, EVP_sha256(), other.sha256, NULL), 1);
    ck_assert_ptr_null(cert_map_lookup(map, &other).user);
    X509_free(good.x509);
    X509_free(other.x509);
    cert_map_free(map);
    config_free(config);
    free(file);
}
END_TEST

/* ----- the command ----- */

static char said[4096]; /* stderr of the last command */

static int run_init(const char *first, const char *second)
{
    char command[] = "init";
    char *arguments[] = {command, first == NULL ? NULL : xstrdup(first),
                         second == NULL ? NULL : xstrdup(second), NULL};
    int argc = 1 + (first != NULL) + (second != NULL);
    (void)fflush(stdout);
    (void)fflush(stderr);
    int out = dup(1);
    int err = dup(2);
    FILE *captured = tmpfile();
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(null, 1);
    (void)dup2(fileno(captured), 2);
    int status = cli_init(argc, arguments);
    (void)fflush(stdout);
    (void)fflush(stderr);
    (void)dup2(out, 1);
    (void)dup2(err, 2);
    rewind(captured);
    said[fread(said, 1, sizeof said - 1, captured)] = '\0';
    (void)fclose(captured);
    (void)close(null);
    (void)close(out);
    (void)close(err);
    free(arguments[1]);
    free(arguments[2]);
    return status;
}

static size_t count_entries(const char *path)
{
    DIR *directory = opendir(path);
    ck_assert_ptr_nonnull(directory);
    size_t count = 0;
    while (readdir(directory) != NULL)
        count++;
    (void)closedir(directory);
    return count - 2;
}

START_TEST(makes_a_missing_folder_and_fills_an_empty_one)
{
    ck_assert_int_eq(run_init(folder, NULL), CLI_OK);
    ck_assert_uint_eq(count_entries(folder), 2);
    free(folder);
    folder = xasprintf("%s/it's here", parent);
    ck_assert_int_eq(mkdir(folder, 0755), 0);
    char *with_slash = xasprintf("%s//", folder);
    ck_assert_int_eq(run_init(with_slash, NULL), CLI_OK);
    ck_assert_uint_eq(count_entries(folder), 2);
    free(with_slash);
}
END_TEST

START_TEST(refuses_a_folder_that_holds_anything_and_leaves_it_alone)
{
    ck_assert_int_eq(mkdir(folder, 0755), 0);
    char *file = xasprintf("%s/.hidden", folder);
    int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    (void)close(fd);
    ck_assert_int_eq(run_init(folder, NULL), CLI_FAILED);
    ck_assert_ptr_nonnull(strstr(said, "not empty"));
    ck_assert_uint_eq(count_entries(folder), 1);
    ck_assert_int_eq(run_init(file, NULL), CLI_FAILED);
    ck_assert_ptr_nonnull(strstr(said, strerror(ENOTDIR)));
    free(file);
}
END_TEST

START_TEST(wrong_usage_is_told)
{
    ck_assert_int_eq(run_init(NULL, NULL), CLI_USAGE);
    ck_assert_int_eq(run_init("", NULL), CLI_USAGE);
    ck_assert_int_eq(run_init(folder, "more"), CLI_USAGE);
    ck_assert_int_eq(run_init("--frob", NULL), CLI_USAGE);
    ck_assert_int_eq(run_init("--help", NULL), CLI_OK);
    ck_assert_uint_eq(count_entries(parent), 0);
    char *deep = xasprintf("%s/no/such/parent", parent);
    ck_assert_int_eq(run_init(deep, NULL), CLI_FAILED);
    free(deep);
}
END_TEST

/* A full disk in the middle, played by a limit on the size of files. */
START_TEST(leaves_nothing_half_made)
{
    struct rlimit limit = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    (void)signal(SIGXFSZ, SIG_IGN);
    for (int is_new = 0; is_new < 2; is_new++) {
        if (!is_new)
            ck_assert_int_eq(mkdir(folder, 0755), 0);
        struct init_tree tree = {.fd = -1};
        const char *name = NULL;
        ck_assert_int_eq(init_tree_open(&tree, folder), 0);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        int result = init_make(&tree, clock_wall_s(), &name);
        struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
        ck_assert_int_eq(result, -EFBIG);
        ck_assert_str_eq(name, "pki/server.pem");
        init_tree_undo(&tree);
        init_tree_clear(&tree);
        if (!is_new) {
            ck_assert_uint_eq(count_entries(folder), 0);
            (void)rmdir(folder);
        }
        ck_assert_uint_eq(count_entries(parent), 0);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("init");
    TCase *tcase = tcase_create("init");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_client_fails_for_the_reason_it_is_named_after);
    tcase_add_test(tcase, nothing_else_is_wrong_with_the_clients_that_fail);
    tcase_add_test(tcase, the_server_is_localhost_by_name_and_address);
    tcase_add_test(tcase, keys_fit_their_certificates_and_are_private);
    tcase_add_test(tcase, certificates_have_the_extensions_a_strict_reader_wants);
    tcase_add_test(tcase, the_configuration_loads_and_maps_the_good_client);
    tcase_add_test(tcase, makes_a_missing_folder_and_fills_an_empty_one);
    tcase_add_test(tcase, refuses_a_folder_that_holds_anything_and_leaves_it_alone);
    tcase_add_test(tcase, wrong_usage_is_told);
    tcase_add_test(tcase, leaves_nothing_half_made);
    suite_add_tcase(suite, tcase);
    return suite;
}
