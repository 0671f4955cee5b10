/* SPDX-License-Identifier: MIT */
#include "http/path_reading.h"

#include <stdint.h>
#include <string.h>

#include "http/path_lookalike.h"

enum { WORK_MAX = 256 * 1024 }; /* bytes looked at, of all spellings together */

/* ---- single readings ---------------------------------------------------------------------- */

/* Digits of an escape, or -1. */
static int hex_value(struct str digits, size_t count)
{
    int value = 0;
    if (digits.len < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int digit = ascii_hex_value(digits.ptr[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* %XX, and the %uXXXX of HTTP.sys (its registry value PercentUAllowed is on by default). */
static size_t decode_escapes(struct str path, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        struct str rest = str_skip(path, i + 1);
        int byte = path.ptr[i] == '%' ? hex_value(rest, 2) : -1;
        bool is_wide = path.ptr[i] == '%' && rest.len > 0 && ascii_lower(rest.ptr[0]) == 'u';
        int wide = is_wide ? hex_value(str_skip(rest, 1), 4) : -1;
        if (byte >= 0) {
            out[len++] = (char)byte;
            i += 2;
        } else if (wide >= 0) {
            len += path_lookalike_put_utf8((uint32_t)wide, out + len);
            i += 5;
        } else {
            out[len++] = path.ptr[i];
        }
    }
    return len;
}

static size_t merge_slashes(struct str path, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] != '/' || len == 0 || out[len - 1] != '/')
            out[len++] = path.ptr[i];
    }
    return len;
}

static size_t turn_backslashes(struct str path, char *out)
{
    for (size_t i = 0; i < path.len; i++)
        out[i] = path.ptr[i] == '\\' ? '/' : path.ptr[i];
    return path.len;
}

/* RFC 3986 section 5.2.4; what leads above the root stays at the root. */
static size_t remove_dots(struct str path, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < path.len;) {
        struct str rest = str_skip(path, i + 1);
        struct str segment = str_make(rest.ptr, str_find(rest, '/'));
        bool is_last = i + 1 + segment.len == path.len;
        bool is_parent = str_equal(segment, STR(".."));
        i += 1 + segment.len;
        if (!is_parent && !str_equal(segment, STR("."))) {
            memcpy(out + len, segment.ptr - 1, segment.len + 1);
            len += segment.len + 1;
            continue;
        }
        while (is_parent && len > 0 && out[--len] != '/')
            ;
        if (is_last)
            out[len++] = '/';
    }
    return len;
}

/* Copies what shorten keeps of each segment. */
static size_t shorten_segments(struct str path, char *out, struct str (*shorten)(struct str))
{
    size_t len = 0;
    struct str rest = path;
    for (;;) {
        struct str segment = str_make(rest.ptr, str_find(rest, '/'));
        struct str kept = shorten(segment);
        memcpy(out + len, kept.ptr, kept.len);
        len += kept.len;
        if (segment.len == rest.len)
            return len;
        out[len++] = '/';
        rest = str_skip(rest, segment.len + 1);
    }
}

static struct str until_semicolon(struct str segment)
{
    segment.len = str_find(segment, ';');
    return segment;
}

static size_t drop_parameters(struct str path, char *out)
{
    return shorten_segments(path, out, until_semicolon);
}

static struct str until_colon(struct str segment)
{
    segment.len = str_find(segment, ':');
    return segment;
}

static size_t drop_streams(struct str path, char *out)
{
    return shorten_segments(path, out, until_colon);
}

/* ".. " is the parent directory, "x. ." is x. */
static struct str without_trailing_dots(struct str segment)
{
    while (segment.len > 0 && segment.ptr[segment.len - 1] == ' ')
        segment.len--;
    if (str_equal(segment, STR(".")) || str_equal(segment, STR("..")))
        return segment;
    while (segment.len > 0 &&
           (segment.ptr[segment.len - 1] == ' ' || segment.ptr[segment.len - 1] == '.'))
        segment.len--;
    return segment;
}

static size_t drop_trailing_dots(struct str path, char *out)
{
    return shorten_segments(path, out, without_trailing_dots);
}

/* The length of the blank or control character at the start of s, 0 when there is none: what the
 * trimming functions of JavaScript, Python and Java take between them. */
static size_t blank_len(struct str s)
{
    static const char *const wide[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
        "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
        "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80", "\xef\xbb\xbf"};
    if (s.len == 0)
        return 0;
    unsigned char c = (unsigned char)s.ptr[0];
    if (c <= 0x20 || c == 0x7f)
        return 1;
    for (size_t i = 0; c >= 0xc2 && i < sizeof wide / sizeof wide[0]; i++) {
        if (str_starts_with(s, str_of(wide[i])))
            return strlen(wide[i]);
    }
    return 0;
}

