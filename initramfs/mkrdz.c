/* mkrdz.c - a kernel's modules, modules.list, stage1 and the shell's tools -> all.rdz. Runs on the build machine. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/help.h"
#include "initramfs/cpio.h"
#include "initramfs/file.h"
#include "initramfs/ids.h"
#include "initramfs/pack.h"
#include "trust/keyring.h"

#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BESIDE 8

/* What the command line asks for. */
struct job {
	const char *modules; /* --modules: lib/modules/VERSION with the indexes of depmod */
	const char *list;    /* --list: modules.list */
	const char *init;    /* --init: the static program that becomes /init */
	const char *tools;   /* --tools: a folder with klibc's programs and library, unpacked */
	/* --beside: static programs that it runs, which lie beside /init; may be repeated */
	const char *beside[MAX_BESIDE];
	size_t beside_count;
	const char *pci_ids;  /* --pci-ids */
	const char *bundle;   /* --ca-bundle: the authorities that servers are trusted by, in PEM, or NULL */
	const char *firmware; /* --firmware, or NULL */
	const char *keys;     /* --keys: of those whose signature an image has to have, or NULL */
	const char *work;     /* --work: a folder for the cache and the stage */
	const char *out;      /* --out: all.rdz */
	bool as_signed;       /* --signed */
	bool shell;           /* --shell: with keys, too */
};

/* all.rdz is two archives, one behind the other, which the kernel unpacks both before it starts /init. */
struct archives {
	struct cpio plain;  /* as it is: what is compressed file by file, and of which a boot reads little */
	struct cpio packed; /* all else, compressed as one */
};

/* The shell's tools, of those in klibc's bin; minips and nuke by the names people know. */
static const char *const tools[][2] = {
	{ "sh", "sh" },
	{ "cat", "cat" },
	{ "chroot", "chroot" },
	{ "dd", "dd" },
	{ "dmesg", "dmesg" },
	{ "insmod", "insmod" },
	{ "kill", "kill" },
	{ "ln", "ln" },
	{ "ls", "ls" },
	{ "losetup", "losetup" },
	{ "minips", "ps" },
	{ "mkdir", "mkdir" },
	{ "mknod", "mknod" },
	{ "mount", "mount" },
	{ "mv", "mv" },
	{ "nuke", "rm" },
	{ "sync", "sync" },
	{ "poweroff", "poweroff" },
	{ "readlink", "readlink" },
	{ "reboot", "reboot" },
	{ "sleep", "sleep" },
	{ "umount", "umount" },
	{ "uname", "uname" },
};

static const char *const folders[] = { "dev", "proc", "sys", "run", "tmp", "etc", "root" };

/* What libkmod reads; modules.symbols.bin is opened too, but only symbol: names are looked up in it, so it is empty. */
static const char *const indexes[] = { "modules.dep.bin", "modules.alias.bin", "modules.builtin.bin",
				       "modules.builtin.alias.bin", "modules.softdep" };
static const char empty_index[12] = { (char)0xb0, 0x07, (char)0xf4, 0x57, 0, 2, 0, 1, 0, 0, 0, 0 };

/* Says what went wrong; returns ERR, which is negative. */
static int trouble(int err, const char *what)
{
	fprintf(stderr, "mkrdz: %s: %s\n", what, err_text(err));
	return err;
}

/* Adds the file FROM as PATH. */
static int add_file(struct cpio *c, const char *path, unsigned permissions, const char *from)
{
	cleanup_buf struct buf bytes = { 0 };
	int err = file_read(from, &bytes);

	if (!err)
		err = cpio_file(c, path, permissions, bytes.data, bytes.len);
	return err ? trouble(err, from) : 0;
}

/* ---- modules */

/* The rules of the list against the kernel. Bad lines are all named before it gives up. */
static int pick_modules(const struct job *job, struct kernel_modules *t)
{
	cleanup_buf struct buf text = { 0 }, errors = { 0 };
	struct module_list list = { 0 };
	int err = file_read(job->list, &text);

	if (err)
		return trouble(err, job->list);
	err = list_parse(&list, text.data, text.len, job->list, &errors);
	if (!err)
		err = kernel_modules_open(t, job->modules, &errors);
	if (!err)
		err = kernel_modules_pick(t, &list, job->list, &errors);
	fputs(buf_cstr(&errors), stderr);
	if (err && !errors.len)
		trouble(err, job->modules);
	list_free(&list);
	return err;
}

