/* test_dhcp_client.c - the DHCP client on a simulated wire and clock: when it asks, what it says, when it gives up. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#undef fail /* cmocka has one too */

#include "net/arp.h"
#include "net/dhcp_packet.h"
#include "net/frame.h"
#include "net/patience.h"
#include "net/seeker.h"

#include <arpa/inet.h>

static const uint8_t own_mac[] = { 2, 0, 0, 0, 0, 1 }, server_mac[] = { 2, 0, 0, 0, 0, 99 };

/* What the client sends is kept here; a test answers when it wants to. */
struct world {
	struct wire wire;
	struct seeker *seeker;
	int64_t now;
	unsigned discovers, requests, declines, releases, probes;
	int64_t last_sent, longest_pause; /* between two DISCOVERs */
	uint8_t server;                   /* who answers: 10.9.0.SERVER */
	uint32_t xid;
	bool bare;            /* answers hold nothing but their type and server */
	const uint8_t *proxy; /* a machine that answers whatever is asked by ARP */
};

static void arp_from(struct world *w, const uint8_t *mac, const char *from, const char *target);

static void on_send(struct wire *wire, const void *frame, size_t len)
{
	struct world *w = container_of(wire, struct world, wire);
	struct udp_frame u;
	struct arp_frame a;

	if (frame_read_arp(frame, len, &a) == 0) {
		char text[INET_ADDRSTRLEN];

		w->probes++;
		if (w->proxy)
			arp_from(w, w->proxy, inet_ntop(AF_INET, &a.target, text, sizeof(text)), "0.0.0.0");
		return;
	}
	assert_int_equal(frame_read_udp(frame, len, false, &u), 0);
	assert_int_equal(u.from_port, 68);
	assert_int_equal(u.to_port, 67);
	w->xid = get_be32(u.data + 4);
	switch (u.data[242]) {
	case DHCP_DISCOVER:
		if (w->discovers++)
			w->longest_pause = MAX(w->longest_pause, w->now - w->last_sent);
		w->last_sent = w->now;
		break;
	case DHCP_REQUEST:
		w->requests++;
		break;
	case DHCP_DECLINE:
		w->declines++;
		break;
	case DHCP_RELEASE:
		assert_memory_equal(u.to_mac, server_mac, MAC_LEN);
		w->releases++;
		break;
	default:
		assert_true(!"a message that no client sends");
	}
}

static bool is_ours(struct wire *wire, const uint8_t mac[MAC_LEN])
{
	return memcmp(wire->mac, mac, MAC_LEN) == 0;
}

static void begin(struct world *w)
{
	*w = (struct world){ .wire = { .name = "eth0", .send = on_send, .is_ours = is_ours },
			     .now = 1000000,
			     .server = 1 };
	memcpy(w->wire.mac, own_mac, MAC_LEN);
	w->seeker = dhcp_seeker(&w->wire, NULL);
	assert_non_null(w->seeker);
	w->seeker->ops->start(w->seeker, w->now);
}

static void end(struct world *w)
{
	w->seeker->ops->stop(w->seeker, w->now);
	network_free(&w->seeker->found);
	w->seeker->ops->free(w->seeker);
}

/* Time passes; the client is called when it wants to be. */
static void pass(struct world *w, int64_t ms)
{
	int64_t until = w->now + ms;

	while (w->seeker->next_ms <= until) {
		w->now = MAX(w->now, w->seeker->next_ms);
		w->seeker->ops->time(w->seeker, w->now);
	}
	w->now = until;
}

static void give(struct world *w, const struct buf *frame)
{
	w->seeker->ops->frame(w->seeker, w->now, (const uint8_t *)frame->data, frame->len, false);
}

/* A message of the server, with 10.9.0.LAST for the client. */
static void answer(struct world *w, enum dhcp_type type, uint8_t last)
{
	uint8_t m[300] = { 2, 1, 6 };
	struct udp_frame u = { .from_port = 67, .to_port = 68, .data = m, .len = sizeof(m) };
	const uint8_t options[] = { 99, 130, 83, 99, 53, 1, (uint8_t)type, 54,  4,   10, 9,  0, w->server, 51, 4,
				    0,  0,   14, 16, 1,  4, 255,           255, 255, 0,  255 };
	struct buf frame = { 0 };

	for (int i = 0; i < 4; i++)
		m[4 + i] = (uint8_t)(w->xid >> (24 - 8 * i));
	memcpy(m + 16, (const uint8_t[]){ 10, 9, 0, last }, 4);
	memcpy(m + 28, own_mac, MAC_LEN);
	memcpy(m + 236, options, w->bare ? 13 : sizeof(options));
	memcpy(u.from_mac, server_mac, MAC_LEN);
	memcpy(u.to_mac, own_mac, MAC_LEN);
	inet_pton(AF_INET, "10.9.0.1", &u.from);
	inet_pton(AF_INET, "10.9.0.30", &u.to);
	assert_int_equal(frame_write_udp(&frame, &u), 0);
	give(w, &frame);
	buf_free(&frame);
}