/* The length of the blank at the end of s. */
static size_t last_blank_len(struct str s)
{
    for (size_t len = 1; len <= 3 && len <= s.len; len++) {
        if (blank_len(str_skip(s, s.len - len)) == len)
            return len;
    }
    return 0;
}

static struct str without_blanks(struct str segment)
{
    size_t len;
    while ((len = blank_len(segment)) > 0)
        segment = str_skip(segment, len);
    while ((len = last_blank_len(segment)) > 0)
        segment.len -= len;
    return segment;
}

static size_t trim_blanks(struct str path, char *out)
{
    return shorten_segments(path, out, without_blanks);
}

static size_t drop_line_breaks(struct str path, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] != '\t' && path.ptr[i] != '\n' && path.ptr[i] != '\r')
            out[len++] = path.ptr[i];
    }
    return len;
}

static size_t cut_at_end(struct str path, char *out)
{
    size_t len = 0;
    while (len < path.len && path.ptr[len] != '?' && path.ptr[len] != '#' && path.ptr[len] != '\0')
        len++;
    memcpy(out, path.ptr, len);
    return len;
}

static size_t drop_authority(struct str path, char *out)
{
    if (!str_starts_with(path, STR("//"))) {
        memcpy(out, path.ptr, path.len);
        return path.len;
    }
    struct str rest = str_skip(path, 2);
    rest = str_skip(rest, str_find(rest, '/'));
    out[0] = '/';
    if (rest.len > 0)
        memcpy(out, rest.ptr, rest.len);
    return rest.len > 0 ? rest.len : 1;
}

static size_t turn_pluses(struct str path, char *out)
{
    for (size_t i = 0; i < path.len; i++)
        out[i] = path.ptr[i] == '+' ? ' ' : path.ptr[i];
    return path.len;
}

/* "(S(abc))", "(A(x)F(y))" */
static bool is_cookieless(struct str segment)
{
    return segment.len >= 5 && segment.ptr[0] == '(' && ascii_is_alpha(segment.ptr[1]) &&
           segment.ptr[2] == '(' && segment.ptr[segment.len - 2] == ')' &&
           segment.ptr[segment.len - 1] == ')';
}

static size_t drop_cookieless(struct str path, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < path.len;) {
        struct str rest = str_skip(path, i + 1);
        struct str segment = str_make(rest.ptr, str_find(rest, '/'));
        i += 1 + segment.len;
        if (is_cookieless(segment))
            continue;
        memcpy(out + len, segment.ptr - 1, segment.len + 1);
        len += segment.len + 1;
    }
    if (len == 0)
        out[len++] = '/';
    return len;
}

/* Where each is from; "case" is not here, since places are compared without it (place_guard.h).
 *
 * escapes      Every server decodes; that it decodes %2F as well, or twice, is documented of nginx
 *              (ngx_http_core_module, "location", matched against the decoded URI), Python's
 *              http.server, and IIS (requestFiltering allowDoubleEscaping; MS01-026).
 * slashes      nginx merge_slashes and Apache MergeSlashes, both on by default; HTTP.sys; Python's
 *              posixpath.normpath in http.server; Tomcat's and Spring's normalisation.
 * backslashes  HTTP.sys; Tomcat's ALLOW_BACKSLASH; the URL standard of browsers and node.
 * dots         RFC 3986 section 5.2.4: what another reading uncovered.
 * parameters   Servlet specification 6.0 section 3.5 (Tomcat, Jetty, Undertow), Spring's
 *              UrlPathHelper.removeSemicolonContent.
 * trailing     Win32: "Naming Files, Paths, and Namespaces" - a trailing period or space is
 * dropped. streams      NTFS: "File Streams" - name::$DATA is the file, name:$I30:$INDEX_ALLOCATION
 * the directory (IIS and the security bulletin MS98-003). blanks       String.prototype.trim,
 * str.strip, String.trim in routers and their regular expressions ("$" before a last line feed:
 * Python, PCRE, Ruby). line breaks  The URL standard, section 4.4 (node's URL), Python's
 * urllib.parse (bpo-43882). end          Apache's RewriteRule on %3F (CVE-2024-38474), programs
 * that parse what was decoded already; a NUL ends the path in whatever is written in C. authority
 * URL parsers that are given a path: PHP's parse_url, Python's urlsplit, node's new URL(path,
 * base), RFC 3986 section 4.2. letters      "Best fit" of Windows code pages (WideCharToMultiByte;
 * CVE-2024-4577), case mappings (Unicode SpecialCasing), file systems that ignore characters (HFS+;
 * CVE-2014-9390).
 */
