/* graph.h - a linked desc -> who lies on whom, and an order in which all can be made. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_GRAPH_H
#define CLONE_GRAPH_H

#include "clone/desc.h"

/* Does node UPPER lie immediately on node LOWER: as a part of it, or with it as a member? */
bool graph_lies_on(const struct desc *d, size_t upper, size_t lower);

/* How many members the array, container or group I has. */
size_t graph_members(const struct desc *d, size_t i);

/* Indices of all nodes, each behind all that it lies on; owned by the caller. NULL: a circle, or no memory; *CIRCLE is
 * then one of its nodes, or NOWHERE. */
size_t *graph_order(const struct desc *d, size_t *circle) must_check;

#endif
