/* arp.c - an address -> whether another machine has it already, and which (RFC 5227, but fast). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/arp.h"

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

int64_t arp_probe_time(struct arp_probe *p, struct wire *wire, int64_t now)
{
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
	return p->sent == ARP_PROBES && now >= p->end_ms && !p->conflict;
}

void arp_probe_frame(struct arp_probe *p, struct wire *wire, const struct arp_frame *a)
{
	bool has_it = a->from.s_addr == p->address.s_addr;
	bool wants_it = !a->from.s_addr && !a->reply && a->target.s_addr == p->address.s_addr;

	/* Two cards of this machine on one switch hear each other. */
	if (!p->address.s_addr || p->conflict || !(has_it || wants_it) || wire->is_ours(wire, a->from_mac))
		return;
	p->conflict = true;
	memcpy(p->holder, a->from_mac, MAC_LEN);
}
