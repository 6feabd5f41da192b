/* kernel_modules.c - the rules against a kernel's modules; libkmod tells what a module needs. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/kernel_modules.h"
#include "initramfs/file.h"

#include <libkmod.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct module *)a)->name, ((const struct module *)b)->name);
}

/* Adds the module in FILE ("kernel/fs/isofs/isofs.ko.xz"); its last .ko and what follows are no part of the path. */
static int add_module(struct kernel_modules *t, const char *file, size_t len, bool builtin)
{
	struct module m = { .file = strndup(file, len) }, *more;
	const char *slash, *suffix;

	if (!m.file)
		return -ENOMEM;
	slash = strrchr(m.file, '/');
	suffix = strstr(slash ? slash : m.file, ".ko");
	if (!slash || !suffix) {
		free(m.file);
		return 0;
	}
	m.path = starts_with(m.file, "kernel/") ? strndup(m.file + 7, (size_t)(suffix - m.file - 7))
						: strndup(m.file, (size_t)(suffix - m.file));
	m.name = strndup(slash + 1, (size_t)(suffix - slash - 1));
	more = realloc(t->module, (t->count + 1) * sizeof(*more));
	if (more)
		t->module = more;
	if (builtin) {
		free(m.file);
		m.file = NULL;
	}
	if (!more || !m.path || !m.name) {
		free(m.file);
		free(m.path);
		free(m.name);
		return -ENOMEM;
	}
	for (char *c = m.name; *c; c++)
		if (*c == '-')
			*c = '_';
	t->module[t->count++] = m;
	return 0;
}

/* Adds a module for each line of FILE in the tree's folder; a line ends the path at a colon (modules.dep) or its
 * end. */
