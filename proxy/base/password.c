/* SPDX-License-Identifier: MIT */
#include "base/password.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/mem.h"

#define PASSWORD_MAX 4096

/* The number of bytes, or a negative errno. */
static ssize_t read_all(const char *path, char *bytes, size_t size)
{
    /* O_NONBLOCK: a named pipe must not hold up the start. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    struct stat info;
    ssize_t len = 0;
    ssize_t got = fstat(fd, &info) == 0 && S_ISDIR(info.st_mode) ? -1 : 1;
    int error = got < 0 ? EISDIR : 0;
    while (got > 0 && (size_t)len < size) {
        got = read(fd, bytes + len, size - (size_t)len);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got < 0)
            error = errno;
        else
            len += got;
    }
    (void)close(fd);
    return error != 0 ? -error : len;
}

char *password_read(const char *path, const char **ret_problem)
{
    char bytes[PASSWORD_MAX + 3];
    char *password = NULL;
    ssize_t got = read_all(path, bytes, sizeof bytes);
    size_t len = got < 0 ? 0 : (size_t)got;
    if (len > 0 && bytes[len - 1] == '\n')
        len--;
    if (len > 0 && bytes[len - 1] == '\r')
        len--;
    if (got < 0)
        *ret_problem = strerrordesc_np((int)-got);
    else if (len > PASSWORD_MAX)
        *ret_problem = "a password has at most 4096 bytes";
    else if (memchr(bytes, '\0', len) != NULL || memchr(bytes, '\n', len) != NULL)
        *ret_problem = "it must hold one line";
    else
        password = xstrndup(bytes, len);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return password;
}

void password_free(char *password)
{
    if (password != NULL)
        OPENSSL_cleanse(password, strlen(password));
    free(password);
}