/* depmod makes the indexes of just the picked modules, which are not packed yet; what is built in is told by the
 * kernel's own files. */
static int make_indexes(const struct kernel_modules *t, const char *root, const char *stage)
{
	static const char *const given[] = { "modules.order", "modules.builtin", "modules.builtin.modinfo" };
	const char *argv[] = { "/sbin/depmod", "-b", root, t->version, NULL };

	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		cleanup_free char *from = str_printf("%s/%s", t->dir, given[i]);
		cleanup_free char *to = str_printf("%s/%s", stage, given[i]);
		cleanup_buf struct buf bytes = { 0 };
		int err = from && to ? file_read(from, &bytes) : -ENOMEM;

		if (!err)
			err = file_write(to, bytes.data, bytes.len);
		if (err && err != -ENOENT)
			return trouble(err, from ? from : given[i]);
	}
	return run(argv) ? trouble(-EIO, "depmod") : 0;
}

static int add_indexes(const struct kernel_modules *t, const char *stage, struct cpio *c)
{
	cleanup_free char *symbols = str_printf("lib/modules/%s/modules.symbols.bin", t->version);
	int err = symbols ? cpio_file(c, symbols, 0644, empty_index, sizeof(empty_index)) : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(indexes) && !err; i++) {
		cleanup_free char *from = str_printf("%s/%s", stage, indexes[i]);
		cleanup_free char *path = str_printf("lib/modules/%s/%s", t->version, indexes[i]);

		err = from && path ? add_file(c, path, 0644, from) : -ENOMEM;
	}
	return err;
}

static int add_modules(const struct kernel_modules *t, const char *stage, struct cpio *c)
{
	int err = 0;

	for (size_t i = 0; i < t->count && !err; i++) {
		const struct module *m = &t->module[i];
		const char *suffix = pack_suffix(m->packing);
		cleanup_free char *from = str_printf("%s/kernel/%s.ko%s", stage, m->path, suffix);
		cleanup_free char *path = str_printf("lib/modules/%s/kernel/%s.ko%s", t->version, m->path, suffix);

		if (m->picked)
			err = from && path ? add_file(c, path, 0644, from) : -ENOMEM;
	}
	return err;
}

/* ---- firmware */

static bool has_entry(const struct cpio *c, const char *path)
{
	for (size_t i = 0; i < c->count; i++)
		if (streq(c->entry[i].path, path))
			return true;
	return false;
}

/* Adds the file NAME of the firmware folder, as it is or compressed as the kernel reads it. 1 when there is none. */
static int add_firmware(const struct job *job, const char *name, struct cpio *c)
{
	static const char *const suffixes[] = { "", ".xz", ".zst" };

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		cleanup_free char *from = str_printf("%s/%s%s", job->firmware, name, suffixes[i]);
		cleanup_free char *path = str_printf("lib/firmware/%s%s", name, suffixes[i]);

		if (!from || !path)
			return -ENOMEM;
		if (has_entry(c, path))
			return 0;
		if (access(from, F_OK) == 0)
			return add_file(c, path, 0644, from);
	}
	return 1;
}

/* A missing file is no failure: many drivers run without, and some name files that were never made. */
static int add_all_firmware(const struct job *job, const struct kernel_modules *t, struct cpio *c)
{
	for (size_t i = 0; i < t->count && job->firmware; i++) {
		const struct module *m = &t->module[i];

		for (size_t j = 0; j < m->firmware_count; j++) {
			int err = add_firmware(job, m->firmware[j], c);

			if (err < 0)
				return err;
			if (err)
				fprintf(stderr, "mkrdz: %s: firmware of %s is not below %s\n", m->firmware[j], m->name,
					job->firmware);
		}
	}
	return 0;
}

/* ---- the rest */

/* The public keys, which have to be some. */
static int add_keys(const char *path, struct cpio *c)
{
	cleanup_buf struct buf text = { 0 }, why = { 0 };
	struct keyring keys = { 0 };
	int err = file_read(path, &text);

	if (err)
		return trouble(err, path);
	err = keyring_parse(&keys, buf_cstr(&text), text.len, &why);
	keyring_free(&keys);
	if (!err)
		return cpio_file(c, "etc/stage1/keys", 0644, text.data, text.len);
	fprintf(stderr, "mkrdz: VERIFY_KEYS=%s: %s\n", path, buf_cstr(&why));
	return err;
}

