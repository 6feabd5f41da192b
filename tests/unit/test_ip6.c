/* test_ip6.c - net/frame6.h, nd.h, dhcp6_packet.h: crafted packets, cut anywhere; and the IPv6 client on a simulated
 * wire. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#undef fail /* cmocka has one too */

#include "net/address.h"
#include "net/dhcp6_packet.h"
#include "net/nd.h"
#include "net/seeker.h"

static const uint8_t own_mac[] = { 2, 0, 0, 0, 0, 1 }, router_mac[] = { 2, 0, 0, 0, 0, 99 };

static struct in6_addr ip6(const char *text)
{
	struct in6_addr a;

	assert_int_equal(address6_parse(text, &a), 0);
	return a;
}

/* ---- frames */

static struct ip6_frame packet(uint8_t protocol, const void *data, size_t len)
{
	struct ip6_frame p = { .from = ip6("fe80::99"),
			       .to = ip6("ff02::1"),
			       .protocol = protocol,
			       .hop_limit = 255,
			       .from_port = 547,
			       .to_port = 546,
			       .data = data,
			       .len = len };

	memcpy(p.from_mac, router_mac, MAC_LEN);
	memcpy(p.to_mac, own_mac, MAC_LEN);
	return p;
}

static void test_frames(void **state)
{
	const struct ip6_frame sent[] = { packet(PROTOCOL_UDP6, "hello", 5),
					  packet(PROTOCOL_ICMP6, "\x86\0\0\0hello", 9) };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(sent); i++) {
		struct ip6_frame back;
		struct buf b = { 0 };

		assert_int_equal(frame_write_ip6(&b, &sent[i]), 0);
		assert_int_equal(frame_read_ip6((uint8_t *)b.data, b.len, false, &back), 0);
		assert_int_equal(back.len, sent[i].len);
		assert_true(ip6_equal(&back.from, &sent[i].from) && back.hop_limit == 255);
		for (size_t len = 0; len < b.len; len++)
			assert_int_not_equal(frame_read_ip6((uint8_t *)b.data, len, false, &back), 0);
		/* from the addresses on, all is under the checksum */
		for (size_t at = 14 + 8; at < b.len; at++) {
			b.data[at] ^= 4;
			assert_int_not_equal(frame_read_ip6((uint8_t *)b.data, b.len, false, &back), 0);
			b.data[at] ^= 4;
		}
		buf_free(&b);
	}
}

static void test_addresses(void **state)
{
	const struct in6_addr a = ip6("2001:db8::1234:5678"), lla = ip6_link_local(own_mac);
	struct in6_addr group = ip6_solicited_node(&a);
	char text[IP6_TEXT_SIZE];
	uint8_t mac[MAC_LEN];
	(void)state;

	assert_string_equal(ip6_text(&group, text), "ff02::1:ff34:5678");
	ip6_group_mac(&group, mac);
	assert_memory_equal(mac, "\x33\x33\xff\x34\x56\x78", 6);
	assert_string_equal(ip6_text(&lla, text), "fe80::ff:fe00:1");
	assert_true(ip6_same_prefix(&a, &(struct in6_addr){ .s6_addr = { 0x20, 1, 0xd, 0xb8 } }, 64));
	assert_false(ip6_same_prefix(&a, &lla, 1 + 1));
	assert_true(ip6_same_prefix(&a, &lla, 0));
	assert_false(ip6_same_prefix(&a, &a, 129));
	assert_true(ip6_is_host(&a));
	assert_false(ip6_is_host(&lla));
	assert_false(ip6_is_host(&ip6_any));
	assert_false(ip6_is_host(&group));
	assert_false(ip6_is_host(&(struct in6_addr){ .s6_addr = { [15] = 1 } }));
}

/* ---- router advertisements */

