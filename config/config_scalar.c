/* SPDX-License-Identifier: MIT */
#include "config/config_scalar.h"

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"g", (uint64_t)1 << 30}, {"m", (uint64_t)1 << 20}, {"k", (uint64_t)1 << 10}, {"", 1}};
/* Longer names first: "ms" ends in "s". */
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

static bool parse_hex(struct str digits, uint64_t *ret_value)
{
    if (digits.len == 0 || digits.len > 16)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        int digit = ascii_hex_value(digits.ptr[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint64_t)digit;
    }
    *ret_value = value;
    return true;
}

bool config_scalar_number(struct str text, uint64_t *ret_value)
{
    if (str_starts_with_icase(text, STR("0x")))
        return parse_hex(str_skip(text, 2), ret_value);
    return str_parse_u64(text, UINT64_MAX, ret_value);
}

static bool parse_with_unit(struct str text, const struct unit *unit, uint64_t *ret_value)
{
    struct str name = str_of(unit->name);
    if (text.len <= name.len || !str_equal(str_skip(text, text.len - name.len), name))
        return false;
    uint64_t value = 0;
    if (!str_parse_u64(str_make(text.ptr, text.len - name.len), UINT64_MAX / unit->factor, &value))
        return false;
    *ret_value = value * unit->factor;
    return true;
}

bool config_scalar_size(struct str text, uint64_t *ret_bytes)
{
    for (size_t i = 0; i < sizeof size_units / sizeof size_units[0]; i++) {
        if (parse_with_unit(text, &size_units[i], ret_bytes))
            return true;
    }
    return str_starts_with_icase(text, STR("0x")) && config_scalar_number(text, ret_bytes);
}

bool config_scalar_duration(struct str text, uint64_t *ret_ms)
{
    for (size_t i = 0; i < sizeof duration_units / sizeof duration_units[0]; i++) {
        if (parse_with_unit(text, &duration_units[i], ret_ms))
            return true;
    }
    if (!str_equal(text, STR("0")))
        return false;
    *ret_ms = 0;
    return true;
}

void config_scalar_add_size(struct text *text, uint64_t bytes)
{
    size_t i = 0;
    while (bytes == 0 ? size_units[i].factor != 1 : bytes % size_units[i].factor != 0)
        i++;
    text_addf(text, "%llu%s", (unsigned long long)(bytes / size_units[i].factor),
              size_units[i].name);
}

void config_scalar_add_duration(struct text *text, uint64_t ms)
{
    size_t i = sizeof duration_units / sizeof duration_units[0] - 1;
    if (ms == 0)
        i = 1; /* 0s */
    while (ms % duration_units[i].factor != 0)
        i--;
    text_addf(text, "%llu%s", (unsigned long long)(ms / duration_units[i].factor),
              duration_units[i].name);
}

#define NEAR_MAX 40

/* Optimal string alignment: insert, delete, replace or swap two neighbours. */
static size_t distance(struct str a, struct str b)
{
    size_t row[3][NEAR_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = row[i % 3];
        const size_t *last = row[(i + 2) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = last[j - 1] + (a.ptr[i - 1] == b.ptr[j - 1] ? 0 : 1);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            bool is_swap =
                i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1];
            if (is_swap && row[(i + 1) % 3][j - 2] + 1 < best)
                best = row[(i + 1) % 3][j - 2] + 1;
            now[j] = best;
        }
    }
    return row[a.len % 3][b.len];
}

static struct str fold(struct str text, char out[NEAR_MAX])
{
    for (size_t i = 0; i < text.len; i++)
        out[i] = text.ptr[i] == '-' ? '_' : ascii_lower(text.ptr[i]);
    return str_make(out, text.len);
}

void config_near_offer(struct config_near *near, struct str wrong, const char *candidate)
{
    char wrong_folded[NEAR_MAX];
    char candidate_folded[NEAR_MAX];
    struct str other = str_of(candidate);
    if (wrong.len == 0 || wrong.len > NEAR_MAX || other.len > NEAR_MAX)
        return;
    size_t steps = distance(fold(wrong, wrong_folded), fold(other, candidate_folded));
    /* A third of the letters may be wrong; in a short word that is one. */
    size_t allowed = other.len < 4 ? 1 : other.len / 3;
    if (steps > allowed || steps >= other.len || (near->text != NULL && steps >= near->distance))
        return;
    near->text = candidate;
    near->distance = steps;
}
