/* config_expect.h - the words a key takes, and what to say when something else was given.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_EXPECT_H
#define PROXY_CONFIG_CONFIG_EXPECT_H

#include "base/str.h"
#include "config/config_decode.h"
#include "config/config_schema.h"

/* "expected ..., found ...": from the row, for the node at the cursor. */
void config_expect_report(const struct config_cursor *at, const struct config_key *key);
/* The row's word for the text, or NULL. */
const struct config_word *config_word_find(const struct config_key *key, struct str text);
/* The word the node holds; NULL with an error when it is none or not supported yet. */
const struct config_word *config_word_decode(const struct config_cursor *at,
                                             const struct config_key *key);

#endif