/* Managed; prefix 2001:db8:1::/64 (on link, autonomous); MTU 1400; RDNSS 2001:db8:1::53; DNSSL a.example */
static const uint8_t advert[] = {
	134,  0,    0,    0,    64,   0x80, 0x07, 0x08, 0,   0,   0,   0,    0,    0,    0,    0, 3,    4,  64, 0xc0, 0,
	1,    0x51, 0x80, 0,    0,    0x38, 0x40, 0,    0,   0,   0,   0x20, 1,    0xd,  0xb8, 0, 1,    0,  0,  0,    0,
	0,    0,    0,    0,    0,    0,    5,    1,    0,   0,   0,   0,    0x05, 0x78, 25,   3, 0,    0,  0,  0,    2,
	0x58, 0x20, 1,    0xd,  0xb8, 0,    1,    0,    0,   0,   0,   0,    0,    0,    0,    0, 0x53, 31, 3,  0,    0,
	0,    0,    2,    0x58, 1,    'a',  7,    'e',  'x', 'a', 'm', 'p',  'l',  'e',  0,    0, 0,    0,  0,  0,
};

static int read_advert(const uint8_t *data, size_t len, struct router_advert *ra)
{
	uint8_t *exact = calloc(1, len ? len : 1); /* the sanitizer sees every byte read too far */
	struct ip6_frame p;
	int err;

	memcpy(exact, data, len);
	p = packet(PROTOCOL_ICMP6, exact, len);
	err = len >= 4 ? ra_read(&p, ra) : -EBADMSG; /* frame_read_ip6 lets nothing shorter through */
	free(exact);
	return err;
}

static void test_router_advert(void **state)
{
	struct router_advert ra;
	(void)state;

	assert_int_equal(read_advert(advert, sizeof(advert), &ra), 0);
	assert_true(ra.managed && !ra.other);
	assert_int_equal(ra.lifetime_s, 1800);
	assert_int_equal(ra.mtu, 1400);
	assert_int_equal(ra.prefix_count, 1);
	assert_true(ra.prefix[0].on_link && ra.prefix[0].autonomous);
	assert_int_equal(ra.prefix[0].valid_s, 86400);
	assert_int_equal(ra.dns_count, 1);
	assert_string_equal(ra.search, "a.example");
	ra_free(&ra);
}

static void test_router_adverts_cut_and_bad(void **state)
{
	uint8_t bad[sizeof(advert)];
	struct ip6_frame p = packet(PROTOCOL_ICMP6, advert, sizeof(advert));
	struct router_advert ra;
	(void)state;

	for (size_t len = 0; len < sizeof(advert); len++) {
		int err = read_advert(advert, len, &ra);

		assert_int_equal(err, len == 16 || len == 48 || len == 56 || len == 80 ? 0 : -EBADMSG);
		if (!err)
			ra_free(&ra);
	}
	memcpy(bad, advert, sizeof(bad));
	bad[17] = 0; /* an option of length 0 */
	assert_int_equal(read_advert(bad, sizeof(bad), &ra), -EBADMSG);
	memcpy(bad, advert, sizeof(bad));
	bad[18] = 129;  /* a prefix that is none is passed over */
	bad[55] = 1;    /* an MTU that is none */
	bad[89] = 0xc0; /* a name with compression, which there is none of */
	assert_int_equal(read_advert(bad, sizeof(bad), &ra), 0);
	assert_int_equal(ra.prefix_count, 0);
	assert_null(ra.search);
	assert_int_equal(ra.odd, 31);
	ra_free(&ra);
	p.hop_limit = 254; /* came over a router: RFC 4861, 6.1.2 */
	assert_int_equal(ra_read(&p, &ra), -EBADMSG);
	p.hop_limit = 255;
	p.from = ip6("2001:db8::1");
	assert_int_equal(ra_read(&p, &ra), -EBADMSG);
}

/* ---- DHCPv6 */

#define CLIENT_ID 0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1
#define SERVER_ID 0, 2, 0, 4, 0xde, 0xad, 0xbe, 0xef
/* IA_NA for own_mac with 2001:db8:1::30 */
#define LEASE                                                                                                          \
	0, 3, 0, 40, 0, 0, 0, 1, 0, 0, 0x01, 0x2c, 0, 0, 0x02, 0x58, 0, 5, 0, 24, 0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0,   \
		0, 0, 0, 0, 0, 0, 0x30, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10

static const uint8_t reply[] = { 7,    0, 0,  0, CLIENT_ID, SERVER_ID, LEASE, 0,   23,  0,   16,  0x20, 1,    0xd,
				 0xb8, 0, 1,  0, 0,         0,         0,     0,   0,   0,   0,   0,    0x53, 0,
				 24,   0, 11, 1, 'a',       7,         'e',   'x', 'a', 'm', 'p', 'l',  'e',  0 };

