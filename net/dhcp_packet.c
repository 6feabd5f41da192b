/* dhcp_packet.c - bytes of a DHCP message <-> its fields and options; pure functions (RFC 2131, 2132, 3396). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dhcp_packet.h"

#include "net/frame.h"

#include <stdio.h>

/* RFC 2131, 2, figure 1: where the fields are */
enum {
	AT_OP = 0,
	AT_HARDWARE = 1,
	AT_HARDWARE_LEN = 2,
	AT_XID = 4,
	AT_SECS = 8,
	AT_FLAGS = 10,
	AT_CIADDR = 12,
	AT_YIADDR = 16,
	AT_SIADDR = 20,
	AT_CHADDR = 28,
	AT_SNAME = 44,
	AT_FILE = 108,
	AT_COOKIE = 236,
	AT_OPTIONS = 240,
};

enum { SNAME_LEN = AT_FILE - AT_SNAME, FILE_LEN = AT_COOKIE - AT_FILE };
enum { BOOT_REQUEST = 1, BOOT_REPLY = 2, ETHERNET = 1, BROADCAST_FLAG = 0x80 };
enum { OVERLOAD_FILE = 1, OVERLOAD_SNAME = 2 };
enum { SMALLEST = 300 };

/* The client's own words to the server. "PXEClient" must not be in it: servers give a machine that says so the boot
 * loader's options, and proxies answer it. */
#define VENDOR_CLASS "stage1"

/* Big enough for every option, and the whole packet fits an Ethernet frame whether the server counts the headers
 * (RFC 2132, 9.10) or not. */
#define MAX_SIZE 1472

static const uint8_t cookie[] = { 99, 130, 83, 99 }; /* RFC 2131, 3 */

const char *dhcp_type_name(enum dhcp_type type)
{
	static const char *const names[] = { "?",           "DHCPDISCOVER", "DHCPOFFER", "DHCPREQUEST",
					     "DHCPDECLINE", "DHCPACK",      "DHCPNAK",   "DHCPRELEASE" };

	return names[(size_t)type < ARRAY_SIZE(names) ? type : 0];
}

/* ---- reading */

/* One stretch of options: the options field, or one of the two fields it may overflow into. */
struct area {
	const char *name;
	const uint8_t *data;
	size_t len;
};

/* Takes the next option off the area. False at its end, or with WHY filled when a length lies. */
static bool next_option(struct area *a, uint8_t *code, struct dhcp_value *value, char *why, size_t why_size)
{
	while (a->len && *a->data == OPTION_PAD) {
		a->data++;
		a->len--;
	}
	if (!a->len || *a->data == OPTION_END) /* some servers leave the end mark out */
		return false;
	*code = a->data[0];
	if (a->len < 2 || a->data[1] > a->len - 2) {
		snprintf(why, why_size, "option %u in the %s field claims %u bytes, %zu are left", *code, a->name,
			 a->len < 2 ? 0 : a->data[1], a->len < 2 ? 0 : a->len - 2);
		return false;
	}
	*value = (struct dhcp_value){ a->data + 2, a->data[1] };
	a->data += 2 + value->len;
	a->len -= 2 + value->len;
	return true;
}

/* How long the option must be; 0: as long as it likes. */
static size_t fixed_size(uint8_t code)
{
	switch (code) {
	case OPTION_OVERLOAD:
	case OPTION_TYPE:
		return 1;
	case OPTION_MTU:
	case OPTION_MAX_SIZE:
		return 2;
	case OPTION_NETMASK:
	case OPTION_BROADCAST:
	case OPTION_REQUESTED_ADDRESS:
	case OPTION_LEASE:
	case OPTION_SERVER_ID:
	case OPTION_RENEW:
	case OPTION_REBIND:
		return 4;
	default:
		return 0;
	}
}

/* True when the piece is a part of its option. RFC 3396 cuts what is too long for one: an option of fixed size never
 * is, the first of the right size is it; and a piece that says the first again, without filling it, is a repetition.
 * FIRST: the first pieces so far. */
static bool counts(struct dhcp_message *m, struct dhcp_value first[256], uint8_t code, const struct dhcp_value *piece)
{
	size_t fixed = fixed_size(code);

	if (fixed && piece->len != fixed) {
		m->odd[code] = true;
		return false;
	}
	if (!first[code].data) {
		first[code] = *piece;
		return true;
	}
	return !fixed && (piece->len == 255 || piece->len != first[code].len ||
			  memcmp(piece->data, first[code].data, piece->len) != 0);
}

