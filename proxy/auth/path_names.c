/* Name constraints, RFC 5280 section 4.2.1.10. OpenSSL compares the names; what it takes for
 * granted is looked at here: that they have the form of a name, and that a wildcard stands for
 * many.
 *
 * SPDX-License-Identifier: MIT */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "auth/cert_facts.h"
#include "auth/name_form.h"
#include "auth/path_check.h"
#include "base/str.h"

static struct str text_of(const ASN1_STRING *value)
{
    return str_make((const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
}

static bool list_has_type(const STACK_OF(GENERAL_SUBTREE) * subtrees, int type)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(subtrees); i++) {
        if (sk_GENERAL_SUBTREE_value(subtrees, i)->base->type == type)
            return true;
    }
    return false;
}

static bool is_constrained(const NAME_CONSTRAINTS *constraints, int type)
{
    return list_has_type(constraints->permittedSubtrees, type) ||
           list_has_type(constraints->excludedSubtrees, type);
}

/* "*.example.com" may be used as test.example.com: as much as one label more belongs to it (RFC
 * 6125 section 6.4.3). */
static bool wildcard_covers(struct str name, const GENERAL_SUBTREE *excluded)
{
    struct str subtree = text_of(excluded->base->d.dNSName);
    if (subtree.len > 0 && subtree.ptr[0] == '.')
        subtree = str_skip(subtree, 1);
    size_t dot = str_find(subtree, '.');
    return str_equal_icase(str_skip(name, 2),
                           dot < subtree.len ? str_skip(subtree, dot + 1) : str_skip(subtree, dot));
}

static bool is_excluded_wildcard(struct str name, const NAME_CONSTRAINTS *constraints)
{
    if (!str_starts_with(name, STR("*.")))
        return false;
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees); i++) {
        const GENERAL_SUBTREE *excluded =
            sk_GENERAL_SUBTREE_value(constraints->excludedSubtrees, i);
        if (excluded->base->type == GEN_DNS && wildcard_covers(name, excluded))
            return true;
    }
    return false;
}

/* The alternative names whose type is constrained have the form of that type. */
static bool name_is_sound(const GENERAL_NAME *name, const NAME_CONSTRAINTS *constraints)
{
    if (!is_constrained(constraints, name->type))
        return true;
    switch (name->type) {
    case GEN_DNS:
        return name_is_dns(text_of(name->d.dNSName), true) &&
               !is_excluded_wildcard(text_of(name->d.dNSName), constraints);
    case GEN_EMAIL:
        return name_is_email(text_of(name->d.rfc822Name));
    case GEN_URI:
        return name_is_uri_with_host(text_of(name->d.uniformResourceIdentifier));
    case GEN_IPADD:
        return name->d.iPAddress->length == 4 || name->d.iPAddress->length == 16;
    default:
        return true;
    }
}

static bool alternative_names_are_sound(const struct cert *cert,
                                        const NAME_CONSTRAINTS *constraints)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);
    bool good = true;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && good; i++)
        good = name_is_sound(sk_GENERAL_NAME_value(names, i), constraints);
    GENERAL_NAMES_free(names);
    return good;
}

static bool is_within(struct str host, const STACK_OF(GENERAL_SUBTREE) * subtrees)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(subtrees); i++) {
        const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(subtrees, i)->base;
        if (base->type != GEN_DNS)
            continue;
        struct str subtree = text_of(base->d.dNSName);
        if (subtree.len > 0 && subtree.ptr[0] == '.')
            subtree = str_skip(subtree, 1);
        if (subtree.len == 0 || str_equal_icase(host, subtree))
            return true;
        if (host.len > subtree.len && host.ptr[host.len - subtree.len - 1] == '.' &&
            str_ends_with_icase(host, subtree))
            return true;
    }
    return false;
}

/* OpenSSL takes a common name with a wildcard for no host name. */
static bool wildcard_common_name_is_allowed(struct str name, const NAME_CONSTRAINTS *constraints)
{
    if (!str_starts_with(name, STR("*.")) || !name_is_dns(name, true))
        return true;
    struct str host = str_skip(name, 2);
    if (is_excluded_wildcard(name, constraints) || is_within(host, constraints->excludedSubtrees))
        return false;
    return !list_has_type(constraints->permittedSubtrees, GEN_DNS) ||
           is_within(host, constraints->permittedSubtrees);
}

static bool subject_is_sound(const struct cert *cert, bool has_host,
                             const NAME_CONSTRAINTS *constraints)
{
    const X509_NAME *subject = cert->facts->subject;
    bool good = true;
    for (int i = 0; i < X509_NAME_entry_count(subject) && good; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
        int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
        if (nid == NID_pkcs9_emailAddress && is_constrained(constraints, GEN_EMAIL))
            good = name_is_email(text_of(value));
        if (nid != NID_commonName || !has_host)
            continue;
        unsigned char *utf8 = NULL;
        int len = ASN1_STRING_to_UTF8(&utf8, value);
        good = len >= 0 && wildcard_common_name_is_allowed(
                               str_make((const char *)utf8, (size_t)len), constraints);
        OPENSSL_free(utf8);
    }
    return good;
}

/* One certificate under one set of constraints. */
static bool names_allowed(struct chain_pool *pool, const struct cert *cert, bool is_leaf,
                          const struct cert_facts *issuer)
{
    const struct cert_facts *facts = cert->facts;
    /* "good.example\0.evil": what lies behind the NUL is invisible to somebody. */
    if (facts->has_nul_name)
        return false;
    size_t cost = (facts->name_count + 1) * issuer->constraint_count;
    if (cost > pool->names_left) {
        pool->is_exhausted = true;
        return false;
    }
    pool->names_left -= cost;
    NAME_CONSTRAINTS *constraints = issuer->name_constraints;
    bool good = NAME_CONSTRAINTS_check(cert->x509, constraints) == X509_V_OK;
    /* Applications read a host name out of the common name when there is no dNSName, so it is
     * held to the same constraints; a common name that is no host name is left alone. */
    bool has_host = is_leaf && !facts->has_dns_name;
    if (good && has_host)
        good = NAME_CONSTRAINTS_check_CN(cert->x509, constraints) == X509_V_OK;
    good = good && alternative_names_are_sound(cert, constraints) &&
           subject_is_sound(cert, has_host, constraints);
    ERR_clear_error();
    return good;
}

static const struct cert *element(const struct chain_pool *pool, const struct chain_path *path,
                                  size_t i)
{
    return chain_cert(pool, path->nodes[i]);
}

void path_check_names(struct chain_pool *pool, const struct chain_path *path,
                      struct path_errors *errors)
{
    for (size_t i = 1; i < path->len; i++) {
        const struct cert_facts *issuer = element(pool, path, i)->facts;
        if (issuer->name_constraints == NULL)
            continue;
        for (size_t j = 0; j < i; j++) {
            const struct cert *cert = element(pool, path, j);
            /* RFC 5280 section 6.1.3 (b), (c): not for self-issued certificates but the last */
            if (j > 0 && cert->facts->is_self_issued)
                continue;
            if (!names_allowed(pool, cert, j == 0, issuer))
                errors->elements[j] |= VERDICT_ERROR_BIT(OUTCOME_INVALID_NAME);
        }
    }
}
