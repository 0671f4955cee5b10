/* SPDX-License-Identifier: MIT */
#include "tls/tls_context.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "base/log.h"
#include "base/mem.h"
#include "tls/tls_error.h"
#include "tls/tls_hooks.h"
#include "tls/tls_private.h"
#include "tls/tls_ticket.h"

/* RFC 8446 section 4.6.1: a ticket lives seven days at most. */
#define LIFETIME_MAX_S 604800

/* Elliptic curves alone: an exchange in a finite field costs the server many times as much. */
#define GROUPS "X25519:P-256:X448:P-384:P-521"

/* The client proves that it has the key (CertificateVerify); whom it may be is judged later, and
 * answered in HTTP. */
static int accept_any_chain(X509_STORE_CTX *ctx, void *arg)
{
    (void)arg;
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
}

static int on_alpn(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_len,
                   const unsigned char *offered, unsigned offered_len, void *arg)
{
    const struct tls_site *site = tls_connection_of(ssl)->site;
    const struct config_list *ours = &site->config->tls.alpn;
    (void)arg;
    if (ours->count == 0)
        return SSL_TLSEXT_ERR_NOACK;
    for (size_t i = 0; i < ours->count; i++) {
        struct str name = str_of(ours->items[i].text);
        /* RFC 8740 section 3: with HTTP/2 nobody may be asked after the handshake. */
        if (site->is_late && str_equal(name, STR("h2")))
            continue;
        for (unsigned at = 0; at < offered_len; at += 1u + offered[at]) {
            struct str theirs = str_make((const char *)&offered[at + 1], offered[at]);
            if (theirs.len <= offered_len - at - 1 && str_equal(name, theirs)) {
                *ret_name = &offered[at + 1];
                *ret_len = offered[at];
                return SSL_TLSEXT_ERR_OK;
            }
        }
    }
    /* RFC 7301 section 3.2: nothing in common -> no_application_protocol */
    tls_connection_of(ssl)->reason = "no protocol in common (ALPN)";
    tls_connection_of(ssl)->failure = TLS_FAILURE_ALPN;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* close_notify must be told from a plain FIN; OpenSSL reports both as an orderly end. */
static void on_info(const SSL *ssl, int where, int value)
{
    if (where == SSL_CB_READ_ALERT && (value & 0xff) == SSL_AD_CLOSE_NOTIFY)
        tls_connection_of(ssl)->has_goodbye = true;
}

/* The format of NSS key logs, which Wireshark reads. */
static void on_secret(const SSL *ssl, const char *line)
{
    const int *fd = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct text text = {0};
    text_addf(&text, "%s\n", line);
    ssize_t written = write(*fd, text.ptr, text.len);
    (void)written;
    OPENSSL_cleanse(text.ptr, text.len);
    text_clear(&text);
}

static void log_secrets(SSL_CTX *ctx, const struct config *config)
{
    if (config->keylog_fd <= 0)
        return;
    /* The configuration outlives its contexts; OpenSSL wants a pointer that it may write to. */
    (void)SSL_CTX_set_app_data(ctx, &((struct config *)(uintptr_t)config)->keylog_fd);
    SSL_CTX_set_keylog_callback(ctx, on_secret);
}

SSL_CTX *tls_context_new_common(const struct config *config)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL) {
        struct text reason = {0};
        (void)tls_error_take(&reason);
        log_error("tls.context", "error=\"%s\"", reason.ptr);
        abort();
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_security_level(ctx, 2);
    /* One recv a record instead of two; tls_transport knows what may then lie in the buffer. */
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_max_cert_list(ctx, (long)config->limits.chain_bytes);
    char groups[] = GROUPS; /* the macro casts const away */
    bool is_set = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
                  SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
                  SSL_CTX_set1_groups_list(ctx, groups) == 1;
    assert(is_set);
    (void)is_set;
    /* Neither cache: a session lives in its ticket, or in the store (tls_stateful.c). */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_num_tickets(ctx, 0); /* TLS 1.3: only after a good verdict */
    SSL_CTX_set_max_early_data(ctx, 0);
    SSL_CTX_set_cert_verify_callback(ctx, accept_any_chain, NULL);
    SSL_CTX_set_client_hello_cb(ctx, tls_hello_on_client_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, tls_hello_on_server_name);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    SSL_CTX_set_info_callback(ctx, on_info);
    log_secrets(ctx, config);
    return ctx;
}

