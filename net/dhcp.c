/* dhcp.c - frames and time -> a lease that nobody else uses: the DHCP client's states (RFC 2131, 4.4). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/seeker.h"

#include "base/log.h"
#include "base/random.h"
#include "net/address.h"
#include "net/arp.h"
#include "net/dhcp_lease.h"
#include "net/patience.h"

#include <stdio.h>

/* RFC 2131, figure 5, as far as it goes without renewal */
enum dhcp_state {
	DHCP_IDLE,
	DHCP_SELECTING,  /* DISCOVER is out, offers are awaited */
	DHCP_REQUESTING, /* REQUEST is out */
	DHCP_CHECKING,   /* the address is ours: does somebody use it? */
	DHCP_BOUND,
	DHCP_PAUSING, /* something went wrong: a moment before the next DISCOVER */
};

static const char *const state_names[] = { "idle", "selecting", "requesting", "checking", "bound", "pausing" };

enum {
	REQUESTS = 4, /* so often one offer is asked for before a new DISCOVER (1.5 s) ... */
	/* ... but longer (6 s) where that went wrong before, or the offer took so long: the server is slow, */
	REQUESTS_PATIENT = 6,
	SLOW_MS = 300,            /* and has all the DISCOVERs sent meanwhile to answer before the request */
	OTHERS_MS = 300,          /* so long a server that did not confirm its offer waits for another server's */
	PAUSE_MS = 100,           /* the first pause; doubles up to */
	PAUSE_LONGEST_MS = 10000, /* RFC 2131, 3.1.5: the pause after a DECLINE */
	/* so many different addresses "held" by one machine: it is a router that answers for the pool */
	PROXIES = 3,
};

struct dhcp_client {
	struct seeker s;
	const char *hostname; /* option 12; NULL: none */
	enum dhcp_state state;
	uint32_t xid;
	int64_t began_ms; /* first DISCOVER */
	int64_t sent_ms;  /* last message */
	int64_t asked_ms; /* first DISCOVER of this exchange */
	bool slow;        /* the offer took its time */
	int64_t retry_ms; /* when it is sent again */
	struct patience patience;
	unsigned discovers;            /* sent in all */
	unsigned requests;             /* sent for this offer */
	unsigned lost_offers;          /* offers that no ACK followed */
	struct in_addr silent;         /* whose the last of them was; 0.0.0.0: none */
	unsigned pauses;               /* in a row */
	struct network offer;          /* address 0.0.0.0: none yet */
	struct dhcp_message said;      /* the same as it came */
	const struct in_addr *shunned; /* servers whose offers are left alone */
	size_t shunned_count;
	char told[120];        /* the last complaint about a message that cannot be used: it may come again and again */
	struct in_addr leased; /* what an ACK gave, and must be given back; 0.0.0.0: nothing */
	struct in_addr lessor; /* by which server ... */
	uint8_t lessor_mac[MAC_LEN]; /* ... reached at this address */
	struct arp_probe probe;
	uint8_t last_holder[MAC_LEN];
	struct in_addr last_held;
	unsigned held_by_same; /* different addresses in a row that last_holder had */
};

static struct dhcp_client *of(struct seeker *s)
{
	return container_of(s, struct dhcp_client, s);
}

static void enter(struct dhcp_client *c, enum dhcp_state state, int64_t next_ms)
{
	if (c->state != state)
		log_debug("%s: DHCP %s -> %s", c->s.wire->name, state_names[c->state], state_names[state]);
	c->state = state;
	c->s.next_ms = next_ms;
}

/* Why something that came in is not used: once, however often it comes. */
static void complain(struct dhcp_client *c, struct in_addr from, const char *why)
{
	char line[sizeof(c->told)], server[ADDRESS_TEXT_SIZE];

	snprintf(line, sizeof(line), "%s: %s", address_text(from, server), why);
	if (streq(line, c->told))
		return;
	memcpy(c->told, line, sizeof(line));
	log_warn("%s: a DHCP message cannot be used: from %s", c->s.wire->name, line);
}

/* ---- sending */

static uint16_t secs(const struct dhcp_client *c, int64_t now)
{
	return (uint16_t)MIN((now - c->began_ms) / 1000, UINT16_MAX);
}

