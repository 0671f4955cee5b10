/* tls_ticket_key.h - one ticket key in memory; shared by the files that make and use them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TLS_TLS_TICKET_KEY_H
#define PROXY_TLS_TLS_TICKET_KEY_H

#include <stddef.h>

struct ticket_key {
    unsigned char name[16];
    unsigned char aes[32];
    unsigned char hmac[32];
};

struct tls_ticket_file {
    size_t count;
    struct ticket_key keys[]; /* the first encrypts */
};

#endif
