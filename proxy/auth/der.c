/* SPDX-License-Identifier: MIT */
#include "auth/der.h"

#include <limits.h>

#include <openssl/asn1.h>

bool der_next(struct der *rest, struct der_item *ret_item)
{
    if (rest->len == 0 || rest->len > LONG_MAX)
        return false;
    const unsigned char *cursor = rest->ptr;
    long len = 0;
    int flags = ASN1_get_object(&cursor, &len, &ret_item->tag, &ret_item->class, (long)rest->len);
    if ((flags & 0x80) != 0 || (flags & 1) != 0 || len < 0)
        return false;
    ret_item->is_constructed = (flags & V_ASN1_CONSTRUCTED) != 0;
    size_t head = (size_t)(cursor - rest->ptr);
    if ((size_t)len > rest->len - head)
        return false;
    ret_item->value = (struct der){cursor, (size_t)len};
    ret_item->whole = (struct der){rest->ptr, head + (size_t)len};
    rest->ptr += ret_item->whole.len;
    rest->len -= ret_item->whole.len;
    return true;
}

bool der_take(struct der *rest, int tag, struct der_item *ret_item)
{
    struct der copy = *rest;
    if (!der_next(&copy, ret_item) || ret_item->class != V_ASN1_UNIVERSAL || ret_item->tag != tag ||
        ret_item->is_constructed != (tag == V_ASN1_SEQUENCE))
        return false;
    *rest = copy;
    return true;
}
