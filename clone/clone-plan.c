/* clone-plan.c - desc files and disks -> a plan, or the disks made so and mounted; a disk -> its desc. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/failure.h"
#include "base/help.h"
#include "clone/apply.h"
#include "clone/capture.h"
#include "clone/disks.h"
#include "clone/request.h"

#include <getopt.h>
#include <stdio.h>

static const char usage_text[] =
	"usage: clone-plan check [NAME=]DESC...\n"
	"       clone-plan plan [--json] [OPTIONS] [NAME=]DESC... --disk NAME=DEVICE[,SIZE[,SECTOR]]...\n"
	"       clone-plan apply [--dry-run] [OPTIONS] [NAME=]DESC... --disk NAME=DEVICE...\n"
	"       clone-plan release [--target DIR] [--disk NAME=DEVICE...]\n"
	"       clone-plan capture [--plain] [--root DIR] [-o FILE] [DISK...]\n"
	"  check             read the descs; say which partitions they have\n"
	"  plan              say what becomes of the disks, or why it does not fit; nothing is written\n"
	"  apply             do it: all on the disks named is lost; mount it\n"
	"  release           unmount it all, and let go of the disks\n"
	"  capture           describe the disks of this machine\n"
	"  --disk NAME=DEVICE  the disk that NAME of the desc becomes; with a size no disk is looked at\n"
	"  --used FILE       lines BYTES MOUNTPOINT: what the golden node's file systems hold\n"
	"  --fstab FILE      the golden node's fstab: what lies where, for descs that do not say it\n"
	"  --target DIR      where to mount (/mnt/disk)    --out DIR   where to write the results (.)\n"
	"  --key FILE        the key of LUKS containers; without it a new one is made in --out\n"
	"  --json            the plan for programs    --dry-run   say what would be done\n"
	"  --plain           the old grammar, where it can say it    -o FILE    write the desc there\n"
	"Exit status: 0 done; 1 refused or failed, and why on stderr; 2 wrong usage.\n";

static void usage(const char *why)
{
	fputs(usage_text, stderr);
	if (why)
		fprintf(stderr, "clone-plan: %s\n", why);
	exit(2);
}

static int report(const struct buf *why, int err)
{
	if (why->len)
		fputs(buf_cstr(why), stderr);
	else if (err)
		fprintf(stderr, "clone-plan: %s\n", err_text(err));
	return err ? 1 : 0;
}

/* The sizes of the disks that nothing was said about. */
static int look_at_disks(struct request *r, struct buf *why)
{
	int bad = 0;

	for (size_t i = 0; i < r->target_count; i++) {
		struct target *t = &r->targets[i];
		int err = r->assumed[i] ? 0 : disk_look(t->device, &t->size, &t->sector);

		if (!err)
			continue;
		buf_printf(why, "%s=%s: %s\n", t->name, t->device, err == -ENOTBLK ? "is no disk" : err_text(err));
		bad = err;
	}
	return bad;
}

static int make_plan(struct request *r, struct layout *p, struct buf *why)
{
	int err = look_at_disks(r, why);

	return err ? err : layout_make(p, &r->desc, r->targets, r->target_count, why);
}

static int say_check(struct request *r, struct buf *why)
{
	cleanup_buf struct buf out = { 0 };

	(void)why;
	for (size_t i = 0; i < r->desc.count; i++)
		if (r->desc.nodes[i].kind == NODE_DISK)
			desc_added(&r->desc, i, &out);
	fputs(buf_cstr(&out), stdout);
	return 0;
}

static int say_plan(struct request *r, struct buf *why)
{
	cleanup_buf struct buf out = { 0 };
	struct layout p = { 0 };
	int err = make_plan(r, &p, why);

	if (!err && r->json)
		layout_json(&p, &out);
	else if (!err)
		layout_words(&p, &out);
	fputs(buf_cstr(&out), stdout);
	layout_free(&p);
	return err;
}

