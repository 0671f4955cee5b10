/* SPDX-License-Identifier: MIT */
#include "config/config_address.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

enum { PORT_HTTP = 80, PORT_HTTPS = 443, PORT_MAX = 65535 };

/* sun_path of Linux, with its NUL. */
#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

static bool copy_host(struct str host, char out[64])
{
    if (host.len == 0 || host.len >= 64)
        return false;
    memcpy(out, host.ptr, host.len);
    out[host.len] = '\0';
    return true;
}

bool config_address_canonical(struct str host, char ret_text[64])
{
    char text[64];
    struct in_addr v4;
    struct in6_addr v6;
    if (!copy_host(host, text))
        return false;
    if (inet_pton(AF_INET, text, &v4) == 1)
        return inet_ntop(AF_INET, &v4, ret_text, 64) != NULL;
    if (inet_pton(AF_INET6, text, &v6) == 1)
        return inet_ntop(AF_INET6, &v6, ret_text, 64) != NULL;
    return false;
}

static bool is_ipv6(struct str host)
{
    char text[64];
    struct in6_addr v6;
    return copy_host(host, text) && inet_pton(AF_INET6, text, &v6) == 1;
}

static const char *split_port(struct str rest, unsigned *port)
{
    uint64_t value = 0;
    if (rest.len == 0)
        return NULL; /* the scheme's */
    if (rest.ptr[0] != ':' || !str_parse_u64(str_skip(rest, 1), PORT_MAX, &value))
        return "the port must be a number from 0 to 65535";
    *port = (unsigned)value;
    return NULL;
}

/* RFC 3986 section 3.2: host and port; userinfo has no place in a configuration. */
static const char *split_authority(struct str text, struct config_url *url)
{
    if (str_find(text, '@') < text.len)
        return "a user name or password does not belong in an address";
    if (text.len > 0 && text.ptr[0] == '[') {
        size_t end = str_find(text, ']');
        url->host = str_make(text.ptr + 1, end - 1);
        if (end == text.len || !is_ipv6(url->host))
            return "expected an IPv6 address in the brackets, such as [::1]";
        return split_port(str_skip(text, end + 1), &url->port);
    }
    size_t end = str_find(text, ':');
    if (end < text.len && str_find(str_skip(text, end + 1), ':') < text.len - end - 1)
        return "an IPv6 address stands in brackets, such as http://[::1]:8080";
    url->host = str_make(text.ptr, end);
    if (end == 0)
        return "the address is missing";
    return split_port(str_skip(text, end), &url->port);
}

static const char *split_scheme(struct str *text, struct config_url *url)
{
    if (str_starts_with_icase(*text, STR("https://"))) {
        url->is_https = true;
        url->port = PORT_HTTPS;
        *text = str_skip(*text, 8);
        return NULL;
    }
    if (str_starts_with_icase(*text, STR("http://"))) {
        url->port = PORT_HTTP;
        *text = str_skip(*text, 7);
        return NULL;
    }
    return "must start with http:// or https://";
}

static bool has_path(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("/?#", text.ptr[i]) != NULL)
            return true;
    }
    return false;
}

const char *config_address_binding(struct str text, struct config_url *ret_url)
{
    struct config_url url = {0};
    const char *problem = split_scheme(&text, &url);
    if (problem != NULL)
        return "expected a binding such as https://0.0.0.0:443 or http://[::]:80";
    if (has_path(text))
        return "a binding has no path";
    problem = split_authority(text, &url);
    if (problem != NULL)
        return problem;
    char canonical[64];
    if (str_equal(url.host, STR("*")))
        return "write 0.0.0.0 for every IPv4 address or [::] for every IPv6 address";
    if (!config_address_canonical(url.host, canonical))
        return "a binding takes a numeric address, such as 127.0.0.1 or [::1]; names go in `hosts`";
    *ret_url = url;
    return NULL;
}

static const char *check_labels(struct str name)
{
    struct str rest = name;
    struct str label = {0};
    if (name.len == 0 || name.len > 253) /* RFC 1035 section 2.3.4 */
        return "a host name has 1 to 253 characters";
    while (str_split(&rest, '.', &label)) {
        if (label.len == 0 || label.len > 63)
            return "each label of a host name has 1 to 63 characters";
        if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
            return "a label of a host name neither starts nor ends with a hyphen";
        for (size_t i = 0; i < label.len; i++) {
            char c = label.ptr[i];
            if (c == '*')
                return "`*` stands only for the first label, as in *.example.test";
            if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' && c != '_')
                return "a host name has letters, digits and hyphens only (other scripts as xn--)";
        }
    }
    return NULL;
}

const char *config_address_site_host(struct str host)
{
    if (str_find(host, ':') < host.len)
        return "expected a host name without scheme, port or IPv6 address";
    if (!str_starts_with(host, STR("*.")))
        return check_labels(host);
    struct str parent = str_skip(host, 2);
    return check_labels(parent);
}

static const char *parse_unix(struct str text, struct config_url *url)
{
    url->is_unix = true;
    url->host = str_skip(text, 5);
    if (!str_starts_with(url->host, STR("/")))
        return "a socket takes an absolute path, such as unix:/run/app.sock";
    if (url->host.len > SOCKET_PATH_MAX)
        return "the path of a socket has at most 107 characters";
    return NULL;
}

bool config_address_is_url(struct str text)
{
    return str_starts_with(text, STR("unix:")) || str_find(text, '/') < text.len ||
           str_find(text, ':') < text.len;
}

const char *config_address_server(struct str text, struct config_url *ret_url)
{
    struct config_url url = {0};
    if (str_starts_with(text, STR("unix:"))) {
        const char *problem = parse_unix(text, &url);
        if (problem == NULL)
            *ret_url = url;
        return problem;
    }
    const char *problem = split_scheme(&text, &url);
    if (problem != NULL)
        return "expected http://host:port, https://host:port or unix:/path";
    if (has_path(text))
        return "an upstream URL has no path: the path of the request is passed on as it is";
    problem = split_authority(text, &url);
    if (problem != NULL)
        return problem;
    char canonical[64];
    if (!config_address_canonical(url.host, canonical))
        problem = check_labels(url.host);
    if (problem == NULL && url.port == 0)
        problem = "port 0 is no port to connect to";
    if (problem == NULL)
        *ret_url = url;
    return problem;
}
