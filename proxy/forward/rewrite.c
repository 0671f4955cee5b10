/* SPDX-License-Identifier: MIT */
#include "forward/rewrite.h"

/* The prefix is the path or is followed by a slash: "/api" begins "/api/x", never "/apis". */
static bool has_prefix(struct str path, struct str prefix, bool is_case_sensitive)
{
    if (is_case_sensitive ? !str_starts_with(path, prefix) : !str_starts_with_icase(path, prefix))
        return false;
    return path.len == prefix.len || path.ptr[prefix.len] == '/';
}

/* RFC 3986 section 4.2: "//" begins an authority. Browsers take a backslash for a slash and pass
 * over tabs. */
static bool looks_like_authority(struct str path)
{
    return str_starts_with(path, STR("//")) || str_starts_with(path, STR("/\\")) ||
           str_starts_with(path, STR("/\t")) || str_starts_with_icase(path, STR("/%2f"));
}

bool rewrite_path(const struct config_rewrite *config, bool is_case_sensitive, struct str path,
                  struct arena *arena, struct rewritten *ret_rewritten)
{
    struct str strip = str_of(config->strip_prefix.text);
    struct str add = str_of(config->add_prefix.text);
    struct rewritten made = {.path = path};
    if (path.len == 0 || path.ptr[0] != '/') {
        *ret_rewritten = made;
        return true;
    }
    if (strip.len > 0 && has_prefix(path, strip, is_case_sensitive)) {
        made.is_stripped = true;
        made.path = path.len == strip.len ? STR("/") : str_skip(path, strip.len);
        if (looks_like_authority(made.path))
            return false;
    }
    if (add.len > 0) {
        const struct str parts[] = {add, made.path};
        made.path = arena_join(arena, parts, sizeof parts / sizeof parts[0]);
    }
    *ret_rewritten = made;
    return true;
}

/* ---- back to the client ------------------------------------------------------------------- */

/* The path with its query and fragment; the same when it is not for us to change. */
static struct str map_back(const struct config_rewrite *config, bool is_stripped, struct str path,
                           struct arena *arena)
{
    struct str strip = is_stripped ? str_of(config->strip_prefix.text) : STR("");
    struct str add = str_of(config->add_prefix.text);
    size_t end = 0;
    while (end < path.len && path.ptr[end] != '?' && path.ptr[end] != '#')
        end++;
    struct str only_path = str_make(path.ptr, end);
    struct str rest = str_skip(path, end);
    if (add.len > 0) {
        if (!has_prefix(only_path, add, true))
            return path;
        only_path = str_skip(only_path, add.len);
    } else if (has_prefix(only_path, strip, true)) {
        return path; /* the backend knows its prefix */
    }
    struct str mapped = arena_printf(arena, "%.*s%.*s%.*s%.*s", STR_ARG(strip), STR_ARG(only_path),
                                     strip.len + only_path.len == 0 ? 1 : 0, "/", STR_ARG(rest));
    return looks_like_authority(mapped) ? path : mapped;
}

static size_t scheme_len(struct str url)
{
    if (str_starts_with_icase(url, STR("https://")))
        return sizeof "https://" - 1;
    return str_starts_with_icase(url, STR("http://")) ? sizeof "http://" - 1 : 0;
}

static struct str rewrite_url(const struct config_rewrite *config, bool is_stripped,
                              const struct rewrite_hosts *hosts, struct str url,
                              struct arena *arena)
{
    size_t start = scheme_len(url);
    size_t end = start;
    while (end < url.len && url.ptr[end] != '/' && url.ptr[end] != '?' && url.ptr[end] != '#')
        end++;
    struct str authority = str_make(url.ptr + start, end - start);
    struct str path = str_skip(url, end);
    bool is_client = str_equal_icase(authority, hosts->client);
    if (authority.len == 0 || start == 0 ||
        (!is_client && !str_equal_icase(authority, hosts->upstream)))
        return url;
    if (path.len == 0 || path.ptr[0] != '/')
        path = arena_printf(arena, "/%.*s", STR_ARG(path));
    bool has_prefixes = is_stripped || config->add_prefix.text != NULL;
    if (is_client && !has_prefixes)
        return url;
    struct str mapped = has_prefixes ? map_back(config, is_stripped, path, arena) : path;
    if (is_client)
        return arena_printf(arena, "%.*s%.*s", (int)end, url.ptr, STR_ARG(mapped));
    return looks_like_authority(mapped) ? url : mapped;
}

struct str rewrite_location(const struct config_rewrite *config, bool is_stripped,
                            const struct rewrite_hosts *hosts, struct str location,
                            struct arena *arena)
{
    bool has_prefixes = is_stripped || config->add_prefix.text != NULL;
    if (str_starts_with(location, STR("//")))
        return location;
    if (str_starts_with(location, STR("/")))
        return has_prefixes ? map_back(config, is_stripped, location, arena) : location;
    return rewrite_url(config, is_stripped, hosts, location, arena);
}
