/* SPDX-License-Identifier: MIT */
#include "engine/server_certificate.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/mem.h"

#define FILE_MAX ((size_t)1 << 20)

/* Leaf of the chain in the file, or NULL. */
static struct cert *read_leaf(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    char *bytes = xmalloc(FILE_MAX);
    ssize_t len = 0;
    ssize_t got = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? 1 : 0;
    while (got > 0 && (size_t)len < FILE_MAX) {
        got = read(fd, bytes + len, FILE_MAX - (size_t)len);
        len += got > 0 ? got : 0;
    }
    if (fd >= 0)
        (void)close(fd);
    struct cert **certs = NULL;
    size_t count = 0;
    const char *problem = NULL;
    bool is_read = cert_list_read(bytes, (size_t)len, NULL, &certs, &count, &problem);
    struct cert *leaf = is_read && count > 0 ? cert_ref(certs[0]) : NULL;
    for (size_t i = 0; i < count; i++)
        cert_unref(certs[i]);
    free(certs);
    free(bytes);
    return leaf;
}

static bool is_rsa(const struct cert *cert)
{
    EVP_PKEY *key = X509_get0_pubkey(cert->x509);
    return key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
}

struct cert *server_certificate_read(const struct config_site *site)
{
    struct cert *chosen = NULL;
    for (size_t i = 0; i < site->server_certificate_count; i++) {
        const struct config_server_certificate *files = &site->server_certificates[i];
        bool holds_key = files->key.text == NULL || strcmp(files->key.text, files->chain.text) == 0;
        struct cert *cert = holds_key ? NULL : read_leaf(files->chain.text);
        if (cert == NULL)
            continue;
        if (chosen == NULL || (is_rsa(cert) && !is_rsa(chosen))) {
            cert_unref(chosen);
            chosen = cert;
        } else {
            cert_unref(cert);
        }
    }
    return chosen;
}
