/* plan.c - options + a method -> what is made of what is fetched: a root and where it lies, or a kernel to start. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/plan.h"

/* One word of root:. 0, or -EINVAL where it is none of the known. */
static int choose_one(struct plan *p, const struct method *m, const char *word, size_t len)
{
	static const struct {
		const char *word;
		enum root_mode mode;
	} modes[] = { { "overlay", ROOT_OVERLAY }, { "rw", ROOT_RW }, { "ro", ROOT_RO } };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (len != strlen(modes[i].word) || !starts_with(word, modes[i].word))
			continue;
		p->mode = modes[i].mode;
		return 0;
	}
	if (len == 3 && starts_with(word, "ram"))
		p->place = PLACE_MEMORY;
	else if (m->stays && len == strlen(m->name) && starts_with(word, m->name))
		p->place = PLACE_THERE;
	else
		return -EINVAL;
	return 0;
}

/* root:nfs+rw - where the image is used from, and how. */
static int choose_root(const struct options *o, const struct method *m, struct plan *p, struct failure *f)
{
	const char *word = o->value[KEY_ROOT];

	if (!word && o->root && starts_with(o->root, "/dev/ram") && o->read_write)
		p->mode = ROOT_RW; /* the seeds' line: root=/dev/ram3 rw */
	while (word && *word) {
		size_t len = strcspn(word, "+");

		if (choose_one(p, m, word, len))
			return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL,
				    "root:%s: %.*s is none of ram%s%s, overlay, rw, ro with method:%s",
				    o->value[KEY_ROOT], (int)len, word, m->stays ? ", " : "", m->stays ? m->name : "",
				    m->name);
		word += len + (word[len] == '+');
	}
	if (p->place == PLACE_THERE && o->value[KEY_OUTFILE])
		return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL,
			    "root:%s leaves the image where it is, and outfile: says where to copy it",
			    o->value[KEY_ROOT]);
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

static int choose_store(const struct options *o, struct plan *p, struct failure *f)
{
	const char *outfile = o->value[KEY_OUTFILE];

	p->ramdisk = ramdisk_number(outfile ? outfile : o->root);
	if (!outfile || streq(outfile, "ram") || p->ramdisk >= 0)
		return 0;
	return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL, "outfile:%.80s is neither ram nor /dev/ramN", outfile);
}

/* What is asked to be verified must not start something that is not. */
static int check_kernel(const struct options *o, struct failure *f)
{
	if (!o->value[KEY_SHA256] || !o->value[KEY_INITRD])
		return 0;
	return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL, "sha256: is the sum of one file, and kernel: with initrd: are two");
}

int plan_make(const struct options *o, const struct method *m, struct plan *p, struct failure *f)
{
	int err;

	*p = (struct plan){ .kernel = o->value[KEY_KERNEL], .ramdisk = -1 };
	if (p->kernel)
		return check_kernel(o, f);
	err = choose_root(o, m, p, f);
	return err ? err : choose_store(o, p, f);
}
