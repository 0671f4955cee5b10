/* SPDX-License-Identifier: MIT */
#include "core/identity.h"

#include <stdlib.h>
#include <string.h>

#include "auth/remedy.h"
#include "auth/verdict_cache.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/snapshot.h"

static void words_free(struct identity_words *words)
{
    if (words == NULL)
        return;
    free(words->subject);
    free(words->issuer);
    free(words->serial);
    free(words);
}

void identity_clear(struct identity *identity)
{
    for (size_t i = 0; i < identity->presented_count; i++)
        cert_unref(identity->presented[i]);
    free(identity->presented);
    free(identity->offered);
    verdict_unref(identity->verdict);
    free(identity->remedy);
    words_free(identity->words);
    *identity = (struct identity){0};
}

static char *word(const struct cert *cert, void (*name)(const struct cert *, struct text *))
{
    struct text text = {0};
    name(cert, &text);
    return text_take(&text);
}

static void add_hex(char *out, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        *out++ = "0123456789abcdef"[bytes[i] >> 4];
        *out++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *out = '\0';
}

const struct identity_words *identity_words(struct identity *identity)
{
    const struct cert *leaf = identity->presented[0];
    struct identity_words *words = identity->words;
    if (words != NULL)
        return words;
    words = identity->words = xcalloc(1, sizeof *words);
    words->subject = word(leaf, cert_subject);
    words->issuer = word(leaf, cert_issuer);
    words->serial = word(leaf, cert_serial);
    add_hex(words->sha1, leaf->sha1, sizeof leaf->sha1);
    add_hex(words->sha256, leaf->sha256, sizeof leaf->sha256);
    (void)clock_format_rfc3339(leaf->not_after, words->not_after);
    return words;
}

const struct remedy *identity_remedy(struct identity *identity, const struct snapshot_site *site)
{
    if (identity->verdict == NULL || identity->verdict->outcome == OUTCOME_OK)
        return NULL;
    if (identity->remedy == NULL) {
        identity->remedy = xmalloc(sizeof *identity->remedy);
        remedy_find(site->trust, identity->presented, identity->presented_count, clock_wall_s(),
                    identity->remedy);
    }
    return identity->remedy;
}

const struct cert *identity_anchor(const struct verdict *verdict)
{
    if (verdict == NULL || verdict->path_len < 2)
        return NULL;
    const struct verdict_element *last = &verdict->path[verdict->path_len - 1];
    return last->is_anchor ? last->cert : NULL;
}

void identity_chain(const struct verdict *verdict, struct arena *arena,
                    struct cert *const **ret_chain, size_t *ret_count)
{
    *ret_chain = NULL;
    *ret_count = 0;
    if (verdict == NULL || verdict->path_len < 2)
        return;
    struct cert **chain = arena_alloc(arena, verdict->path_len * sizeof *chain);
    for (size_t i = 1; i < verdict->path_len; i++) {
        if (!verdict->path[i].is_anchor)
            chain[(*ret_count)++] = verdict->path[i].cert;
    }
    *ret_chain = chain;
}
