/* Runs before a ticket is opened and before version, cipher and certificate are chosen, so that all
 * of them follow the site.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/tls1.h>

#include "base/mem.h"
#include "tls/tls_private.h"

#define MODE_PSK_DHE_KE 1 /* RFC 8446 section 4.2.9 */

static bool take_u16(const unsigned char **bytes, size_t *len, size_t *ret_value)
{
    if (*len < 2)
        return false;
    *ret_value = (size_t)(*bytes)[0] << 8 | (*bytes)[1];
    *bytes += 2;
    *len -= 2;
    return true;
}

/* RFC 6066 section 3: a list of names, no two of the same type, and host_name (0) is the only type
 * ever defined: exactly one entry. */
static bool take_host_name(const unsigned char *bytes, size_t len, struct str *ret_name)
{
    size_t list_len;
    size_t name_len;
    if (!take_u16(&bytes, &len, &list_len) || list_len != len || len < 1 ||
        bytes[0] != TLSEXT_NAMETYPE_host_name) {
        return false;
    }
    bytes++;
    len--;
    if (!take_u16(&bytes, &len, &name_len) || name_len != len)
        return false;
    *ret_name = str_make((const char *)bytes, name_len);
    return true;
}

bool tls_hello_parse_name(const unsigned char *bytes, size_t len, char ret_name[TLS_NAME_SIZE],
                          int *ret_alert)
{
    struct str name;
    if (!take_host_name(bytes, len, &name)) {
        *ret_alert = SSL_AD_DECODE_ERROR;
        return false;
    }
    *ret_alert = SSL_AD_ILLEGAL_PARAMETER;
    size_t sent_len = name.len;
    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    if (name.len == 0 || sent_len >= TLS_NAME_SIZE)
        return false;
    char normal[TLS_NAME_SIZE];
    for (size_t i = 0; i < name.len; i++) {
        /* ASCII, a DNS name or what passes for one; it goes into logs and comparisons. */
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f)
            return false;
        normal[i] = ascii_lower(name.ptr[i]);
    }
    memcpy(ret_name, normal, name.len);
    ret_name[name.len] = '\0';
    return true;
}

static int fail(struct tls_connection *connection, enum tls_failure failure, const char *reason,
                int alert, int *ret_alert)
{
    connection->failure = failure;
    connection->reason = reason;
    *ret_alert = alert;
    return SSL_CLIENT_HELLO_ERROR;
}

/* RFC 8446 section 4.2.9: a client that cannot use a ticket is not to be sent one. */
static bool can_resume_with_key_exchange(SSL *ssl)
{
    const unsigned char *modes;
    size_t len;
    return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk_kex_modes, &modes, &len) == 1 &&
           len >= 2 && modes[0] == len - 1 && memchr(modes + 1, MODE_PSK_DHE_KE, len - 1) != NULL;
}

/* RFC 8446 section 4.2.1: the site's versions and the client's list decide, whatever else is in the
 * ClientHello. */
static bool will_be_13(SSL *ssl, const struct tls_site *site)
{
    const unsigned char *bytes;
    size_t len;
    if (site->config->tls.max_version < TLS1_3_VERSION ||
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &bytes, &len) != 1 ||
        len < 1 || bytes[0] != len - 1) {
        return false;
    }
    for (size_t i = 1; i + 1 < len; i += 2) {
        if (bytes[i] == TLS1_3_VERSION >> 8 && bytes[i + 1] == (TLS1_3_VERSION & 0xff))
            return true;
    }
    return false;
}

/* OpenSSL decides between tickets and its session callbacks by this option alone. It is set on the
 * connection because TLS 1.2 keeps its tickets. */
static void choose_resumption(struct tls_connection *connection, SSL *ssl)
{
    const struct tls_listener *listener = connection->listener;
    if (!will_be_13(ssl, connection->site))
        return;
    connection->is_stateful = !listener->has_tickets_13;
    connection->resumes_13 =
        (listener->has_tickets_13 || listener->store != NULL) && can_resume_with_key_exchange(ssl);
    if (connection->is_stateful)
        (void)SSL_set_options(ssl, SSL_OP_NO_TICKET);
}

int tls_hello_on_client_hello(SSL *ssl, int *ret_alert, void *arg)
{
    struct tls_connection *connection = tls_connection_of(ssl);
    const unsigned char *bytes;
    size_t len;
    char name[TLS_NAME_SIZE] = "";
    int alert = SSL_AD_INTERNAL_ERROR;
    (void)arg;
    if (SSL_client_hello_isv2(ssl)) {
        /* RFC 6176 section 3 discourages it, and it has no extensions. */
        return fail(connection, TLS_FAILURE_VERSION, "an SSL 2.0 ClientHello",
                    SSL_AD_PROTOCOL_VERSION, ret_alert);
    }
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &len) == 1 &&
        !tls_hello_parse_name(bytes, len, name, &alert)) {
        return fail(connection, TLS_FAILURE_SERVER_NAME, "a malformed server name", alert,
                    ret_alert);
    }
    if (connection->site != NULL) {
        /* RFC 8446 section 4.1.2: after a HelloRetryRequest nothing but the named extensions may
         * differ. The site has been chosen: another name must not change it, nor go unnoticed. */
        if (!str_equal(str_of(name), str_of(tls_transport_server_name(connection->transport)))) {
            return fail(connection, TLS_FAILURE_SERVER_NAME,
                        "the second ClientHello names another server", SSL_AD_ILLEGAL_PARAMETER,
                        ret_alert);
        }
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    if (name[0] != '\0')
        connection->server_name = xstrdup(name);
    struct tls_site *site = tls_listener_find(connection->listener, str_of(name));
    connection->is_name_known = site != NULL;
    connection->site = site != NULL ? site : connection->listener->default_site;
    choose_resumption(connection, ssl);
    /* This side never turns it down, and within the handshake OpenSSL does not say. */
    connection->has_master_secret =
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_extended_master_secret, &bytes, &len) == 1;
    tls_late_on_client_hello(connection, ssl);
    if (will_be_13(ssl, connection->site) && !connection->site->is_late)
        tls_handover_watch(connection, ssl);
    if (!tls_site_apply(connection->site, ssl)) {
        return fail(connection, TLS_FAILURE_INTERNAL, "the site's settings could not be applied",
                    SSL_AD_INTERNAL_ERROR, ret_alert);
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL gives the type */
int tls_hello_on_server_name(SSL *ssl, int *ret_alert, void *arg)
{
    (void)ret_alert;
    (void)arg;
    /* RFC 6066 section 3: the empty extension in the ServerHello says that the name was used. */
    return tls_connection_of(ssl)->is_name_known ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}