static void arp(struct world *w, bool reply, const uint8_t *mac, const char *from, const char *target)
{
	struct arp_frame a = { .reply = reply };
	struct buf frame = { 0 };

	memcpy(a.from_mac, mac, MAC_LEN);
	inet_pton(AF_INET, from, &a.from);
	inet_pton(AF_INET, target, &a.target);
	assert_int_equal(frame_write_arp(&frame, &a), 0);
	give(w, &frame);
	buf_free(&frame);
}

static void arp_from(struct world *w, const uint8_t *mac, const char *from, const char *target)
{
	arp(w, true, mac, from, target);
}

static void probe_from(struct world *w, const uint8_t *mac, const char *target)
{
	arp(w, false, mac, "0.0.0.0", target);
}

static void announce_from(struct world *w, const uint8_t *mac, const char *address)
{
	arp(w, false, mac, address, address);
}

/* A configuration BPDU (IEEE 802.1D) or a rapid one, with a forward delay in seconds. */
static void bridge_says(struct world *w, bool rapid, bool forwarding, uint8_t delay)
{
	uint8_t frame[60] = { 0x01, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 50, 0, 38, 0x42, 0x42, 3 };

	frame[20] = rapid ? 2 : 0;
	frame[21] = forwarding ? 0x20 : 0;
	frame[50] = delay;
	w->seeker->ops->frame(w->seeker, w->now, frame, sizeof(frame), false);
}

static void test_a_lease_in_a_tenth_of_a_second(void **state)
{
	struct world w;
	(void)state;

	begin(&w);
	assert_int_equal(w.discovers, 1); /* at once */
	answer(&w, DHCP_OFFER, 30);
	pass(&w, 0);
	assert_int_equal(w.requests, 1);
	assert_int_equal(w.probes, 1); /* the check begins with the offer */
	pass(&w, 2);
	answer(&w, DHCP_ACK, 30);
	pass(&w, ARP_PROBE_MS - 3);
	assert_int_equal(w.seeker->state, SEEK_WORKING);
	pass(&w, 1);
	assert_int_equal(w.seeker->state, SEEK_FOUND);
	assert_int_equal(w.probes, ARP_PROBES);
	assert_int_equal(w.discovers + w.requests, 2);
	assert_int_equal(w.releases, 0);
	end(&w);
	assert_int_equal(w.releases, 1); /* nobody took it: it is given back */
}

static void test_patience_with_a_silent_port(void **state)
{
	struct world w;
	(void)state;

	begin(&w);
	pass(&w, 1000);
	assert_in_range(w.discovers, 4, 7); /* fast at first */
	pass(&w, 49000);
	assert_in_range(w.longest_pause, 400, PATIENCE_BLIND_MS);
	w.longest_pause = 0;
	pass(&w, 300000);
	assert_in_range(w.longest_pause, PATIENCE_BLIND_MS, PATIENCE_LATE_MS);
	end(&w);
}

static void test_patience_with_an_absent_server(void **state)
{
	struct world w;
	unsigned before;
	(void)state;

	begin(&w);
	pass(&w, 10000);
	before = w.discovers;
	arp_from(&w, server_mac, "10.9.0.1", "10.9.0.2"); /* somebody is there: the port forwards */
	assert_int_equal(w.discovers, before + 1);        /* at once */
	arp_from(&w, server_mac, "10.9.0.1", "10.9.0.2");
	assert_int_equal(w.discovers, before + 1);
	pass(&w, 10000);
	before = w.discovers;
	pass(&w, 60000);
	assert_in_range(w.discovers - before, 60000 / PATIENCE_HEARD_MS, 60000 / PATIENCE_HEARD_MS * 4 / 3 + 1);
	end(&w);
}

static void test_own_other_card_tells_nothing(void **state)
{
	struct world w;
	unsigned before;
	(void)state;

	begin(&w);
	pass(&w, 10000);
	before = w.discovers;
	arp_from(&w, own_mac, "10.9.0.1", "10.9.0.2");
	assert_int_equal(w.discovers, before);
	end(&w);
}

static void test_spanning_tree_is_waited_for(void **state)
{
	struct buf words = { 0 };
	struct world w;
	(void)state;

	begin(&w);
	pass(&w, 500);
	bridge_says(&w, false, false, 15);
	w.seeker->ops->explain(w.seeker, w.now, &words);
	assert_string_equal(buf_cstr(&words), "spanning tree, its port forwards in at most 30 s");
	w.longest_pause = 0;
	arp_from(&w, server_mac, "10.9.0.1", "10.9.0.2"); /* a neighbour on the same unmanaged switch */
	pass(&w, 29000 + PATIENCE_LATE_PORT_MS);
	/* still at least every 0.65 s, and beyond the 30 s */
	assert_in_range(w.longest_pause, 1, PATIENCE_BLIND_MS);
	pass(&w, 10000);
	assert_in_range(w.longest_pause, PATIENCE_BLIND_MS + 1, PATIENCE_HEARD_MS);
	buf_free(&words);
	end(&w);
}

