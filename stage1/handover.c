/* handover.c - what the flow found out -> files in RUN_DIR, for the next system. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/handover.h"

#include "stage1/system.h"
#include "base/version.h"
#include "methods/retrieve/url.h"

#include <arpa/inet.h>
#include <unistd.h>

static void add_times(struct buf *out, const struct flow *f)
{
	static const char *const keys[] = { "MS_DEVICES", "MS_NETWORK", "MS_METHOD", "MS_IMAGE", "MS_ROOT" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		buf_setting_number(out, keys[i], f->result->step_ms[i]);
}

/* ROOT='nfs+overlay', as root: takes it, and where what it is on stays mounted. */
static void add_root(struct buf *out, const struct flow *f)
{
	static const char *const modes[] = { [ROOT_OVERLAY] = "overlay", [ROOT_RW] = "rw", [ROOT_RO] = "ro" };
	bool there = f->found.kind != FOUND_NOTHING;

	buf_printf(out, "ROOT='%s+%s'\n", there ? f->method->name : "ram", modes[f->plan.mode]);
	buf_setting(out, "ROOT_PATH", there ? f->found.path : NULL);
}

int handover_write_ka(const struct flow *f)
{
	cleanup_buf struct buf text = { 0 };
	char next[INET_ADDRSTRLEN];

	if (!streq(f->method->name, "ka") || access(ROOT_DIR "/ka", F_OK))
		return 0;
	inet_ntop(AF_INET, &f->network.next_server, next, sizeof(next));
	buf_printf(&text, "%s\n", f->network.next_server.s_addr ? next : f->server);
	return system_write_file(ROOT_DIR "/ka/tftpserver", 0644, &text);
}

/* IMAGE='root.sqfs': without its query, which may hold a key and is nobody else's. */
static void add_file(struct buf *out, const char *key, const struct flow *f, const char *value)
{
	cleanup_free char *name = value ? strndup(value, url_query(f->method->name, value)) : NULL;

	buf_setting(out, key, name);
}

int handover_write(const struct flow *f)
{
	const struct options *o = f->options;
	cleanup_buf struct buf env = { 0 }, modules = { 0 };
	int err, err_modules;

	buf_setting(&env, "STAGE1_VERSION", STAGE1_VERSION);
	buf_setting(&env, "METHOD", f->method->name);
	buf_setting(&env, "SERVER", f->server[0] ? f->server : o->value[KEY_SERVER]);
	add_file(&env, "DIRECTORY", f, o->value[KEY_DIRECTORY]);
	add_file(&env, "IMAGE", f, o->value[KEY_IMAGE]);
	buf_setting_number(&env, "IMAGE_SIZE", f->store.size);
	add_root(&env, f);
	buf_setting(&env, "NODE_ID", o->node_id);
	buf_setting(&env, "LOG", o->value[KEY_LOG]);
	buf_setting(&env, "RESCUE", o->rescue ? "1" : NULL);
	add_times(&env, f);
	if (f->method->needs & METHOD_NEEDS_NETWORK)
		net_describe(&f->network, &env);
	err = system_write_file(RUN_DIR "/env", 0644, &env);
	probe_list_modules(f->probe, &modules);
	err_modules = system_write_file(RUN_DIR "/modules", 0644, &modules);
	return err ? err : err_modules;
}
