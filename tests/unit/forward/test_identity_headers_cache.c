/* Identity headers rendered once: for whom a rendering may be used again, and how long it lives.
 *
 * SPDX-License-Identifier: MIT */
#include "forward/identity_headers.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

static struct identity_renderings *all;
static struct identity_cache first;
static struct identity_cache second;
static struct cert *leaf;
static struct identity_facts facts;
static struct config_forward forward;

static void setup(void)
{
    all = identity_renderings_new(2);
    first = second = (struct identity_cache){0};
    leaf = make_root("CN=alice", 1).cert;
    facts = (struct identity_facts){
        .forward = &forward,
        .leaf = leaf,
        .user = "alice",
        .verdict = "trusted",
        .tls_version = "TLSv1.3",
        .cipher = "TLS_AES_128_GCM_SHA256",
        .cipher_bits = 128,
        .client_ip = "192.0.2.1",
    };
}

static void teardown(void)
{
    identity_cache_clear(&first);
    identity_cache_clear(&second);
    identity_renderings_free(all);
    ck_assert_uint_eq(leaf->refs, 1); /* nothing holds on to it */
    cert_unref(leaf);
}

static void add(struct identity_cache *cache, const char *value)
{
    struct http_field field = {.name = STR("X-Who"), .value = str_of(value)};
    struct http_fields fields = {.items = &field, .count = 1, .capacity = 1};
    identity_cache_add(cache, all, &facts, NULL, &fields);
}

/* The value of the one field that is known for these facts; "" when nothing is. */
static struct str known(struct identity_cache *cache, const struct identity_facts *wanted)
{
    const struct http_fields *fields = identity_cache_find(cache, all, wanted, NULL);
    return fields == NULL ? STR("") : fields->items[0].value;
}

START_TEST(another_connection_of_the_client_finds_what_was_made)
{
    ck_assert(str_equal(known(&first, &facts), STR("")));
    add(&first, "made once");
    ck_assert(str_equal(known(&first, &facts), STR("made once")));
    ck_assert(str_equal(known(&second, &facts), STR("made once")));
    ck_assert_ptr_eq(known(&first, &facts).ptr, known(&second, &facts).ptr);
}
END_TEST

START_TEST(whatever_the_fields_may_show_tells_connections_apart)
{
    add(&first, "of the first");
    struct cert *other_leaf = make_root("CN=bob", 2).cert;
    struct config_forward other_forward = {0};
    struct identity_facts others[10];
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        others[i] = facts;
    others[0].forward = &other_forward;
    others[1].leaf = other_leaf;
    others[2].leaf = NULL;
    others[3].user = "bob";
    others[4].tls_version = "TLSv1.2";
    others[5].cipher = "TLS_AES_256_GCM_SHA384";
    others[6].cipher_bits = 256;
    others[7].client_ip = "192.0.2.10";
    others[8].verdict = "none";
    others[9].reason = "expired";
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert(str_equal(known(&second, &others[i]), STR("")));
    facts.server = other_leaf;
    ck_assert(str_equal(known(&second, &facts), STR("")));
    cert_unref(other_leaf);
}
END_TEST

/* Of one connection: `pass` and `require`, or a list that came in between. */
START_TEST(a_connection_never_finds_what_was_made_under_another_verdict)
{
    facts.leaf = NULL;
    facts.user = NULL;
    facts.verdict = "none";
    add(&first, "none");
    facts.verdict = "failed";
    facts.reason = "expired";
    ck_assert(str_equal(known(&first, &facts), STR("")));
    add(&first, "expired");
    facts.reason = "revoked";
    ck_assert(str_equal(known(&first, &facts), STR("")));
    add(&first, "revoked");
    facts.reason = "expired";
    ck_assert(str_equal(known(&first, &facts), STR("expired")));
    facts.verdict = "none";
    facts.reason = NULL;
    ck_assert(str_equal(known(&first, &facts), STR("none")));
}
END_TEST

START_TEST(a_value_longer_than_any_known_is_not_shared)
{
    facts.client_ip = "an address that is longer than any text of an address can ever be";
    add(&first, "x");
    ck_assert(str_equal(known(&second, &facts), STR("")));
}
END_TEST

START_TEST(what_a_connection_uses_outlives_its_place_in_the_table)
{
    static const char *const users[] = {"one", "two", "three"};
    add(&first, "kept");
    for (size_t i = 0; i < 3; i++) { /* the table holds two */
        struct identity_cache passing = {0};
        facts.user = users[i];
        add(&passing, users[i]);
        identity_cache_clear(&passing);
    }
    facts.user = "one";
    ck_assert(str_equal(known(&second, &facts), STR("")));
    facts.user = "three";
    ck_assert(str_equal(known(&second, &facts), STR("three")));
    facts.user = "alice";
    ck_assert(str_equal(known(&second, &facts), STR("")));
    ck_assert(str_equal(known(&first, &facts), STR("kept")));
}
END_TEST

START_TEST(a_connection_with_many_places_renders_the_rest_each_time)
{
    struct config_forward places[20] = {0};
    for (size_t i = 0; i < 20; i++) {
        facts.forward = &places[i];
        add(&first, "x");
    }
    ck_assert_uint_eq(first.count, 8);
    ck_assert(str_equal(known(&first, &facts), STR("")));
    facts.forward = &places[0];
    ck_assert(str_equal(known(&first, &facts), STR("x")));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("identity_headers_cache");
    TCase *tcase = tcase_create("identity_headers_cache");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, another_connection_of_the_client_finds_what_was_made);
    tcase_add_test(tcase, whatever_the_fields_may_show_tells_connections_apart);
    tcase_add_test(tcase, a_connection_never_finds_what_was_made_under_another_verdict);
    tcase_add_test(tcase, a_value_longer_than_any_known_is_not_shared);
    tcase_add_test(tcase, what_a_connection_uses_outlives_its_place_in_the_table);
    tcase_add_test(tcase, a_connection_with_many_places_renders_the_rest_each_time);
    suite_add_tcase(suite, tcase);
    return suite;
}