static void send_ask(struct dhcp_client *c, struct dhcp_ask *ask, struct in_addr to, const uint8_t *to_mac)
{
	cleanup_buf struct buf message = { 0 }, frame = { 0 };
	struct udp_frame u = { .from = ask->own, .to = to, .from_port = DHCP_CLIENT_PORT, .to_port = DHCP_SERVER_PORT };

	ask->xid = c->xid;
	memcpy(ask->mac, c->s.wire->mac, MAC_LEN);
	memcpy(u.from_mac, c->s.wire->mac, MAC_LEN);
	memcpy(u.to_mac, to_mac, MAC_LEN);
	if (dhcp_write(&message, ask))
		return;
	u.data = (const uint8_t *)message.data;
	u.len = message.len;
	if (frame_write_udp(&frame, &u) == 0)
		c->s.wire->send(c->s.wire, frame.data, frame.len);
}

static void broadcast_ask(struct dhcp_client *c, struct dhcp_ask *ask)
{
	send_ask(c, ask, (struct in_addr){ INADDR_BROADCAST }, mac_broadcast);
}

/* Answers come in by a raw socket that needs no address, so the broadcast flag (RFC 2131, 4.1) is not set and the
 * answer troubles nobody else. Some relays and access points lose such answers: of later tries every other one sets
 * it. */
static bool wants_broadcast(unsigned tries)
{
	return tries >= 3 && tries % 2;
}

static void send_discover(struct dhcp_client *c, int64_t now)
{
	struct dhcp_ask ask = { .type = DHCP_DISCOVER,
				.secs = secs(c, now),
				.hostname = c->hostname,
				.broadcast = wants_broadcast(c->discovers) };

	broadcast_ask(c, &ask);
	c->discovers++;
	c->sent_ms = now;
	enter(c, DHCP_SELECTING, patience_next(&c->patience, now));
}

static void send_request(struct dhcp_client *c, int64_t now)
{
	struct dhcp_ask ask = { .type = DHCP_REQUEST,
				.secs = secs(c, now),
				.hostname = c->hostname,
				.requested = c->offer.address,
				.broadcast = wants_broadcast(c->requests) };

	if (c->offer.server_named) /* who does not say it does not want to hear it either */
		ask.server_id = c->offer.server_id;
	broadcast_ask(c, &ask);
	c->requests++;
	c->sent_ms = now;
	c->retry_ms = patience_next(&c->patience, now);
}

/* RFC 2131, 4.4.4, 4.4.6 and table 5 */
static void send_decline(struct dhcp_client *c)
{
	struct dhcp_ask ask = {
		.type = DHCP_DECLINE, .requested = c->leased, .server_id = c->lessor, .message = "the address is in use"
	};

	c->xid = random_u32();
	broadcast_ask(c, &ask);
	c->leased.s_addr = 0;
}

static void send_release(struct dhcp_client *c)
{
	struct dhcp_ask ask = { .type = DHCP_RELEASE, .own = c->leased, .server_id = c->lessor };

	c->xid = random_u32();
	send_ask(c, &ask, c->lessor, c->lessor_mac);
	c->leased.s_addr = 0;
}

/* ---- states */

static void forget_offer(struct dhcp_client *c)
{
	network_free(&c->offer);
	dhcp_message_free(&c->said);
	c->probe = (struct arp_probe){ 0 };
	c->requests = 0;
}

static void discover(struct dhcp_client *c, int64_t now)
{
	forget_offer(c);
	c->xid = random_u32();
	patience_restart(&c->patience);
	c->asked_ms = now;
	send_discover(c, now);
}

/* Starts over after a moment, which gets longer each time. */
static void pause_then_discover(struct dhcp_client *c, int64_t now)
{
	int64_t pause = PAUSE_MS;

	for (unsigned i = 0; i < c->pauses && pause < PAUSE_LONGEST_MS; i++)
		pause *= 2;
	c->pauses++;
	forget_offer(c);
	enter(c, DHCP_PAUSING, now + MIN(pause, (int64_t)PAUSE_LONGEST_MS));
}

static void bound(struct dhcp_client *c)
{
	enter(c, DHCP_BOUND, INT64_MAX);
	network_free(&c->s.found);
	c->s.found = c->offer;
	c->offer = (struct network){ 0 };
	c->s.state = SEEK_FOUND;
}

