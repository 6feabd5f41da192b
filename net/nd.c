/* nd.c - ICMPv6 messages <-> what routers say and who has which address; pure functions (RFC 4861, 4862, 8106). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nd.h"

#include "net/address.h"
#include "net/dns_packet.h"

/* RFC 4861, 4 */
enum { ROUTER_SOLICITATION = 133, ROUTER_ADVERT = 134, NEIGHBOUR_SOLICITATION = 135, NEIGHBOUR_ADVERT = 136 };
enum { OPT_TARGET_MAC = 2, OPT_PREFIX = 3, OPT_MTU = 5, OPT_DNS = 25, OPT_SEARCH = 31 };
enum { RA_HEADER = 16, NEIGHBOUR_LEN = 24, MTU_SMALLEST = 1280 /* RFC 8200, 5 */ };
enum {
	FLAG_MANAGED = 0x80,
	FLAG_OTHER = 0x40,
	FLAG_ON_LINK = 0x80,
	FLAG_AUTONOMOUS = 0x40,
	FLAG_SOLICITED = 0x40,
	FLAG_OVERRIDE = 0x20
};
enum { ND_HOPS = 255 }; /* came over no router */

/* ---- reading */

static int add_prefix(struct router_advert *ra, const uint8_t *o)
{
	struct ra_prefix *more = realloc(ra->prefix, (ra->prefix_count + 1) * sizeof(*more)), *p;

	if (!more)
		return -ENOMEM;
	ra->prefix = more;
	p = &more[ra->prefix_count++];
	*p = (struct ra_prefix){ .bits = o[2],
				 .on_link = o[3] & FLAG_ON_LINK,
				 .autonomous = o[3] & FLAG_AUTONOMOUS,
				 .valid_s = get_be32(o + 4),
				 .preferred_s = get_be32(o + 8) };
	memcpy(&p->prefix, o + 16, sizeof(p->prefix));
	return 0;
}

