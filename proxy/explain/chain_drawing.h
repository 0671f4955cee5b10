/* chain_drawing.h - a client's chain as a picture in HTML: for traces and for the detailed page.
 *
 * Boxes from the client's certificate to the anchor, an arrow to each issuer, dashed where one is
 * missing. Without scripts and external resources; for light and dark, screen and paper.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_CHAIN_DRAWING_H
#define PROXY_EXPLAIN_CHAIN_DRAWING_H

#include "base/text.h"
#include "explain/chain_boxes.h"

/* Rules of CSS; once in a page. */
extern const char CHAIN_DRAWING_STYLE[];
/* Appends the picture. */
void chain_drawing_add(const struct chain_boxes *boxes, struct text *out);

#endif
