/* rest.h - connections that have been idle for a moment give up what memory they can.
 *
 * A list in the order in which they became idle, and one timer an engine, which runs only while
 * somebody is on the list. Who comes back at once, or closes, pays for a place on a list.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_REST_H
#define PROXY_CLIENTS_REST_H

struct client;
struct engine;

void rest_init(struct engine *engine);
/* The client has become idle. */
void rest_begin(struct client *client);
/* It is idle no more; harmless when it was not. */
void rest_end(struct client *client);

#endif