/* arp.h asks for addresses that nobody offers; some routers answer for those of the server's pool only. */
static bool answers_for_all(struct dhcp_client *c)
{
	if (memcmp(c->last_holder, c->probe.holder, MAC_LEN) != 0) {
		memcpy(c->last_holder, c->probe.holder, MAC_LEN);
		c->held_by_same = 0;
	}
	if (c->last_held.s_addr != c->probe.address.s_addr)
		c->held_by_same++;
	c->last_held = c->probe.address;
	return c->held_by_same >= PROXIES;
}

static void conflict(struct dhcp_client *c, int64_t now)
{
	char a[ADDRESS_TEXT_SIZE], mac[MAC_TEXT_SIZE];

	address_text(c->probe.address, a);
	mac_text(c->probe.holder, mac);
	if (answers_for_all(c)) {
		log_warn("%s: %s answers for every address (proxy ARP?): %s is used all the same", c->s.wire->name, mac,
			 a);
		bound(c);
		return;
	}
	snprintf(c->s.last, sizeof(c->s.last), "%s is already used by %s", a, mac);
	log_warn("%s: %s, declined", c->s.wire->name, c->s.last);
	c->s.trouble = FAIL_NET_CONFLICT;
	send_decline(c);
	pause_then_discover(c, now);
}

static void check_address(struct dhcp_client *c, int64_t now)
{
	if (c->probe.conflict)
		conflict(c, now);
	else if (arp_probe_is_free(&c->probe, now))
		bound(c);
	else
		enter(c, DHCP_CHECKING, arp_probe_time(&c->probe, c->s.wire, now));
}

/* ---- messages */

/* Reads the lease in M into NET; says why where it is none. */
static bool read_lease(struct dhcp_client *c, const struct dhcp_message *m, struct network *net)
{
	char why[120] = "", words[160];
	int err;

	*net = (struct network){ 0 };
	str_copy(net->interface, sizeof(net->interface), c->s.wire->name);
	memcpy(net->mac, c->s.wire->mac, MAC_LEN);
	err = dhcp_lease_read(m, net, why, sizeof(why));
	if (!err)
		return true;
	snprintf(words, sizeof(words), "%s: %s", dhcp_type_name(m->type), err == -EBADMSG ? why : err_text(err));
	complain(c, m->from, words);
	network_free(net);
	return false;
}

static bool from_silent(const struct dhcp_client *c, const struct network *offer)
{
	return c->silent.s_addr && offer->server_id.s_addr == c->silent.s_addr;
}

static bool is_shunned(const struct dhcp_client *c, struct in_addr server)
{
	for (size_t i = 0; i < c->shunned_count; i++)
		if (c->shunned[i].s_addr == server.s_addr)
			return true;
	return false;
}

static int worth(const struct dhcp_client *c, const struct network *offer)
{
	return from_silent(c, offer) ? -1 : dhcp_lease_worth(offer);
}

/* The offers that are there at once are compared; nobody waits for a second one, but where the first is of a server
 * that did not confirm the last it made. */
static void on_offer(struct dhcp_client *c, int64_t now, struct dhcp_message *m)
{
	bool first = !c->offer.address.s_addr;
	struct network net;
	char a[ADDRESS_TEXT_SIZE], server[ADDRESS_TEXT_SIZE];

	if (!m->address.s_addr) {
		complain(c, m->from, "it offers no address: a PXE proxy");
		return;
	}
	if (!read_lease(c, m, &net))
		return;
	if (is_shunned(c, net.server_id)) {
		complain(c, m->from, "its addresses lead nowhere, as was tried: another server is waited for");
		network_free(&net);
		return;
	}
	log_debug("%s: %s offers %s", c->s.wire->name, address_text(net.server_id, server),
		  address_text(net.address, a));
	if (!first && worth(c, &net) <= worth(c, &c->offer)) {
		network_free(&net);
		return;
	}
	network_free(&c->offer);
	dhcp_message_free(&c->said);
	c->offer = net;
	c->slow = now - c->asked_ms > SLOW_MS;
	c->said = *m;
	*m = (struct dhcp_message){ 0 };
	/* else as soon as all that has come in was read */
	c->s.next_ms = now + (from_silent(c, &net) ? OTHERS_MS : 0);
}

