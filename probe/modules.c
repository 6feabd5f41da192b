/* modules.c - module names and modaliases -> modules in the kernel, with dependencies and options (libkmod). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/modules.h"

#include "base/log.h"

#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The modules whose loading has begun, innermost first: a loop among softdeps ends at one of them. */
struct begun {
	const char *name;
	const struct begun *outer;
};

/* True when A and B name the same module: the kernel takes - for _. LEN characters of A count. */
static bool same_module(const char *a, size_t len, const char *b)
{
	for (size_t i = 0; i < len; i++) {
		char x = a[i] == '-' ? '_' : a[i], y = b[i] == '-' ? '_' : b[i];

		if (x != y || !y)
			return false;
	}
	return b[len] == '\0';
}

int modules_open(struct modules *m, const struct options *o, const struct probe_world *w)
{
	static const char *const no_config[] = { NULL };
	struct utsname uts;
	cleanup_free char *dir = NULL;

	*m = (struct modules){ .options = o, .world = w };
	if (w->modules_dir) {
		dir = strdup(w->modules_dir);
	} else {
		uname(&uts);
		dir = str_printf("/lib/modules/%s", uts.release);
	}
	if (!dir)
		return -ENOMEM;
	if (access(dir, R_OK) < 0) {
		log_warn("no modules for this kernel: %s: %s", dir, err_text(-errno));
		return 0;
	}
	m->ctx = kmod_new(dir, no_config);
	if (!m->ctx)
		return -ENOMEM;
	if (kmod_load_resources(m->ctx) < 0)
		log_warn("%s: the index files of depmod are incomplete; looking up drivers will be slow or fail", dir);
	return 0;
}

void modules_close(struct modules *m)
{
	for (size_t i = 0; i < m->loaded_count; i++) {
		free(m->loaded[i].name);
		free(m->loaded[i].params);
	}
	free(m->loaded);
	kmod_unref(m->ctx);
	*m = (struct modules){ 0 };
}

bool modules_blacklisted(const struct modules *m, const char *name)
{
	const struct words *list = &m->options->blacklist;

	for (size_t i = 0; i < list->count; i++)
		if (same_module(list->word[i], strlen(list->word[i]), name))
			return true;
	return false;
}

/* Adds one "parameter=value"; the kernel wants quotes around a value with blanks (kernel/params.c, next_arg). */
static void add_option(struct buf *out, const char *option)
{
	const char *equals = strchr(option, '=');

	if (out->len)
		buf_char(out, ' ');
	if (equals && equals[1] != '"' && strpbrk(equals, " \t"))
		buf_printf(out, "%.*s=\"%s\"", (int)(equals - option), option, equals + 1);
	else
		buf_str(out, option);
}

void modules_options(const struct options *o, const char *name, struct buf *out)
{
	for (size_t i = 0; i < o->module_options.count; i++) {
		const char *word = o->module_options.word[i], *dot = strchr(word, '.');

		if (dot && dot > word && dot[1] && same_module(word, (size_t)(dot - word), name))
			add_option(out, dot + 1);
	}
}

static const struct loaded_module *already_done(const struct modules *m, const char *name)
{
	for (size_t i = 0; i < m->loaded_count; i++)
		if (streq(m->loaded[i].name, name))
			return &m->loaded[i];
	return NULL;
}

static int remember(struct modules *m, const char *name, const char *params, int result)
{
	struct loaded_module *list = realloc(m->loaded, (m->loaded_count + 1) * sizeof(*list));
	struct loaded_module *entry;

	if (!list)
		return -ENOMEM;
	m->loaded = list;
	entry = &list[m->loaded_count];
	*entry = (struct loaded_module){ .name = strdup(name), .params = strdup(params), .result = result };
	if (!entry->name || !entry->params) {
		free(entry->name);
		free(entry->params);
		return -ENOMEM;
	}
	m->loaded_count++;
	return result;
}

/* True when the kernel has it; modules with parameters are listed there also when they are built in. */
static bool in_kernel(const struct modules *m, const char *name)
{
	cleanup_free char *path = str_printf("%s/module/%s", m->world->sysfs, name);

	return path && access(path, F_OK) == 0;
}