/* Walks over the areas and, where STORE is given, copies every option's pieces to its place in there; else adds up
 * their lengths. */
static int walk(struct dhcp_message *m, struct area *areas, size_t count, uint8_t *filled[256], char *why,
		size_t why_size)
{
	struct dhcp_value first[256] = { 0 };

	for (size_t i = 0; i < count; i++) {
		struct area a = areas[i];
		struct dhcp_value value;
		uint8_t code;

		while (next_option(&a, &code, &value, why, why_size)) {
			if (!counts(m, first, code, &value))
				continue;
			if (filled) {
				memcpy(filled[code], value.data, value.len);
				filled[code] += value.len;
			} else {
				m->option[code].data = value.data; /* for now: it is there */
				m->option[code].len += value.len;
			}
		}
		if (*why)
			return -EBADMSG;
	}
	return 0;
}

/* Where option overload (52) says that the sname and file fields carry options too. It counts only in the options field
 * itself (RFC 2132, 9.3). */
static int find_overload(const struct area *options, char *why, size_t why_size)
{
	struct area a = *options;
	struct dhcp_value value;
	uint8_t code;
	int overload = 0;

	while (next_option(&a, &code, &value, why, why_size))
		if (code == OPTION_OVERLOAD && value.len == 1 && !overload)
			overload = value.data[0];
	return overload;
}

static int gather_options(struct dhcp_message *m, struct area *areas, size_t count, char *why, size_t why_size)
{
	uint8_t *filled[256];
	size_t total = 0;
	int err = walk(m, areas, count, NULL, why, why_size);

	if (err)
		return err;
	for (size_t i = 0; i < 256; i++)
		total += m->option[i].len;
	m->store = malloc(total + 1); /* never NULL for an empty value */
	if (!m->store)
		return -ENOMEM;
	total = 0;
	for (size_t i = 0; i < 256; i++) {
		filled[i] = m->store + total;
		total += m->option[i].len;
		if (m->option[i].data)
			m->option[i].data = filled[i];
	}
	return walk(m, areas, count, filled, why, why_size);
}

static void copy_text(char *dst, const uint8_t *field, size_t len)
{
	size_t n = strnlen((const char *)field, len);

	memcpy(dst, field, n);
	dst[n] = '\0';
}

int dhcp_read(const uint8_t *data, size_t len, struct dhcp_message *m, char *why, size_t why_size)
{
	struct area areas[3] = { { "options", data + AT_OPTIONS, 0 } };
	size_t count = 1;
	int overload, err;

	*m = (struct dhcp_message){ 0 };
	*why = '\0';
	if (len < AT_OPTIONS) {
		snprintf(why, why_size, "%zu bytes are no DHCP message", len);
		return -EBADMSG;
	}
	if (data[AT_OP] != BOOT_REPLY || data[AT_HARDWARE] != ETHERNET || data[AT_HARDWARE_LEN] != MAC_LEN ||
	    memcmp(data + AT_COOKIE, cookie, sizeof(cookie)) != 0)
		return -EPROTONOSUPPORT;
	areas[0].len = len - AT_OPTIONS;
	overload = find_overload(&areas[0], why, why_size);
	/* the order in which pieces are put together: RFC 3396, 5 */
	if (overload & OVERLOAD_FILE)
		areas[count++] = (struct area){ "file", data + AT_FILE, FILE_LEN };
	else
		copy_text(m->file, data + AT_FILE, FILE_LEN);
	if (overload & OVERLOAD_SNAME)
		areas[count++] = (struct area){ "sname", data + AT_SNAME, SNAME_LEN };
	else
		copy_text(m->server_name, data + AT_SNAME, SNAME_LEN);
	err = *why ? -EBADMSG : gather_options(m, areas, count, why, why_size);
	if (!err && !m->option[OPTION_TYPE].len) {
		snprintf(why, why_size, "it has no type (option 53): BOOTP, not DHCP");
		err = -EBADMSG;
	}
	if (err) {
		dhcp_message_free(m);
		return err;
	}
	m->type = (enum dhcp_type)m->option[OPTION_TYPE].data[0];
	m->xid = get_be32(data + AT_XID);
	memcpy(m->mac, data + AT_CHADDR, MAC_LEN);
	m->address = get_in_addr(data + AT_YIADDR);
	m->next_server = get_in_addr(data + AT_SIADDR);
	return 0;
}

void dhcp_message_free(struct dhcp_message *m)
{
	free(m->store);
	*m = (struct dhcp_message){ 0 };
}

