/* arp.c - an address -> whether another machine has it already, and which (RFC 5227, but fast). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/arp.h"

#include "base/log.h"
#include "base/random.h"
#include "net/address.h"

static void send_arp(struct wire *wire, struct in_addr from, struct in_addr target)
{
	struct arp_frame a = { .from = from, .target = target };
	cleanup_buf struct buf frame = { 0 };

	memcpy(a.from_mac, wire->mac, MAC_LEN);
	if (frame_write_arp(&frame, &a) == 0)
		wire->send(wire, frame.data, frame.len);
}

void arp_ask(struct wire *wire, struct in_addr from, struct in_addr target)
{
	send_arp(wire, from, target);
}

void arp_announce(struct wire *wire, struct in_addr address)
{
	send_arp(wire, address, address);
}

void arp_probe_start(struct arp_probe *p, struct wire *wire, struct in_addr address, int64_t now)
{
	*p = (struct arp_probe){ .address = address, .next_ms = now, .end_ms = now + ARP_PROBE_MS };
	arp_probe_time(p, wire, now);
}

/* Asks the holder for the neighbours, too. */
static void ask_others(struct arp_probe *p, struct wire *wire, int64_t now)
{
	for (size_t i = 0; i < ARP_OTHERS; i++)
		if (!p->other_held[i])
			arp_ask(wire, (struct in_addr){ 0 }, p->other[i]);
	p->next_ms = now + ARP_PROBE_GAP_MS;
}

/* True when the time of the questions about neighbours is not over yet. */
static bool is_asking(const struct arp_probe *p, int64_t now)
{
	return p->claimed && now < p->end_ms;
}

int64_t arp_probe_time(struct arp_probe *p, struct wire *wire, int64_t now)
{
	if (is_asking(p, now)) {
		if (now >= p->next_ms)
			ask_others(p, wire, now);
		return MIN(p->next_ms, p->end_ms);
	}
	if (p->claimed) {
		p->conflict = true;
		return now;
	}
	if (p->sent < ARP_PROBES && now >= p->next_ms) {
		arp_ask(wire, (struct in_addr){ 0 }, p->address);
		p->sent++;
		p->next_ms = now + ARP_PROBE_GAP_MS;
		if (p->sent == ARP_PROBES) /* delayed probes need their time for an answer too */
			p->end_ms = MAX(p->end_ms, now + ARP_PROBE_MS - (ARP_PROBES - 1) * ARP_PROBE_GAP_MS);
	}
	return p->sent < ARP_PROBES ? p->next_ms : p->end_ms;
}

bool arp_probe_is_free(const struct arp_probe *p, int64_t now)
{
	return p->sent == ARP_PROBES && now >= p->end_ms && !p->conflict && !p->claimed;
}

/* Neighbours of the address that are neither the router's usual places nor each other. */
static void choose_others(struct arp_probe *p)
{
	uint32_t own = ntohl(p->address.s_addr), last = own & 0xff, host = 2 + random_below(250);

	for (size_t i = 0; i < ARP_OTHERS; i++, host = 2 + (host - 2 + 97) % 250) {
		if (host == last)
			host = 2 + (host - 2 + 1) % 250;
		p->other[i].s_addr = htonl((own & ~0xffu) | host);
		p->other_held[i] = false;
	}
}

static void claim(struct arp_probe *p, struct wire *wire, const struct arp_frame *a, int64_t now)
{
	bool same = memcmp(p->holder, a->from_mac, MAC_LEN) == 0;

	if (same && (p->claimed || p->proxy) && a->reply)
		return;
	/* who speaks from the address has it, and so does a second one that answers for it */
	p->conflict = !a->reply || (p->claimed && !same) || (p->proxy && !same);
	memcpy(p->holder, a->from_mac, MAC_LEN);
	if (p->conflict)
		return;
	p->claimed = true;
	p->end_ms = now + ARP_PROBE_MS;
	choose_others(p);
	ask_others(p, wire, now);
}

/* The holder answers for a neighbour. */
static void hold_other(struct arp_probe *p, const struct arp_frame *a, int64_t now)
{
	bool all = true;
	char mac[MAC_TEXT_SIZE], text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < ARP_OTHERS; i++) {
		p->other_held[i] |= a->from.s_addr == p->other[i].s_addr;
		all &= p->other_held[i];
	}
	if (!all)
		return;
	log_warn("%s answers for every address (proxy ARP): that it does so for %s counts for nothing",
		 mac_text(p->holder, mac), address_text(p->address, text));
	p->claimed = false;
	p->proxy = true;
	p->next_ms = now;
}

/* Another machine probes for the address. */
static void meet_rival(struct arp_probe *p, const struct arp_frame *a, int64_t now)
{
	char mac[MAC_TEXT_SIZE], text[ADDRESS_TEXT_SIZE];

	if (p->rival)
		return;
	p->rival = true;
	p->end_ms = MAX(p->end_ms, now + ARP_RIVAL_MS + random_below(ARP_RIVAL_MORE_MS));
	log_info("%s probes for %s, too (a switch that looks who is there?): it is listened to for longer",
		 mac_text(a->from_mac, mac), address_text(p->address, text));
}

void arp_probe_frame(struct arp_probe *p, struct wire *wire, const struct arp_frame *a, int64_t now)
{
	/* Two cards of this machine on one switch hear each other. */
	if (!p->address.s_addr || p->conflict || wire->is_ours(wire, a->from_mac))
		return;
	if (a->from.s_addr == p->address.s_addr)
		claim(p, wire, a, now);
	else if (p->claimed && memcmp(p->holder, a->from_mac, MAC_LEN) == 0)
		hold_other(p, a, now);
	else if (!a->from.s_addr && !a->reply && a->target.s_addr == p->address.s_addr)
		meet_rival(p, a, now);
}
