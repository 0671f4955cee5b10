/* config_scalar.h - the texts of a configuration as numbers, and back for messages.
 *
 * Strict: the whole text is the value or it is none, so `443abc` is never 443.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_SCALAR_H
#define PROXY_CONFIG_CONFIG_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"
#include "base/text.h"

/* Decimal or 0x; no sign, no blank. */
MUST_USE bool config_scalar_number(struct str text, uint64_t *ret_value);
/* A number, or one followed by k, m or g (powers of 1024). */
MUST_USE bool config_scalar_size(struct str text, uint64_t *ret_bytes);
/* Decimal with a unit: ms s m h d; 0 needs none. */
MUST_USE bool config_scalar_duration(struct str text, uint64_t *ret_ms);

/* In the largest unit that gives a whole number: "8k", "10m". */
void config_scalar_add_size(struct text *text, uint64_t bytes);
void config_scalar_add_duration(struct text *text, uint64_t ms);

/* The closest of the candidates seen so far; start from {0}. */
struct config_near {
    const char *text; /* NULL: nothing is close */
    size_t distance;
};
/* Offers a candidate for what was probably meant by `wrong` (edit distance, neighbours swapped
 * count once). */
void config_near_offer(struct config_near *near, struct str wrong, const char *candidate);

#endif
