/* der.h - a walker over DER, for what is too large or too strict for OpenSSL's templates.
 *
 * Private to auth/.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_DER_H
#define PROXY_AUTH_DER_H

#include <stdbool.h>
#include <stddef.h>

struct der { /* octets of DER, or what is left of them; borrowed */
    const unsigned char *ptr;
    size_t len;
};

struct der_item {
    struct der whole; /* with tag and length */
    struct der value;
    int tag;
    int class;
    bool is_constructed;
};

/* Takes the next element off; false at the end, for indefinite lengths and for overruns. */
bool der_next(struct der *rest, struct der_item *ret_item);
/* The same when the next element has this universal tag; else nothing is taken. */
bool der_take(struct der *rest, int tag, struct der_item *ret_item);

#endif
