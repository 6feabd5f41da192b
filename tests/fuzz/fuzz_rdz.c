/* fuzz_rdz.c - any bytes as modules.list, modules.alias and pci.ids: no crash, and every rule kept is one that can
 * match. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/ids.h"
#include "initramfs/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf errors = { 0 }, out = { 0 };
	struct module_list list;
	struct pci_wanted wanted;
	size_t half = size / 2;

	if (list_parse(&list, (const char *)data, size, "fuzz", &errors) == -EINVAL && !errors.len)
		abort();
	for (size_t i = 0; i < list.count; i++) {
		if (!*list.rule[i].text)
			abort();
		rule_matches(&list.rule[i], "drivers/net/ethernet/intel/e1000/e1000");
	}
	list_free(&list);
	if (ids_wanted(&wanted, (const char *)data, half) == 0) {
		if (ids_reduce(&wanted, (const char *)data + half, size - half, &out) == 0 && out.len > size - half + 1)
			abort();
		ids_wanted_free(&wanted);
	}
	return 0;
}