static int read_reply(const uint8_t *data, size_t len, struct dhcp6_message *m, char why[120])
{
	uint8_t *exact = calloc(1, len ? len : 1);
	int err;

	memcpy(exact, data, len);
	err = dhcp6_read(exact, len, own_mac, m, why, 120);
	free(exact);
	return err;
}

static void test_dhcp6_reply(void **state)
{
	struct dhcp6_message m;
	char why[120], text[IP6_TEXT_SIZE];
	(void)state;

	assert_int_equal(read_reply(reply, sizeof(reply), &m, why), 0);
	assert_int_equal(m.type, DHCP6_REPLY);
	assert_string_equal(ip6_text(&m.address, text), "2001:db8:1::30");
	assert_int_equal(m.valid_s, 3600);
	assert_int_equal(m.renew_s, 300);
	assert_int_equal(m.dns_count, 1);
	assert_string_equal(m.search, "a.example");
	dhcp6_message_free(&m);
}

static void test_dhcp6_cut_anywhere(void **state)
{
	struct dhcp6_message m;
	char why[120];
	int good = 0;
	(void)state;

	for (size_t len = 0; len < sizeof(reply); len++) {
		int err = read_reply(reply, len, &m, why);

		assert_true(err == 0 || err == -EBADMSG || err == -EPROTONOSUPPORT);
		if (err == -EBADMSG)
			assert_true(*why);
		good += !err;
		if (!err)
			dhcp6_message_free(&m);
	}
	assert_int_equal(good, 3); /* behind the server's identity, the lease, the name servers */
}

