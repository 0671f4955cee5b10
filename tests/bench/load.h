/* load.h - what the parts of the load generator share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#define LOAD_SMALL_BYTES 128 /* body of the origin's answer to GET / */
#define LOAD_NS          UINT64_C(1000000000)

enum load_mode {
    LOAD_HANDSHAKE, /* connect, one request, close */
    LOAD_RESUME,    /* the same with the session of the connection before */
    LOAD_REQUEST,   /* small requests on kept connections */
    LOAD_DOWNLOAD,
    LOAD_UPLOAD,
    LOAD_IDLE, /* open connections, one request each, and hold them */
};

struct load_identity {
    X509 *cert;
    EVP_PKEY *key;
};

struct load_conn;

struct load {
    enum load_mode mode;
    struct sockaddr_in server;
    char *server_name;
    SSL_CTX *ctx;
    struct load_identity *identities; /* used in turn */
    size_t identity_count;
    size_t identity_next;
    bool is_fresh; /* no identity is used twice */

    char *head; /* of every request */
    size_t head_len;
    uint64_t body_bytes; /* up or down */

    int epoll;
    struct load_conn *conns;
    size_t conn_count;
    size_t active; /* connections with an operation under way */

    bool is_measuring;
    uint64_t deadline_ns;
    uint64_t wanted; /* operations to start, at most */
    uint64_t started;

    uint64_t operations;
    uint64_t errors;
    uint64_t resumed;
    uint64_t bytes;
    uint32_t *latencies_us;
    size_t latency_count;
    size_t latency_room;
};

uint64_t load_now_ns(void);
/* Opens every connection (one operation each, not counted). False when one did not succeed. */
bool load_open(struct load *load);
/* Runs until the deadline or the wanted number; operations under way are finished. */
void load_run(struct load *load);
/* Reads `count` certificates with their keys, after `skip` others, from a file of make_certs. */
void load_read_identities(struct load *load, const char *path, uint64_t skip, uint64_t count);
/* Connections that are still open and quiet. */
size_t load_count_open(const struct load *load);
void load_close(struct load *load);
/* Says what went wrong, once or twice, not a thousand times. */
void load_complain(struct load *load, const char *what);

#endif
