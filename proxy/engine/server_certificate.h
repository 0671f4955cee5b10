/* server_certificate.h - a site's own certificate as headers show it, without its key.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ENGINE_SERVER_CERTIFICATE_H
#define PROXY_ENGINE_SERVER_CERTIFICATE_H

#include "auth/client_cert.h"
#include "config/config.h"

/* The certificate that tls_site_certificate() would choose, from the files of chains alone: of
 * several the RSA one. A file that holds the key as well is not opened, and what cannot be read is
 * left out: NULL when nothing is left. The caller owns a reference. */
struct cert *server_certificate_read(const struct config_site *site);

#endif