/* Each option once more behind the others, or of a length that is none: the first counts. */
static void test_dhcp6_that_says_it_again(void **state)
{
	static const struct {
		uint8_t bytes[44];
		size_t len;
		unsigned odd;
	} more[] = {
		{ { CLIENT_ID }, 14, 0 },
		{ { SERVER_ID }, 8, 0 },
		{ { 0, 2, 0, 1, 9 }, 5, 0 },
		{ { 0, 1, 0, 0 }, 4, 0 },
		{ { LEASE }, 44, 0 },
		{ { 0, 3, 0, 4, 0, 0, 0, 1 }, 8, 3 },
		{ { 0, 3, 0, 12, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1 }, 16, 3 },
		{ { 0, 3, 0, 18, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 9, 0, 5, 0, 2, 1, 1 }, 22, 5 },
		{ { 0, 7, 0, 0 }, 4, 7 },
		{ { 0, 23, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x54 }, 20, 0 },
		{ { 0, 23, 0, 5, 1, 1, 1, 1, 1 }, 9, 23 },
		{ { 0, 24, 0, 3, 9, 'a', 'b' }, 7, 24 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		uint8_t data[sizeof(reply) + 44];
		struct dhcp6_message m;
		char why[120], text[IP6_TEXT_SIZE];

		memcpy(data, reply, sizeof(reply));
		memcpy(data + sizeof(reply), more[i].bytes, more[i].len);
		assert_int_equal(read_reply(data, sizeof(reply) + more[i].len, &m, why), 0);
		assert_int_equal(m.odd, more[i].odd);
		assert_int_equal(m.server_id.len, 4);
		assert_string_equal(ip6_text(&m.address, text), "2001:db8:1::30");
		assert_int_equal(m.renew_s, 300);
		assert_int_equal(m.dns_count, 1);
		assert_string_equal(m.search, "a.example");
		dhcp6_message_free(&m);
	}
}

static void test_dhcp6_that_lies(void **state)
{
	static const uint8_t inner[] = { 7, 0, 0, 0, CLIENT_ID, SERVER_ID, 0, 3, 0, 16, 0, 0, 0,
					 1, 0, 0, 0, 0,         0,         0, 0, 0, 0,  5, 0, 24 };
	static const uint8_t other_client[] = { 7, 0, 0, 0, 0, 1, 0, 2, 1, 1, SERVER_ID };
	static const uint8_t no_server[] = { 7, 0, 0, 0, CLIENT_ID };
	static const uint8_t refusal[] = { 7, 0, 0, 0, CLIENT_ID, SERVER_ID, 0, 3, 0,  20, 0, 0, 0, 1,   0,
					   0, 0, 0, 0, 0,         0,         0, 0, 13, 0,  4, 0, 2, 'n', 'o' };
	struct dhcp6_message m;
	char why[120];
	(void)state;

	assert_int_equal(read_reply(inner, sizeof(inner), &m, why), -EBADMSG);
	assert_string_equal(why, "option 5 in the identity association claims 24 bytes, 0 are left");
	assert_int_equal(read_reply(other_client, sizeof(other_client), &m, why), -EPROTONOSUPPORT);
	assert_int_equal(read_reply(no_server, sizeof(no_server), &m, why), -EBADMSG);
	assert_int_equal(read_reply(refusal, sizeof(refusal), &m, why), 0);
	assert_int_equal(m.status, DHCP6_NO_ADDRESS);
	assert_int_equal(m.words.len, 2);
	dhcp6_message_free(&m);
}

static void test_dhcp6_written(void **state)
{
	struct dhcp6_ask ask = { .type = DHCP6_SOLICIT, .xid = 0x010203, .elapsed_cs = 70000, .hostname = "node7" };
	struct buf b = { 0 };
	(void)state;

	memcpy(ask.mac, own_mac, MAC_LEN);
	assert_int_equal(dhcp6_write(&b, &ask), 0);
	assert_memory_equal(b.data, "\1\1\2\3\0\1\0\12\0\3\0\1\2\0\0\0\0\1\0\10\0\2\xff\xff\0\3\0\14\0\0\0\1", 32);
	assert_non_null(memmem(b.data, b.len, "\0\47\0\7\0\5node7", 11));
	buf_free(&b);
}

/* ---- the client */

struct world {
	struct wire wire;
	struct seeker *seeker;
	int64_t now;
	unsigned solicitations, probes, answers, solicits, requests, declines, releases;
	uint32_t xid;
};

static void on_send(struct wire *wire, const void *frame, size_t len)
{
	struct world *w = container_of(wire, struct world, wire);
	struct ip6_frame p;

	assert_int_equal(frame_read_ip6(frame, len, false, &p), 0);
	if (p.protocol == PROTOCOL_ICMP6) {
		w->solicitations += p.data[0] == 133;
		w->probes += p.data[0] == 135;
		w->answers += p.data[0] == 136;
		return;
	}
	assert_int_equal(p.to_port, 547);
	assert_true(ip6_is_link_local(&p.from));
	w->xid = get_be32(p.data) & 0xffffff;
	w->solicits += p.data[0] == DHCP6_SOLICIT;
	w->requests += p.data[0] == DHCP6_REQUEST;
	w->declines += p.data[0] == DHCP6_DECLINE;
	w->releases += p.data[0] == DHCP6_RELEASE;
}

static bool is_ours(struct wire *wire, const uint8_t mac[MAC_LEN])
{
	return memcmp(wire->mac, mac, MAC_LEN) == 0;
}

static void begin(struct world *w, bool ask_dhcp)
{
	*w = (struct world){ .wire = { .name = "eth0", .send = on_send, .is_ours = is_ours }, .now = 1000000 };
	memcpy(w->wire.mac, own_mac, MAC_LEN);
	w->seeker = ip6_seeker(&w->wire, ask_dhcp, NULL);
	assert_non_null(w->seeker);
	w->seeker->ops->start(w->seeker, w->now);
}

static void end(struct world *w)
{
	w->seeker->ops->stop(w->seeker, w->now);
	network_free(&w->seeker->found);
	w->seeker->ops->free(w->seeker);
}

static void pass(struct world *w, int64_t ms)
{
	int64_t until = w->now + ms;

	while (w->seeker->next_ms <= until) {
		w->now = MAX(w->now, w->seeker->next_ms);
		w->seeker->ops->time(w->seeker, w->now);
	}
	w->now = until;
}

static void give(struct world *w, uint8_t protocol, const uint8_t *data, size_t len)
{
	struct ip6_frame p = packet(protocol, data, len);
	struct buf frame = { 0 };

	assert_int_equal(frame_write_ip6(&frame, &p), 0);
	w->seeker->ops->frame(w->seeker, w->now, (uint8_t *)frame.data, frame.len, false);
	buf_free(&frame);
}

/* The router's word, with other flags. */
static void give_advert(struct world *w, uint8_t flags)
{
	uint8_t data[sizeof(advert)];

	memcpy(data, advert, sizeof(data));
	data[5] = flags;
	give(w, PROTOCOL_ICMP6, data, sizeof(data));
}

static void give_reply(struct world *w, uint8_t type, bool rapid)
{
	uint8_t data[sizeof(reply) + 4] = { 0 };

	memcpy(data, reply, sizeof(reply));
	data[0] = type;
	for (int i = 0; i < 3; i++)
		data[1 + i] = (uint8_t)(w->xid >> (16 - 8 * i));
	data[sizeof(reply) + 1] = 14;
	give(w, PROTOCOL_UDP6, data, sizeof(reply) + (rapid ? 4 : 0));
}

/* Somebody has the address. */
static void give_claim(struct world *w, const char *address)
{
	uint8_t data[24] = { 136 };
	struct in6_addr a = ip6(address);

	memcpy(data + 8, &a, sizeof(a));
	give(w, PROTOCOL_ICMP6, data, sizeof(data));
}

static void test_own_address(void **state)
{
	char text[IP6_TEXT_SIZE];
	struct world w;
	(void)state;

	begin(&w, false);
	assert_int_equal(w.solicitations, 1); /* at once, with the check of the link's own address */
	assert_int_equal(w.probes, 1);
	pass(&w, 1);
	give_advert(&w, 0);
	pass(&w, 98);
	assert_int_equal(w.seeker->state, SEEK_WORKING);
	pass(&w, 3);
	assert_int_equal(w.seeker->state, SEEK_FOUND);
	assert_int_equal(w.probes, 6);
	assert_int_equal(w.seeker->found.address6_count, 1);
	assert_string_equal(ip6_text(&w.seeker->found.address6[0].address, text), "2001:db8:1::ff:fe00:1");
	assert_string_equal(ip6_text(&w.seeker->found.gateway6, text), "fe80::99");
	assert_int_equal(w.seeker->found.dns6_count, 1);
	end(&w);
}

/* A router that leads nowhere (lifetime 0) is not the end of the search; where the server is on the cable it may be. */
static void test_a_router_that_is_none(void **state)
{
	const struct in6_addr near = ip6("2001:db8:1::9"), far = ip6("2001:db8:9::1");
	static const struct {
		bool known, on_link, waits, for_ever;
	} row[] = { { false, false, true, false }, { true, true, false, false }, { true, false, true, true } };
	uint8_t none[sizeof(advert)];
	(void)state;

	memcpy(none, advert, sizeof(none));
	none[5] = none[6] = none[7] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		unsigned before;
		struct world w;

		begin(&w, false);
		if (row[i].known)
			ip6_expect(w.seeker, row[i].on_link ? &near : &far);
		give(&w, PROTOCOL_ICMP6, none, sizeof(none));
		before = w.solicitations;
		pass(&w, 1500);
		assert_int_equal(w.seeker->state, row[i].waits ? SEEK_WORKING : SEEK_FOUND);
		if (row[i].waits)
			assert_true(w.solicitations > before); /* others are asked for */
		pass(&w, 1000);
		assert_int_equal(w.seeker->state, row[i].for_ever ? SEEK_WORKING : SEEK_FOUND);
		if (row[i].for_ever) {
			give_advert(&w, 0);
			pass(&w, 0);
			assert_int_equal(w.seeker->state, SEEK_FOUND);
		}
		end(&w);
	}
}

