/* step_kernel.c - steps 3 to 6 where kernel: is given: method -> a kernel in memory, to be started in this one's
 * place. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/steps.h"

#include "stage1/kexec.h"

int kernel_method(struct flow *f)
{
	flow_note_method(f);
	return 0;
}

/* The file KEY names, below directory: as an image would be. */
static int fetch_file(struct flow *f, enum option_key key, struct store *store)
{
	int err = store_open_memory(store, NULL, &f->result->failure);

	if (!err)
		err = options_set(f->options, KEY_IMAGE, f->options->value[key]);
	return err ? err : flow_fetch(f, store, true);
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

int kernel_image(struct flow *f)
{
	cleanup_buf struct buf command_line = { 0 };
	struct store initrd = { .fd = -1 };
	int err;

	err = fetch_file(f, KEY_KERNEL, &f->store);
	if (!err && f->options->value[KEY_INITRD])
		err = fetch_file(f, KEY_INITRD, &initrd);
	if (!err && make_command_line(f->options, &command_line))
		err = fail(&f->result->failure, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for a command line");
	if (!err)
		err = kexec_load(&f->store, initrd.fd >= 0 ? &initrd : NULL, buf_cstr(&command_line),
				 &f->result->failure);
	if (initrd.fd >= 0)
		store_close(&initrd);
	return err;
}

int kernel_root(struct flow *f)
{
	watch_note(&f->watch, "none: a kernel was fetched");
	return 0;
}

int kernel_init(struct flow *f)
{
	f->result->kexec = true;
	watch_note(&f->watch, "kernel %s", f->options->value[KEY_KERNEL]);
	return 0;
}