static int add_tools(const struct job *job, struct cpio *c)
{
	cleanup_free char *lib = str_printf("%s/lib", job->tools);
	DIR *dir = lib ? opendir(lib) : NULL;
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tools) && !err; i++) {
		cleanup_free char *from = str_printf("%s/usr/lib/klibc/bin/%s", job->tools, tools[i][0]);
		cleanup_free char *path = str_printf("bin/%s", tools[i][1]);

		err = from && path ? add_file(c, path, 0755, from) : -ENOMEM;
	}
	if (!dir)
		return err ? err : trouble(-ENOENT, lib ? lib : "lib");
	for (struct dirent *e = readdir(dir); e && !err; e = readdir(dir)) {
		cleanup_free char *from = str_printf("%s/%s", lib, e->d_name);
		cleanup_free char *path = str_printf("lib/%s", e->d_name);

		if (starts_with(e->d_name, "klibc-"))
			err = from && path ? add_file(c, path, 0755, from) : -ENOMEM;
	}
	closedir(dir);
	return err;
}

/* The names of the devices that a packed module drives. */
static int add_pci_ids(const struct job *job, const char *stage, struct cpio *c)
{
	cleanup_free char *aliases = str_printf("%s/modules.alias", stage);
	cleanup_buf struct buf text = { 0 }, ids = { 0 }, small = { 0 };
	struct pci_wanted wanted = { 0 };
	int err = aliases ? file_read(aliases, &text) : -ENOMEM;

	if (err)
		return trouble(err, aliases ? aliases : "modules.alias");
	err = file_read(job->pci_ids, &ids);
	if (err)
		return trouble(err, job->pci_ids);
	err = ids_wanted(&wanted, text.data, text.len);
	if (!err)
		err = ids_reduce(&wanted, ids.data, ids.len, &small);
	if (!err)
		err = cpio_file(c, "usr/share/misc/pci.ids", 0644, small.data, small.len);
	ids_wanted_free(&wanted);
	return err;
}

/* /dev/console is there before devtmpfs: the kernel opens it for /init. /sbin/modprobe is what the kernel runs for a
 * module that it wants itself; stage1 plays that part too (probe/modprobe.h). */
static int add_skeleton(const struct job *job, struct cpio *c)
{
	int err = add_file(c, "init", 0755, job->init);

	for (size_t i = 0; i < job->beside_count && !err; i++) {
		const char *slash = strrchr(job->beside[i], '/');

		err = add_file(c, slash ? slash + 1 : job->beside[i], 0755, job->beside[i]);
	}
	if (!err && job->bundle)
		err = add_file(c, "etc/ssl/bundle.pem", 0644, job->bundle);
	for (size_t i = 0; i < ARRAY_SIZE(folders) && !err; i++)
		err = cpio_folder(c, folders[i]);
	if (!err)
		err = cpio_link(c, "sbin/modprobe", "../init");
	if (!err)
		err = cpio_device(c, "dev/console", 0600, 5, 1);
	if (!err)
		err = cpio_device(c, "dev/null", 0666, 1, 3);
	return err;
}

/* ---- the whole */

/* One line on what was made. */
static void summary(const struct job *job, const struct kernel_modules *t, size_t size)
{
	size_t count[PACK_PLAIN + 1] = { 0 }, all = 0;

	for (size_t i = 0; i < t->count; i++) {
		if (!t->module[i].picked)
			continue;
		count[t->module[i].packing]++;
		all++;
	}
	printf("%s: %.1f MB, %zu modules of %s (%zu xz, %zu zstd, %zu plain)%s\n", job->out, (double)size / 1e6, all,
	       t->version, count[PACK_SMALL], count[PACK_FAST], count[PACK_PLAIN],
	       job->as_signed ? ", signatures kept" : "");
}

/* Fills the archives from the tree; STAGE is lib/modules/VERSION below ROOT. */
static int fill(const struct job *job, const struct kernel_modules *t, const char *root, const char *stage,
		struct archives *a)
{
	cleanup_free char *cache = str_printf("%s/cache", job->work);
	struct packer packer = { .cache = cache, .stage = stage, .as_signed = job->as_signed };
	const char *clear[] = { "rm", "-rf", root, NULL };
	int err = cache ? run(clear) : -ENOMEM;

