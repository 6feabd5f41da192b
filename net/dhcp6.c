/* dhcp6.c - messages and time -> an IPv6 address, or just what else a server knows: the DHCPv6 client (RFC 8415,
 * 18.2). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dhcp6.h"

#include "base/log.h"
#include "base/random.h"
#include "net/address.h"

#include <stdio.h>

static const char *const state_names[] = { "idle", "soliciting", "requesting", "informing", "done" };

enum {
	REQUESTS = 4,     /* so often one offer is asked for before a new SOLICIT */
	PAUSE_MS = 1000,  /* after a refusal */
	BEST_OFFER = 255, /* 18.2.9 */
};

void dhcp6_init(struct dhcp6_client *c, struct wire *wire, const struct patience *patience, const char *hostname)
{
	*c = (struct dhcp6_client){ .wire = wire, .patience = patience, .hostname = hostname, .next_ms = INT64_MAX };
}

static void enter(struct dhcp6_client *c, enum dhcp6_state state, int64_t next_ms)
{
	if (c->state != state)
		log_debug("%s: DHCPv6 %s -> %s", c->wire->name, state_names[c->state], state_names[state]);
	c->state = state;
	c->next_ms = next_ms;
}

/* ---- sending */

static void send_ask(struct dhcp6_client *c, enum dhcp6_type type, int64_t now)
{
	struct dhcp6_ask ask = {
		.type = type, .xid = c->xid, .hostname = c->hostname, .elapsed_cs = (unsigned)((now - c->began_ms) / 10)
	};
	struct ip6_frame p = { .to = ip6_dhcp,
			       .protocol = PROTOCOL_UDP6,
			       .hop_limit = 1,
			       .from_port = DHCP6_CLIENT_PORT,
			       .to_port = DHCP6_SERVER_PORT };
	cleanup_buf struct buf message = { 0 }, frame = { 0 };

	memcpy(ask.mac, c->wire->mac, MAC_LEN);
	if (type != DHCP6_SOLICIT && type != DHCP6_INFORMATION_REQUEST) {
		ask.server_id = (struct dhcp6_bytes){ (const uint8_t *)c->server_id.data, c->server_id.len };
		ask.address = c->lease.address;
	}
	if (dhcp6_write(&message, &ask))
		return;
	p.data = (const uint8_t *)message.data;
	p.len = message.len;
	p.from = ip6_link_local(c->wire->mac);
	memcpy(p.from_mac, c->wire->mac, MAC_LEN);
	ip6_group_mac(&p.to, p.to_mac);
	if (frame_write_ip6(&frame, &p) == 0)
		c->wire->send(c->wire, frame.data, frame.len);
	c->sent++;
}

static void forget_offer(struct dhcp6_client *c)
{
	buf_free(&c->server_id);
	c->offered = false;
	c->lease = (struct net_address6){ 0 };
}

/* Begins a new exchange with the message that STATE stands for. */
static void start(struct dhcp6_client *c, enum dhcp6_state state, int64_t now)
{
	c->xid = random_u32() & 0xffffff;
	c->began_ms = now;
	c->sent = 0;
	c->step_ms = 0;
	enter(c, state, now);
	dhcp6_time(c, now);
}

void dhcp6_begin(struct dhcp6_client *c, bool stateful, int64_t now)
{
	if (stateful && (c->state == DHCP6_IDLE || c->state == DHCP6_INFORMING))
		start(c, DHCP6_SOLICITING, now);
	else if (!stateful && c->state == DHCP6_IDLE)
		start(c, DHCP6_INFORMING, now);
}

void dhcp6_time(struct dhcp6_client *c, int64_t now)
{
	switch (c->state) {
	case DHCP6_SOLICITING:
		if (c->offered) {
			start(c, DHCP6_REQUESTING, now);
			return;
		}
		c->solicits++;
		send_ask(c, DHCP6_SOLICIT, now);
		break;
	case DHCP6_REQUESTING:
		if (c->sent == REQUESTS) {
			forget_offer(c);
			start(c, DHCP6_SOLICITING, now);
			return;
		}
		send_ask(c, DHCP6_REQUEST, now);
		break;
	case DHCP6_INFORMING:
		send_ask(c, DHCP6_INFORMATION_REQUEST, now);
		break;
	case DHCP6_IDLE:
	case DHCP6_DONE:
		c->next_ms = INT64_MAX;
		return;
	}
	c->next_ms = patience_next_of(c->patience, &c->step_ms, now);
}

void dhcp6_decline(struct dhcp6_client *c, int64_t now)
{
	c->xid = random_u32() & 0xffffff;
	send_ask(c, DHCP6_DECLINE, now);
	forget_offer(c);
	start(c, DHCP6_SOLICITING, now);
}

