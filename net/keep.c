/* keep.c - leases, time and what servers say -> requests that renew them, and when they end (RFC 2131, 4.4.5; RFC
 * 8415, 18.2.4). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/keep.h"

#include "base/digits.h"
#include "base/log.h"
#include "base/random.h"
#include "net/address.h"
#include "net/dhcp6_packet.h"
#include "net/dhcp_lease.h"

#include <stdio.h>

/* RFC 2131, 4.4.5 waits half of what is left, at least a minute: with leases of minutes that is too long. */
enum { AGAIN_LEAST_MS = 1000, AGAIN_MOST_MS = 60000 };

static int64_t after(const struct keep_lease *l, uint32_t seconds)
{
	return seconds == UINT32_MAX ? INT64_MAX : l->bound_ms + (int64_t)seconds * 1000;
}

uint32_t keep_left_s(const struct keep_lease *l, int64_t now)
{
	int64_t end = after(l, l->lease_s);

	if (end == INT64_MAX)
		return UINT32_MAX;
	return end <= now + 1000 ? 1 : (uint32_t)((end - now) / 1000);
}

static const char *name_of(const struct keep_lease *l, char text[IP6_TEXT_SIZE])
{
	return l->ip6 ? ip6_text(&l->address6, text) : address_text(l->address, text);
}

/* ---- what is kept */

static int add_lease(struct keeper *k, const struct keep_lease *l)
{
	struct keep_lease *more;

	if (l->lease_s == UINT32_MAX)
		return 0;
	more = realloc(k->lease, (k->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	k->lease = more;
	more[k->count] = *l;
	more[k->count++].next_ms = after(l, l->renew_s);
	return 0;
}

/* A server of DHCPv6 that leaves the times to the client means these (RFC 8415, 14.2). */
static void set_times6(struct keep_lease *l, uint32_t renew_s, uint32_t rebind_s)
{
	bool given = renew_s && rebind_s && renew_s <= rebind_s && rebind_s <= l->lease_s;

	l->renew_s = given ? renew_s : l->preferred_s / 2;
	l->rebind_s = given ? rebind_s : (uint32_t)((uint64_t)l->preferred_s * 4 / 5);
}

int keeper_start(struct keeper *k, struct keep_wire *wire, const struct network *net)
{
	struct keep_lease l = { .address = net->address,
				.bound_ms = net->bound_at_ms,
				.lease_s = net->lease_s,
				.renew_s = net->renew_s,
				.rebind_s = net->rebind_s };
	int err;

	*k = (struct keeper){ .wire = wire, .net = net };
	err = net->dhcp && net->address.s_addr ? add_lease(k, &l) : 0;
	for (size_t i = 0; i < net->address6_count && !err; i++) {
		const struct net_address6 *a = &net->address6[i];

		l = (struct keep_lease){ .ip6 = true,
					 .address6 = a->address,
					 .bound_ms = net->bound_at_ms,
					 .lease_s = a->valid_s,
					 .preferred_s = MIN(a->preferred_s, a->valid_s) };
		set_times6(&l, 0, 0);
		if (a->by_dhcp && net->server_duid)
			err = add_lease(k, &l);
	}
	if (err)
		keeper_free(k);
	return err;
}

void keeper_free(struct keeper *k)
{
	free(k->lease);
	*k = (struct keeper){ 0 };
}

int64_t keeper_next_ms(const struct keeper *k)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < k->count; i++)
		next = MIN(next, k->lease[i].next_ms);
	return next;
}

/* ---- asking */

static void ask4(struct keeper *k, struct keep_lease *l, bool all, int64_t now)
{
	struct dhcp_ask ask = { .type = DHCP_REQUEST,
				.xid = l->xid,
				.own = l->address,
				.secs = (uint16_t)MIN((now - after(l, l->renew_s)) / 1000, (int64_t)UINT16_MAX) };
	cleanup_buf struct buf message = { 0 };

	memcpy(ask.mac, k->net->mac, MAC_LEN);
	if (dhcp_write(&message, &ask) == 0)
		k->wire->send(k->wire, false, all, message.data, message.len);
}

static void ask6(struct keeper *k, struct keep_lease *l, bool all, int64_t now)
{
	struct dhcp6_ask ask = { .type = all ? DHCP6_REBIND : DHCP6_RENEW,
				 .xid = l->xid & 0xffffff,
				 .address = l->address6,
				 .elapsed_cs = (unsigned)MIN((now - after(l, l->renew_s)) / 10, (int64_t)65535) };
	cleanup_buf struct buf message = { 0 }, duid = { 0 };

	memcpy(ask.mac, k->net->mac, MAC_LEN);
	for (const char *hex = k->net->server_duid; !all && hex[0] && hex[1]; hex += 2)
		buf_char(&duid, (char)(hex_digit(hex[0]) << 4 | hex_digit(hex[1])));
	ask.server_id = (struct dhcp6_bytes){ (const uint8_t *)duid.data, duid.len };
	if (!duid.failed && dhcp6_write(&message, &ask) == 0)
		k->wire->send(k->wire, true, all, message.data, message.len);
}

