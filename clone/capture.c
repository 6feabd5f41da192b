/* capture.c - the disks of this machine -> their desc. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/capture.h"

#include "base/failure.h"
#include "base/file.h"
#include "clone/capture_parts.h"
#include "clone/disks.h"
#include "clone/fstab.h"
#include "clone/tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

/* What was asked for. */
struct wanted {
	const char *name; /* of the program */
	const char *out;  /* file; "-": standard output */
	const char *root; /* folder with etc/fstab */
	bool plain;
	char **disks; /* "sda", "/dev/sda" */
	size_t count;
};

/* ---- which disks */

/* Is it one that a machine is installed on? */
static bool is_real(const char *name)
{
	static const char *const others[] = { "loop", "ram", "zram", "sr", "fd", "md", "dm-", "nbd", "mtd" };
	cleanup_free char *hidden = disk_attribute(name, "hidden");

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (starts_with(name, others[i]))
			return false;
	return !streq(hidden, "1") && !strstr(name, "boot"); /* mmcblk0boot0 */
}

static int add_disk(struct desc *d, const char *name, bool named, struct buf *why)
{
	cleanup_free char *device = str_printf("/dev/%s", name);
	const char *const argv[] = { "sfdisk", "--dump", device, NULL };
	cleanup_buf struct buf dump = { 0 }, said = { 0 };
	int err;

	for (char *at = device; at && *at; at++)
		*at = *at == '!' ? '/' : *at; /* cciss!c0d0 */
	err = device ? tool_run(argv, NULL, &dump, &said) : -ENOMEM;
	if (!err)
		err = capture_table(d, name, buf_cstr(&dump));
	if (!err || (!named && err != -ENOMEM))
		return 0;
	buf_printf(why, "%s has no partition table that a desc knows: gpt, mbr\n%s", device ? device : name,
		   buf_cstr(&said));
	return err;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_all_disks(struct desc *d, struct buf *why)
{
	char *names[256];
	size_t count = 0;
	DIR *dir = opendir("/sys/block");
	struct dirent *e;
	int err = 0;

	if (!dir)
		return -errno;
	while ((e = readdir(dir)) && count < ARRAY_SIZE(names))
		if (*e->d_name != '.' && is_real(e->d_name) && (names[count] = strdup(e->d_name)))
			count++;
	closedir(dir);
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 0; i < count; i++) {
		if (!err)
			err = add_disk(d, names[i], false, why);
		free(names[i]);
	}
	return err;
}

static int add_disks(struct desc *d, const struct wanted *w, struct buf *why)
{
	int err = w->count ? 0 : add_all_disks(d, why);

	for (size_t i = 0; i < w->count && !err; i++) {
		cleanup_free char *device = str_printf("%s%s", *w->disks[i] == '/' ? "" : "/dev/", w->disks[i]);
		cleanup_free char *name = device ? disk_kernel_name(device) : NULL;

		if (name)
			err = add_disk(d, name, true, why);
		else
			err = buf_printf(why, "%s is no disk\n", w->disks[i]) ?: -ENODEV;
	}
	if (!err && !d->count) {
		buf_str(why, "no disk with a partition table\n");
		err = -ENODEV;
	}
	return err;
}

/* ---- the desc */

static int read_machine(struct desc *d, const struct wanted *w, struct buf *notes, struct buf *why)
{
	cleanup_free char *path = str_printf("%s/etc/fstab", w->root);
	cleanup_free char *fstab = path ? file_text(path) : NULL;
	int err = add_disks(d, w, why);

	if (!err)
		err = capture_layers(d, notes, why);
	if (!err && fstab)
		err = fstab_adopt(d, fstab);
	if (!err)
		err = desc_link(d, why);
	return err;
}

static void write_text(const struct wanted *w, struct desc *d, const struct buf *notes, struct buf *out)
{
	if (w->plain && capture_plain(d, out))
		return;
	capture_wishes(d);
	buf_str(out, "# the disks of a golden node; desc(5)\n");
	buf_str(out, buf_cstr(notes));
	desc_write(d, out);
}

static int save(const char *path, const struct buf *text, struct buf *why)
{
	cleanup_close int fd = -1;
	int err = 0;

	if (streq(path, "-"))
		return fwrite(buf_cstr(text), 1, text->len, stdout) == text->len && fflush(stdout) == 0 ? 0 : -EIO;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		err = -errno;
	else if (write(fd, buf_cstr(text), text->len) != (ssize_t)text->len)
		err = -EIO;
	if (err)
		buf_printf(why, "%s: %s\n", path, err_text(err));
	return err;
}

static int capture(const struct wanted *w, struct buf *why)
{
	cleanup_buf struct buf notes = { 0 }, out = { 0 };
	struct desc d = { 0 };
	int err = read_machine(&d, w, &notes, why);

	if (!err) {
		write_text(w, &d, &notes, &out);
		err = out.failed ? -ENOMEM : save(w->out, &out, why);
	}
	desc_free(&d);
	return err;
}

static void take_options(struct wanted *w, int argc, char **argv)
{
	static const struct option options[] = { { "plain", no_argument, NULL, 'P' },
						 { "root", required_argument, NULL, 'R' },
						 { NULL, 0, NULL, 0 } };
	int c;

	while (optind < argc) {
		c = getopt_long(argc, argv, "+o:", options, NULL);
		if (c == 'o')
			w->out = optarg;
		else if (c == 'R')
			w->root = optarg;
		else if (c == 'P')
			w->plain = true;
		else if (c != -1)
			exit(2);
		else if (optind < argc)
			w->disks[w->count++] = argv[optind++];
	}
}

int capture_main(const char *name, int argc, char **argv, bool plain)
{
	struct wanted w = { .name = name, .out = plain ? "/tmp/desc" : "-", .root = "", .plain = plain };
	cleanup_free char **disks = calloc((size_t)argc + 1, sizeof(*disks));
	cleanup_buf struct buf why = { 0 };
	int err;

	if (!disks)
		return 1;
	w.disks = disks;
	take_options(&w, argc, argv);
	err = capture(&w, &why);
	if (err)
		fprintf(stderr, "%s: %s", w.name, why.len ? buf_cstr(&why) : err_text(err));
	else if (!streq(w.out, "-"))
		printf("The description is in %s\n", w.out);
	return err ? 1 : 0;
}