	if (!err)
		err = make_folders(stage);
	if (!err)
		err = stage_modules(&packer, t);
	if (!err)
		err = make_indexes(t, root, stage);
	if (!err)
		err = pack_modules(&packer, t);
	if (!err)
		err = add_modules(t, stage, &a->plain);
	if (!err)
		err = add_all_firmware(job, t, &a->plain);
	if (!err)
		err = add_indexes(t, stage, &a->packed);
	if (!err && job->keys)
		err = add_keys(job->keys, &a->packed);
	/* whoever may type into a shell boots what he likes */
	if (!err && (!job->keys || job->shell))
		err = add_tools(job, &a->packed);
	if (!err)
		err = add_pci_ids(job, stage, &a->packed);
	return err ? err : add_skeleton(job, &a->packed);
}

/* The bytes of both. Whatever is put behind them begins at a multiple of four, where the kernel looks for it. */
static int write_archives(struct archives *a, struct buf *out)
{
	cleanup_buf struct buf packed = { 0 };
	int err = cpio_write(&a->plain, out);

	if (!err)
		err = cpio_write(&a->packed, &packed);
	if (!err)
		err = pack_gzip(packed.data, packed.len, out);
	cpio_pad(out);
	return err ? err : out->failed ? -ENOMEM : 0;
}

static int make(const struct job *job)
{
	struct kernel_modules t = { 0 };
	struct archives a = { 0 };
	cleanup_buf struct buf bytes = { 0 };
	cleanup_free char *root = str_printf("%s/stage", job->work), *stage = NULL;
	int err = pick_modules(job, &t);

	if (!err) {
		stage = str_printf("%s/lib/modules/%s", root ? root : "", t.version);
		err = root && stage ? fill(job, &t, root, stage, &a) : -ENOMEM;
	}
	if (!err) {
		err = write_archives(&a, &bytes);
		if (!err)
			err = file_write(job->out, bytes.data, bytes.len);
		if (err)
			trouble(err, job->out);
		else
			summary(job, &t, bytes.len);
	}
	cpio_free(&a.plain);
	cpio_free(&a.packed);
	kernel_modules_close(&t);
	return err;
}

static const char usage[] = "usage: mkrdz --modules DIR --list FILE --init STAGE1 [--beside PROGRAM]... --tools DIR "
			    "--pci-ids FILE --work DIR\n"
			    "             --out FILE [--ca-bundle FILE] [--firmware DIR] [--signed]\n"
			    "             [--keys FILE [--shell]]\n"
			    "Packs all.rdz; make calls it right.\n";

int main(int argc, char **argv)
{
	struct job job = { 0 };
	const struct {
		const char *name, **value;
	} wants[] = {
		{ "modules", &job.modules }, { "list", &job.list },       { "init", &job.init },
		{ "tools", &job.tools },     { "pci-ids", &job.pci_ids }, { "firmware", &job.firmware },
		{ "work", &job.work },       { "out", &job.out },         { "ca-bundle", &job.bundle },
		{ "keys", &job.keys },
	};
	struct option options[ARRAY_SIZE(wants) + 4] = { { "signed", no_argument, NULL, 's' },
							 { "shell", no_argument, NULL, 'l' },
							 { "beside", required_argument, NULL, 'b' } };
	int c, index;

	if (help_given(argc, argv, "mkrdz", usage))
		return 0;
	if (argc == 1) {
		fputs(usage, stderr);
		return 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(wants); i++)
		options[i + 3] = (struct option){ wants[i].name, required_argument, NULL, 'v' };
	while ((c = getopt_long(argc, argv, "", options, &index)) != -1) {
		if (c == '?' || (c == 'b' && job.beside_count == MAX_BESIDE))
			return 2;
		if (c == 's')
			job.as_signed = true;
		else if (c == 'l')
			job.shell = true;
		else if (c == 'b')
			job.beside[job.beside_count++] = optarg;
		else if (c == 'v' && *optarg)
			*wants[index - 3].value = optarg;
	}
	for (size_t i = 0; i < ARRAY_SIZE(wants); i++) {
		if (!*wants[i].value && wants[i].value != &job.firmware && wants[i].value != &job.bundle &&
		    wants[i].value != &job.keys) {
			fprintf(stderr, "mkrdz: --%s is missing; make calls it right\n", wants[i].name);
			return 2;
		}
	}
	return make(&job) ? 1 : 0;
}