static void test_a_rapid_bridge_says_when(void **state)
{
	struct world w;
	unsigned before;
	(void)state;

	begin(&w);
	for (int i = 0; i < 40; i++) {
		pass(&w, 1000);
		bridge_says(&w, true, false, 15);
	}
	before = w.discovers;
	bridge_says(&w, true, true, 15);
	assert_int_equal(w.discovers, before + 1); /* the moment it forwards */
	end(&w);
}

static void test_nak_starts_over(void **state)
{
	struct world w;
	uint32_t first;
	(void)state;

	begin(&w);
	first = w.xid;
	answer(&w, DHCP_OFFER, 30);
	pass(&w, 0);
	answer(&w, DHCP_NAK, 30);
	pass(&w, 150);
	assert_int_equal(w.discovers, 2);
	assert_int_not_equal(w.xid, first);
	assert_int_equal(w.seeker->trouble, FAIL_NET_REFUSED);
	answer(&w, DHCP_OFFER, 31);
	pass(&w, 0);
	answer(&w, DHCP_ACK, 31);
	pass(&w, 200);
	assert_int_equal(w.seeker->state, SEEK_FOUND);
	end(&w);
}

static void test_a_server_that_does_not_confirm_waits_for_others(void **state)
{
	struct world w;
	unsigned asked;
	(void)state;

	begin(&w);
	answer(&w, DHCP_OFFER, 30);
	while (w.discovers == 1)
		pass(&w, 10);
	asked = w.requests;
	answer(&w, DHCP_OFFER, 30); /* nobody else: it is asked again, a little later */
	pass(&w, 200);
	assert_int_equal(w.requests, asked);
	pass(&w, 200);
	assert_true(w.requests > asked);
	while (w.discovers == 2)
		pass(&w, 10);
	answer(&w, DHCP_OFFER, 30);
	pass(&w, 200);
	w.server = 2;
	asked = w.requests;
	answer(&w, DHCP_OFFER, 40);
	pass(&w, 0);
	assert_int_equal(w.requests, asked + 1);
	answer(&w, DHCP_ACK, 40);
	pass(&w, 200);
	assert_int_equal(w.seeker->state, SEEK_FOUND);
	end(&w);
}

static void test_what_is_for_somebody_else(void **state)
{
	struct world w;
	(void)state;

	begin(&w);
	w.xid++;
	answer(&w, DHCP_OFFER, 30);
	pass(&w, 0);
	assert_int_equal(w.requests, 0);
	w.xid--;
	answer(&w, DHCP_ACK, 30); /* not asked for */
	pass(&w, 0);
	assert_int_equal(w.seeker->state, SEEK_WORKING);
	assert_int_equal(w.requests, 0);
	end(&w);
}

static void test_conflicts_are_declined(void **state)
{
	const uint8_t holder[] = { 2, 0, 0, 0, 0, 7 };
	struct world w;
	(void)state;

	begin(&w);
	answer(&w, DHCP_OFFER, 30);
	pass(&w, 0);
	arp_from(&w, holder, "10.9.0.30", "0.0.0.0"); /* before the ACK */
	answer(&w, DHCP_ACK, 30);
	assert_int_equal(w.declines, 0); /* it is asked whether it has everything */
	pass(&w, ARP_PROBE_MS);
	assert_int_equal(w.declines, 1);
	assert_string_equal(w.seeker->last, "10.9.0.30 is already used by 02:00:00:00:00:07");
	pass(&w, 150);
	assert_int_equal(w.discovers, 2);
	answer(&w, DHCP_OFFER, 31);
	pass(&w, 0);
	answer(&w, DHCP_ACK, 31);
	pass(&w, 50);
	arp_from(&w, holder, "10.9.0.31", "0.0.0.0"); /* in the middle of the check */
	pass(&w, ARP_PROBE_MS);
	assert_int_equal(w.declines, 2);
	assert_int_equal(w.seeker->trouble, FAIL_NET_CONFLICT);
	end(&w);
	assert_int_equal(w.releases, 0); /* what was declined is not ours to give back */
}

/* To the middle of a check of 10.9.0.30. */
static void begin_check(struct world *w)
{
	begin(w);
	answer(w, DHCP_OFFER, 30);
	pass(w, 0);
	answer(w, DHCP_ACK, 30);
}

