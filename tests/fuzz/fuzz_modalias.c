/* fuzz_modalias.c - any bytes as a modalias, a module's path, or a record of the kernel log. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/classify.h"
#include "probe/firmware.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);
	struct firmware_miss miss;
	unsigned vendor, device;

	memcpy(copy, data, size);
	if (firmware_parse(copy, size, &miss)) {
		/* the pieces lie within the record */
		if (miss.file < copy || miss.file + miss.file_len > copy + size)
			abort();
		if (miss.bus && (miss.bus < copy || miss.address + miss.address_len > copy + size))
			abort();
	}
	copy[size] = '\0';
	classify_modalias(copy);
	classify_path(copy);
	if (classify_pci_ids(copy, &vendor, &device) == 0 && !starts_with(copy, "pci:v"))
		abort();
	free(copy);
	return 0;
}
