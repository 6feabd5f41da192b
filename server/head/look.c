/* look.c - an interface -> the DHCP servers that answer on it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/look.h"

#include "base/clock.h"
#include "base/random.h"
#include "net/address.h"
#include "net/dhcp_packet.h"
#include "net/frame.h"
#include "net/packet.h"

#include <poll.h>

#define MORE_MS  500
#define FRAME    2048
#define AGAIN_MS 1500

static int send_discover(const struct site *site, int fd, uint32_t xid)
{
	cleanup_buf struct buf message = { 0 }, frame = { 0 };
	struct dhcp_ask ask = { .type = DHCP_DISCOVER, .xid = xid, .broadcast = true };
	struct udp_frame u = { .to = { INADDR_BROADCAST }, .from_port = DHCP_CLIENT_PORT, .to_port = DHCP_SERVER_PORT };
	int err;

	memcpy(ask.mac, site->mac, MAC_LEN);
	err = dhcp_write(&message, &ask);
	if (err)
		return err;
	memcpy(u.to_mac, mac_broadcast, MAC_LEN);
	memcpy(u.from_mac, site->mac, MAC_LEN);
	u.data = (const uint8_t *)message.data;
	u.len = message.len;
	err = frame_write_udp(&frame, &u);
	return err ? err : packet_send(fd, site->ifindex, frame.data, frame.len);
}

static bool known(const struct look *look, const struct look_offer *o)
{
	for (size_t i = 0; i < look->count; i++)
		if (look->offer[i].server.s_addr == o->server.s_addr)
			return true;
	return false;
}

static void take_file(const struct dhcp_message *m, struct look_offer *o)
{
	const struct dhcp_value *v = &m->option[OPTION_BOOTFILE];

	if (v->data)
		words_of_others(v->data, v->len, o->file, sizeof(o->file));
	else
		words_of_others((const uint8_t *)m->file, strlen(m->file), o->file, sizeof(o->file));
}

void look_take(struct look *look, uint32_t xid, struct in_addr sender, const uint8_t *data, size_t len)
{
	struct look_offer o;
	struct dhcp_message m;
	char why[100];

	if (dhcp_read(data, len, &m, why, sizeof(why)))
		return;
	o = (struct look_offer){ .server = dhcp_option_address(&m, OPTION_SERVER_ID),
				 .address = m.address,
				 .next_server = m.next_server };
	if (!o.server.s_addr)
		o.server = sender;
	take_file(&m, &o);
	if (m.type == DHCP_OFFER && m.xid == xid && !known(look, &o) && look->count < LOOK_MOST)
		look->offer[look->count++] = o;
	dhcp_message_free(&m);
}

/* What has come in. */
static void hear(const struct site *site, int fd, uint32_t xid, struct look *look)
{
	uint8_t frame[FRAME];
	bool no_checksum;
	struct udp_frame u;

	for (int n, left = 100; left > 0 && (n = packet_receive(fd, frame, sizeof(frame), &no_checksum)) >= 0; left--) {
		if (n == 0 || frame_read_udp(frame, (size_t)n, no_checksum, &u) || u.to_port != DHCP_CLIENT_PORT)
			continue;
		if (u.from.s_addr != site->address.s_addr)
			look_take(look, xid, u.from, u.data, u.len);
	}
}

int look_for_dhcp(const struct site *site, int64_t patience_ms, struct look *look)
{
	cleanup_close int fd = packet_open(site->ifindex);
	int64_t end = now_ms() + patience_ms, again = 0;
	uint32_t xid = random_u32();
	int err = fd < 0 ? fd : 0;

	*look = (struct look){ 0 };
	while (!err && now_ms() < end) {
		if (now_ms() >= again) {
			err = send_discover(site, fd, xid);
			again = now_ms() + AGAIN_MS;
		}
		if (!err && wait_fd(fd, POLLIN, MIN(end, again)) == 0) {
			size_t before = look->count;

			hear(site, fd, xid, look);
			end = look->count > before ? MIN(end, now_ms() + MORE_MS) : end;
		}
	}
	return err;
}

bool look_gives_addresses(const struct look *look)
{
	for (size_t i = 0; i < look->count; i++)
		if (look->offer[i].address.s_addr)
			return true;
	return false;
}

void look_describe(const struct look_offer *o, struct buf *out)
{
	char text[ADDRESS_TEXT_SIZE];

	buf_printf(out, "%s offers ", address_text(o->server, text));
	buf_str(out, o->address.s_addr ? address_text(o->address, text) : "no address");
	if (*o->file)
		buf_printf(out, ", boot file %s", o->file);
	if (o->next_server.s_addr)
		buf_printf(out, " at %s", address_text(o->next_server, text));
}
