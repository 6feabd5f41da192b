/* fuzz_dhcp.c - any bytes as a frame from the wire -> a lease or a reason, never a crash (frame, message, lease). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dhcp_lease.h"
#include "net/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_message(const uint8_t *data, size_t size)
{
	struct network net = { .interface = "eth0" };
	struct dhcp_message m;
	char why[120];
	struct buf out = { 0 };

	if (dhcp_read(data, size, &m, why, sizeof(why)))
		return;
	if (dhcp_lease_read(&m, &net, why, sizeof(why)) == 0)
		(void)!net_describe(&net, &out);
	network_free(&net);
	buf_free(&out);
	dhcp_message_free(&m);
}

/* The first byte chooses the layer; behind it a message gets the fixed fields it needs, so that its options are
 * reached. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t fixed[] = { 2, 1, 6, 0 }, cookie[] = { 99, 130, 83, 99 };
	struct udp_frame u;
	struct arp_frame a;
	struct stp_frame s;
	uint8_t *message;

	if (!size)
		return 0;
	if (data[0] & 1) {
		if (frame_read_udp(data + 1, size - 1, data[0] & 2, &u) == 0)
			use_message(u.data, u.len);
		(void)!frame_read_arp(data + 1, size - 1, &a);
		(void)!frame_read_stp(data + 1, size - 1, &s);
		return 0;
	}
	message = malloc(size);
	if (!message)
		return 0;
	memcpy(message, data + 1, size - 1);
	if (size - 1 >= 240) {
		memcpy(message, fixed, sizeof(fixed));
		memcpy(message + 236, cookie, sizeof(cookie));
	}
	use_message(message, size - 1);
	free(message);
	return 0;
}
