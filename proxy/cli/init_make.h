/* init_make.h - fills the folder of `init`: the authorities, everybody's certificates, proxy.yaml.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_INIT_MAKE_H
#define PROXY_CLI_INIT_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/text.h"
#include "cli/init_pki.h"
#include "cli/init_tree.h"
#include "cli/init_write.h"

/* Where `pki` finds again what `init` made. */
#define INIT_ROOT              "pki/roots/root.pem"
#define INIT_ISSUING           "pki/cas/issuing.pem"
#define INIT_EXTERNAL_ROOT     "pki/external/root.pem"
#define INIT_EXTERNAL          "pki/external/issuing.pem"
#define INIT_ROOT_KEY          "pki/private/root.key"
#define INIT_ISSUING_KEY       "pki/private/issuing.key"
#define INIT_EXTERNAL_ROOT_KEY "pki/private/external-root.key"
#define INIT_EXTERNAL_KEY      "pki/private/external-issuing.key"
#define INIT_ROOT_CRL          "pki/crls/root.pem"
#define INIT_ISSUING_CRL       "pki/crls/issuing.pem"

#define INIT_DAYS_MAX 36500

struct init_options {         /* {0}: as by default */
    const char *const *hosts; /* names and addresses of the server, beside those of this machine */
    size_t host_count;
    const char *listen; /* URL of the binding; NULL: https://127.0.0.1:8443 */
    int64_t days;       /* that the server's and the clients' certificates live; 0: a year */
    enum init_key_type key_type;
};

/* 1 to INIT_DAYS_MAX. */
MUST_USE bool init_days_parse(const char *text, int64_t *ret_days);

/* Everything below the open tree, dated from now_s. 0, a negative errno, or INIT_CRYPTO_FAILED with
 * the reason in OpenSSL's error queue; ret_name is then what could not be made. */
MUST_USE int init_make(struct init_tree *tree, int64_t now_s, const char **ret_name);
MUST_USE int init_make_with(struct init_tree *tree, const struct init_options *options,
                            int64_t now_s, const char **ret_name);

/* The starter configuration. listen as in init_options. */
void init_configuration_write(const char *listen, struct text *out);

#endif