void dhcp_message_complete(struct dhcp_message *m, const struct dhcp_message *before)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->option); i++)
		if (!m->option[i].data)
			m->option[i] = before->option[i];
	if (!m->address.s_addr)
		m->address = before->address;
	if (!m->next_server.s_addr)
		m->next_server = before->next_server;
	if (!m->server_name[0])
		memcpy(m->server_name, before->server_name, sizeof(m->server_name));
	if (!m->file[0])
		memcpy(m->file, before->file, sizeof(m->file));
}

struct in_addr dhcp_option_address(const struct dhcp_message *m, enum dhcp_option option)
{
	const struct dhcp_value *v = &m->option[option];

	return v->len == 4 ? get_in_addr(v->data) : (struct in_addr){ 0 };
}

uint32_t dhcp_option_u32(const struct dhcp_message *m, enum dhcp_option option)
{
	const struct dhcp_value *v = &m->option[option];

	return v->len == 4 ? get_be32(v->data) : 0;
}

/* ---- writing */

static void put_option(struct buf *out, enum dhcp_option option, const void *data, size_t len)
{
	len = MIN(len, (size_t)255);
	buf_char(out, (char)option);
	buf_char(out, (char)len);
	buf_add(out, data, len);
}

static void put_text(struct buf *out, enum dhcp_option option, const char *s)
{
	if (s && *s)
		put_option(out, option, s, strlen(s));
}

static void put_address(struct buf *out, enum dhcp_option option, struct in_addr a)
{
	if (a.s_addr)
		put_option(out, option, &a, sizeof(a));
}

/* What a client that wants an address says about itself (RFC 2131, table 5). */
static void put_wishes(struct buf *out, const struct dhcp_ask *ask)
{
	static const uint8_t wishes[] = {
		OPTION_NETMASK,     OPTION_ROUTERS,  OPTION_DNS,    OPTION_HOSTNAME,  OPTION_DOMAIN, OPTION_MTU,
		OPTION_BROADCAST,   OPTION_NTP,      OPTION_LEASE,  OPTION_SERVER_ID, OPTION_RENEW,  OPTION_REBIND,
		OPTION_TFTP_SERVER, OPTION_BOOTFILE, OPTION_SEARCH, OPTION_ROUTES,
	};
	static const uint8_t max_size[] = { MAX_SIZE >> 8, MAX_SIZE & 0xff };

	put_option(out, OPTION_MAX_SIZE, max_size, sizeof(max_size));
	put_text(out, OPTION_VENDOR_CLASS, VENDOR_CLASS);
	put_text(out, OPTION_HOSTNAME, ask->hostname);
	put_option(out, OPTION_WISHES, wishes, sizeof(wishes));
}

int dhcp_write(struct buf *out, const struct dhcp_ask *ask)
{
	uint8_t head[AT_OPTIONS] = { [AT_OP] = BOOT_REQUEST, [AT_HARDWARE] = ETHERNET, [AT_HARDWARE_LEN] = MAC_LEN };
	uint8_t client_id[1 + MAC_LEN] = { ETHERNET };
	uint8_t type = (uint8_t)ask->type;
	size_t start = out->len;

	for (int i = 0; i < 4; i++)
		head[AT_XID + i] = (uint8_t)(ask->xid >> (24 - 8 * i));
	head[AT_SECS] = (uint8_t)(ask->secs >> 8);
	head[AT_SECS + 1] = (uint8_t)ask->secs;
	head[AT_FLAGS] = ask->broadcast ? BROADCAST_FLAG : 0;
	memcpy(head + AT_CIADDR, &ask->own, sizeof(ask->own));
	memcpy(head + AT_CHADDR, ask->mac, MAC_LEN);
	memcpy(head + AT_COOKIE, cookie, sizeof(cookie));
	memcpy(client_id + 1, ask->mac, MAC_LEN);

	buf_add(out, head, sizeof(head));
	put_option(out, OPTION_TYPE, &type, 1);
	put_option(out, OPTION_CLIENT_ID, client_id, sizeof(client_id));
	put_address(out, OPTION_REQUESTED_ADDRESS, ask->requested);
	put_address(out, OPTION_SERVER_ID, ask->server_id);
	put_text(out, OPTION_MESSAGE, ask->message);
	if (ask->type == DHCP_DISCOVER || ask->type == DHCP_REQUEST)
		put_wishes(out, ask);
	buf_char(out, (char)OPTION_END);
	while (!out->failed && out->len - start < SMALLEST)
		buf_char(out, OPTION_PAD);
	return out->failed ? -ENOMEM : 0;
}
