/* micro_server.c - an engine of the proxy with a client and an origin in the same process.
 *
 * Client and origin act between turns of the engine's loop; only those turns count.
 *
 * SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/engine_state.h"
#include "engine/snapshot_load.h"
#include "micro.h"
#include "net/addr.h"
#include "net/listener.h"
#include "tls/tls_store.h"
#include "tls/tls_ticket.h"

#define SESSIONS 64

struct micro_server {
    struct event_base *base;
    struct snapshot *snapshot;
    struct engine *engine;
    struct tls_ticket_keys *keys;
    struct tls_store *store;
    struct addr addr;
    int listen_fd;
    int origin_listen_fd;
    int origin_fd; /* -1: the engine has not connected yet */
    const struct made *ca;
    SSL *ssl;
    int client_fd;
    SSL_SESSION *session; /* the last one given */
    bool has_new_session;
};

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 17:03:33 GMT\r\n"
                             "Content-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";

/* ---- configuration ------------------------------------------------------------------------ */

static struct str bio_str(BIO *bio)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    return str_make(bytes, (size_t)len);
}

static char *write_pem(struct micro_world *world, const char *name, X509 *cert, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (cert != NULL)
        MICRO_REQUIRE(PEM_write_bio_X509(bio, cert) == 1);
    else
        MICRO_REQUIRE(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    char *path = micro_file(world, name, bio_str(bio));
    BIO_free(bio);
    return path;
}

static struct config *make_config(struct micro_world *world, const struct addr *origin)
{
    struct made server = micro_leaf(world, "CN=server.bench.test", 4);
    char *root = write_pem(world, "root.pem", world->root.cert->x509, NULL);
    char *chain = write_pem(world, "server.pem", server.cert->x509, NULL);
    char *key = write_pem(world, "server.key", NULL, server.key);
    char address[ADDR_TEXT_SIZE];
    const char *more = getenv("MICRO_SETTINGS"); /* further YAML: another setting is measured */
    struct text yaml = {0};
    (void)chmod(key, 0600);
    text_addf(&yaml,
              "workers: 1\n"
              "log: { access: { path: null } }\n"
              "sites:\n"
              "  - name: bench\n"
              "    bindings: [\"https://127.0.0.1:0\"]\n"
              "    server_certificate: { chain: %s, key: %s }\n"
              "    client_certificate: require\n"
              "    trust: { root: [%s] }\n"
              "    mapping:\n"
              "      many_to_one:\n"
              "        - { name: all, user: 'BENCH\\client',\n"
              "            rules: [ { field: issuer, subfield: CN, match: Bench issuing } ] }\n"
              "    forward: { headers: { X-Client-Subject: \"{subject}\" } }\n"
              "    upstream: \"http://%s\"\n",
              chain, key, root, addr_format(origin, address));
    text_add_cstr(&yaml, more == NULL ? "" : more);
    struct config *config = micro_config(world, text_str(&yaml));
    text_clear(&yaml);
    free(root);
    free(chain);
    free(key);
    return config;
}

/* ---- the engine --------------------------------------------------------------------------- */

static struct addr local_address(void)
{
    struct addr addr;
    MICRO_REQUIRE(addr_from_numeric("127.0.0.1", 0, &addr));
    return addr;
}

struct micro_server *micro_server_new(struct micro_world *world)
{
    struct micro_server *server = xcalloc(1, sizeof *server);
    struct addr origin = local_address();
    server->origin_fd = -1;
    server->client_fd = -1;
    server->ca = &world->ca;
    MICRO_REQUIRE(listener_open(&origin, 1, &server->origin_listen_fd) == 0);
    server->addr = local_address();
    MICRO_REQUIRE(listener_open(&server->addr, 1, &server->listen_fd) == 0);
    server->keys = tls_ticket_keys_init(xcalloc(1, tls_ticket_keys_size()));
    server->store = tls_store_init(xcalloc(1, tls_store_size(SESSIONS)), SESSIONS);
    tls_ticket_keys_set_store(server->keys, server->store);
    struct error_list errors = {0};
    server->snapshot = snapshot_new(make_config(world, &origin), server->keys, &errors);
    MICRO_REQUIRE(server->snapshot != NULL);
    errors_clear(&errors);
    server->base = event_base_new();
    MICRO_REQUIRE(server->base != NULL);
    server->engine = engine_new(&(struct engine_options){
        .base = server->base,
        .snapshot = server->snapshot,
        .listen_fds = &server->listen_fd,
        .listen_addrs = &server->addr,
        .access_log_fd = -1,
        .workers = 1,
    });
    engine_accept(server->engine);
    return server;
}

void micro_server_free(struct micro_server *server)
{
    engine_free(server->engine);
    event_base_free(server->base);
    snapshot_free(server->snapshot);
    tls_store_cleanse(server->store);
    free(server->store);
    free(server->keys);
    SSL_SESSION_free(server->session);
    (void)close(server->listen_fd);
    (void)close(server->origin_listen_fd);
    if (server->origin_fd >= 0)
        (void)close(server->origin_fd);
    free(server);
}

struct engine *micro_server_engine(struct micro_server *server)
{
    return server->engine;
}

/* What is ready, once. */
static void turn(struct micro_server *server)
{
    micro_begin();
    MICRO_REQUIRE(event_base_loop(server->base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
    micro_end();
}

/* ---- the client --------------------------------------------------------------------------- */

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct micro_server *server = SSL_get_app_data(ssl);
    SSL_SESSION_free(server->session);
    server->session = session;
    server->has_new_session = true;
    return 1;
}

/* The context lives as long as its connection. */
static SSL *new_client(struct micro_server *server, const struct micro_visit *visit)
{
    char groups[] = "X25519:P-256"; /* the macros cast const away */
    char name[] = "server.bench.test";
    int version = visit->minor == 2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    MICRO_REQUIRE(SSL_CTX_set_min_proto_version(ctx, version) == 1 &&
                  SSL_CTX_set_max_proto_version(ctx, version) == 1 &&
                  SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256") == 1 &&
                  SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") == 1 &&
                  SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
                  SSL_CTX_use_certificate(ctx, visit->client->cert->x509) == 1 &&
                  SSL_CTX_use_PrivateKey(ctx, visit->client->key) == 1 &&
                  SSL_CTX_add1_chain_cert(ctx, server->ca->cert->x509) == 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    MICRO_REQUIRE(ssl != NULL && SSL_set_app_data(ssl, server) == 1 &&
                  SSL_set_tlsext_host_name(ssl, name) == 1);
    if (visit->resumes)
        MICRO_REQUIRE(server->session != NULL && SSL_set_session(ssl, server->session) == 1);
    return ssl;
}

static int connect_to(const struct addr *addr)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MICRO_REQUIRE(fd >= 0 && connect(fd, (const struct sockaddr *)&addr->storage, addr->len) == 0);
    MICRO_REQUIRE(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

void micro_server_connect(struct micro_server *server, const struct micro_visit *visit)
{
    server->client_fd = connect_to(&server->addr);
    server->ssl = new_client(server, visit);
    server->has_new_session = false;
    MICRO_REQUIRE(SSL_set_fd(server->ssl, server->client_fd) == 1);
    int result;
    while ((result = SSL_connect(server->ssl)) != 1) {
        MICRO_REQUIRE(SSL_get_error(server->ssl, result) == SSL_ERROR_WANT_READ);
        turn(server);
    }
    MICRO_REQUIRE((SSL_session_reused(server->ssl) == 1) == visit->resumes);
    /* A TLS 1.2 client may have it already, and none comes when a session is resumed. */
    bool awaits_session = visit->minor == 3;
    while (awaits_session && !server->has_new_session) {
        char byte;
        result = SSL_read(server->ssl, &byte, 1);
        MICRO_REQUIRE(SSL_get_error(server->ssl, result) == SSL_ERROR_WANT_READ);
        if (!server->has_new_session)
            turn(server);
    }
    MICRO_REQUIRE(server->session != NULL);
}

void micro_server_disconnect(struct micro_server *server)
{
    (void)SSL_shutdown(server->ssl);
    SSL_free(server->ssl);
    server->ssl = NULL;
    (void)close(server->client_fd);
    while (server->engine->client_count > 0 || server->engine->closing != NULL)
        turn(server);
}

/* ---- the origin --------------------------------------------------------------------------- */

/* Answers the request if it is there; requests have no body and fit one read. */
static void serve_origin(struct micro_server *server)
{
    char bytes[16384];
    if (server->origin_fd < 0)
        server->origin_fd = accept4(server->origin_listen_fd, NULL, NULL, SOCK_NONBLOCK);
    if (server->origin_fd < 0)
        return;
    ssize_t len = read(server->origin_fd, bytes, sizeof bytes);
    if (len > 0)
        MICRO_REQUIRE(write(server->origin_fd, ANSWER, sizeof ANSWER - 1) == sizeof ANSWER - 1);
}

void micro_server_request(struct micro_server *server, struct str request)
{
    char bytes[4096];
    int len;
    MICRO_REQUIRE(SSL_write(server->ssl, request.ptr, (int)request.len) == (int)request.len);
    while ((len = SSL_read(server->ssl, bytes, sizeof bytes)) <= 0) {
        MICRO_REQUIRE(SSL_get_error(server->ssl, len) == SSL_ERROR_WANT_READ);
        turn(server);
        serve_origin(server);
    }
    MICRO_REQUIRE(strncmp(bytes, "HTTP/1.1 200 ", 13) == 0);
    MICRO_REQUIRE(len > 6 && memcmp(bytes + len - 6, "hello\n", 6) == 0);
}
