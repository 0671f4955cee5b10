/* load_identity.c - reads client certificates from a file of make_certs.
 *
 * Entries follow each other: two lengths of four octets, big-endian, the certificate and the
 * private key, both DER.
 *
 * SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "bench/load.h"

#define PART_MAX 65536

static NORETURN void fail(const char *path)
{
    (void)fprintf(stderr, "load: %s has too few client certificates, or is damaged\n", path);
    exit(1);
}

static size_t read_length(FILE *file, const char *path)
{
    unsigned char bytes[4];
    if (fread(bytes, sizeof bytes, 1, file) != 1)
        fail(path);
    size_t length =
        (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    if (length > PART_MAX)
        fail(path);
    return length;
}

static void read_part(FILE *file, const char *path, unsigned char *part, size_t len)
{
    if (fread(part, 1, len, file) != len)
        fail(path);
}

void load_read_identities(struct load *load, const char *path, uint64_t skip, uint64_t count)
{
    FILE *file = fopen(path, "rb");
    unsigned char *part = xmalloc(PART_MAX);
    if (file == NULL)
        fail(path);
    load->identities = xcalloc(count, sizeof *load->identities);
    load->identity_count = count;
    for (uint64_t i = 0; i < skip + count; i++) {
        size_t cert_len = read_length(file, path);
        size_t key_len = read_length(file, path);
        if (i < skip) {
            if (fseek(file, (long)(cert_len + key_len), SEEK_CUR) != 0)
                fail(path);
            continue;
        }
        struct load_identity *identity = &load->identities[i - skip];
        const unsigned char *at = part;
        read_part(file, path, part, cert_len);
        identity->cert = d2i_X509(NULL, &at, (long)cert_len);
        read_part(file, path, part, key_len);
        at = part;
        identity->key = d2i_AutoPrivateKey(NULL, &at, (long)key_len);
        if (identity->cert == NULL || identity->key == NULL)
            fail(path);
    }
    free(part);
    (void)fclose(file);
}
