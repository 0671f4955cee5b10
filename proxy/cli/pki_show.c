/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>

#include "auth/client_cert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/pki_folder.h"

static void print_name(void (*name)(const struct cert *, struct text *), const struct cert *cert)
{
    struct text text = {0};
    name(cert, &text);
    (void)printf("%.*s", STR_ARG(text_str(&text)));
    text_clear(&text);
}

/* One line: which file, its state, until when, whose. */
static void show_line(const struct pki_folder *folder, const char *label, const char *file)
{
    X509 *x509 = pki_folder_certificate(folder, file);
    struct cert *cert = x509 == NULL ? NULL : cert_from_x509(x509);
    if (cert != NULL) {
        char date[CLOCK_TEXT_SIZE];
        struct str until = clock_format_rfc3339(cert->not_after, date);
        (void)printf("  %-24s %-14s until %.10s  ", label,
                     pki_state_name(pki_folder_state(folder, x509)), until.ptr);
        print_name(cert_subject, cert);
        (void)printf("\n");
    } else {
        (void)printf("  %-24s cannot be read\n", label);
    }
    cert_unref(cert);
    X509_free(x509);
}

static int is_pem(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && str_ends_with_icase(str_of(entry->d_name), STR(".pem"));
}

static void show_all_of(const struct pki_folder *folder, const char *title, const char *where)
{
    struct dirent **entries = NULL;
    int count = scandirat(folder->tree.fd, where, &entries, is_pem, alphasort);
    if (count > 0)
        (void)printf("%s\n", title);
    for (int i = 0; i < count; i++) {
        char *file = xasprintf("%s/%s", where, entries[i]->d_name);
        entries[i]->d_name[strlen(entries[i]->d_name) - 4] = '\0';
        show_line(folder, entries[i]->d_name, file);
        free(file);
        free(entries[i]);
    }
    free(entries);
}

static void show_crl(const struct pki_folder *folder, const char *label, const char *file)
{
    X509_CRL *crl = pki_folder_crl(folder, file);
    BIO *bio = BIO_new_fp(stdout, BIO_NOCLOSE);
    if (crl != NULL && bio != NULL) {
        int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));
        (void)printf("  %-24s %d revoked, next update ", label, count < 0 ? 0 : count);
        (void)ASN1_TIME_print(bio, X509_CRL_get0_nextUpdate(crl));
        (void)BIO_puts(bio, "\n");
    }
    BIO_free(bio);
    X509_CRL_free(crl);
}

static int show_one(const struct pki_folder *folder, const char *name)
{
    char *client = xasprintf("%s/%s.pem", PKI_CLIENTS, name);
    char *server = xasprintf("%s/%s.pem", PKI_SERVERS, name);
    X509 *x509 = pki_folder_certificate(folder, client);
    const char *file = x509 != NULL ? client : server;
    if (x509 == NULL)
        x509 = pki_folder_certificate(folder, server);
    int status = CLI_FAILED;
    if (x509 != NULL) {
        (void)printf("%s: %s\n", file, pki_state_name(pki_folder_state(folder, x509)));
        status = X509_print_fp(stdout, x509) == 1 ? CLI_OK : CLI_FAILED;
    } else {
        (void)fprintf(stderr, "mtls-proxy pki: there is neither %s nor %s\n", client, server);
    }
    X509_free(x509);
    free(client);
    free(server);
    ERR_clear_error();
    return status;
}

int pki_show(const struct pki_folder *folder, const char *name)
{
    if (name != NULL)
        return show_one(folder, name);
    (void)printf("authorities\n");
    show_line(folder, "root", INIT_ROOT);
    show_line(folder, "issuing", INIT_ISSUING);
    show_line(folder, "external root", INIT_EXTERNAL_ROOT);
    show_line(folder, "external issuing", INIT_EXTERNAL);
    (void)printf("server\n");
    show_line(folder, "server", "pki/server.pem");
    show_all_of(folder, "more servers", PKI_SERVERS);
    show_all_of(folder, "clients", PKI_CLIENTS);
    (void)printf("revocation lists\n");
    show_crl(folder, "root", INIT_ROOT_CRL);
    show_crl(folder, "issuing", INIT_ISSUING_CRL);
    return CLI_OK;
}
