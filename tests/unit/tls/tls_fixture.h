/* tls_fixture.h - certificates made in the process, a configuration made by hand, and a client and
 * a server on a socket pair. Code in a header, because a unit test is one object file.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_TLS_TLS_FIXTURE_H
#define TESTS_UNIT_TLS_TLS_FIXTURE_H

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "tls/tls_context.h"
#include "tls/tls_store.h"
#include "tls/tls_ticket.h"
#include "tls/tls_transport.h"
#include "unit/unit.h"

struct identity {
    X509 *cert;
    EVP_PKEY *key;
};

static inline EVP_PKEY *make_ec_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    ck_assert_ptr_nonnull(key);
    return key;
}

/* Takes key. issuer NULL: self-signed. Valid from `from` to `to`, seconds from now. */
static inline struct identity make_identity(const char *name, EVP_PKEY *key,
                                            const struct identity *issuer, const EVP_MD *digest,
                                            long from, long to)
{
    X509 *cert = X509_new();
    ck_assert_int_eq(X509_set_version(cert, X509_VERSION_3), 1);
    ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(cert), from));
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(cert), to));
    X509_NAME *subject = X509_NAME_new();
    ck_assert_int_eq(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                                (const unsigned char *)name, -1, -1, 0),
                     1);
    const X509_NAME *signer = issuer == NULL ? subject : X509_get_subject_name(issuer->cert);
    ck_assert_int_eq(X509_set_subject_name(cert, subject), 1);
    ck_assert_int_eq(X509_set_issuer_name(cert, signer), 1);
    X509_NAME_free(subject);
    ck_assert_int_eq(X509_set_pubkey(cert, key), 1);
    ck_assert_int_ne(X509_sign(cert, issuer == NULL ? key : issuer->key, digest), 0);
    return (struct identity){cert, key};
}

static inline struct identity make_plain_identity(const char *name)
{
    return make_identity(name, make_ec_key(), NULL, EVP_sha256(), -3600, 3600);
}

static inline void identity_free(struct identity *identity)
{
    X509_free(identity->cert);
    EVP_PKEY_free(identity->key);
    *identity = (struct identity){0};
}

#define FILES_MAX 32
struct files { /* a folder of its own, removed at the end */
    char folder[32];
    char *paths[FILES_MAX];
    size_t count;
};

static inline void files_open(struct files *files)
{
    *files = (struct files){.folder = "/tmp/tls-unit-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(files->folder));
}

static inline void files_close(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        (void)unlink(files->paths[i]);
        free(files->paths[i]);
    }
    ck_assert_int_eq(rmdir(files->folder), 0);
}

/* A new file, readable by its owner; the path is the folder's. */
static inline char *files_add(struct files *files, const char *name, BIO *contents)
{
    char *path = xasprintf("%s/%zu-%s", files->folder, files->count, name);
    char *bytes;
    long len = BIO_get_mem_data(contents, &bytes);
    FILE *out = fopen(path, "we");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(bytes, 1, (size_t)len, out), (size_t)len);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_int_eq(chmod(path, 0600), 0);
    BIO_free(contents);
    ck_assert_uint_lt(files->count, FILES_MAX);
    files->paths[files->count++] = path;
    return path;
}

static inline struct config_server_certificate
files_add_identity(struct files *files, const struct identity *identity, const char *password)
{
    BIO *chain = BIO_new(BIO_s_mem());
    BIO *key = BIO_new(BIO_s_mem());
    ck_assert_int_eq(PEM_write_bio_X509(chain, identity->cert), 1);
    const unsigned char *pass = (const unsigned char *)password;
    int pass_len = password == NULL ? 0 : (int)strlen(password);
    ck_assert_int_eq(PEM_write_bio_PrivateKey(key, identity->key,
                                              password == NULL ? NULL : EVP_aes_128_cbc(), pass,
                                              pass_len, NULL, NULL),
                     1);
    return (struct config_server_certificate){
        .chain = {.text = files_add(files, "chain.pem", chain), .mark = {"proxy.yaml", 4, 5}},
        .key = {.text = files_add(files, "key.pem", key), .mark = {"proxy.yaml", 5, 5}},
    };
}

enum { SITES_MAX = 4, HOSTS_MAX = 3, CERTIFICATES_MAX = 3 };

struct site_setup {
    struct config_site config;
    struct config_value hosts[HOSTS_MAX];
    struct config_server_certificate certificates[CERTIFICATES_MAX];
    struct config_value alpn[2];
    unsigned char policy[32];
    unsigned char revocation[32];
    bool asks;
    const struct tls_name *issuers;
    size_t issuer_count;
    struct tls_site *site;
};

struct world {
    struct event_base *base;
    struct config config;
    struct files files;
    struct error_list errors;
    struct site_setup setups[SITES_MAX];
    size_t count;
    struct tls_listener *listener;
    struct tls_ticket_keys *keys;
    struct tls_store *store;
};

enum { STORED_SESSIONS = 100 };