/* Some servers say everything in the offer, and of it only that it is granted later. */
static void complete_ack(const struct dhcp_client *c, struct dhcp_message *m)
{
	struct in_addr server = dhcp_option_address(m, OPTION_SERVER_ID);

	if ((m->address.s_addr && m->address.s_addr != c->offer.address.s_addr) ||
	    (server.s_addr && server.s_addr != c->offer.server_id.s_addr))
		return;
	if (!m->option[OPTION_NETMASK].data || !m->option[OPTION_LEASE].data)
		log_info("%s: what the DHCPACK leaves out is taken from the offer", c->s.wire->name);
	dhcp_message_complete(m, &c->said);
}

static void on_ack(struct dhcp_client *c, int64_t now, struct dhcp_message *m, const uint8_t *from)
{
	struct network net;

	complete_ack(c, m);
	if (!read_lease(c, m, &net)) {
		pause_then_discover(c, now);
		return;
	}
	if (net.address.s_addr != c->offer.address.s_addr) /* its right, but then the probe begins anew */
		arp_probe_start(&c->probe, c->s.wire, net.address, now);
	network_free(&c->offer);
	c->offer = net;
	c->offer.bound_at_ms = c->sent_ms; /* RFC 2131, 4.4.1: the lease counts from the request */
	c->leased = c->offer.address;
	c->lessor = c->offer.server_id;
	memcpy(c->lessor_mac, from, MAC_LEN);
	c->lost_offers = 0;
	check_address(c, now);
}

static void on_nak(struct dhcp_client *c, int64_t now, const struct dhcp_message *m)
{
	struct in_addr server = dhcp_option_address(m, OPTION_SERVER_ID);
	char from[ADDRESS_TEXT_SIZE], a[ADDRESS_TEXT_SIZE], words[80];

	address_text(server, from);
	if (server.s_addr && server.s_addr != c->offer.server_id.s_addr) {
		log_info("%s: DHCPNAK from %s, which was not asked: ignored", c->s.wire->name, from);
		return;
	}
	words_of_others(m->option[OPTION_MESSAGE].data, m->option[OPTION_MESSAGE].len, words, sizeof(words));
	snprintf(c->s.last, sizeof(c->s.last), "%s refused %s%s%s", from, address_text(c->offer.address, a),
		 *words ? ": " : "", words);
	log_warn("%s: DHCPNAK: %s", c->s.wire->name, c->s.last);
	c->s.trouble = FAIL_NET_REFUSED;
	pause_then_discover(c, now);
}

static void on_message(struct dhcp_client *c, int64_t now, const struct udp_frame *u)
{
	struct dhcp_message m;
	char why[120];
	int err = dhcp_read(u->data, u->len, &m, why, sizeof(why));

	if (err == -EBADMSG)
		complain(c, u->from, why);
	if (err)
		return;
	m.from = u->from;
	if (m.xid == c->xid && memcmp(m.mac, c->s.wire->mac, MAC_LEN) == 0) {
		if (m.type == DHCP_OFFER && c->state == DHCP_SELECTING)
			on_offer(c, now, &m);
		else if (m.type == DHCP_ACK && c->state == DHCP_REQUESTING)
			on_ack(c, now, &m, u->from_mac);
		else if (m.type == DHCP_NAK && c->state == DHCP_REQUESTING)
			on_nak(c, now, &m);
	}
	dhcp_message_free(&m);
}

/* ---- what a seeker does */

static void dhcp_start(struct seeker *s, int64_t now)
{
	struct dhcp_client *c = of(s);

	s->started_ms = now;
	if (!c->began_ms)
		c->began_ms = now;
	patience_start(&c->patience, now);
	discover(c, now);
}

