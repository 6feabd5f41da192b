/* modules.h - module names and modaliases -> modules in the kernel, with dependencies and options (libkmod). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_MODULES_H
#define PROBE_MODULES_H

#include "probe/world.h"

#include <libkmod.h>

/* One module that was inserted, or could not be. */
struct loaded_module {
	char *name;   /* with underscores */
	char *params; /* "a=1 b=2", may be empty */
	int result;   /* 0, or the -errno of the kernel */
};

/* libkmod's indexes and what was done with them. */
struct modules {
	struct kmod_ctx *ctx; /* NULL: no folder of modules; everything is built in or missing */
	const struct options *options;
	const struct probe_world *world;
	struct loaded_module *loaded; /* in the order of insertion */
	size_t loaded_count;
};

/* Opens the indexes in W->modules_dir. 0 or -ENOMEM; a missing folder leaves only a warning. */
int modules_open(struct modules *m, const struct options *o, const struct probe_world *w) must_check;

/* The modules for ALIAS (a modalias or a name, - and _ alike), best first; empty where there is none. Free the list
 * with kmod_module_unref_list. 0 or -errno. */
int modules_find(struct modules *m, const char *alias, struct kmod_list **list) must_check;

/* True when the command line forbids to load the module called NAME for a device. */
bool modules_blacklisted(const struct modules *m, const char *name);

/* Loads MODULE with its dependencies and softdeps; PARAMS (may be NULL) come before the command line's, so that a
 * person has the last word. 0 also when it is built in or already there; -ENOENT: its file is missing; -errno of the
 * kernel, as for a dependency that would not load. */
int modules_load(struct modules *m, struct kmod_module *module, const char *params) must_check;

/* Loads what goes by the name or alias NAME. A blacklisted module is loaded by its name only. 0, -ENOENT when nothing
 * goes by NAME, -EPERM, -errno. */
int modules_load_name(struct modules *m, const char *name, const char *params) must_check;

/* Adds what the command line says for the module NAME ("module.parameter=value") to OUT, separated by spaces. */
void modules_options(const struct options *o, const char *name, struct buf *out);

void modules_close(struct modules *m);

#endif