static int add_lines(struct kernel_modules *t, const char *file, bool builtin, struct buf *errors)
{
	cleanup_free char *path = str_printf("%s/%s", t->dir, file);
	cleanup_buf struct buf text = { 0 };
	char *save = NULL;
	int err = path ? file_read(path, &text) : -ENOMEM;

	if (err) {
		buf_printf(errors, "%s: %s\n", path ? path : file, err_text(err));
		return err;
	}
	for (char *line = text.len ? strtok_r(text.data, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		err = add_module(t, line, strcspn(line, ":"), builtin);
		if (err)
			return err;
	}
	return 0;
}

int kernel_modules_open(struct kernel_modules *t, const char *dir, struct buf *errors)
{
	const char *slash = strrchr(dir, '/');
	int err;

	*t = (struct kernel_modules){ .dir = strdup(dir), .version = strdup(slash ? slash + 1 : dir) };
	err = t->dir && t->version ? 0 : -ENOMEM;
	if (!err)
		err = add_lines(t, "modules.dep", false, errors);
	if (!err)
		err = add_lines(t, "modules.builtin", true, errors);
	if (!err && t->count)
		qsort(t->module, t->count, sizeof(*t->module), by_name);
	return err;
}

void kernel_modules_close(struct kernel_modules *t)
{
	for (size_t i = 0; i < t->count; i++) {
		struct module *m = &t->module[i];

		for (size_t j = 0; j < m->firmware_count; j++)
			free(m->firmware[j]);
		free(m->firmware);
		free(m->name);
		free(m->path);
		free(m->file);
	}
	free(t->module);
	free(t->dir);
	free(t->version);
	*t = (struct kernel_modules){ 0 };
}

/* ---- picking */

static struct module *find(struct kernel_modules *t, const char *name)
{
	struct module key = { .name = (char *)name };

	return t->count ? bsearch(&key, t->module, t->count, sizeof(key), by_name) : NULL;
}

static int add_firmware(struct module *m, const char *name)
{
	char **more = realloc(m->firmware, (m->firmware_count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	m->firmware = more;
	m->firmware[m->firmware_count] = strdup(name);
	return m->firmware[m->firmware_count++] ? 0 : -ENOMEM;
}

/* Notes the names of the firmware that K's file says it may ask for. */
static int note_firmware(struct module *m, struct kmod_module *k)
{
	struct kmod_list *info = NULL, *i;
	int err = kmod_module_get_info(k, &info);

	if (err < 0)
		return err;
	err = 0;
	kmod_list_foreach(i, info)
	{
		if (!err && streq(kmod_module_info_get_key(i), "firmware"))
			err = add_firmware(m, kmod_module_info_get_value(i));
	}
	kmod_module_info_free_list(info);
	return err;
}

static int pick(struct kernel_modules *t, struct kmod_ctx *ctx, struct module *m, enum packing packing);

/* Picks the modules of LIST, which it releases. */
static int pick_list(struct kernel_modules *t, struct kmod_ctx *ctx, struct kmod_list *list, enum packing packing)
{
	struct kmod_list *i;
	int err = 0;

	kmod_list_foreach(i, list)
	{
		struct kmod_module *k = kmod_module_get_module(i);
		struct module *m = find(t, kmod_module_get_name(k));

		if (!err && m)
			err = pick(t, ctx, m, packing);
		kmod_module_unref(k);
	}
	kmod_module_unref_list(list);
	return err;
}

/* Picks M and all it needs. Soft dependencies that this kernel lacks are none. */
static int pick(struct kernel_modules *t, struct kmod_ctx *ctx, struct module *m, enum packing packing)
{
	struct kmod_list *pre = NULL, *post = NULL;
	struct kmod_module *k;
	bool again = m->picked;
	int err;

	if (!m->file || (again && m->packing >= packing))
		return 0;
	m->picked = true;
	m->packing = packing;
	err = kmod_module_new_from_name(ctx, m->name, &k);
	if (err < 0)
		return err;
	err = again ? 0 : note_firmware(m, k);
	if (!err)
		err = pick_list(t, ctx, kmod_module_get_dependencies(k), packing);
	if (!err)
		err = kmod_module_get_softdeps(k, &pre, &post);
	if (err >= 0)
		err = pick_list(t, ctx, pre, packing);
	if (!err)
		err = pick_list(t, ctx, post, packing);
	kmod_module_unref(k);
	return err;
}

static bool excluded(const struct module_list *list, const struct module *m)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->rule[i].exclude && rule_matches(&list->rule[i], m->path))
			return true;
	return false;
}

/* Says that RULE names nothing here, and what to do. */
static void complain(const struct kernel_modules *t, const struct rule *rule, const char *name, struct buf *errors)
{
	static const char *const kinds[] = {
		[RULE_MODULE] = "module", [RULE_PATTERN] = "module that matches", [RULE_FOLDER] = "modules below"
	};

	buf_printf(errors,
		   "%s:%u: this kernel (%s) has no %s %s: correct the line, put ? before it if a kernel may lack "
		   "it, or choose another kernel (KERNEL=, KERNEL_DIR=)\n",
		   name, rule->line, t->version, kinds[rule->kind], rule->text);
}

int kernel_modules_pick(struct kernel_modules *t, const struct module_list *list, const char *name, struct buf *errors)
{
	static const char *const no_config[] = { NULL };
	struct kmod_ctx *ctx = kmod_new(t->dir, no_config);
	size_t had = errors->len;
	int err = ctx ? kmod_load_resources(ctx) : -ENOMEM;

	for (size_t i = 0; i < list->count && err >= 0; i++) {
		const struct rule *rule = &list->rule[i];
		bool there = false;

		for (size_t j = 0; j < t->count && err >= 0; j++) {
			struct module *m = &t->module[j];

			if (!rule_matches(rule, m->path))
				continue;
			there = true;
			if (!rule->exclude && !excluded(list, m))
				err = pick(t, ctx, m, rule->packing);
			if (err < 0)
				buf_printf(errors, "%s/%s: %s\n", t->dir, m->file ? m->file : m->name, err_text(err));
		}
		if (!there && !rule->optional)
			complain(t, rule, name, errors);
	}
	if (ctx)
		kmod_unref(ctx);
	if (errors->failed)
		return -ENOMEM;
	return err < 0 ? err : errors->len > had ? -ENOENT : 0;
}
