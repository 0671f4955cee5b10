/* SPDX-License-Identifier: MIT */
#include "process/steering.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"

static int detach(int fd)
{
    int unused = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof unused) == 0)
        return 0;
    return errno == ENOENT ? 0 : -errno; /* there was none */
}

int steering_apply(int fd, const bool *is_alive, unsigned slots)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < slots; i++)
        alive += is_alive[i];
    if (alive == 0 || alive == slots)
        return detach(fd);
    /* a random number below `alive`, then: is it k? return the k-th slot that lives */
    size_t count = 2 + 2 * (size_t)alive + 1;
    if (count > BPF_MAXINSNS)
        return -E2BIG;
    struct sock_filter *code = xcalloc(count, sizeof *code);
    size_t at = 0;
    code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                              (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM));
    code[at++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, alive);
    uint32_t k = 0;
    for (unsigned i = 0; i < slots; i++) {
        if (!is_alive[i])
            continue;
        code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k++, 0, 1);
        code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, i);
    }
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX); /* never reached */
    struct sock_fprog program = {.len = (unsigned short)at, .filter = code};
    int error = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0)
        error = -errno;
    free(code);
    return error;
}
