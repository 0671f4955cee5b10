/* authorize_name.h - reads a distinguished name as RFC 4514 writes it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ACCESS_AUTHORIZE_NAME_H
#define PROXY_ACCESS_AUTHORIZE_NAME_H

#include <openssl/x509.h>

#include "base/attr.h"
#include "base/str.h"

/* "CN=Issuing CA,O=Contoso": the most specific part first, blanks around parts allowed. The name
 * in encoded order, to be compared with X509_NAME_cmp() and freed; NULL with *ret_problem set to a
 * static text when it cannot be read. */
MUST_USE X509_NAME *authorize_name_parse(struct str text, const char **ret_problem);

#endif
