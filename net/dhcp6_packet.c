/* dhcp6_packet.c - bytes of a DHCPv6 message <-> its fields and options; pure functions (RFC 8415). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dhcp6_packet.h"

#include "net/address.h"
#include "net/dns_packet.h"

#include <stdio.h>

/* 21 unless told else */
enum dhcp6_option {
	OPTION6_CLIENT_ID = 1,
	OPTION6_SERVER_ID = 2,
	OPTION6_IA_NA = 3,
	OPTION6_ADDRESS = 5,
	OPTION6_WISHES = 6,
	OPTION6_PREFERENCE = 7,
	OPTION6_ELAPSED = 8,
	OPTION6_STATUS = 13,
	OPTION6_RAPID = 14,
	OPTION6_DNS = 23,      /* RFC 3646 */
	OPTION6_SEARCH = 24,   /* RFC 3646 */
	OPTION6_FQDN = 39,     /* RFC 4704 */
	OPTION6_BOOTFILE = 59, /* RFC 5970 */
	OPTION6_SOL_MAX_RT = 82,
	OPTION6_INF_MAX_RT = 83,
};

enum { DUID_LL = 3, ETHERNET = 1, DUID_LEN = 4 + MAC_LEN };

/* DUID-LL (11.4): the same in each boot, whatever the machine's disks hold. */
static void client_id(const uint8_t mac[MAC_LEN], uint8_t duid[DUID_LEN])
{
	memcpy(duid, (const uint8_t[]){ 0, DUID_LL, 0, ETHERNET }, 4);
	memcpy(duid + 4, mac, MAC_LEN);
}

uint32_t dhcp6_ia_id(const uint8_t mac[MAC_LEN])
{
	return get_be32(mac + 2);
}

/* ---- reading */

struct reader {
	struct dhcp6_message *m;
	uint32_t ia_id;
	char *why;
	size_t why_size;
};

static int walk(struct reader *r, struct dhcp6_bytes options, const char *where,
		int (*use)(struct reader *r, unsigned code, struct dhcp6_bytes value))
{
	const uint8_t *p = options.data;
	size_t left = options.len;
	int err = 0;

	while (!err && left) {
		size_t len = left < 4 ? 0 : get_be16(p + 2);

		if (left < 4 || len > left - 4) {
			snprintf(r->why, r->why_size, "option %u in the %s claims %zu bytes, %zu are left",
				 left < 2 ? 0 : get_be16(p), where, len, left < 4 ? 0 : left - 4);
			return -EBADMSG;
		}
		err = use(r, get_be16(p), (struct dhcp6_bytes){ p + 4, len });
		p += 4 + len;
		left -= 4 + len;
	}
	return err;
}

static void use_status(struct reader *r, struct dhcp6_bytes v)
{
	if (v.len < 2 || r->m->status)
		return;
	r->m->status = get_be16(v.data);
	r->m->words = (struct dhcp6_bytes){ v.data + 2, v.len - 2 };
}

static int in_address(struct reader *r, unsigned code, struct dhcp6_bytes v)
{
	if (code == OPTION6_STATUS)
		use_status(r, v);
	return 0;
}

/* IAADDR (21.6) */
static int use_address(struct reader *r, struct dhcp6_bytes v)
{
	struct dhcp6_message *m = r->m;
	struct in6_addr a;

	if (v.len < 24) {
		m->odd = OPTION6_ADDRESS;
		return 0;
	}
	memcpy(&a, v.data, sizeof(a));
	if (ip6_is_host(&a) && get_be32(v.data + 20) && ip6_equal(&m->address, &ip6_any)) {
		m->address = a;
		m->preferred_s = get_be32(v.data + 16);
		m->valid_s = get_be32(v.data + 20);
	}
	return walk(r, (struct dhcp6_bytes){ v.data + 24, v.len - 24 }, "address", in_address);
}

static int in_ia(struct reader *r, unsigned code, struct dhcp6_bytes v)
{
	if (code == OPTION6_ADDRESS)
		return use_address(r, v);
	return in_address(r, code, v);
}

/* IA_NA (21.4) */
static int use_ia(struct reader *r, struct dhcp6_bytes v)
{
	if (v.len < 12 || get_be32(v.data) != r->ia_id) {
		r->m->odd = OPTION6_IA_NA;
		return 0;
	}
	if (ip6_equal(&r->m->address, &ip6_any)) {
		r->m->renew_s = get_be32(v.data + 4);
		r->m->rebind_s = get_be32(v.data + 8);
	}
	return walk(r, (struct dhcp6_bytes){ v.data + 12, v.len - 12 }, "identity association", in_ia);
}

static int use_dns(struct dhcp6_message *m, struct dhcp6_bytes v)
{
	if (!v.len || v.len % 16)
		m->odd = OPTION6_DNS;
	if (m->dns || v.len < 16)
		return 0;
	m->dns = malloc(v.len);
	if (!m->dns)
		return -ENOMEM;
	for (size_t at = 0; at + 16 <= v.len; at += 16) {
		memcpy(&m->dns[m->dns_count], v.data + at, 16);
		if (ip6_is_host(&m->dns[m->dns_count]) || ip6_is_link_local(&m->dns[m->dns_count]))
			m->dns_count++;
	}
	return 0;
}

static int use_search(struct dhcp6_message *m, struct dhcp6_bytes v)
{
	cleanup_buf struct buf list = { 0 };
	char name[DNS_NAME_SIZE];
	size_t at = 0;

	while (at < v.len && dns_name_read(v.data, v.len, &at, name) == 0 && host_name_is_sane(name))
		buf_printf(&list, "%s%s", list.len ? " " : "", name);
	if (at < v.len)
		m->odd = OPTION6_SEARCH;
	if (!list.len || m->search)
		return 0;
	m->search = buf_take(&list);
	return m->search ? 0 : -ENOMEM;
}

