/* fuzz_ka_wire.c - any bytes as ka packets and datagrams: no crash, and what is read is written back as the same. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/wire.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_packet(const uint8_t *data, enum ka_layout layout, size_t size)
{
	uint8_t p[KA_MAX_PACKET];
	struct ka_down down, down2;
	struct ka_up up, up2;

	if (size >= ka_up_size(layout)) {
		ka_get_up(data, layout, &up);
		ka_put_up(p, layout, &up);
		ka_get_up(p, layout, &up2);
		assert(up.version[25] == '\0');
		assert(up.type != KA_HELLO || streq(up.version, KA_VERSION) == streq(up2.version, KA_VERSION) ||
		       !up.version[0]);
		assert(up.bytes == up2.bytes && up.ip.s_addr == up2.ip.s_addr && up.port == up2.port);
	}
	if (size >= ka_down_size(layout)) {
		ka_get_down(data, layout, &down);
		ka_put_down(p, layout, &down);
		ka_get_down(p, layout, &down2);
		assert(down.bytes == down2.bytes && down.ip.s_addr == down2.ip.s_addr && down.mode == down2.mode);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum ka_layout layout;

	if (ka_guess_layout(data, size, &layout) == 0)
		check_packet(data, layout, size);
	check_packet(data, KA_32, size);
	check_packet(data, KA_64, size);
	if (ka_is_request(data, size, "getstage2"))
		assert(size == sizeof("getstage2"));
	if (ka_is_reply(data, size))
		assert(size == sizeof(KA_VERSION));
	return 0;
}
