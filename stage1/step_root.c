/* step_root.c - steps 5 and 6: image -> a root tree at ROOT_DIR -> the program to start in it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/steps.h"

#include "base/clock.h"
#include "base/confined.h"
#include "base/log.h"
#include "methods/media/folder.h"
#include "stage1/handover.h"
#include "stage1/installer.h"
#include "stage1/system.h"

#include <fcntl.h>
#include <stdio.h> /* symlinkat; elsewhere: <unistd.h> */
#include <sys/stat.h>
#include <unistd.h>

int step_root(struct flow *f)
{
	static const char *const words[] = {
		[ROOT_OVERLAY] = "",
		[ROOT_RW] = " itself, read-write",
		[ROOT_RO] = " itself, read-only",
	};
	bool tree = f->store.tree, there = f->found.kind == FOUND_TREE;
	int err;

	if (streq(f->options->value[KEY_PROBE], "all") && probe_load(f->probe, PROBE_ALL, now_ms() + DEVICES_MS))
		log_warn("not all drivers could be loaded");
	err = there ? image_mount_tree(f->found.path, f->plan.mode, ROOT_DIR, flow_load_module, f->probe,
				       &f->result->failure)
		    : image_mount(&f->store, f->plan.mode, ROOT_DIR, flow_load_module, f->probe, &f->result->failure);
	if (err)
		return err;
	if (tree)
		watch_note(&f->watch, "what was unpacked");
	else
		watch_note(&f->watch, "%sthe %s%s", f->plan.mode == ROOT_OVERLAY ? "memory over " : "",
			   there ? "tree" : "image", words[f->plan.mode]);
	return 0;
}

/* The program to start, NULL where there is none. */
static const char *find_program(const struct options *o, int root)
{
	return !o->init && !o->rescue && found_is_program(root, INSTALLER) ? INSTALLER : found_init(o, root);
}

/* What the next system reads. That some of it is missing is no reason not to boot. */
static void hand_over(const struct flow *f)
{
	int err = handover_write(f);

	if (err)
		log_warn(RUN_DIR "/env cannot be written: %s", err_text(err));
	err = handover_write_ka(f);
	if (err)
		log_warn("/ka/tftpserver cannot be written: %s", err_text(err));
}

/* The next system's network programs find their interface. */
static void hand_network_over(const struct flow *f, int root)
{
	cleanup_close int folder = confined_open(root, "/etc/network/interfaces.d", O_RDONLY);
	int err = net_write_fragments(&f->network, "/run");

	if (err)
		log_warn("no settings for networkd and ifupdown: %s", err_text(err));
	/* Debian's own interfaces(5) reads all files there; one on a disk is left alone */
	if (folder >= 0 && f->plan.mode == ROOT_OVERLAY)
		(void)!symlinkat("/run/stage1/interfaces", folder, "stage1");
	net_release(&f->network);
}

static int no_init(struct flow *f, int root)
{
	const char *init = f->options->init;
	struct stat st;

	return fail(&f->result->failure, FAIL_ROOT_NO_INIT, -ENOENT, "%s is not there or no program%s",
		    init ? init : "/sbin/init (or systemd, or /init)",
		    fstatat(root, "manifest.json", &st, 0)
			    ? ""
			    : "; this is what docker save writes, layers and no tree: docker export writes one");
}

int step_init(struct flow *f)
{
	const struct options *o = f->options;
	cleanup_close int root = -1;
	const char *found;
	bool installer;

	(void)flow_keep_end(f);
	flow_name_node(f);
	hand_over(f);
	root = open(ROOT_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail(&f->result->failure, FAIL_ROOT_SWITCH, -errno, ROOT_DIR ": %s", err_text(errno));
	found = find_program(o, root);
	if (!found)
		return no_init(f, root);
	if (str_copy(f->result->init, sizeof(f->result->init), found))
		return fail(&f->result->failure, FAIL_CMD_BAD_VALUE, -ENAMETOOLONG, "init=%s is too long", found);
	installer = streq(found, INSTALLER);
	if ((installer || o->keepmounted) && installer_prepare(f, root, installer))
		return f->result->failure.err;
	if (f->method->needs & METHOD_NEEDS_NETWORK)
		hand_network_over(f, root);
	watch_note(&f->watch, "%s", found);
	return 0;
}