static int add_dns(struct router_advert *ra, const uint8_t *o, size_t len)
{
	for (size_t at = 8; at + 16 <= len && get_be32(o + 4); at += 16) { /* lifetime 0: not any more */
		struct in6_addr *more = realloc(ra->dns, (ra->dns_count + 1) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		ra->dns = more;
		memcpy(&more[ra->dns_count], o + at, 16);
		if (ip6_is_host(&more[ra->dns_count]) || ip6_is_link_local(&more[ra->dns_count]))
			ra->dns_count++;
	}
	return 0;
}

/* Names in wire form, without compression, filled up with zeros. One that is none ends the list. */
static int add_search(struct router_advert *ra, const uint8_t *o, size_t len)
{
	struct buf list = { 0 };
	char name[DNS_NAME_SIZE];
	size_t at = 0;

	if (!get_be32(o + 4) || ra->search)
		return 0;
	while (at < len - 8 && dns_name_read(o + 8, len - 8, &at, name) == 0 && host_name_is_sane(name))
		buf_printf(&list, "%s%s", list.len ? " " : "", name);
	if (!list.len) {
		ra->odd = OPT_SEARCH;
		return 0;
	}
	ra->search = buf_take(&list);
	return ra->search ? 0 : -ENOMEM;
}

static int read_option(struct router_advert *ra, const uint8_t *o, size_t len)
{
	if (o[0] == OPT_PREFIX && len == 32 && o[2] <= 128)
		return add_prefix(ra, o);
	if (o[0] == OPT_DNS && len >= 24)
		return add_dns(ra, o, len);
	if (o[0] == OPT_SEARCH && len >= 16)
		return add_search(ra, o, len);
	if (o[0] == OPT_MTU && len == 8 && get_be32(o + 4) >= MTU_SMALLEST && get_be32(o + 4) <= UINT16_MAX)
		ra->mtu = get_be32(o + 4);
	else if (o[0] == OPT_PREFIX || o[0] == OPT_DNS || o[0] == OPT_SEARCH || o[0] == OPT_MTU)
		ra->odd = o[0];
	return 0;
}

/* Walks over the options from AT on; RA NULL: only looks whether their lengths are right. */
static int read_options(const struct ip6_frame *p, size_t at, struct router_advert *ra)
{
	int err = 0;

	while (!err && at < p->len) {
		size_t len = p->len - at < 2 ? 0 : (size_t)p->data[at + 1] * 8;

		if (!len || len > p->len - at)
			return -EBADMSG;
		if (ra)
			err = read_option(ra, p->data + at, len);
		at += len;
	}
	return err;
}

int ra_read(const struct ip6_frame *p, struct router_advert *ra)
{
	int err;

	*ra = (struct router_advert){ 0 };
	if (p->protocol != PROTOCOL_ICMP6 || p->data[0] != ROUTER_ADVERT)
		return -EPROTONOSUPPORT;
	if (p->len < RA_HEADER || p->data[1] != 0 || p->hop_limit != ND_HOPS || !ip6_is_link_local(&p->from))
		return -EBADMSG;
	ra->router = p->from;
	ra->managed = p->data[5] & FLAG_MANAGED;
	ra->other = p->data[5] & FLAG_OTHER;
	ra->lifetime_s = get_be16(p->data + 6);
	err = read_options(p, RA_HEADER, ra);
	if (err)
		ra_free(ra);
	return err;
}

void ra_free(struct router_advert *ra)
{
	free(ra->prefix);
	free(ra->dns);
	free(ra->search);
	*ra = (struct router_advert){ 0 };
}

int neighbour_read(const struct ip6_frame *p, struct neighbour *n)
{
	if (p->protocol != PROTOCOL_ICMP6 || (p->data[0] != NEIGHBOUR_SOLICITATION && p->data[0] != NEIGHBOUR_ADVERT))
		return -EPROTONOSUPPORT;
	if (p->len < NEIGHBOUR_LEN || p->data[1] != 0 || p->hop_limit != ND_HOPS)
		return -EBADMSG;
	*n = (struct neighbour){ .advert = p->data[0] == NEIGHBOUR_ADVERT, .from = p->from };
	memcpy(&n->target, p->data + 8, sizeof(n->target));
	memcpy(n->from_mac, p->from_mac, MAC_LEN);
	return read_options(p, NEIGHBOUR_LEN, NULL);
}

/* ---- writing */

static int write_message(struct buf *out, const uint8_t mac[MAC_LEN], const struct in6_addr *from,
			 const struct in6_addr *to, const uint8_t *to_mac, const uint8_t *data, size_t len)
{
	struct ip6_frame p = {
		.from = *from, .to = *to, .protocol = PROTOCOL_ICMP6, .hop_limit = ND_HOPS, .data = data, .len = len
	};

	memcpy(p.from_mac, mac, MAC_LEN);
	if (to_mac)
		memcpy(p.to_mac, to_mac, MAC_LEN);
	else
		ip6_group_mac(to, p.to_mac);
	return frame_write_ip6(out, &p);
}

/* Without a source address, which a machine may not have yet (RFC 4861, 4.1); the answer goes to all nodes then. */
int nd_write_router_solicitation(struct buf *out, const uint8_t mac[MAC_LEN])
{
	const uint8_t data[8] = { ROUTER_SOLICITATION };

	return write_message(out, mac, &ip6_any, &ip6_all_routers, NULL, data, sizeof(data));
}

int nd_write_probe(struct buf *out, const uint8_t mac[MAC_LEN], const struct in6_addr *target)
{
	const struct in6_addr group = ip6_solicited_node(target);
	uint8_t data[NEIGHBOUR_LEN] = { NEIGHBOUR_SOLICITATION };

	memcpy(data + 8, target, sizeof(*target));
	return write_message(out, mac, &ip6_any, &group, NULL, data, sizeof(data));
}

static int write_advert(struct buf *out, const uint8_t mac[MAC_LEN], const struct in6_addr *target,
			const struct in6_addr *to, const uint8_t *to_mac, uint8_t flags)
{
	uint8_t data[NEIGHBOUR_LEN + 8] = { NEIGHBOUR_ADVERT, [4] = flags, [NEIGHBOUR_LEN] = OPT_TARGET_MAC, 1 };

	memcpy(data + 8, target, sizeof(*target));
	memcpy(data + NEIGHBOUR_LEN + 2, mac, MAC_LEN);
	return write_message(out, mac, target, to, to_mac, data, sizeof(data));
}

int nd_write_announcement(struct buf *out, const uint8_t mac[MAC_LEN], const struct in6_addr *target)
{
	return write_advert(out, mac, target, &ip6_all_nodes, NULL, FLAG_OVERRIDE);
}

int nd_write_answer(struct buf *out, const uint8_t mac[MAC_LEN], const struct neighbour *question)
{
	return write_advert(out, mac, &question->target, &question->from, question->from_mac,
			    FLAG_SOLICITED | FLAG_OVERRIDE);
}
