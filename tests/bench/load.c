/* load.c - a load generator for TLS with client certificates; one process, one JSON line.
 *
 * It opens its connections, prints "ready" and waits for a line on standard input before it starts
 * to measure, and for the end of standard input before it closes them: whoever runs it can read the
 * server's counters in between. Every answer is checked.
 *
 * SPDX-License-Identifier: MIT */
#include "bench/load.h"

#include <arpa/inet.h>
#include <getopt.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/mem.h"
#include "base/str.h"

static const char usage[] =
    "usage: load --port N --mode handshake|resume|request|download|upload|idle\n"
    "    --clients FILE --chain PEM [--skip N] [--fresh] [--name HOST] [--tls 1.2|1.3]\n"
    "    [--connections N] [--count N] [--milliseconds N] [--bytes N] [--upload-to PATH]\n";

struct options {
    const char *mode;
    const char *clients;
    const char *chain;
    char *name;
    const char *tls;
    const char *upload_to;
    uint64_t port;
    uint64_t skip;
    uint64_t connections;
    uint64_t count;
    uint64_t milliseconds;
    uint64_t bytes;
    bool is_fresh;
};

static NORETURN void fail(const char *what)
{
    (void)fprintf(stderr, "load: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static uint64_t number(const char *text)
{
    uint64_t value = 0;
    if (!str_parse_u64(str_of(text), UINT64_C(1) << 40, &value))
        fail("not a number");
    return value;
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},         {"mode", required_argument, NULL, 'm'},
        {"clients", required_argument, NULL, 'c'},      {"chain", required_argument, NULL, 'i'},
        {"skip", required_argument, NULL, 's'},         {"fresh", no_argument, NULL, 'f'},
        {"name", required_argument, NULL, 'n'},         {"tls", required_argument, NULL, 't'},
        {"connections", required_argument, NULL, 'k'},  {"count", required_argument, NULL, 'o'},
        {"milliseconds", required_argument, NULL, 'd'}, {"bytes", required_argument, NULL, 'b'},
        {"upload-to", required_argument, NULL, 'u'},    {NULL, 0, NULL, 0},
    };
    static char default_name[] = "bench.test";
    struct options options = {.name = default_name,
                              .tls = "1.3",
                              .upload_to = "/upload",
                              .connections = 4,
                              .count = UINT64_C(1) << 40,
                              .milliseconds = 500};
    for (int key; (key = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (key) {
        case 'p':
            options.port = number(optarg);
            break;
        case 'm':
            options.mode = optarg;
            break;
        case 'c':
            options.clients = optarg;
            break;
        case 'i':
            options.chain = optarg;
            break;
        case 's':
            options.skip = number(optarg);
            break;
        case 'f':
            options.is_fresh = true;
            break;
        case 'n':
            options.name = optarg;
            break;
        case 't':
            options.tls = optarg;
            break;
        case 'k':
            options.connections = number(optarg);
            break;
        case 'o':
            options.count = number(optarg);
            break;
        case 'd':
            options.milliseconds = number(optarg);
            break;
        case 'b':
            options.bytes = number(optarg);
            break;
        case 'u':
            options.upload_to = optarg;
            break;
        default:
            (void)fputs(usage, stderr);
            exit(2);
        }
    }
    if (options.port == 0 || options.mode == NULL || options.clients == NULL ||
        options.chain == NULL || options.connections == 0) {
        (void)fputs(usage, stderr);
        exit(2);
    }
    return options;
}

static enum load_mode mode_of(const char *name)
{
    static const char *const names[] = {"handshake", "resume", "request",
                                        "download",  "upload", "idle"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0)
            return (enum load_mode)i;
    }
    fail("unknown mode");
}

/* The ciphers are the client's choice, so that every server does the same work. */
static SSL_CTX *make_context(const struct options *options)
{
    static char groups[] = "X25519:P-256";
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int version = strcmp(options->tls, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (!SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") ||
        !SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                      "ECDHE-RSA-AES128-GCM-SHA256") ||
        !SSL_CTX_set1_groups_list(ctx, groups))
        fail("cannot set up TLS");
    /* Whom it talks to is the bench's own doing; judging the server costs the client alone. */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    BIO *file = BIO_new_file(options->chain, "r");
    for (X509 *cert; file != NULL && (cert = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL;)
        SSL_CTX_add_extra_chain_cert(ctx, cert);
    if (file == NULL)
        fail("cannot read the chain");
    BIO_free(file);
    ERR_clear_error();
    return ctx;
}

static char *make_head(const struct load *load, const char *upload_to)
{
    static const char common[] = "User-Agent: bench/1.0\r\nAccept: */*\r\n";
    if (load->mode == LOAD_UPLOAD)
        return xasprintf("POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %ju\r\n\r\n", upload_to,
                         load->server_name, common, (uintmax_t)load->body_bytes);
    if (load->mode == LOAD_DOWNLOAD)
        return xasprintf("GET /bytes/%ju HTTP/1.1\r\nHost: %s\r\n%s\r\n",
                         (uintmax_t)load->body_bytes, load->server_name, common);
    return xasprintf("GET / HTTP/1.1\r\nHost: %s\r\n%s\r\n", load->server_name, common);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t percentile(const struct load *load, size_t percent)
{
    if (load->latency_count == 0)
        return 0;
    return load->latencies_us[(load->latency_count - 1) * percent / 100];
}

static void report(struct load *load, uint64_t elapsed_ns)
{
    if (load->latency_count > 0)
        qsort(load->latencies_us, load->latency_count, sizeof *load->latencies_us, by_value);
    printf("{\"operations\": %ju, \"errors\": %ju, \"resumed\": %ju, \"seconds\": %.6f, "
           "\"p50_us\": %u, \"p99_us\": %u, \"bytes\": %ju}\n",
           (uintmax_t)load->operations, (uintmax_t)load->errors, (uintmax_t)load->resumed,
           (double)elapsed_ns / 1e9, percentile(load, 50), percentile(load, 99),
           (uintmax_t)load->bytes);
    (void)fflush(stdout);
}

static void wait_for_line(void)
{
    int c;
    while ((c = getchar()) != EOF && c != '\n')
        continue;
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    struct load load = {
        .mode = mode_of(options.mode),
        .server = {.sin_family = AF_INET,
                   .sin_port = htons((uint16_t)options.port),
                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
        .server_name = options.name,
        .body_bytes = options.bytes,
        .conn_count = options.connections,
        .wanted = options.count,
        .is_fresh = options.is_fresh,
        .ctx = make_context(&options),
    };
    load.head = make_head(&load, options.upload_to);
    load.head_len = strlen(load.head);
    /* One more for each connection, which the opening uses up. */
    load_read_identities(&load, options.clients, options.skip,
                         options.is_fresh ? options.count + options.connections : 1);
    if (!load_open(&load))
        fail("cannot open the connections");
    printf("ready\n");
    (void)fflush(stdout);
    wait_for_line();
    uint64_t start = load_now_ns();
    load.deadline_ns = start + options.milliseconds * (LOAD_NS / 1000);
    if (load.mode == LOAD_IDLE)
        load.operations = load_count_open(&load);
    else
        load_run(&load);
    report(&load, load_now_ns() - start);
    wait_for_line();
    load_close(&load);
    for (size_t i = 0; i < load.identity_count; i++) {
        X509_free(load.identities[i].cert);
        EVP_PKEY_free(load.identities[i].key);
    }
    free(load.identities);
    free(load.latencies_us);
    free(load.head);
    SSL_CTX_free(load.ctx);
    return load.errors == 0 ? 0 : 1;
}
