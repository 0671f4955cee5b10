/* What stands in front. The first byte chooses: 'p' a PROXY header, which says the same however
 * much of it has come; '1' to '4' the value of a header with a certificate, in one of the forms;
 * 'n' a distinguished name; 'x' a value for X-Forwarded-Client-Cert.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "access/authorize_name.h"
#include "access/forwarded_cert.h"
#include "base/buf.h"
#include "clients/proxy_protocol.h"
#include "forward/identity_presets.h"
#include "fuzz/fuzz.h"

static void check_proxy_header(struct str input)
{
    struct proxy_protocol_header whole;
    enum proxy_protocol_result result = proxy_protocol_parse(input.ptr, input.len, &whole);
    FUZZ_CHECK(result != PROXY_PROTOCOL_DONE || whole.len <= input.len);
    FUZZ_CHECK(result != PROXY_PROTOCOL_MORE ||
               (whole.len > input.len && whole.len <= PROXY_PROTOCOL_V2_MAX));
    for (size_t len = 0; len < input.len && len < 300; len++) {
        struct proxy_protocol_header part;
        enum proxy_protocol_result early = proxy_protocol_parse(input.ptr, len, &part);
        FUZZ_CHECK(early == PROXY_PROTOCOL_MORE || early == result);
        FUZZ_CHECK(early != PROXY_PROTOCOL_DONE || part.len == whole.len);
    }
}

static void check_certificate(enum config_forwarded_cert form, struct str input)
{
    static const struct str names[] = {
        [FORWARDED_CERT_RFC9440] = STR_INIT("Client-Cert"),
        [FORWARDED_CERT_X_ARR] = STR_INIT("X-ARR-ClientCert"),
        [FORWARDED_CERT_XFCC] = STR_INIT("X-Forwarded-Client-Cert"),
        [FORWARDED_CERT_AWS_ALB] = STR_INIT("X-Amzn-Mtls-Clientcert"),
    };
    struct http_field field = {.name = names[form], .value = input};
    struct http_fields fields = {.items = &field, .count = 1, .capacity = 1};
    struct cert_table *table = cert_table_new(0);
    struct forwarded_cert found = {0};
    const char *reason = NULL;
    bool is_good = forwarded_cert_read(form, &fields, table, 16384, &found, &reason);
    FUZZ_CHECK(is_good ? found.count > 0 : reason != NULL && found.count == 0);
    for (size_t i = 0; i < found.count; i++)
        cert_unref(found.certs[i]);
    free(found.certs);
    cert_table_free(table);
}

static void check_name(struct str input)
{
    const char *problem = NULL;
    X509_NAME *name = authorize_name_parse(input, &problem);
    FUZZ_CHECK((name == NULL) == (problem != NULL));
    X509_NAME_free(name);
}

/* Whatever the value, it stays one value of one element. */
static void check_xfcc_value(struct str input)
{
    struct buf_pool pool;
    struct arena arena;
    buf_pool_init(&pool, 4);
    arena_init(&arena, &pool);
    struct str made = identity_xfcc_value(&arena, input);
    bool is_quoted = made.len != input.len;
    FUZZ_CHECK(!is_quoted ||
               (made.len >= 2 && made.ptr[0] == '"' && made.ptr[made.len - 1] == '"'));
    for (size_t i = 0; i < made.len && !is_quoted; i++)
        FUZZ_CHECK(made.ptr[i] == '\0' || strchr(",;=\"", made.ptr[i]) == NULL);
    arena_clear(&arena);
    buf_pool_clear(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 2)
        return 0;
    struct str input = str_make((const char *)bytes + 1, size - 1);
    if (bytes[0] == 'p')
        check_proxy_header(input);
    else if (bytes[0] >= '1' && bytes[0] <= '4')
        check_certificate((enum config_forwarded_cert)(bytes[0] - '0'), input);
    else if (bytes[0] == 'n')
        check_name(input);
    else if (bytes[0] == 'x')
        check_xfcc_value(input);
    return 0;
}
