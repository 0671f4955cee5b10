/* late_certificate.h - asks for the client's certificate when a request first needs one
 * (IIS: clientcertnegotiation=disable; iis-semantics.md 1.4).
 *
 * The state CLIENT_ASK_CERT has two parts. First the request's body is read ahead into one bounded
 * buffer, because a client that still sends does not answer a question; with Expect: 100-continue
 * nothing is on its way, so this part is left out. Then the client is asked, once a connection, and
 * the request goes on with the answer. A client that cannot or will not answer is dealt with here.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_LATE_CERTIFICATE_H
#define PROXY_CLIENTS_LATE_CERTIFICATE_H

#include <stdbool.h>

struct client;

/* The client's exchange awaits a certificate; its body's decoder is set up. */
void late_certificate_begin(struct client *client);
/* In CLIENT_ASK_CERT: something was read, or nothing has been tried yet. */
void late_certificate_run(struct client *client);
/* In CLIENT_ASK_CERT: the deadline passed. The caller runs the client again. */
void late_certificate_timeout(struct client *client);
/* In CLIENT_ASK_CERT: the connection is being closed; says so in the log. */
void late_certificate_lost(struct client *client);

#endif
