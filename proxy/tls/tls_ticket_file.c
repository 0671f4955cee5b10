/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/mem.h"
#include "tls/tls_private.h"
#include "tls/tls_ticket.h"
#include "tls/tls_ticket_key.h"

#define KEY_BYTES ((size_t)80)
#define KEYS_MAX  ((size_t)16)

/* Reads at most size bytes of a regular file. 0 or a negative errno. */
static int read_file(const char *path, unsigned char *bytes, size_t size, size_t *ret_len,
                     mode_t *ret_mode)
{
    struct stat status = {0};
    size_t len = 0;
    int error = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0) {
        error = -errno;
    } else if (!S_ISREG(status.st_mode)) {
        error = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    }
    while (error == 0 && len < size) {
        ssize_t count = read(fd, bytes + len, size - len);
        if (count == 0)
            break;
        if (count < 0 && errno != EINTR)
            error = -errno;
        len += count > 0 ? (size_t)count : 0;
    }
    if (fd >= 0)
        (void)close(fd);
    *ret_len = len;
    *ret_mode = status.st_mode;
    return error;
}

static void take_key(struct ticket_key *key, const unsigned char *bytes)
{
    memcpy(key->name, bytes, sizeof key->name);
    memcpy(key->hmac, bytes + 16, sizeof key->hmac);
    memcpy(key->aes, bytes + 48, sizeof key->aes);
}

struct tls_ticket_file *tls_ticket_file_load(const struct config_sessions *sessions,
                                             struct error_list *errors)
{
    const struct config_value *path = &sessions->ticket_keys;
    unsigned char bytes[KEYS_MAX * KEY_BYTES + 1];
    size_t len = 0;
    mode_t mode = 0;
    if (path->text == NULL)
        return NULL;
    struct tls_ticket_file *file = NULL;
    int error = read_file(path->text, bytes, sizeof bytes, &len, &mode);
    if (error < 0) {
        errors_add(errors, path->mark, "%s: %s", path->text, strerrordesc_np(-error));
    } else if (len == 0 || len % KEY_BYTES != 0 || len > KEYS_MAX * KEY_BYTES) {
        errors_add(errors, path->mark,
                   "%s: expected 1 to %zu ticket keys of %zu bytes each, found %zu%s bytes",
                   path->text, KEYS_MAX, KEY_BYTES, len, len == sizeof bytes ? " or more" : "");
    } else {
        file = xcalloc(1, sizeof *file + len / KEY_BYTES * sizeof file->keys[0]);
        file->count = len / KEY_BYTES;
        for (size_t i = 0; i < file->count; i++) {
            take_key(&file->keys[i], bytes + i * KEY_BYTES);
        }
    }
    if (error == 0 && (mode & (S_IRWXG | S_IRWXO)) != 0) {
        errors_warn(errors, path->mark, "%s can be read by others than its owner (mode %04o)",
                    path->text, (unsigned)(mode & 07777));
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    return file;
}

void tls_ticket_file_free(struct tls_ticket_file *file)
{
    if (file == NULL)
        return;
    OPENSSL_cleanse(file->keys, file->count * sizeof file->keys[0]);
    free(file);
}