static void test_managed_address(void **state)
{
	char text[IP6_TEXT_SIZE];
	struct world w;
	(void)state;

	begin(&w, false);
	give_advert(&w, 0x80);
	pass(&w, 101);
	assert_int_equal(w.solicits, 1); /* as soon as the link's own address is known to be free */
	give_reply(&w, DHCP6_ADVERTISE, false);
	pass(&w, 0);
	assert_int_equal(w.requests, 1);
	give_reply(&w, DHCP6_REPLY, false);
	pass(&w, 101);
	assert_int_equal(w.seeker->state, SEEK_FOUND);
	assert_int_equal(w.seeker->found.address6_count, 2); /* the server's first, then the own one */
	assert_string_equal(ip6_text(&w.seeker->found.address6[0].address, text), "2001:db8:1::30");
	assert_int_equal(w.seeker->found.address6[0].prefix, 64);
	assert_string_equal(w.seeker->found.server_duid, "deadbeef");
	assert_int_equal(w.seeker->found.lease_s, 3600);
	end(&w);
	assert_int_equal(w.releases, 1);
}

static void test_rapid_commit(void **state)
{
	struct world w;
	(void)state;

	begin(&w, true);
	pass(&w, 101);
	give_reply(&w, DHCP6_REPLY, false); /* was not offered: only a rapid one counts */
	assert_int_equal(w.requests, 0);
	give_reply(&w, DHCP6_REPLY, true);
	pass(&w, 101);
	assert_int_equal(w.seeker->state, SEEK_WORKING); /* a router may still speak up */
	pass(&w, 1000);
	assert_int_equal(w.seeker->state, SEEK_FOUND);
	assert_int_equal(w.seeker->found.address6[0].prefix, 64);
	end(&w);
}

