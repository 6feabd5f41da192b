/* step_root.c - steps 5 and 6: image -> a root tree at ROOT_DIR -> the program to start in it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/steps.h"

#include "base/clock.h"
#include "base/log.h"
#include "stage1/handover.h"
#include "stage1/installer.h"
#include "stage1/system.h"

#include <sys/stat.h>
#include <unistd.h>

int step_root(struct flow *f)
{
	static const char *const words[] = {
		[ROOT_OVERLAY] = "memory over the image",
		[ROOT_RW] = "the image itself, read-write",
		[ROOT_RO] = "the image itself, read-only",
	};
	bool tree; /* an archive was unpacked instead of an image stored */
	int err;

	if (f->options->value[KEY_KERNEL]) {
		watch_note(&f->watch, "none: a kernel was fetched");
		return 0;
	}
	if (streq(f->options->value[KEY_PROBE], "all") && probe_load(f->probe, PROBE_ALL, now_ms() + DEVICES_MS))
		log_warn("not all drivers could be loaded");
	tree = f->store.tree;
	err = image_mount(&f->store, f->root_mode, ROOT_DIR, flow_load_module, f->probe, &f->result->failure);
	if (err)
		return err;
	watch_note(&f->watch, "%s", tree ? "what was unpacked" : words[f->root_mode]);
	return 0;
}

/* Is PATH a program in the new root, its links followed as they will be there? This process is thrown away afterwards,
 * so it may look from inside. */
static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

int step_init(struct flow *f)
{
	static const char *const usual[] = { "/sbin/init", "/etc/init", "/bin/init" };
	const char *found = NULL;
	int err;

	if (f->options->value[KEY_KERNEL]) {
		f->result->kexec = true;
		watch_note(&f->watch, "kernel %s", f->options->value[KEY_KERNEL]);
		return 0;
	}
	err = handover_write(f);
	if (err)
		log_warn(RUN_DIR "/env cannot be written: %s", err_text(err));
	err = handover_write_ka(f);
	if (err)
		log_warn("/ka/tftpserver cannot be written: %s", err_text(err));
	net_release(&f->network);
	if (chroot(ROOT_DIR) || chdir("/"))
		return fail(&f->result->failure, FAIL_ROOT_SWITCH, -errno, ROOT_DIR ": %s", err_text(errno));
	if (!f->options->init && !f->options->rescue && is_program(INSTALLER)) {
		found = INSTALLER;
		err = installer_write(f);
		if (err)
			return fail(&f->result->failure, FAIL_ROOT_SWITCH, err, "the installer's files in /tmp: %s",
				    err_text(err));
	}
	for (size_t i = 0; i < ARRAY_SIZE(usual) && !found && !f->options->init; i++)
		if (is_program(usual[i]))
			found = usual[i];
	if (f->options->init && is_program(f->options->init))
		found = f->options->init;
	if (!found)
		return fail(&f->result->failure, FAIL_ROOT_NO_INIT, -ENOENT, "%s is not there or no program",
			    f->options->init ? f->options->init : "/sbin/init");
	if (str_copy(f->result->init, sizeof(f->result->init), found))
		return fail(&f->result->failure, FAIL_CMD_BAD_VALUE, -ENAMETOOLONG, "init=%s is too long", found);
	watch_note(&f->watch, "%s", found);
	return 0;
}