static int do_apply(struct request *r, struct buf *why)
{
	struct layout p = { 0 };
	int err = make_plan(r, &p, why);

	for (size_t i = 0; i < r->target_count && !err; i++) {
		if (!r->assumed[i])
			continue;
		buf_printf(why, "%s=%s: a disk with a size is for plan\n", r->targets[i].name, r->targets[i].device);
		err = -EINVAL;
	}
	if (!err)
		err = apply_plan(&p, r, why);
	layout_free(&p);
	return err;
}

static int do_release(struct request *r, struct buf *why)
{
	return apply_release(r, why);
}

static const struct command {
	const char *name;
	int (*run)(struct request *r, struct buf *why);
	bool reads; /* desc files are its arguments */
} commands[] = {
	{ "check", say_check, true },     { "plan", say_plan, true }, { "apply", do_apply, true },
	{ "release", do_release, false }, { "capture", NULL, false },
};

enum { OPTION_DISK = 256, OPTION_USED, OPTION_FSTAB, OPTION_TARGET, OPTION_OUT, OPTION_KEY, OPTION_JSON, OPTION_DRY };

static const struct option options[] = {
	{ "disk", required_argument, NULL, OPTION_DISK },
	{ "used", required_argument, NULL, OPTION_USED },
	{ "fstab", required_argument, NULL, OPTION_FSTAB },
	{ "target", required_argument, NULL, OPTION_TARGET },
	{ "out", required_argument, NULL, OPTION_OUT },
	{ "key", required_argument, NULL, OPTION_KEY },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "dry-run", no_argument, NULL, OPTION_DRY },
	{ NULL, 0, NULL, 0 },
};

static void take_option(struct request *r, int c)
{
	switch (c) {
	case OPTION_DISK:
		if (request_disk(r, optarg))
			usage("--disk is NAME=DEVICE, or NAME=DEVICE,SIZE,SECTOR");
		break;
	case OPTION_USED:
		r->used = optarg;
		break;
	case OPTION_FSTAB:
		r->fstab = optarg;
		break;
	case OPTION_TARGET:
		r->target = optarg;
		break;
	case OPTION_OUT:
		r->out = optarg;
		break;
	case OPTION_KEY:
		r->key = optarg;
		break;
	case OPTION_JSON:
		r->json = true;
		break;
	case OPTION_DRY:
		r->dry = true;
		break;
	default:
		usage(NULL);
	}
}

/* Options may stand anywhere; what is none is collected in FILES. */
static size_t take_options(struct request *r, int argc, char **argv, char **files)
{
	size_t count = 0;

	while (optind < argc) {
		int c = getopt_long(argc, argv, "+", options, NULL);

		if (c != -1)
			take_option(r, c);
		else if (optind < argc)
			files[count++] = argv[optind++];
	}
	return count;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct request r = { .target = "/mnt/disk", .out = "." };
	cleanup_free char **files = calloc((size_t)argc + 1, sizeof(*files));
	cleanup_buf struct buf why = { 0 };
	size_t count;
	int err = 0;

	if (!files)
		return 1;
	count = take_options(&r, argc, argv, files);
	if (command->reads != (count > 0))
		usage(command->reads ? "which desc?" : "too many arguments");
	if (command->reads)
		err = request_desc(&r, files, count, &why);
	if (!err)
		err = command->run(&r, &why);
	request_free(&r);
	return report(&why, err);
}

int main(int argc, char **argv)
{
	if (help_given(argc, argv, "clone-plan", usage_text))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(commands) && argc > 1; i++) {
		if (!streq(commands[i].name, argv[1]))
			continue;
		return commands[i].run ? run(&commands[i], argc - 1, argv + 1)
				       : capture_main("clone-plan capture", argc - 1, argv + 1, false);
	}
	usage(argc > 1 ? "no such command" : NULL);
	return 2;
}
