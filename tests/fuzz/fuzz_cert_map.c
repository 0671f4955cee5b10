/* The mapping. The first byte chooses: 'g' and 'G' a pattern, a newline and a value, checked
 * against the textbook matcher; 'p' a certificate given in place; 'f' a one_to_one_file; 'd' a
 * certificate whose names are matched against rules of every kind.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/err.h>

#include "auth/cert_map.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

/* Quadratic and obvious: reached[j] tells whether the pattern so far matches j bytes. */
static bool matches_by_the_book(struct str pattern, struct str value, bool case_sensitive)
{
    bool *reached = xcalloc(value.len + 1, sizeof *reached);
    reached[0] = true;
    for (size_t i = 0; i < pattern.len; i++) {
        char p = case_sensitive ? pattern.ptr[i] : ascii_lower(pattern.ptr[i]);
        if (p == '*') {
            for (size_t j = 1; j <= value.len; j++)
                reached[j] |= reached[j - 1];
            continue;
        }
        for (size_t j = value.len; j > 0; j--) {
            char v = case_sensitive ? value.ptr[j - 1] : ascii_lower(value.ptr[j - 1]);
            reached[j] = reached[j - 1] && v == p;
        }
        reached[0] = false;
    }
    bool is_match = reached[value.len];
    free(reached);
    return is_match;
}

static void check_glob(struct str input, bool case_sensitive)
{
    if (input.len > 4096)
        return;
    size_t end = str_find(input, '\n');
    struct str pattern = str_make(input.ptr, end);
    struct str value = end == input.len ? STR("") : str_skip(input, end + 1);
    FUZZ_CHECK(cert_map_glob(pattern, value, case_sensitive) ==
               matches_by_the_book(pattern, value, case_sensitive));
}

static void load(const struct config_site *site, struct str certificate)
{
    struct config config = {0};
    struct error_list errors = {0};
    struct cert_map *map = cert_map_new(site, &config, &errors);
    FUZZ_CHECK((map == NULL) == (errors.errors > 0));
    const unsigned char *der = (const unsigned char *)certificate.ptr;
    X509 *x509 = map == NULL ? NULL : d2i_X509(NULL, &der, (long)certificate.len);
    if (x509 != NULL) {
        struct cert cert = {.x509 = x509};
        FUZZ_CHECK(X509_digest(x509, EVP_sha256(), cert.sha256, NULL) == 1);
        struct cert_map_result result = cert_map_lookup(map, &cert);
        FUZZ_CHECK(result.user == NULL || result.mapping != NULL);
    }
    X509_free(x509);
    ERR_clear_error();
    cert_map_free(map);
    errors_clear(&errors);
}

static void check_in_place(struct str text)
{
    char user[] = "user";
    char *certificate = xasprintf("-----BEGIN%.*s", STR_ARG(text));
    struct config_one_to_one item = {
        .user = {.text = user}, .certificate = {.text = certificate}, .enabled = true};
    struct config_site site = {
        .mapping = {.one_to_one_enabled = true, .one_to_one = &item, .one_to_one_count = 1}};
    load(&site, STR(""));
    item.certificate.text = certificate + strlen("-----BEGIN");
    if (str_starts_with(text, STR("MI")) && strlen(item.certificate.text) > 200 &&
        strspn(item.certificate.text,
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
               "+/= \r\n") == strlen(item.certificate.text))
        load(&site, STR(""));
    free(certificate);
}

static void check_file(struct str text)
{
    int fd = memfd_create("clients.map", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len);
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct config_site site = {
        .mapping = {.one_to_one_enabled = true, .one_to_one_file = {.text = path}}};
    load(&site, STR(""));
    (void)close(fd);
}

static void check_certificate(struct str der)
{
    enum { RULES = 6 };
    static char matches[RULES][16] = {"Contoso", "Con*", "*oso", "*nto*", "*", ""};
    char common_name[] = "CN";
    char organization[] = "o";
    char user[] = "user";
    char names[2 * RULES][8];
    struct config_rule rules[2 * RULES];
    struct config_many_to_one items[2 * RULES];
    for (size_t i = 0; i < (size_t)2 * RULES; i++) {
        (void)snprintf(names[i], sizeof names[i], "m%zu", i);
        rules[i] = (struct config_rule){i % 2 == 0 ? CERT_FIELD_SUBJECT : CERT_FIELD_ISSUER,
                                        {.text = i % 3 == 0 ? organization : common_name},
                                        {.text = matches[i / 2]},
                                        i % 4 < 2};
        items[i] = (struct config_many_to_one){.name = {.text = names[i]},
                                               .user = {.text = user},
                                               .enabled = true,
                                               .rules = &rules[i],
                                               .rule_count = 1};
    }
    struct config_site site = {.mapping = {.many_to_one_enabled = true,
                                           .many_to_one = items,
                                           .many_to_one_count = (size_t)2 * RULES}};
    load(&site, der);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    struct str input = str_make((const char *)bytes + 1, size - 1);
    switch (bytes[0]) {
    case 'g':
        check_glob(input, true);
        break;
    case 'G':
        check_glob(input, false);
        break;
    case 'p':
        check_in_place(input);
        break;
    case 'f':
        check_file(input);
        break;
    case 'd':
        check_certificate(input);
        break;
    default:
        break;
    }
    return 0;
}
