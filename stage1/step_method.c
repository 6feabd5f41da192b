/* step_method.c - step 3: network -> where the image will lie. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/steps.h"

#include "base/clock.h"

#include <stdio.h>

/* brd makes its disks when it is loaded, so their size must be known then: as asked, or all that memory could hold. */
static int open_ramdisk(struct flow *f, int number)
{
	int64_t kib = f->options->ramdisk_size_kib;
	cleanup_free char *params = NULL;
	char path[32];
	int err;

	if (kib < 0)
		kib = MAX(memory_available(), 4 * MIB) / KIB;
	params = str_printf("rd_nr=%d rd_size=%lld", number + 1, (long long)kib);
	snprintf(path, sizeof(path), "/dev/ram%d", number);
	err = params ? probe_module(f->probe, "brd", params) : -ENOMEM;
	if (!err)
		err = probe_wait_path(f->probe, path, now_ms() + DEVICES_MS);
	if (err)
		return fail(&f->result->failure, FAIL_IMG_STORE, err, "%s: the ramdisk driver (brd): %s", path,
			    err_text(err));
	return store_open_ramdisk(&f->store, (unsigned)number, f->options->ramdisk_size_kib, &f->result->failure);
}

static int open_store(struct flow *f)
{
	if (f->plan.ramdisk >= 0)
		return open_ramdisk(f, f->plan.ramdisk);
	return store_open_memory(&f->store, IMAGE_DIR, &f->result->failure);
}

void flow_note_method(struct flow *f)
{
	const char *server = f->options->value[KEY_SERVER];
	bool ramdisk = f->store.kind == STORE_RAMDISK;

	watch_note(&f->watch, "%s%s%s%s%s%s", f->method->name, server ? " from " : "", server ? server : "",
		   ramdisk ? " into " : "", ramdisk ? f->store.path : "",
		   f->plan.place == PLACE_THERE ? ", used where it lies" : "");
}

int step_method(struct flow *f)
{
	int err = f->plan.place == PLACE_THERE ? 0 : open_store(f);

	if (!err)
		flow_note_method(f);
	return err;
}