/* Inserts this one module. */
static int insert(struct modules *m, struct kmod_module *module, const char *params)
{
	const char *name = kmod_module_get_name(module);
	const struct loaded_module *done = already_done(m, name);
	cleanup_buf struct buf all = { 0 };
	int err;

	if (done)
		return done->result;
	if (in_kernel(m, name))
		return 0;
	if (!kmod_module_get_path(module))
		return kmod_module_get_initstate(module) == KMOD_MODULE_BUILTIN ? 0 : -ENOENT;
	if (params)
		buf_str(&all, params);
	modules_options(m->options, name, &all);
	if (all.failed)
		return -ENOMEM;
	err = m->world->insert(m->world->ctx, module, buf_cstr(&all));
	if (err == -EEXIST)
		return 0;
	if (err)
		log_warn("module %s %s: %s", name, buf_cstr(&all), err_text(err));
	else
		log_debug("module %s %s", name, buf_cstr(&all));
	return remember(m, name, buf_cstr(&all), err);
}

static int load_with_softdeps(struct modules *m, struct kmod_module *module, const char *params,
			      const struct begun *outer);

/* Softdeps are wishes: what is missing, forbidden or fails does not stop the module (modprobe.d(5)). */
static void load_wishes(struct modules *m, struct kmod_list *list, const struct begun *outer)
{
	struct kmod_list *l;

	kmod_list_foreach(l, list)
	{
		struct kmod_module *wish = kmod_module_get_module(l);
		const char *name = kmod_module_get_name(wish);
		int err = -EPERM;

		if (!modules_blacklisted(m, name))
			err = load_with_softdeps(m, wish, NULL, outer);
		if (err)
			log_debug("softdep %s: %s", name, err_text(err));
		kmod_module_unref(wish);
	}
}

/* Loads MODULE's dependencies, each with its softdeps, the deepest first as modules.dep lists them. */
static int load_dependencies(struct modules *m, struct kmod_module *module, const struct begun *outer)
{
	struct kmod_list *list = kmod_module_get_dependencies(module), *l;
	int err = 0;

	kmod_list_foreach(l, list)
	{
		struct kmod_module *dependency = kmod_module_get_module(l);

		if (!err)
			err = load_with_softdeps(m, dependency, NULL, outer);
		kmod_module_unref(dependency);
	}
	kmod_module_unref_list(list);
	return err;
}

static int load_with_softdeps(struct modules *m, struct kmod_module *module, const char *params,
			      const struct begun *outer)
{
	const struct begun here = { kmod_module_get_name(module), outer };
	const struct loaded_module *done = already_done(m, here.name);
	struct kmod_list *before = NULL, *after = NULL;
	int err;

	if (done)
		return done->result;
	for (const struct begun *b = outer; b; b = b->outer)
		if (streq(b->name, here.name))
			return 0;
	if (in_kernel(m, here.name))
		return 0;
	kmod_module_get_softdeps(module, &before, &after);
	err = load_dependencies(m, module, &here);
	load_wishes(m, before, &here);
	if (!err)
		err = insert(m, module, params);
	if (!err)
		load_wishes(m, after, &here);
	kmod_module_unref_list(before);
	kmod_module_unref_list(after);
	return err;
}

int modules_load(struct modules *m, struct kmod_module *module, const char *params)
{
	return load_with_softdeps(m, module, params, NULL);
}

int modules_find(struct modules *m, const char *alias, struct kmod_list **list)
{
	int err;

	*list = NULL;
	if (!m->ctx)
		return 0;
	err = kmod_module_new_from_lookup(m->ctx, alias, list);
	/* bytes no alias can have (brackets without a partner) or no index to look in: nothing matches */
	return err == -EINVAL || err == -ENOSYS ? 0 : err;
}

int modules_load_name(struct modules *m, const char *name, const char *params)
{
	struct kmod_list *list, *l;
	int err = modules_find(m, name, &list), result = -ENOENT;

	if (err)
		return err;
	kmod_list_foreach(l, list)
	{
		struct kmod_module *module = kmod_module_get_module(l);
		const char *real_name = kmod_module_get_name(module);
		bool by_alias = !same_module(name, strlen(name), real_name);

		err = by_alias && modules_blacklisted(m, real_name) ? -EPERM : modules_load(m, module, params);
		if (result)
			result = err;
		kmod_module_unref(module);
	}
	kmod_module_unref_list(list);
	if (result == -ENOENT && in_kernel(m, name))
		return 0;
	return result;
}