/* A store that is empty. */
static inline void world_new_store(struct world *world)
{
    free(world->store);
    world->store = tls_store_init(xcalloc(1, tls_store_size(STORED_SESSIONS)), STORED_SESSIONS);
    tls_ticket_keys_set_store(world->keys, world->store);
}

static inline void world_open(struct world *world)
{
    (void)signal(SIGPIPE, SIG_IGN);
    *world = (struct world){.base = event_base_new()};
    world->config.limits.chain_bytes = 32768;
    world->config.sessions.lifetime_ms = 7200000;
    world->config.sessions.tickets = TICKETS_TLS12;
    world->keys = tls_ticket_keys_init(xcalloc(1, tls_ticket_keys_size()));
    world_new_store(world);
    files_open(&world->files);
}

/* A site with a certificate of its own, whose name is the site's. hosts: NULL-terminated. */
static inline struct site_setup *world_add_site(struct world *world, const char *name,
                                                const char *const *hosts)
{
    struct site_setup *setup = &world->setups[world->count++];
    struct identity identity = make_plain_identity(name);
    setup->certificates[0] = files_add_identity(&world->files, &identity, NULL);
    identity_free(&identity);
    memset(setup->policy, (int)world->count, sizeof setup->policy);
    setup->asks = true;
    setup->alpn[0].text = xstrdup("http/1.1");
    setup->config = (struct config_site){.name = xstrdup(name),
                                         .mark = {"proxy.yaml", 2, 3},
                                         .server_certificates = setup->certificates,
                                         .server_certificate_count = 1};
    setup->config.hosts.items = setup->hosts;
    for (size_t i = 0; hosts != NULL && hosts[i] != NULL; i++) {
        setup->hosts[i].text = xstrdup(hosts[i]);
        setup->config.hosts.count++;
    }
    setup->config.tls.min_version = TLS1_2_VERSION;
    setup->config.tls.max_version = TLS1_3_VERSION;
    setup->config.tls.alpn = (struct config_list){.items = setup->alpn, .count = 1, .is_set = true};
    return setup;
}

static inline struct tls_site *setup_load(struct world *world, struct site_setup *setup)
{
    struct tls_site_options options = {
        .site = &setup->config,
        .ask_certificate = setup->asks,
        .issuers = setup->issuers,
        .issuer_count = setup->issuer_count,
        .policy = setup->policy,
        .revocation = setup->revocation,
    };
    return tls_site_new(&options, &world->config, &world->errors);
}

static inline void world_unload(struct world *world)
{
    tls_listener_free(world->listener);
    world->listener = NULL;
    for (size_t i = 0; i < world->count; i++) {
        tls_site_free(world->setups[i].site);
        world->setups[i].site = NULL;
    }
}

/* Builds the contexts anew from what the setups say now, as a reload does; keys stay. */
static inline void world_load(struct world *world)
{
    struct tls_site *sites[SITES_MAX];
    world_unload(world);
    for (size_t i = 0; i < world->count; i++) {
        sites[i] = world->setups[i].site = setup_load(world, &world->setups[i]);
        ck_assert_ptr_nonnull(sites[i]);
    }
    world->listener = tls_listener_new(sites, world->count, &world->config, world->keys);
}

static inline void world_close(struct world *world)
{
    world_unload(world);
    for (size_t i = 0; i < world->count; i++) {
        free(world->setups[i].config.name);
        for (size_t j = 0; j < HOSTS_MAX; j++) {
            free(world->setups[i].hosts[j].text);
        }
        for (size_t j = 0; j < 2; j++) {
            free(world->setups[i].alpn[j].text);
        }
    }
    tls_ticket_keys_cleanse(world->keys);
    free(world->keys);
    free(world->store);
    files_close(&world->files);
    errors_clear(&world->errors);
    event_base_free(world->base);
    clock_freeze(-1);
}

enum { PRESENTED_MAX = 20 };

/* One connection: the server is a transport, the client plain OpenSSL. */
struct link {
    struct world *world;
    struct transport server;
    SSL *client;
    enum transport_result handshake, last;
    bool is_ready;     /* the server's handshake is over */
    bool is_refused;   /* what session_fn answers */
    int64_t valid_for; /* seconds from now, for session_fn */
    bool is_confused;  /* session_fn tells the digest of another leaf */
    unsigned asked;    /* calls of session_fn */
    size_t read_size;  /* bytes the server asks for at a time */
    unsigned calls;
    bool closes;
    struct tls_certificate presented[PRESENTED_MAX]; /* what session_fn tells; DER owned */
    unsigned char digests[PRESENTED_MAX][32];
    size_t presented_count;
    char received[65536];
    size_t received_len;
};

static inline void link_note_presented(struct link *link)
{
    const STACK_OF(X509) *chain = tls_transport_peer_chain(&link->server);
    int count = chain == NULL || link->presented_count > 0 ? 0 : sk_X509_num(chain);
    for (int i = 0; i < count; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(chain, i), &der);
        ck_assert_int_gt(len, 0);
        ck_assert_int_eq(EVP_Digest(der, (size_t)len, link->digests[i], NULL, EVP_sha256(), NULL),
                         1);
        link->presented[i] = (struct tls_certificate){der, (size_t)len, link->digests[i]};
        link->presented_count++;
    }
}

