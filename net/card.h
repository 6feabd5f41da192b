/* card.h - what the kernel tells of its interfaces, and interface: -> the network cards that may be used. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_CARD_H
#define NET_CARD_H

#include "base/buf.h"
#include "net/netlink.h"

#define MAC_LEN        6
#define MAC_TEXT_SIZE  18 /* "00:02:b3:3f:78:8c" and the NUL */
#define CARD_NAME_SIZE 16 /* IFNAMSIZ: 15 characters and the NUL */

/* One network card, or an interface that can be used like one. */
struct card {
	int ifindex;
	char name[CARD_NAME_SIZE];
	uint8_t mac[MAC_LEN];
	char kind[16];    /* what software makes of it: "bridge", "vlan", "veth"; "" for a real card */
	bool ethernet;    /* carries Ethernet frames */
	bool up;          /* switched on */
	bool running;     /* switched on and has link: frames can leave */
	unsigned master;  /* ifindex of the bridge or bond it belongs to, 0: none */
	int link;         /* ifindex of what it lies on (a VLAN), else its own or 0 */
	unsigned mtu;     /* bytes */
	unsigned max_mtu; /* bytes; 0: unknown */
};

struct cards {
	struct card *card; /* in the kernel's order */
	size_t count;
};

/* Reads an RTM_NEWLINK message (behind its netlink header). False when it is none or not an AF_UNSPEC one. */
bool card_read(const uint8_t *data, size_t len, struct card *card) must_check;

/* All interfaces of the running system, of whatever kind. 0 or -errno. Release with cards_free. */
int cards_list(struct netlink *nl, struct cards *cards) must_check;
void cards_free(struct cards *cards);

/* True for an Ethernet card, real or as good as one (a namespace's end of a cable): no loopback, bridge, tunnel, bond,
 * VLAN, nor a part of one of those. */
bool card_is_usable(const struct card *card);

/* True for a wireless card (below SYSFS, NULL: "/sys"). */
bool card_is_wireless(const char *sysfs, const char *name);

/* What interface: (or, where that is silent, BOOTIF=) asks for. */
enum card_choice {
	CARD_ANY,   /* every card is tried */
	CARD_WIRED, /* every card that is not wireless */
	CARD_NAMED, /* the one called name */
	CARD_MAC,   /* the one with this MAC address, whatever its name */
};

struct card_wish {
	enum card_choice choice;
	char name[CARD_NAME_SIZE];
	uint8_t mac[MAC_LEN];
	bool by_bootif; /* from BOOTIF=, not from interface: */
};

/* INTERFACE (interface:, may be NULL) and BOOTIF ("01-aa-bb-cc-dd-ee-ff", may be NULL) -> *WISH. A BOOTIF that makes
 * no sense is as good as none (a log line says so). 0, or -EINVAL for an interface: that can be no interface. */
int card_wish_parse(const char *interface, const char *bootif, struct card_wish *wish) must_check;

/* True when the card is one of those wished for. */
bool card_matches(const struct card *card, const struct card_wish *wish);

/* "00:02:b3:3f:78:8c"; returns BUF. */
const char *mac_text(const uint8_t mac[MAC_LEN], char buf[MAC_TEXT_SIZE]);

/* What the driver says of the card. */
struct card_facts {
	char driver[32];  /* "e1000"; "" unknown */
	char address[32]; /* where it sits: "0000:00:03.0"; "" unknown */
	int speed;        /* Mb/s; 0 unknown */
};

/* Asks the driver of the card called NAME (ethtool). What it does not say stays empty. */
void card_ask(const char *name, struct card_facts *facts);

/* Adds "eth0 (00:02:b3:3f:78:8c), eth1 (...)" for all usable cards to OUT. */
void cards_describe(const struct cards *cards, struct buf *out);

#endif
