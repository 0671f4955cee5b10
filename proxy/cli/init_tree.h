/* init_tree.h - files made below one folder, all of them or none.
 *
 * Nothing is overwritten and no link is followed; what was made can be taken back.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_INIT_TREE_H
#define PROXY_CLI_INIT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/str.h"

struct init_tree {    /* start from {.fd = -1} */
    const char *path; /* borrowed */
    int fd;
    bool is_new; /* the folder itself was made */
    char **made; /* owned; relative, in the order they were made */
    bool *is_folder;
    size_t count;
};

/* 0; -ENOTEMPTY when the folder holds anything; another negative errno. Makes the folder when it
 * is missing. */
MUST_USE int init_tree_open(struct init_tree *tree, const char *path);
/* 0 or a negative errno. */
MUST_USE int init_tree_add_folder(struct init_tree *tree, const char *name);
/* For the owner alone. */
MUST_USE int init_tree_add_private_folder(struct init_tree *tree, const char *name);
MUST_USE int init_tree_add_file(struct init_tree *tree, const char *name, struct str bytes,
                                mode_t mode);
/* The same, and it takes the place of a file of that name in one step. */
MUST_USE int init_tree_put_file(struct init_tree *tree, const char *name, struct str bytes,
                                mode_t mode);
/* Opens a folder that is there, to add to it: 0 or a negative errno. */
MUST_USE int init_tree_reopen(struct init_tree *tree, const char *path);
/* Removes what was made, the folder too when it is new. */
void init_tree_undo(struct init_tree *tree);
void init_tree_clear(struct init_tree *tree);

#endif
