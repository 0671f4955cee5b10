/* init_make.h - fills the folder of `init`: the authorities, everybody's certificates, proxy.yaml.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_INIT_MAKE_H
#define PROXY_CLI_INIT_MAKE_H

#include <stdint.h>

#include "base/attr.h"
#include "cli/init_tree.h"

#define INIT_PKCS12_PASSWORD "mtls-proxy"

/* Everything below the open tree, dated from now_s. 0, a negative errno, or INIT_CRYPTO_FAILED with
 * the reason in OpenSSL's error queue; ret_name is then what could not be made. */
enum { INIT_CRYPTO_FAILED = 1 };
MUST_USE int init_make(struct init_tree *tree, int64_t now_s, const char **ret_name);

/* The starter configuration. */
extern const char init_configuration[];

#endif