static void test_managed_without_server(void **state)
{
	struct world w;
	(void)state;

	begin(&w, false);
	give_advert(&w, 0x80);
	pass(&w, 2900);
	assert_int_equal(w.seeker->state, SEEK_WORKING);
	pass(&w, 200);
	assert_int_equal(w.seeker->state, SEEK_FOUND);
	end(&w);
	assert_int_equal(w.releases, 0);
}

static void test_conflicts(void **state)
{
	struct world w;
	(void)state;

	begin(&w, false);
	give_advert(&w, 0x80);
	pass(&w, 101);
	give_reply(&w, DHCP6_REPLY, true);
	pass(&w, 50);
	give_claim(&w, "2001:db8:1::30");
	assert_int_equal(w.declines, 1);
	assert_int_equal(w.solicits, 2);
	assert_string_equal(w.seeker->last, "2001:db8:1::30 is already used by 02:00:00:00:00:63");
	give_claim(&w, "2001:db8:1:0:0:ff:fe00:1"); /* the own one, too, though it was free */
	pass(&w, 10000);
	assert_int_equal(w.seeker->state, SEEK_WORKING);
	end(&w);

	begin(&w, false);
	pass(&w, 20);
	give_claim(&w, "fe80::ff:fe00:1");
	assert_int_equal(w.seeker->state, SEEK_FAILED); /* a machine with the same MAC address */
	assert_int_equal(w.seeker->trouble, FAIL_NET_CONFLICT);
	end(&w);
}

static void test_servers_are_told_whose_address_it_is(void **state)
{
	uint8_t question[24] = { 135 };
	struct in6_addr own = ip6_link_local(own_mac);
	struct world w;
	(void)state;

	begin(&w, true);
	memcpy(question + 8, &own, sizeof(own));
	give(&w, PROTOCOL_ICMP6, question, sizeof(question));
	assert_int_equal(w.answers, 0); /* not before it is known to be free */
	pass(&w, 150);
	give(&w, PROTOCOL_ICMP6, question, sizeof(question));
	assert_int_equal(w.answers, 1);
	end(&w);
}

static void test_patience(void **state)
{
	unsigned before;
	struct world w;
	(void)state;

	begin(&w, false);
	pass(&w, 10000);
	assert_in_range(w.solicitations, 15, 30); /* at least every 0.65 s while the port may be closed */
	before = w.solicitations;
	give_claim(&w, "2001:db8::77"); /* somebody is there: the port forwards */
	assert_int_equal(w.solicitations, before + 1);
	give_advert(&w, 0);
	before = w.solicitations;
	pass(&w, 5000);
	assert_int_equal(w.solicitations, before);
	assert_int_equal(w.seeker->state, SEEK_FOUND);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_router_advert),
		cmocka_unit_test(test_router_adverts_cut_and_bad),
		cmocka_unit_test(test_dhcp6_reply),
		cmocka_unit_test(test_dhcp6_cut_anywhere),
		cmocka_unit_test(test_dhcp6_that_says_it_again),
		cmocka_unit_test(test_dhcp6_that_lies),
		cmocka_unit_test(test_dhcp6_written),
		cmocka_unit_test(test_own_address),
		cmocka_unit_test(test_a_router_that_is_none),
		cmocka_unit_test(test_managed_address),
		cmocka_unit_test(test_rapid_commit),
		cmocka_unit_test(test_managed_without_server),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_servers_are_told_whose_address_it_is),
		cmocka_unit_test(test_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