static void dhcp_frame(struct seeker *s, int64_t now, const uint8_t *frame, size_t len, bool no_checksum)
{
	struct dhcp_client *c = of(s);
	struct udp_frame u;
	struct arp_frame a;
	int err;

	if (len < 2 * MAC_LEN || s->wire->is_ours(s->wire, frame + MAC_LEN))
		return;
	err = frame_read_udp(frame, len, no_checksum, &u);
	if (err == -EBADMSG)
		complain(c, (struct in_addr){ 0 }, "damaged on its way: lengths or sums are wrong");
	else if (!err && u.to_port == DHCP_CLIENT_PORT)
		on_message(c, now, &u);
	else if (frame_read_arp(frame, len, &a) == 0)
		arp_probe_frame(&c->probe, s->wire, &a, now);
	if (patience_hear(&c->patience, now, frame, len) && c->state == DHCP_SELECTING && !c->offer.address.s_addr)
		send_discover(c, now);
	if (c->state == DHCP_CHECKING && c->probe.conflict)
		conflict(c, now);
}

/* Whatever is due of request and probe while the ACK is awaited. */
static void request_again(struct dhcp_client *c, int64_t now)
{
	int64_t probe_ms = arp_probe_time(&c->probe, c->s.wire, now);

	if (now >= c->retry_ms) {
		if (c->requests == (c->lost_offers || c->slow ? REQUESTS_PATIENT : REQUESTS)) {
			c->lost_offers++;
			c->silent = c->offer.server_id;
			discover(c, now);
			return;
		}
		send_request(c, now);
	}
	enter(c, DHCP_REQUESTING, probe_ms > now ? MIN(probe_ms, c->retry_ms) : c->retry_ms);
}

static void dhcp_time(struct seeker *s, int64_t now)
{
	struct dhcp_client *c = of(s);

	switch (c->state) {
	case DHCP_SELECTING:
		if (!c->offer.address.s_addr) {
			send_discover(c, now);
			break;
		}
		/* The offer alone lets the check begin: it costs no time of its own. */
		arp_probe_start(&c->probe, s->wire, c->offer.address, now);
		patience_restart(&c->patience);
		c->retry_ms = now;
		request_again(c, now);
		break;
	case DHCP_REQUESTING:
		request_again(c, now);
		break;
	case DHCP_CHECKING:
		check_address(c, now);
		break;
	case DHCP_PAUSING:
		discover(c, now);
		break;
	case DHCP_IDLE:
	case DHCP_BOUND:
		s->next_ms = INT64_MAX;
		break;
	}
}

static void dhcp_stop(struct seeker *s, int64_t now)
{
	struct dhcp_client *c = of(s);

	(void)now;
	if (c->leased.s_addr)
		send_release(c);
	forget_offer(c);
	enter(c, DHCP_IDLE, INT64_MAX);
}

static void dhcp_explain(const struct seeker *s, int64_t now, struct buf *out)
{
	const struct dhcp_client *c = container_of(s, const struct dhcp_client, s);
	int port_s = patience_port_wait_s(&c->patience, now);
	char a[ADDRESS_TEXT_SIZE];

	if (*s->last)
		buf_printf(out, "%s", s->last);
	else if (c->state == DHCP_REQUESTING && c->requests > 1)
		buf_printf(out, "%s does not confirm its offer", address_text(c->offer.server_id, a));
	else if (c->state == DHCP_REQUESTING || c->state == DHCP_CHECKING)
		buf_printf(out, "taking %s", address_text(c->offer.address, a));
	else if (port_s)
		buf_printf(out, "spanning tree, its port forwards in at most %d s", port_s);
	else
		buf_printf(out, "no answer to %u DHCP request%s in %lld s", c->discovers, c->discovers == 1 ? "" : "s",
			   (long long)(now - c->began_ms) / 1000);
}

static void dhcp_free(struct seeker *s)
{
	struct dhcp_client *c = of(s);

	forget_offer(c);
	free(c);
}

static const struct seeker_ops dhcp_ops = {
	.start = dhcp_start,
	.frame = dhcp_frame,
	.time = dhcp_time,
	.stop = dhcp_stop,
	.explain = dhcp_explain,
	.free = dhcp_free,
};

void dhcp_shun(struct seeker *s, const struct in_addr *servers, size_t count)
{
	struct dhcp_client *c = of(s);

	c->shunned = servers;
	c->shunned_count = count;
}

struct seeker *dhcp_seeker(struct wire *wire, const char *hostname)
{
	struct dhcp_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->hostname = hostname;
	c->s = (struct seeker){ .ops = &dhcp_ops, .wire = wire, .next_ms = INT64_MAX, .trouble = FAIL_NET_NO_ANSWER };
	return &c->s;
}
