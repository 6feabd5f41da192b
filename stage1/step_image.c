/* step_image.c - step 4: method -> the image in its place, or a kernel ready to be started. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/steps.h"

#include "base/clock.h"
#include "stage1/kexec.h"
#include "stage1/system.h"

/* A method that waits for a stick needs the drivers of what is plugged in. */
static void new_devices(void *ctx)
{
	(void)!probe_catch_up(ctx); /* who waits for the stick says that it did not come */
}

/* Brings what the options name into STORE; RAW keeps its compression on. */
static int fetch_into(struct flow *f, struct store *store, bool raw)
{
	const char *sha256 = f->options->value[KEY_SHA256];
	int64_t memory = memory_available();
	struct fetch fetch = {
		.options = f->options,
		.net = f->method->needs & METHOD_NEEDS_NETWORK ? &f->network : NULL,
		.watch = &f->watch,
		.fail = &f->result->failure,
		.new_devices = new_devices,
		.new_devices_ctx = f->probe,
	};
	cleanup_buf struct buf text = { 0 };
	int64_t began, ms;
	int err;

	do {
		began = now_ms();
		fetch.sink = raw ? image_sink(store, true, memory, sha256) :
				   root_sink(store, ROOT_DIR, flow_load_module, f->probe, memory, sha256);
		if (!fetch.sink)
			return fail(&f->result->failure, FAIL_MEM_TOO_LITTLE, -ENOMEM, "not even for the work itself");
		err = f->method->fetch(&fetch);
		fetch.sink->free(fetch.sink);
		str_copy(f->server, sizeof(f->server), fetch.server);
	} while (err && fetch.net && flow_other_card(f));
	if (err)
		return err;
	origin_free(&f->origin);
	f->origin = fetch.origin;
	if (store->tree) {
		watch_note(&f->watch, "an archive, unpacked as it came");
		return 0;
	}
	ms = MAX(now_ms() - began, (int64_t)1);
	screen_format_bytes(&text, store->size);
	buf_str(&text, " in memory, ");
	screen_format_bytes(&text, store->size / ms * 1000 + store->size % ms * 1000 / ms);
	buf_str(&text, "/s");
	watch_note(&f->watch, "%s", buf_cstr(&text));
	return 0;
}

/* The file KEY names, below directory: as an image would be. */
static int fetch_file(struct flow *f, enum option_key key, struct store *store)
{
	int err = store_open_memory(store, NULL, &f->result->failure);

	if (!err)
		err = options_set(f->options, KEY_IMAGE, f->options->value[key]);
	return err ? err : fetch_into(f, store, true);
}

/* append:, or what lets a person see the new kernel. 0 or -ENOMEM. */
static int make_command_line(const struct options *o, struct buf *out)
{
	if (o->value[KEY_APPEND])
		return kexec_decode(o->value[KEY_APPEND], out);
	for (size_t i = 0; i < o->consoles.count; i++)
		buf_printf(out, "%sconsole=%s", i ? " " : "", o->consoles.word[i]);
	return out->failed ? -ENOMEM : 0;
}

static int load_kernel(struct flow *f)
{
	cleanup_buf struct buf command_line = { 0 };
	struct store initrd = { .fd = -1 };
	int err;

	/* what is asked to be verified must not start something that is not */
	if (f->options->value[KEY_SHA256] && f->options->value[KEY_INITRD])
		return fail(&f->result->failure, FAIL_CMD_BAD_VALUE, -EINVAL,
			    "sha256: is the sum of one file, and kernel: with initrd: are two");
	err = fetch_file(f, KEY_KERNEL, &f->store);
	if (!err && f->options->value[KEY_INITRD])
		err = fetch_file(f, KEY_INITRD, &initrd);
	if (!err && make_command_line(f->options, &command_line))
		err = fail(&f->result->failure, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for a command line");
	if (!err)
		err = kexec_load(&f->store, initrd.fd >= 0 ? &initrd : NULL, buf_cstr(&command_line), &f->result->failure);
	if (initrd.fd >= 0)
		store_close(&initrd);
	return err;
}

int step_image(struct flow *f)
{
	return f->options->value[KEY_KERNEL] ? load_kernel(f) : fetch_into(f, &f->store, false);
}