static void test_who_answers_for_everything_is_no_holder(void **state)
{
	const uint8_t proxy[] = { 2, 0, 0, 0, 0, 7 }, holder[] = { 2, 0, 0, 0, 0, 8 };
	struct world w;
	(void)state;

	begin_check(&w);
	w.proxy = proxy;
	arp_from(&w, proxy, "10.9.0.30", "0.0.0.0");
	pass(&w, ARP_PROBE_MS + 150);
	assert_int_equal(w.declines, 0);
	assert_int_equal(w.seeker->state, SEEK_FOUND);
	w.proxy = NULL;
	end(&w);

	begin_check(&w); /* and behind it somebody who has it */
	w.proxy = proxy;
	arp_from(&w, proxy, "10.9.0.30", "0.0.0.0");
	arp_from(&w, holder, "10.9.0.30", "0.0.0.0");
	pass(&w, 0);
	assert_int_equal(w.declines, 1);
	assert_string_equal(w.seeker->last, "10.9.0.30 is already used by 02:00:00:00:00:08");
	w.proxy = NULL;
	end(&w);
}

static void test_a_probe_of_another_is_listened_to(void **state)
{
	const uint8_t other[] = { 2, 0, 0, 0, 0, 7 };
	struct world w;
	(void)state;

	begin_check(&w); /* a switch that looks who is there */
	for (int i = 0; i < 3; i++) {
		probe_from(&w, other, "10.9.0.30");
		pass(&w, ARP_PROBE_GAP_MS);
	}
	pass(&w, ARP_PROBE_MS);
	assert_int_equal(w.seeker->state, SEEK_WORKING);
	pass(&w, ARP_RIVAL_MS + ARP_RIVAL_MORE_MS);
	assert_int_equal(w.seeker->state, SEEK_FOUND);
	assert_int_equal(w.declines, 0);
	end(&w);

	begin_check(&w); /* a machine that was given the same address, and now says that it uses it */
	probe_from(&w, other, "10.9.0.30");
	pass(&w, ARP_PROBE_MS + 50);
	announce_from(&w, other, "10.9.0.30");
	pass(&w, 0);
	assert_int_equal(w.declines, 1);
	end(&w);
}

/* Servers that say everything once, in the offer. */
static void test_a_bare_acknowledgement_is_completed(void **state)
{
	struct world w;
	(void)state;

	begin(&w);
	answer(&w, DHCP_OFFER, 30);
	pass(&w, 0);
	w.bare = true;
	answer(&w, DHCP_ACK, 30);
	pass(&w, ARP_PROBE_MS);
	assert_int_equal(w.seeker->state, SEEK_FOUND);
	assert_int_equal(w.seeker->found.prefix, 24);
	assert_int_equal(w.seeker->found.lease_s, 3600);
	end(&w);
}

static void test_servers_that_lead_nowhere_are_left_alone(void **state)
{
	struct in_addr first;
	struct world w;
	(void)state;

	begin(&w);
	inet_pton(AF_INET, "10.9.0.1", &first);
	dhcp_shun(w.seeker, &first, 1);
	answer(&w, DHCP_OFFER, 30);
	pass(&w, 50);
	assert_int_equal(w.requests, 0);
	w.server = 2;
	answer(&w, DHCP_OFFER, 31);
	pass(&w, 0);
	assert_int_equal(w.requests, 1);
	end(&w);
}

static void test_a_new_link_begins_anew(void **state)
{
	struct world w;
	(void)state;

	begin(&w);
	answer(&w, DHCP_OFFER, 30);
	pass(&w, 0);
	answer(&w, DHCP_ACK, 30);
	w.seeker->ops->stop(w.seeker, w.now); /* the cable is pulled */
	assert_int_equal(w.releases, 1);
	pass(&w, 5000);
	assert_int_equal(w.discovers, 1);
	w.seeker->ops->start(w.seeker, w.now);
	assert_int_equal(w.discovers, 2);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lease_in_a_tenth_of_a_second),
		cmocka_unit_test(test_patience_with_a_silent_port),
		cmocka_unit_test(test_patience_with_an_absent_server),
		cmocka_unit_test(test_own_other_card_tells_nothing),
		cmocka_unit_test(test_spanning_tree_is_waited_for),
		cmocka_unit_test(test_a_rapid_bridge_says_when),
		cmocka_unit_test(test_nak_starts_over),
		cmocka_unit_test(test_a_server_that_does_not_confirm_waits_for_others),
		cmocka_unit_test(test_what_is_for_somebody_else),
		cmocka_unit_test(test_conflicts_are_declined),
		cmocka_unit_test(test_who_answers_for_everything_is_no_holder),
		cmocka_unit_test(test_a_probe_of_another_is_listened_to),
		cmocka_unit_test(test_a_bare_acknowledgement_is_completed),
		cmocka_unit_test(test_servers_that_lead_nowhere_are_left_alone),
		cmocka_unit_test(test_a_new_link_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