static void lose(struct keeper *k, struct keep_lease *l, const char *why)
{
	char text[IP6_TEXT_SIZE];

	l->lost = true;
	l->next_ms = INT64_MAX;
	snprintf(l->why, sizeof(l->why), "%s: %s", name_of(l, text), why);
	log_error("%s: %s", k->net->interface, l->why);
}

static void ask(struct keeper *k, struct keep_lease *l, int64_t now)
{
	int64_t end = after(l, l->lease_s), rebind = MIN(after(l, l->rebind_s), end);
	bool all = now >= rebind;
	int64_t pause = ((all ? end : rebind) - now) / 2;
	char text[IP6_TEXT_SIZE];

	if (!l->xid) {
		l->xid = random_u32() | 1;
		l->sent_ms = now;
		log_info("%s: the lease of %s is renewed", k->net->interface, name_of(l, text));
	}
	if (l->ip6)
		ask6(k, l, all, now);
	else
		ask4(k, l, all, now);
	l->next_ms = now + MAX(MIN(pause, (int64_t)AGAIN_MOST_MS), (int64_t)AGAIN_LEAST_MS);
	l->next_ms = MIN(l->next_ms, all ? end : MAX(rebind, now + 1));
}

void keeper_time(struct keeper *k, int64_t now)
{
	for (size_t i = 0; i < k->count; i++) {
		struct keep_lease *l = &k->lease[i];

		if (l->lost || now < l->next_ms)
			continue;
		if (now >= after(l, l->lease_s))
			lose(k, l, "its lease has ended, no server has renewed it");
		else
			ask(k, l, now);
	}
}

/* ---- answers */

/* The lease lasts on; it counts from the request (RFC 2131, 4.4.1). */
static void renew(struct keeper *k, struct keep_lease *l, uint32_t lease_s)
{
	char text[IP6_TEXT_SIZE];

	l->lease_s = lease_s;
	l->bound_ms = l->sent_ms;
	l->xid = 0;
	l->renewed = true;
	log_info("%s: %s renewed for %u s", k->net->interface, name_of(l, text), lease_s);
}

static void on_ack(struct keeper *k, struct keep_lease *l, struct dhcp_message *m)
{
	struct network net = { 0 };
	char why[120] = "";

	if (!m->address.s_addr)
		m->address = l->address;
	str_copy(net.interface, sizeof(net.interface), k->net->interface);
	if (dhcp_lease_read(m, &net, why, sizeof(why))) {
		log_warn("%s: the lease is not renewed by this: %s", k->net->interface, why);
	} else if (net.address.s_addr != l->address.s_addr) {
		lose(k, l, "the server gives another address now");
	} else {
		renew(k, l, net.lease_s);
		l->renew_s = net.renew_s;
		l->rebind_s = net.rebind_s;
		l->next_ms = after(l, l->renew_s);
	}
	network_free(&net);
}

static void on_nak(struct keeper *k, struct keep_lease *l, const struct dhcp_message *m)
{
	const struct dhcp_value *said = &m->option[OPTION_MESSAGE];
	char words[60], why[100], from[ADDRESS_TEXT_SIZE];

	words_of_others(said->data, said->len, words, sizeof(words));
	snprintf(why, sizeof(why), "%s takes it back (DHCPNAK)%s%s", address_text(m->from, from), *words ? ": " : "",
		 words);
	lose(k, l, why);
}

static void datagram4(struct keeper *k, struct keep_lease *l, struct in_addr from, const uint8_t *data, size_t len)
{
	struct dhcp_message m;
	char why[120];

	if (dhcp_read(data, len, &m, why, sizeof(why)))
		return;
	m.from = from;
	if (m.xid == l->xid && memcmp(m.mac, k->net->mac, MAC_LEN) == 0) {
		if (m.type == DHCP_ACK)
			on_ack(k, l, &m);
		else if (m.type == DHCP_NAK)
			on_nak(k, l, &m);
	}
	dhcp_message_free(&m);
}

static void datagram6(struct keeper *k, struct keep_lease *l, const uint8_t *data, size_t len)
{
	struct dhcp6_message m;
	char why[120];

	if (dhcp6_read(data, len, k->net->mac, &m, why, sizeof(why)))
		return;
	if (m.type == DHCP6_REPLY && m.xid == (l->xid & 0xffffff)) {
		if (ip6_equal(&m.address, &l->address6)) {
			renew(k, l, m.valid_s);
			l->preferred_s = MIN(m.preferred_s, m.valid_s);
			set_times6(l, m.renew_s, m.rebind_s);
			l->next_ms = after(l, l->renew_s);
		} else { /* it may still be used until its end; another server may know it */
			log_warn("%s: the DHCPv6 server does not renew the lease (status %u)", k->net->interface,
				 m.status);
		}
	}
	dhcp6_message_free(&m);
}

void keeper_datagram(struct keeper *k, int64_t now, bool ip6, struct in_addr from, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < k->count; i++) {
		struct keep_lease *l = &k->lease[i];

		if (l->ip6 != ip6 || l->lost || !l->xid || now >= after(l, l->lease_s))
			continue;
		if (ip6)
			datagram6(k, l, data, len);
		else
			datagram4(k, l, from, data, len);
	}
}
