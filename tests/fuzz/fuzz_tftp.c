/* fuzz_tftp.c - any bytes as a TFTP datagram: no crash, and nothing beyond what was asked for. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tftp/packet.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tftp_options asked = { .block_size = 1468, .window_size = 32, .file_size = -1 };
	struct tftp_packet p;

	if (tftp_parse(&p, data, size, &asked))
		return 0;
	switch (p.opcode) {
	case TFTP_DATA:
		assert(p.data == data + TFTP_HEADER && p.len == size - TFTP_HEADER && p.number <= 0xffff);
		break;
	case TFTP_ERROR:
	case TFTP_OACK:
		for (const char *c = p.words; *c; c++)
			assert(*c >= ' ' && *c <= '~');
		if (p.opcode == TFTP_ERROR)
			break;
		assert(p.options.block_size >= 8 && p.options.block_size <= asked.block_size);
		assert(p.options.window_size >= 1 && p.options.window_size <= asked.window_size);
		assert(p.options.file_size >= -1);
		break;
	default:
		assert(0);
	}
	return 0;
}
