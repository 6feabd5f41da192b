/* arp.h - an address -> whether another machine has it already, and which (RFC 5227, but fast). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_ARP_H
#define NET_ARP_H

#include "net/frame.h"
#include "net/seeker.h"

/* RFC 5227 waits up to nine seconds. A machine that boots and has just heard from its server over the same card knows
 * that frames get through; who holds the address answers within a millisecond on a LAN. Three probes within
 * ARP_PROBE_MS, and whatever is heard while the rest is being set up, is what a node can afford. */
enum { ARP_PROBES = 3, ARP_PROBE_GAP_MS = 35, ARP_PROBE_MS = 100 };

/* A machine that answers for the address is asked for ARP_OTHERS of its neighbours: who has all of these, too, is a
 * router or switch that answers for whatever is asked (proxy ARP), and no reason not to use the address. */
enum { ARP_OTHERS = 2 };

/* One that probes for the address as we do may be a switch that looks who lives at its port (IP device tracking), once
 * per probe it hears, or another machine that was given the same address: that one uses it within this time, and says
 * so. */
enum { ARP_RIVAL_MS = 250, ARP_RIVAL_MORE_MS = 200 };

/* One check. {0}: none is going on. */
struct arp_probe {
	struct in_addr address; /* 0.0.0.0: none */
	unsigned sent;
	int64_t next_ms, end_ms; /* next probe; when silence means that the address is free */
	bool conflict;           /* somebody has it */
	uint8_t holder[MAC_LEN]; /* who */
	bool claimed;            /* the holder answered for it, and is asked for others */
	struct in_addr other[ARP_OTHERS];
	bool other_held[ARP_OTHERS]; /* the holder answered for this one */
	bool proxy;                  /* the holder answers for all: its answers count for nothing */
	bool rival;                  /* somebody else probes for the address */
};

/* Starts to check ADDRESS and sends the first probe. */
void arp_probe_start(struct arp_probe *p, struct wire *wire, struct in_addr address, int64_t now);

/* Sends the next probe when it is due. Returns when to come again. */
int64_t arp_probe_time(struct arp_probe *p, struct wire *wire, int64_t now);

/* True when all probes are sent and nobody has answered in time. */
bool arp_probe_is_free(const struct arp_probe *p, int64_t now);

/* Looks at an ARP frame from the wire (RFC 5227, 2.1.1): sets conflict and holder, now or at a later arp_probe_time. */
void arp_probe_frame(struct arp_probe *p, struct wire *wire, const struct arp_frame *a, int64_t now);

/* Asks who has TARGET; FROM is 0.0.0.0 as long as the own address is not known to be free. */
void arp_ask(struct wire *wire, struct in_addr from, struct in_addr target);

/* Tells everybody whose address this is now (RFC 5227, 2.3), so that nobody sends to its last owner. */
void arp_announce(struct wire *wire, struct in_addr address);

#endif
