/* modprobe.c - the kernel's own wish for a module -> the module, loaded. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/modprobe.h"

#include "base/file.h"
#include "probe/modules.h"

#include <stdio.h>

/* The kernel command line. 0 or -errno; what cannot be read leaves the options empty. */
static int read_options(struct options *o)
{
	cleanup_buf struct buf line = { 0 };

	(void)!file_read("/proc/cmdline", &line);
	return options_parse(o, buf_cstr(&line));
}

static int load(const char *name, const char *params)
{
	struct options options;
	struct modules modules;
	int err = read_options(&options);

	if (!err)
		err = modules_open(&modules, &options, &real_world);
	if (!err) {
		err = modules_load_name(&modules, name, params);
		modules_close(&modules);
	}
	options_free(&options);
	return err;
}

int modprobe_run(int argc, char *const argv[])
{
	cleanup_buf struct buf params = { 0 };
	bool quiet = false;
	int i = 1, err;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (streq(argv[i], "-q"))
			quiet = true;
		else if (!streq(argv[i], "--"))
			break;
	}
	if (i >= argc || argv[i][0] == '-') {
		fprintf(stderr, "usage: modprobe [-q] [--] NAME [PARAMETER=VALUE...]\n");
		return 1;
	}
	for (int p = i + 1; p < argc; p++)
		buf_printf(&params, "%s%s", params.len ? " " : "", argv[p]);
	err = load(argv[i], buf_cstr(&params));
	if (err && !quiet)
		fprintf(stderr, "modprobe: %s: %s\n", argv[i],
			err == -ENOENT ? "all.rdz has no such module" : err_text(err));
	return err ? 1 : 0;
}