static const struct path_reading READINGS[] = {
    {"escapes", "its escapes decoded", STR_INIT("%"), decode_escapes, false},
    {"parameters", "what is behind semicolons dropped", STR_INIT(";"), drop_parameters, false},
    {"backslashes", "backslashes taken for slashes", STR_INIT("\\"), turn_backslashes, false},
    {"dots", "dot segments resolved", STR_INIT("."), remove_dots, false},
    {"slashes", "repeated slashes merged", STR_INIT("/"), merge_slashes, false},
    {"trailing", "trailing dots and blanks of segments dropped", STR_INIT(". "), drop_trailing_dots,
     false},
    {"streams", "names of NTFS streams dropped", STR_INIT(":"), drop_streams, false},
    {"blanks", "blanks and control characters trimmed", STR_INIT(""), trim_blanks, false},
    {"line breaks", "tabs and line breaks dropped", STR_INIT("\t\n\r"), drop_line_breaks, false},
    {"end", "what is behind an escaped `?`, `#` or NUL dropped", STR_INIT("?#\0"), cut_at_end,
     false},
    {"cookieless", "what ASP.NET takes for a session dropped", STR_INIT("("), drop_cookieless,
     false},
    {"pluses", "`+` taken for a blank", STR_INIT("+"), turn_pluses, false},
    {"overlong", "overlong UTF-8 decoded", STR_INIT("\xc0\xc1\xe0\xf0"), path_lookalike_overlong,
     false},
    {"letters", "other characters taken for ASCII", STR_INIT("\xc2\xc4\xc5\xcd\xe2\xe3\xef\xf0"),
     path_lookalike_plain, false},
    {"authority", "its beginning taken for a host", STR_INIT("/"), drop_authority, true},
};

const struct path_reading *path_reading_table(size_t *ret_count)
{
    *ret_count = sizeof READINGS / sizeof READINGS[0];
    return READINGS;
}

/* ---- all of them -------------------------------------------------------------------------- */

bool path_has_one_reading(struct str path)
{
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        if (c <= 0x20 || c >= 0x7f)
            return false;
        switch (c) {
        case '%':
        case '(':
        case '+':
        case ';':
        case ':':
        case '~':
        case '\\':
        case '?':
        case '#':
            return false;
        case '.':
        case '/':
            /* A dot that ends its segment, a slash behind a slash. */
            if (i + 1 < path.len ? path.ptr[i + 1] == '/' : c == '.')
                return false;
            break;
        default:
            break;
        }
    }
    return true;
}

static bool is_known(const struct path_spellings *found, struct str path)
{
    for (size_t i = 0; i < found->count; i++) {
        if (str_equal(found->all[i].path, path))
            return true;
    }
    return false;
}

struct search {
    struct path_spellings *found;
    struct arena *arena;
    char *scratch;
    size_t work;
};

static bool has_any(const bool present[256], struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (present[(unsigned char)bytes.ptr[i]])
            return true;
    }
    return bytes.len == 0;
}

/* Applies one reading to one spelling; false when there is no room for more. */
static bool apply(struct search *search, const struct path_spelling *from,
                  const struct path_reading *reading)
{
    struct path_spellings *found = search->found;
    search->work += from->path.len;
    if (search->work > WORK_MAX)
        return false;
    struct str read = str_make(search->scratch, reading->read(from->path, search->scratch));
    if (is_known(found, read))
        return true;
    if (found->count == PATH_READINGS_MAX)
        return false;
    found->all[found->count++] = (struct path_spelling){
        arena_copy(search->arena, read), reading->phrase, from->is_loose || reading->is_loose};
    return true;
}

static bool apply_all(struct search *search, const struct path_spelling *from, bool loose_too)
{
    bool present[256] = {false};
    for (size_t i = 0; i < from->path.len; i++)
        present[(unsigned char)from->path.ptr[i]] = true;
    for (size_t i = 0; i < sizeof READINGS / sizeof READINGS[0]; i++) {
        const struct path_reading *reading = &READINGS[i];
        if ((loose_too || !reading->is_loose) && has_any(present, reading->triggers) &&
            !apply(search, from, reading))
            return false;
    }
    return true;
}

/* The loose ones last, so that what can be reached without them is not taken for loose. */
void path_spellings_find(struct str path, struct arena *arena, struct path_spellings *ret)
{
    *ret = (struct path_spellings){.all = {{.path = path}}, .count = 1, .is_complete = true};
    if (path_has_one_reading(path))
        return;
    struct search search = {ret, arena, arena_alloc(arena, path.len), 0};
    for (size_t i = 0; i < ret->count && ret->is_complete; i++)
        ret->is_complete = apply_all(&search, &ret->all[i], false);
    for (size_t i = 0; i < ret->count && ret->is_complete; i++)
        ret->is_complete = apply_all(&search, &ret->all[i], true);
}

struct str path_merge_slashes(struct str path, struct arena *arena)
{
    size_t i = 0;
    while (i + 1 < path.len && (path.ptr[i] != '/' || path.ptr[i + 1] != '/'))
        i++;
    if (i + 1 >= path.len)
        return path;
    char *merged = arena_alloc(arena, path.len);
    return str_make(merged, merge_slashes(path, merged));
}
