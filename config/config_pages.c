/* SPDX-License-Identifier: MIT */
#include "config/config_pages.h"

#include <string.h>

#include "config/config_location.h"

/* "403" or "403.7": three digits, then at most three. */
static bool parse_status(struct str text, struct config_error_page *page)
{
    uint64_t code = 0;
    uint64_t substatus = 0;
    size_t dot = str_find(text, '.');
    bool has_substatus = dot < text.len;
    if (dot != 3 || !str_parse_u64(str_make(text.ptr, dot), 599, &code) || code < 400)
        return false;
    if (has_substatus && !str_parse_u64(str_skip(text, dot + 1), 999, &substatus))
        return false;
    page->code = (unsigned)code;
    page->substatus = has_substatus ? (int)substatus : -1;
    return true;
}

void config_error_page_after(const struct config_cursor *at, void *page)
{
    struct config_error_page *self = page;
    if (self->status.text == NULL || self->file.text == NULL)
        return;
    if (!parse_status(str_of(self->status.text), self))
        config_decode_error(at, "expected a status of 400 to 599 such as \"403\" or \"403.7\"");
    self->file.text = config_decode_path(at, str_of(self->file.text));
}

/* ---- prefixes ----------------------------------------------------------------------------- */

void config_prefix_after(const struct config_cursor *at, void *value)
{
    struct config_value *self = value;
    struct str path = str_of(self->text);
    const char *problem = config_location_check_path(path);
    if (problem == NULL && memmem(path.ptr, path.len, "//", 2) != NULL)
        problem = "two slashes in a row could be taken for the start of a host";
    if (problem == NULL && path.len == 1)
        problem = "a prefix has at least one segment";
    if (problem != NULL) {
        config_decode_error(at, "%s", problem);
        return;
    }
    if (path.ptr[path.len - 1] == '/')
        self->text = config_decode_copy(at, str_make(path.ptr, path.len - 1));
}

/* ---- redirects ---------------------------------------------------------------------------- */

bool config_redirect_is_https(struct str text, unsigned *ret_port)
{
    uint64_t port = 0;
    if (!str_starts_with(text, STR("https")))
        return false;
    if (text.len > 5 &&
        (text.ptr[5] != ':' || !str_parse_u64(str_skip(text, 6), 65535, &port) || port == 0))
        return false;
    *ret_port = (unsigned)port;
    return true;
}

/* RFC 3986 appendix A: what may stand in a URI; braces are ours, a backslash is nobody's. */
static bool is_uri_text(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_mark = c != '\0' && strchr("-._~:/?#[]@!$&'()*+,;=%", c) != NULL;
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && !is_mark)
            return false;
    }
    return true;
}

/* The length of "http://" or "https://", 0 for none. */
static size_t scheme_len(struct str text)
{
    if (str_starts_with_icase(text, STR("https://")))
        return sizeof "https://" - 1;
    return str_starts_with_icase(text, STR("http://")) ? sizeof "http://" - 1 : 0;
}

/* RFC 9110 section 4.2.4: no userinfo. */
static bool has_host(struct str url)
{
    struct str rest = str_skip(url, scheme_len(url));
    size_t len = 0;
    while (len < rest.len && strchr("/?#{", rest.ptr[len]) == NULL)
        len++;
    return len > 0 && memchr(rest.ptr, '@', len) == NULL && rest.ptr[0] != ':';
}

static const char *check_redirect(struct str text)
{
    struct str suffix = STR(CONFIG_REDIRECT_TARGET);
    bool has_target =
        text.len > suffix.len && str_equal(str_skip(text, text.len - suffix.len), suffix);
    struct str fixed = has_target ? str_make(text.ptr, text.len - suffix.len) : text;
    if (!is_uri_text(fixed))
        return "a redirect is ASCII without blanks; " CONFIG_REDIRECT_TARGET
               " may stand at its end for the path and query of the request";
    bool is_path = str_starts_with(fixed, STR("/"));
    if (!is_path && (scheme_len(fixed) == 0 || !has_host(text)))
        return "expected https, https:PORT, a URL such as https://example.test/ or a path";
    if (is_path && str_starts_with(fixed, STR("//")))
        return "a path that starts with two slashes would be taken for a host";
    /* The target begins with a slash: "//host" and "https://example.test@host" must not arise. */
    if (has_target &&
        (fixed.ptr[fixed.len - 1] == '/' || memchr(fixed.ptr, '?', fixed.len) != NULL ||
         memchr(fixed.ptr, '#', fixed.len) != NULL))
        return "before " CONFIG_REDIRECT_TARGET " there is neither a slash at the end nor a query";
    return NULL;
}

void config_redirect_after(const struct config_cursor *at, void *value)
{
    const struct config_value *self = value;
    struct str text = str_of(self->text);
    unsigned port = 0;
    if (config_redirect_is_https(text, &port))
        return;
    const char *problem = check_redirect(text);
    if (problem != NULL)
        config_decode_error(at, "%s", problem);
}
