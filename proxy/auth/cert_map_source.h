/* cert_map_source.h - the certificate of a one-to-one mapping, in each of its spellings.
 *
 * A file (PEM or DER; the first certificate counts), base64 DER in place as IIS has it, or
 * sha256:HEX. For the mapping files, and for what looks at mappings as a whole (advice/advice).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CERT_MAP_SOURCE_H
#define PROXY_AUTH_CERT_MAP_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/client_cert.h"
#include "base/attr.h"
#include "base/errors.h"
#include "base/str.h"
#include "config/config.h"

#define CERT_MAP_DIGEST_SIZE 32

enum cert_map_source {
    CERT_MAP_SOURCE_OK,
    CERT_MAP_SOURCE_MALFORMED, /* in place and undecodable: a warning was added */
    CERT_MAP_SOURCE_ERROR      /* an error was added */
};

/* The SHA-256 of the certificate's DER. pem_is_malformed: compat.pem_in_mapping. */
enum cert_map_source cert_map_source_digest(const struct config_value *certificate,
                                            bool pem_is_malformed, struct error_list *errors,
                                            unsigned char ret_digest[CERT_MAP_DIGEST_SIZE]);
/* The certificates that are given, the mapped one first: all of a file, or the one in place.
 * Appends to *certs (heap array, grown) nothing for a digest, and nothing when they cannot be
 * read, about which cert_map_source_digest() has told. */
void cert_map_source_certificates(const struct config_value *certificate, struct cert ***certs,
                                  size_t *count);
/* Exactly 64 hexadecimal digits. */
MUST_USE bool cert_map_parse_digest(struct str hex, unsigned char ret_digest[CERT_MAP_DIGEST_SIZE]);
/* 0, or a negative errno; -EFBIG when the file has more than size bytes. */
MUST_USE int cert_map_read_file(const char *path, char *bytes, size_t size, size_t *ret_len);

#endif