void dhcp6_end(struct dhcp6_client *c)
{
	if (c->state == DHCP6_DONE && !ip6_equal(&c->lease.address, &ip6_any)) {
		c->xid = random_u32() & 0xffffff;
		send_ask(c, DHCP6_RELEASE, c->began_ms);
	}
	forget_offer(c);
	enter(c, DHCP6_IDLE, INT64_MAX);
}

/* ---- receiving */

int ip6_list_add(struct in6_addr **list, size_t *count, const struct in6_addr *a)
{
	struct in6_addr *more;

	for (size_t i = 0; i < *count; i++)
		if (ip6_equal(&(*list)[i], a))
			return 0;
	more = realloc(*list, (*count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	*list = more;
	more[(*count)++] = *a;
	return 0;
}

static bool has_address(const struct dhcp6_message *m)
{
	return !ip6_equal(&m->address, &ip6_any);
}

static void refuse(struct dhcp6_client *c, const struct dhcp6_message *m)
{
	char words[80], before[sizeof(c->last)];

	memcpy(before, c->last, sizeof(before));
	words_of_others(m->words.data, m->words.len, words, sizeof(words));
	snprintf(c->last, sizeof(c->last), "the DHCPv6 server gives no address (status %u%s%s)", m->status,
		 *words ? ": " : "", words);
	if (!streq(before, c->last))
		log_warn("%s: %s", c->wire->name, c->last);
	c->trouble = FAIL_NET_REFUSED;
}

static int take_offer(struct dhcp6_client *c, const struct dhcp6_message *m)
{
	buf_free(&c->server_id);
	c->lease = (struct net_address6){
		.address = m->address, .preferred_s = m->preferred_s, .valid_s = m->valid_s, .by_dhcp = true
	};
	c->preference = m->preference;
	return buf_add(&c->server_id, m->server_id.data, m->server_id.len);
}

/* The offers that are there at once are compared; nobody waits for a second one. */
static int on_advertise(struct dhcp6_client *c, int64_t now, const struct dhcp6_message *m)
{
	if (!has_address(m)) {
		refuse(c, m);
		return 0;
	}
	if (c->offered && m->preference <= c->preference)
		return 0;
	c->offered = true;
	c->next_ms = now;
	return take_offer(c, m);
}

/* What a server knows beyond the address. */
static int take_values(const struct dhcp6_message *m, struct network *net)
{
	int err = 0;

	for (size_t i = 0; i < m->dns_count && !err; i++)
		err = ip6_list_add(&net->dns6, &net->dns6_count, &m->dns[i]);
	if (!err && m->search && !net->search)
		err = (net->search = strdup(m->search)) ? 0 : -ENOMEM;
	if (!err && m->bootfile.len && !net->bootfile && !memchr(m->bootfile.data, '\0', m->bootfile.len))
		err = (net->bootfile = strndup((const char *)m->bootfile.data, m->bootfile.len)) ? 0 : -ENOMEM;
	for (char *p = net->bootfile; p && *p; p++)
		if (*p <= ' ' || *p > '~')
			*p = '?';
	return err;
}

static int on_reply(struct dhcp6_client *c, int64_t now, const struct dhcp6_message *m, struct network *net)
{
	int err;

	if (c->state == DHCP6_SOLICITING && !m->rapid)
		return 0;
	if (c->state != DHCP6_INFORMING && !has_address(m)) {
		refuse(c, m);
		forget_offer(c);
		start(c, DHCP6_SOLICITING, now);
		c->next_ms = now + PAUSE_MS;
		return 0;
	}
	err = take_values(m, net);
	if (!err && c->state != DHCP6_INFORMING)
		err = take_offer(c, m);
	c->renew_s = m->renew_s;
	c->rebind_s = m->rebind_s;
	c->bound_ms = c->began_ms;
	enter(c, DHCP6_DONE, INT64_MAX);
	return err;
}

int dhcp6_frame(struct dhcp6_client *c, int64_t now, const struct ip6_frame *p, struct network *net)
{
	struct dhcp6_message m;
	char why[120], from[IP6_TEXT_SIZE];
	int err;

	if (c->state == DHCP6_IDLE || c->state == DHCP6_DONE)
		return 0;
	err = dhcp6_read(p->data, p->len, c->wire->mac, &m, why, sizeof(why));
	if (err == -EBADMSG)
		log_warn("%s: a DHCPv6 message from %s is damaged: %s", c->wire->name, ip6_text(&p->from, from), why);
	if (err)
		return err == -ENOMEM ? err : 0;
	if (m.odd)
		log_warn("%s: DHCPv6 option %u of %s left out: it is not as long as it must be, or holds what is no "
			 "name",
			 c->wire->name, m.odd, ip6_text(&p->from, from));
	if (m.xid == c->xid && m.type == DHCP6_ADVERTISE && c->state == DHCP6_SOLICITING)
		err = on_advertise(c, now, &m);
	else if (m.xid == c->xid && m.type == DHCP6_REPLY)
		err = on_reply(c, now, &m, net);
	dhcp6_message_free(&m);
	return err;
}
