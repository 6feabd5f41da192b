/* bond.h - bond: and the cards there are -> one interface made of several (the kernel's bonding driver). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_BOND_H
#define NET_BOND_H

#include "net/card.h"

#define BOND_NAME "bond0"

/* The kernel's numbers (Documentation/networking/bonding.rst, mode). */
enum bond_mode { BOND_NONE = 0, BOND_ACTIVE_BACKUP = 1, BOND_802_3AD = 4 };

/* What bond: asks for. */
struct bond_wish {
	enum bond_mode mode;
	/* their names, joined by '+'; NULL: every wired one; points into the option's value */
	const char *cards;
};

/* "802.3ad", "active-backup", either with ":eth0+eth1" behind it -> *WISH. 0 or -EINVAL. */
int bond_wish_parse(const char *value, struct bond_wish *wish) must_check;

/* "802.3ad", "active-backup"; NULL for BOND_NONE. */
const char *bond_mode_name(enum bond_mode mode);

/* True when the bond shall have this card. */
bool bond_wants(const struct bond_wish *wish, const struct card *card);

/* Makes the bond, still without cards and switched off. One of that name that is there (the driver makes one when it is
 * loaded) is used. *IFINDEX: the bond's. 0 or -errno (-EOPNOTSUPP: the kernel has no bonding). */
int bond_make(struct netlink *nl, enum bond_mode mode, int *ifindex) must_check;

/* What a person should know of the cards of an 802.3ad bond: "802.3ad cannot use eth1: ..."; "no LACP heard yet on
 * eth0, eth1: is the switch's port channel set up?". Adds nothing where all is well, or cards have no link, or the mode
 * is another one. SYSFS: NULL for "/sys". */
void bond_explain(const char *sysfs, struct buf *out);

/* Gives the card to the bond, which takes the MAC address of its first one, and switches it on. 0 or -errno. */
int bond_add(struct netlink *nl, int bond, int ifindex) must_check;

#endif
