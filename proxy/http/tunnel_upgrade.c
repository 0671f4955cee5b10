/* SPDX-License-Identifier: MIT */
#include "http/tunnel_upgrade.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

/* RFC 6455 section 1.3: what proves that the server means WebSocket. */
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#define KEY_LEN  24 /* 16 bytes in base64 */
#define SHA1_LEN 20

static bool is_base64(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '+' || c == '/';
}

/* RFC 6455 section 4.1: a nonce of 16 bytes, in base64. */
static bool is_key(struct str value)
{
    if (value.len != KEY_LEN || value.ptr[KEY_LEN - 1] != '=' || value.ptr[KEY_LEN - 2] != '=')
        return false;
    for (size_t i = 0; i < KEY_LEN - 2; i++) {
        if (!is_base64(value.ptr[i]))
            return false;
    }
    return true;
}

/* The value of a field that must be there exactly once; else the empty slice. */
static struct str only_value(const struct http_fields *fields, struct str name)
{
    struct str value = {NULL, 0};
    size_t count = 0;
    for (size_t i = 0; i < fields->count; i++) {
        if (!str_equal_icase(fields->items[i].name, name))
            continue;
        value = fields->items[i].value;
        count++;
    }
    return count == 1 ? value : (struct str){NULL, 0};
}

struct str tunnel_upgrade_key(const struct http_request *request)
{
    const struct str none = {NULL, 0};
    const struct http_fields *fields = &request->fields;
    /* RFC 9110 section 7.8: an Upgrade in HTTP/1.0 is ignored, and so is one that Connection does
     * not name. RFC 6455 section 4.2.1: GET. A body would have to be told from the new protocol. */
    if (request->method_id != HTTP_GET || request->minor != 1 ||
        request->body.kind != HTTP_BODY_NONE ||
        !http_fields_list_contains(fields, STR("Connection"), STR("upgrade")) ||
        !http_fields_list_contains(fields, STR("Upgrade"), TUNNEL_PROTOCOL))
        return none;
    struct str key = only_value(fields, STR("Sec-WebSocket-Key"));
    return is_key(key) ? key : none;
}

bool tunnel_upgrade_from_connect(struct http_request *request, struct arena *arena)
{
    unsigned char nonce[16];
    char *key = arena_alloc(arena, KEY_LEN + 1);
    if (RAND_bytes(nonce, sizeof nonce) != 1)
        return false;
    (void)EVP_EncodeBlock((unsigned char *)key, nonce, sizeof nonce);
    (void)http_fields_remove(&request->fields, STR("Sec-WebSocket-Key"));
    http_fields_add(&request->fields, arena, STR("Connection"), STR("Upgrade"));
    http_fields_add(&request->fields, arena, STR("Upgrade"), TUNNEL_PROTOCOL);
    http_fields_add(&request->fields, arena, STR("Sec-WebSocket-Key"), str_make(key, KEY_LEN));
    request->method = STR("GET");
    request->method_id = HTTP_GET;
    request->body = (struct http_body_framing){.kind = HTTP_BODY_NONE};
    request->expect_continue = false;
    return true;
}

void tunnel_upgrade_accept(struct str key, char ret_accept[TUNNEL_ACCEPT_SIZE])
{
    char bytes[KEY_LEN + sizeof GUID];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    size_t key_len = key.len < KEY_LEN ? key.len : KEY_LEN;
    memcpy(bytes, key.ptr, key_len);
    memcpy(bytes + key_len, GUID, sizeof GUID - 1);
    if (EVP_Digest(bytes, key_len + sizeof GUID - 1, digest, &len, EVP_sha1(), NULL) != 1 ||
        len != SHA1_LEN)
        abort();
    (void)EVP_EncodeBlock((unsigned char *)ret_accept, digest, SHA1_LEN);
}

/* RFC 9110 sections 7.8 and 15.2.2, RFC 6455 section 4.2.2. */
const char *tunnel_upgrade_problem(const struct http_response *response, struct str key)
{
    const struct http_fields *fields = &response->fields;
    char accept[TUNNEL_ACCEPT_SIZE];
    tunnel_upgrade_accept(key, accept);
    if (response->minor != 1)
        return "101 in HTTP/1.0";
    if (!str_equal_icase(only_value(fields, STR("Upgrade")), TUNNEL_PROTOCOL))
        return "101 to another protocol than WebSocket";
    if (!http_fields_list_contains(fields, STR("Connection"), STR("upgrade")))
        return "101 without Upgrade in its Connection";
    if (!str_equal(only_value(fields, STR("Sec-WebSocket-Accept")), str_of(accept)))
        return "101 with a Sec-WebSocket-Accept that is not the key's";
    /* RFC 9110 section 8.6, RFC 9112 section 6.1: neither has a place in a 1xx response, and who
     * believes it reads the new protocol as a body. */
    if (http_fields_find(fields, STR("Content-Length")) != NULL ||
        http_fields_find(fields, STR("Transfer-Encoding")) != NULL)
        return "101 that announces a body";
    return NULL;
}