/* *FIELD is V, unless it has a value. */
static void set_first(struct dhcp6_bytes *field, struct dhcp6_bytes v)
{
	if (!field->len)
		*field = v;
}

static int in_message(struct reader *r, unsigned code, struct dhcp6_bytes v)
{
	struct dhcp6_message *m = r->m;

	switch (code) {
	case OPTION6_CLIENT_ID:
		set_first(&m->client_id, v);
		break;
	case OPTION6_SERVER_ID:
		set_first(&m->server_id, v);
		break;
	case OPTION6_IA_NA:
		return use_ia(r, v);
	case OPTION6_PREFERENCE:
		if (v.len != 1)
			m->odd = code;
		else if (!m->preference)
			m->preference = v.data[0];
		break;
	case OPTION6_STATUS:
		use_status(r, v);
		break;
	case OPTION6_RAPID:
		m->rapid = true;
		break;
	case OPTION6_DNS:
		return use_dns(m, v);
	case OPTION6_SEARCH:
		return use_search(m, v);
	case OPTION6_BOOTFILE:
		set_first(&m->bootfile, v);
		break;
	default:
		break;
	}
	return 0;
}

int dhcp6_read(const uint8_t *data, size_t len, const uint8_t mac[MAC_LEN], struct dhcp6_message *m, char *why,
	       size_t why_size)
{
	struct reader r = { .m = m, .ia_id = dhcp6_ia_id(mac), .why = why, .why_size = why_size };
	uint8_t duid[DUID_LEN];
	int err;

	*m = (struct dhcp6_message){ 0 };
	*why = '\0';
	if (len < 4) {
		snprintf(why, why_size, "%zu bytes are no DHCPv6 message", len);
		return -EBADMSG;
	}
	m->type = (enum dhcp6_type)data[0];
	m->xid = get_be32(data) & 0xffffff;
	if (m->type != DHCP6_ADVERTISE && m->type != DHCP6_REPLY)
		return -EPROTONOSUPPORT;
	err = walk(&r, (struct dhcp6_bytes){ data + 4, len - 4 }, "message", in_message);
	client_id(mac, duid);
	/* 16.3, 16.10: both identities must be there, and the client's must be this one's; a server that leaves that
	 * out has still answered to the transaction's number */
	if (!err && (!m->server_id.len || m->server_id.len > 130)) {
		snprintf(why, why_size, "the server does not say who it is");
		err = -EBADMSG;
	} else if (!err && m->client_id.len &&
		   (m->client_id.len != sizeof(duid) || memcmp(m->client_id.data, duid, sizeof(duid)) != 0)) {
		err = -EPROTONOSUPPORT; /* for somebody else */
	}
	if (err)
		dhcp6_message_free(m);
	return err;
}

void dhcp6_message_free(struct dhcp6_message *m)
{
	free(m->dns);
	free(m->search);
	*m = (struct dhcp6_message){ 0 };
}

/* ---- writing */

static void add_option(struct buf *out, enum dhcp6_option option, const void *data, size_t len)
{
	add_be16(out, option);
	add_be16(out, len);
	buf_add(out, data, len);
}

static void add_ia(struct buf *out, const struct dhcp6_ask *ask)
{
	bool any = ip6_equal(&ask->address, &ip6_any);

	add_be16(out, OPTION6_IA_NA);
	add_be16(out, any ? 12 : 12 + 28);
	add_be32(out, dhcp6_ia_id(ask->mac));
	add_be32(out, 0); /* times: as the server likes */
	add_be32(out, 0);
	if (any)
		return;
	add_be16(out, OPTION6_ADDRESS);
	add_be16(out, 24);
	buf_add(out, &ask->address, sizeof(ask->address));
	add_be32(out, 0);
	add_be32(out, 0);
}

/* The name without its domain: not fully qualified, so without the last zero (RFC 4704, 4.2). */
static void add_name(struct buf *out, const char *hostname)
{
	cleanup_buf struct buf value = { 0 };

	buf_char(&value, 0); /* the client does not ask for a change of the DNS */
	if (hostname && dns_name_write(&value, hostname) == 0)
		add_option(out, OPTION6_FQDN, value.data, value.len - 1);
}

int dhcp6_write(struct buf *out, const struct dhcp6_ask *ask)
{
	bool gives = ask->type == DHCP6_RELEASE || ask->type == DHCP6_DECLINE;
	bool informs = ask->type == DHCP6_INFORMATION_REQUEST;
	const uint8_t wishes[] = { 0, OPTION6_DNS,      0, OPTION6_SEARCH,
				   0, OPTION6_BOOTFILE, 0, informs ? OPTION6_INF_MAX_RT : OPTION6_SOL_MAX_RT };
	uint8_t duid[DUID_LEN];

	client_id(ask->mac, duid);
	add_be32(out, (uint32_t)ask->type << 24 | (ask->xid & 0xffffff));
	add_option(out, OPTION6_CLIENT_ID, duid, sizeof(duid));
	if (ask->server_id.data)
		add_option(out, OPTION6_SERVER_ID, ask->server_id.data, ask->server_id.len);
	add_be16(out, OPTION6_ELAPSED);
	add_be16(out, 2);
	add_be16(out, MIN(ask->elapsed_cs, 65535u));
	if (!informs)
		add_ia(out, ask);
	if (ask->type == DHCP6_SOLICIT)
		add_option(out, OPTION6_RAPID, NULL, 0);
	if (!gives) {
		add_option(out, OPTION6_WISHES, wishes, sizeof(wishes));
		add_name(out, ask->hostname);
	}
	return out->failed ? -ENOMEM : 0;
}
