/* step_method.c - step 3: network -> where the image will lie, and what will be made of it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/steps.h"

#include "base/clock.h"

#include <stdio.h>

/* One word of root:. 0, or -EINVAL where it is none of the known. */
static int choose_one(struct flow *f, const char *word, size_t len)
{
	static const struct {
		const char *word;
		enum root_mode mode;
	} modes[] = { { "overlay", ROOT_OVERLAY }, { "rw", ROOT_RW }, { "ro", ROOT_RO } };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (len != strlen(modes[i].word) || !starts_with(word, modes[i].word))
			continue;
		f->root_mode = modes[i].mode;
		return 0;
	}
	if (len == 3 && starts_with(word, "ram"))
		f->root_place = PLACE_MEMORY;
	else if (f->method->stays && len == strlen(f->method->name) && starts_with(word, f->method->name))
		f->root_place = PLACE_THERE;
	else
		return -EINVAL;
	return 0;
}

/* root:nfs+rw - where the image is used from, and how. */
static int choose_root(struct flow *f)
{
	const char *word = f->options->value[KEY_ROOT];

	if (!word && f->options->root && starts_with(f->options->root, "/dev/ram") && f->options->read_write)
		f->root_mode = ROOT_RW; /* the seeds' line: root=/dev/ram3 rw */
	while (word && *word) {
		size_t len = strcspn(word, "+");

		if (choose_one(f, word, len))
			return fail(&f->result->failure, FAIL_CMD_BAD_VALUE, -EINVAL,
				    "root:%s: %.*s is none of ram%s%s, overlay, rw, ro with method:%s",
				    f->options->value[KEY_ROOT], (int)len, word, f->method->stays ? ", " : "",
				    f->method->stays ? f->method->name : "", f->method->name);
		word += len + (word[len] == '+');
	}
	if (f->root_place == PLACE_THERE && f->options->value[KEY_OUTFILE])
		return fail(&f->result->failure, FAIL_CMD_BAD_VALUE, -EINVAL,
			    "root:%s leaves the image where it is, and outfile: says where to copy it",
			    f->options->value[KEY_ROOT]);
	return 0;
}

/* The ramdisk number N of "/dev/ramN", or -1. */
static int ramdisk_number(const char *device)
{
	int64_t n;

	if (!device || !starts_with(device, "/dev/ram") || parse_number(device + 8, 0, 255, &n))
		return -1;
	return (int)n;
}

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
	const char *outfile = f->options->value[KEY_OUTFILE];
	int number;

	if (!outfile && ramdisk_number(f->options->root) >= 0)
		outfile = f->options->root;
	if (!outfile || streq(outfile, "ram"))
		return store_open_memory(&f->store, IMAGE_DIR, &f->result->failure);
	number = ramdisk_number(outfile);
	if (number < 0)
		return fail(&f->result->failure, FAIL_CMD_BAD_VALUE, -EINVAL, "outfile:%s is neither ram nor /dev/ramN",
			    outfile);
	return open_ramdisk(f, number);
}

int step_method(struct flow *f)
{
	int err = choose_root(f);

	if (!err && !f->options->value[KEY_KERNEL] && f->root_place != PLACE_THERE)
		err = open_store(f);
	if (!err)
		watch_note(&f->watch, "%s%s%s%s%s%s", f->method->name, f->options->value[KEY_SERVER] ? " from " : "",
			   f->options->value[KEY_SERVER] ? f->options->value[KEY_SERVER] : "",
			   f->store.kind == STORE_RAMDISK ? " into " : "",
			   f->store.kind == STORE_RAMDISK ? f->store.path : "",
			   f->root_place == PLACE_THERE ? ", used where it lies" : "");
	return err;
}
