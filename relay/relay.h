/* relay.h - the engine under dolly and ka, in one include; doc/relay.md explains it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

/* A head has an image (map.h, store.h) and nodes (head.h). A node (node.h) waits for a head, is told a job and a
 * parent, fetches chunks (pull.h), checks them (hash.h), keeps them (store.h) and serves its own children (feed.h).
 * Both live in one event loop (loop.h), in which the published protocols' sockets live too. */
#include "relay/announce.h"
#include "relay/finish.h"
#include "relay/head.h"
#include "relay/node.h"

#endif
