/* configure.h - a found network -> the kernel's interface has its MTU, address and routes. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_CONFIGURE_H
#define NET_CONFIGURE_H

#include "net/card.h"
#include "net/net.h"
#include "net/netlink.h"

/* Gives CARD what NET says; addresses it had before are gone. NET->mtu becomes 0 where the card cannot have that one.
 * A route that the kernel refuses is logged and left out: the address may be all that is needed. 0, or -errno with F
 * filled (FAIL_NET_CONFIGURE). */
int net_configure(struct netlink *nl, const struct card *card, struct network *net, struct failure *f) must_check;

#endif