static int compare_hosts(const void *a, const void *b)
{
    const struct tls_host *left = a;
    const struct tls_host *right = b;
    size_t common = left->host.len < right->host.len ? left->host.len : right->host.len;
    int order = memcmp(left->host.ptr, right->host.ptr, common);
    if (order == 0 && left->host.len != right->host.len)
        order = left->host.len < right->host.len ? -1 : 1;
    if (order == 0 && left->order != right->order)
        order = left->order < right->order ? -1 : 1;
    return order;
}

static void add_hosts(struct tls_listener *listener, struct tls_site *site, size_t order)
{
    const struct config_list *hosts = &site->config->hosts;
    listener->hosts = xreallocarray(listener->hosts, listener->host_count + hosts->count + 1,
                                    sizeof *listener->hosts);
    for (size_t i = 0; i < hosts->count; i++) {
        listener->hosts[listener->host_count++] =
            (struct tls_host){str_of(hosts->items[i].text), site, order};
    }
}

static struct tls_site *choose_default(struct tls_site *const *sites, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sites[i]->config->hosts.count == 0)
            return sites[i];
    }
    return sites[0];
}

struct tls_listener *tls_listener_new(struct tls_site *const *sites, size_t count,
                                      const struct config *config, struct tls_ticket_keys *keys)
{
    assert(count > 0);
    struct tls_listener *listener = xcalloc(1, sizeof *listener);
    listener->default_site = choose_default(sites, count);
    for (size_t i = 0; i < count; i++) {
        add_hosts(listener, sites[i], i);
    }
    qsort(listener->hosts, listener->host_count, sizeof *listener->hosts, compare_hosts);
    if (keys == NULL) {
        listener->own_keys = xcalloc(1, tls_ticket_keys_size());
        keys = tls_ticket_keys_init(listener->own_keys);
    }
    listener->keys = keys;
    listener->store = tls_ticket_keys_store(keys);
    bool can_hand_over = tls_hooks_test().derive; /* tried here, so that workers inherit it */
    listener->suites = config->performance.handover && can_hand_over ? tls_suites_new() : NULL;
    listener->has_tickets = config->sessions.tickets != TICKETS_OFF;
    listener->has_tickets_13 = config->sessions.tickets == TICKETS_ALL;
    uint64_t lifetime_s = config->sessions.lifetime_ms / 1000;
    listener->lifetime_s = lifetime_s < LIFETIME_MAX_S ? (int64_t)lifetime_s : LIFETIME_MAX_S;
    listener->ctx = tls_context_new_common(config);
    listener->bio_method = tls_bio_method_new();
    (void)SSL_CTX_set_timeout(listener->ctx, listener->lifetime_s > 0 ? listener->lifetime_s : 1);
    if (!listener->has_tickets)
        SSL_CTX_set_options(listener->ctx, SSL_OP_NO_TICKET);
    tls_session_install(listener->ctx);
    if (listener->store != NULL)
        tls_stateful_install(listener->ctx);
    return listener;
}

void tls_listener_use_file(struct tls_listener *listener, const struct tls_ticket_file *file)
{
    listener->file = file;
}

void tls_listener_free(struct tls_listener *listener)
{
    if (listener == NULL)
        return;
    SSL_CTX_free(listener->ctx);
    BIO_meth_free(listener->bio_method);
    tls_suites_free(listener->suites);
    if (listener->own_keys != NULL) {
        tls_ticket_keys_cleanse(listener->keys);
        free(listener->own_keys);
    }
    free(listener->hosts);
    free(listener);
}

/* The first of the configuration among equal hosts. */
static struct tls_site *find_host(const struct tls_listener *listener, struct str host)
{
    const struct tls_host wanted = {.host = host};
    size_t low = 0;
    size_t high = listener->host_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_hosts(&listener->hosts[middle], &wanted) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_found = low < listener->host_count && str_equal(listener->hosts[low].host, host);
    return is_found ? listener->hosts[low].site : NULL;
}

struct tls_site *tls_listener_find(const struct tls_listener *listener, struct str name)
{
    if (name.len == 0 || name.len >= TLS_NAME_SIZE || name.ptr[0] == '*')
        return NULL;
    struct tls_site *site = find_host(listener, name);
    size_t dot = str_find(name, '.');
    if (site != NULL || dot == 0 || dot == name.len)
        return site;
    /* RFC 6125 section 6.4.3: the star stands for exactly the leftmost label. */
    char wildcard[TLS_NAME_SIZE + 1] = "*";
    struct str parent = str_skip(name, dot);
    memcpy(wildcard + 1, parent.ptr, parent.len);
    return find_host(listener, str_make(wildcard, parent.len + 1));
}
