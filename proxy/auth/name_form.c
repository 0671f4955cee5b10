/* SPDX-License-Identifier: MIT */
#include "auth/name_form.h"

#define NAME_MAX_OCTETS  253
#define LABEL_MAX_OCTETS 63

static bool is_label(struct str label)
{
    if (label.len == 0 || label.len > LABEL_MAX_OCTETS)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return true;
}

bool name_is_dns(struct str name, bool with_wildcard)
{
    if (name.len == 0 || name.len > NAME_MAX_OCTETS)
        return false;
    if (with_wildcard && str_starts_with(name, STR("*.")))
        name = str_skip(name, 2);
    for (;;) {
        size_t dot = str_find(name, '.');
        if (!is_label(str_make(name.ptr, dot)))
            return false;
        if (dot == name.len)
            return true;
        name = str_skip(name, dot + 1);
    }
}

bool name_is_email(struct str name)
{
    size_t at = str_find(name, '@');
    if (at == 0 || at == name.len)
        return false;
    for (size_t i = 0; i < at; i++) {
        char c = name.ptr[i];
        if (c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '(' || c == ')' || c == '<' ||
            c == '>' || c == ',' || c == ';' || c == ':')
            return false;
    }
    return name_is_dns(str_skip(name, at + 1), false);
}

/* Its last label is a number: an address, or what somebody takes for one. */
static bool is_address(struct str host)
{
    size_t start = host.len;
    while (start > 0 && host.ptr[start - 1] != '.')
        start--;
    for (size_t i = start; i < host.len; i++) {
        if (host.ptr[i] < '0' || host.ptr[i] > '9')
            return false;
    }
    return true;
}

static bool is_port(struct str port)
{
    for (size_t i = 0; i < port.len; i++) {
        if (port.ptr[i] < '0' || port.ptr[i] > '9')
            return false;
    }
    return true;
}

bool name_is_uri_with_host(struct str name)
{
    size_t colon = str_find(name, ':');
    struct str rest = str_skip(name, colon);
    if (colon == 0 || !str_starts_with(rest, STR("://")))
        return false;
    rest = str_skip(rest, 3);
    struct str authority = str_make(rest.ptr, str_find(rest, '/'));
    size_t end = str_find(authority, ':');
    struct str host = str_make(authority.ptr, end);
    /* A user, a query or a fragment right behind the host is no part of a DNS name, nor of a port.
     */
    return name_is_dns(host, false) && !is_address(host) &&
           (end == authority.len || is_port(str_skip(authority, end + 1)));
}

/* ---- constraints -------------------------------------------------------------------------- */

static bool is_mask(const unsigned char *mask, int len)
{
    bool is_over = false;
    for (int bit = 0; bit < len * 8; bit++) {
        bool is_set = (mask[bit / 8] & (0x80 >> bit % 8)) != 0;
        if (is_set && is_over)
            return false;
        is_over |= !is_set;
    }
    return true;
}

/* An address and a mask, RFC 4632. */
static bool is_network(const ASN1_OCTET_STRING *octets)
{
    int half = octets->length / 2;
    return (octets->length == 8 || octets->length == 32) && is_mask(octets->data + half, half);
}

/* A host, with a dot before it what lies below it; empty: all. */
static bool is_subtree(struct str name)
{
    if (name.len > 0 && name.ptr[0] == '.')
        name = str_skip(name, 1);
    return name.len == 0 || name_is_dns(name, false);
}

static bool is_sound(const GENERAL_SUBTREE *subtree)
{
    const GENERAL_NAME *base = subtree->base;
    if (subtree->maximum != NULL ||
        (subtree->minimum != NULL && ASN1_INTEGER_get(subtree->minimum) != 0))
        return false;
    struct str text = {NULL, 0};
    if (base->type == GEN_DNS || base->type == GEN_EMAIL || base->type == GEN_URI)
        text = str_make((const char *)ASN1_STRING_get0_data(base->d.ia5),
                        (size_t)ASN1_STRING_length(base->d.ia5));
    switch (base->type) {
    case GEN_DNS:
    case GEN_URI:
        return is_subtree(text);
    case GEN_EMAIL:
        return is_subtree(text) || name_is_email(text);
    case GEN_IPADD:
        return is_network(base->d.iPAddress);
    case GEN_DIRNAME:
    case GEN_OTHERNAME:
        return true;
    default: /* x400Address, ediPartyName, registeredID */
        return false;
    }
}

/* SIZE (1..MAX) */
static bool are_sound(const STACK_OF(GENERAL_SUBTREE) * subtrees)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(subtrees); i++) {
        if (!is_sound(sk_GENERAL_SUBTREE_value(subtrees, i)))
            return false;
    }
    return subtrees == NULL || sk_GENERAL_SUBTREE_num(subtrees) > 0;
}

bool name_constraints_are_sound(const NAME_CONSTRAINTS *constraints)
{
    return (constraints->permittedSubtrees != NULL || constraints->excludedSubtrees != NULL) &&
           are_sound(constraints->permittedSubtrees) && are_sound(constraints->excludedSubtrees);
}
