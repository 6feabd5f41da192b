/* fuzz_elf.c - any bytes as a kernel module: rewritten, or left as they were; never a byte beyond. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/elf.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf b = { 0 };

	if (buf_add(&b, data, size))
		return 0;
	if (elf_slim(&b))
		assert(b.len == size && (size == 0 || memcmp(b.data, data, size) == 0));
	return 0;
}