static inline bool link_on_session(struct transport *transport, void *arg,
                                   struct tls_session_facts *ret_facts)
{
    struct link *link = arg;
    link->asked++;
    if (link->is_refused)
        return false;
    X509 *leaf = tls_transport_peer_leaf(transport);
    unsigned len = 0;
    if (leaf != NULL)
        ck_assert_int_eq(X509_digest(leaf, EVP_sha256(), ret_facts->leaf_sha256, &len), 1);
    ret_facts->leaf_sha256[31] ^= link->is_confused;
    link_note_presented(link);
    ret_facts->presented = link->presented;
    ret_facts->presented_count = link->presented_count;
    ret_facts->valid_until = clock_wall_s() + link->valid_for;
    return true;
}

/* One read a callback, as an owner does that has room for so much. */
static inline void link_on_ready(struct transport *transport, bool can_read, bool can_write,
                                 void *arg)
{
    struct link *link = arg;
    (void)can_write;
    link->calls++;
    if (link->closes) {
        transport_close(transport);
        return;
    }
    if (!link->is_ready) {
        link->handshake = transport_handshake(transport);
        link->is_ready = link->handshake != TRANSPORT_AGAIN;
        return;
    }
    if (can_read && link->handshake == TRANSPORT_OK) {
        size_t len = 0;
        link->last =
            transport_read(transport, &link->received[link->received_len], link->read_size, &len);
        link->received_len += link->last == TRANSPORT_OK ? len : 0;
        if (link->last != TRANSPORT_OK && link->last != TRANSPORT_AGAIN)
            transport_want(transport, false, false);
    }
}

static inline void link_open(struct link *link, struct world *world, SSL_CTX *client_ctx)
{
    int fds[2];
    *link = (struct link){.world = world, .valid_for = 3600, .read_size = 4096};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    link->handshake = TRANSPORT_AGAIN;
    tls_transport_init_server(&link->server, world->base, fds[0], world->listener, link_on_ready,
                              link_on_session, link);
    transport_want(&link->server, true, false);
    link->client = SSL_new(client_ctx);
    ck_assert_int_eq(SSL_set_fd(link->client, fds[1]), 1);
    SSL_set_connect_state(link->client);
}

/* The server name the client sends. */
static inline void link_set_name(struct link *link, const char *name)
{
    char copy[256]; /* the macro casts const away */
    (void)snprintf(copy, sizeof copy, "%s", name);
    ck_assert_int_eq(SSL_set_tlsext_host_name(link->client, copy), 1);
}

static inline void link_turn(struct link *link)
{
    ck_assert_int_ge(event_base_loop(link->world->base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
}

/* Runs both ends; true when both handshakes succeeded. */
static inline bool link_shake(struct link *link)
{
    int done = 0;
    for (int i = 0; i < 200 && (done != 1 || !link->is_ready); i++) {
        ERR_clear_error();
        done = SSL_do_handshake(link->client);
        if (done != 1 && SSL_get_error(link->client, done) == SSL_ERROR_SSL && link->is_ready)
            break;
        link_turn(link);
    }
    ERR_clear_error();
    return done == 1 && link->is_ready && link->handshake == TRANSPORT_OK;
}

/* The server writes "ok", with it whatever else waits (a ticket), and the client reads it. */
static inline void link_answer(struct link *link)
{
    char bytes[8];
    size_t len = 0;
    ck_assert_int_eq(transport_write(&link->server, "ok", 2, &len), TRANSPORT_OK);
    ck_assert_uint_eq(len, 2);
    ck_assert_int_eq(SSL_read(link->client, bytes, sizeof bytes), 2);
}

static inline void link_close(struct link *link)
{
    int fd = SSL_get_fd(link->client);
    (void)SSL_shutdown(link->client); /* else the session counts as broken */
    SSL_free(link->client);
    (void)close(fd);
    transport_close(&link->server);
    for (size_t i = 0; i < link->presented_count; i++) {
        union {
            const unsigned char *bytes;
            void *owned;
        } der = {.bytes = link->presented[i].der};
        OPENSSL_free(der.owned);
    }
    ERR_clear_error();
}

static inline SSL_CTX *make_client(int version, const struct identity *identity)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(ctx, 0);
    if (version != 0) {
        ck_assert_int_eq(SSL_CTX_set_min_proto_version(ctx, version), 1);
        ck_assert_int_eq(SSL_CTX_set_max_proto_version(ctx, version), 1);
    }
    if (identity != NULL) {
        ck_assert_int_eq(SSL_CTX_use_certificate(ctx, identity->cert), 1);
        ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, identity->key), 1);
    }
    return ctx;
}

/* The common name the server showed. */
static inline const char *link_server_name(const struct link *link, char ret_name[64])
{
    X509 *cert = SSL_get0_peer_certificate(link->client);
    ck_assert_int_gt(
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, ret_name, 64), 0);
    return ret_name;
}

#endif
