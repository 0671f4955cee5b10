/* notify.h - tells the service manager how we are doing: datagrams to $NOTIFY_SOCKET.
 *
 * Source: sd_notify(3), the protocol is documented as stable. Without the variable nothing happens.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_NOTIFY_H
#define PROXY_PROCESS_NOTIFY_H

#include <stdint.h>

#include "base/attr.h"

/* One message, "KEY=value" lines. 0 when it was sent or nobody asked, else a negative errno. */
int notify_send(const char *message);
int notify_ready(void);
/* With the monotonic time that Type=notify-reload wants. */
int notify_reloading(void);
int notify_stopping(void);
/* Milliseconds between two WATCHDOG=1 (half of $WATCHDOG_USEC), or 0 when none are wanted of this
 * process. */
uint64_t notify_watchdog_ms(void);

#endif
