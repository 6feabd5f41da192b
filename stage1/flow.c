/* flow.c - options -> devices -> network -> method -> image -> root -> init: the whole boot as one table of steps. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/flow.h"

#include "base/clock.h"
#include "base/log.h"
#include "stage1/ask.h"
#include "stage1/handover.h"
#include "stage1/installer.h"
#include "stage1/journal.h"
#include "stage1/kexec.h"
#include "stage1/questions.h"
#include "stage1/system.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVICES_MS        20000 /* for drivers to load and their devices to appear */
#define NETWORK_DEFAULT_S 120   /* a port may take 50 s to forward (spanning tree), and a server its time */

/* ---- the screen as the parts' watch */

static void on_note(struct watch *w, const char *line)
{
	log_info("%s", line);
	screen_note(((struct flow *)w)->screen, line);
}

static void on_waiting(struct watch *w, const char *why, int64_t deadline)
{
	screen_waiting(((struct flow *)w)->screen, why, deadline);
}

static void on_progress(struct watch *w, int64_t done, int64_t total)
{
	screen_progress(((struct flow *)w)->screen, done, total);
}

/* ---- 1 devices */

/* "14 pci, 3 usb; drivers e1000 ahci" */
static void note_devices(struct flow *f)
{
	cleanup_buf struct buf text = { 0 }, drivers = { 0 };
	size_t count, pci = 0, usb = 0;
	const struct probe_device *d = probe_devices(f->probe, &count);

	for (size_t i = 0; i < count; i++) {
		pci += streq(d[i].bus, "pci");
		usb += streq(d[i].bus, "usb");
		if (d[i].classes && d[i].driver && !strstr(buf_cstr(&drivers), d[i].driver))
			buf_printf(&drivers, " %s", d[i].driver);
	}
	buf_printf(&text, "%zu PCI", pci);
	if (usb)
		buf_printf(&text, ", %zu USB", usb);
	buf_printf(&text, "; drivers%s", drivers.len ? buf_cstr(&drivers) : " none");
	watch_note(&f->watch, "%s", buf_cstr(&text));
}

/* Which drivers this boot needs. What is not needed is not loaded: it would cost time and memory. */
static unsigned wanted_classes(const struct flow *f)
{
	unsigned classes = 0;

	if (streq(f->options->value[KEY_PROBE], "all"))
		classes = PROBE_ALL;
	if (f->method->needs & METHOD_NEEDS_NETWORK)
		classes |= PROBE_NET;
	if (f->method->needs & METHOD_NEEDS_STORAGE)
		classes |= PROBE_STORAGE | PROBE_USB;
	return f->options->noauto ? classes & ~(unsigned)PROBE_USB : classes;
}

/* No card on the built-in buses: one may hang on USB. */
static int look_for_usb_cards(struct flow *f)
{
	size_t count;
	const struct probe_device *d = probe_devices(f->probe, &count);

	if (f->options->noauto || !(f->method->needs & METHOD_NEEDS_NETWORK))
		return 0;
	for (size_t i = 0; i < count; i++)
		if ((d[i].classes & PROBE_NET) && d[i].driver)
			return 0;
	return probe_load(f->probe, PROBE_NET | PROBE_USB, now_ms() + DEVICES_MS);
}

static int find_devices(struct flow *f)
{
	int err = f->probe ? 0 : probe_open(&f->probe, f->options, NULL, &f->watch, &f->result->failure);

	if (err)
		return err;
	err = probe_load(f->probe, wanted_classes(f), now_ms() + DEVICES_MS);
	if (!err)
		err = look_for_usb_cards(f);
	if (err)
		return fail(&f->result->failure, FAIL_DEV_LOAD, err, "probing the buses: %s", err_text(err));
	note_devices(f);
	return 0;
}

/* ---- 2 network */

static int load_module(void *ctx, const char *name)
{
	return probe_module(ctx, name, NULL);
}

/* While a link is waited for there is time for what every image needs. */
static void load_image_modules(void *ctx)
{
	static const char *const usual[] = { "loop", "squashfs", "overlay" };

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		(void)load_module(ctx, usual[i]); /* who really needs it, says what is missing */
}

/* "Intel 82540EM Gigabit Ethernet Controller" for the card at ADDRESS on its bus. */
static const char *card_title(void *ctx, const char *address)
{
	size_t count;
	const struct probe_device *d = probe_devices(ctx, &count);

	for (size_t i = 0; i < count; i++)
		if (streq(d[i].address, address))
			return probe_name(ctx, &d[i]);
	return NULL;
}

/* "10.0.1.31/24, DHCP from 10.0.1.21, lease 80 h" */
static void note_address(struct flow *f)
{
	const struct network *n = &f->network;
	cleanup_buf struct buf text = { 0 };
	char a[INET_ADDRSTRLEN];

	buf_printf(&text, "%s/%u, ", inet_ntop(AF_INET, &n->address, a, sizeof(a)), n->prefix);
	if (!n->dhcp) {
		buf_str(&text, "static");
	} else {
		buf_printf(&text, "DHCP from %s, lease ", inet_ntop(AF_INET, &n->server_id, a, sizeof(a)));
		if (n->lease_s == UINT32_MAX)
			buf_str(&text, "for ever");
		else if (n->lease_s >= 2 * 3600)
			buf_printf(&text, "%u h", n->lease_s / 3600);
		else
			buf_printf(&text, "%u min", n->lease_s / 60);
	}
	watch_note(&f->watch, "%s", buf_cstr(&text));
}

static int bring_up_network(struct flow *f)
{
	struct net_request request = {
		.options = f->options,
		.watch = &f->watch,
		.while_waiting = load_image_modules,
		.card_title = card_title,
		.ctx = f->probe,
	};
	struct failure ignored = { 0 };
	int64_t seconds;
	int err;

	if (!(f->method->needs & METHOD_NEEDS_NETWORK)) {
		load_image_modules(f->probe);
		watch_note(&f->watch, "not needed for method %s", f->method->name);
		return 0;
	}
	err = options_number(f->options, KEY_TIMEOUT, 1, 86400, NETWORK_DEFAULT_S, &seconds, &f->result->failure);
	if (err)
		return err;
	request.deadline = now_ms() + seconds * 1000;
	err = net_up_with(&f->network, &request, &f->result->failure);
	if (err)
		return err;
	note_address(f);
	if (f->network.hostname && sethostname(f->network.hostname, strlen(f->network.hostname)))
		log_warn("the host name %s is refused: %s", f->network.hostname, err_text(errno));
	err = net_write_handover(&f->network, RUN_DIR);
	if (err)
		log_warn("the network's settings cannot be left in " RUN_DIR ": %s", err_text(err));
	/* a log server that is not there is no reason not to boot */
	if (f->options->value[KEY_LOG] && journal_add_server(&f->network, f->options->value[KEY_LOG], &ignored))
		log_warn("no log lines go to %s", f->options->value[KEY_LOG]);
	return 0;
}

/* ---- 3 method */

static int choose_root_mode(struct flow *f)
{
	const char *mode = f->options->value[KEY_ROOT];

	if (!mode || streq(mode, "overlay"))
		f->root_mode = ROOT_OVERLAY;
	else if (streq(mode, "rw"))
		f->root_mode = ROOT_RW;
	else if (streq(mode, "ro"))
		f->root_mode = ROOT_RO;
	else
		return fail(&f->result->failure, FAIL_CMD_BAD_VALUE, -EINVAL, "root:%s is none of overlay, rw, ro", mode);
	/* the seeds' line: root=/dev/ram3 rw */
	if (!mode && f->options->root && starts_with(f->options->root, "/dev/ram") && f->options->read_write)
		f->root_mode = ROOT_RW;
	return 0;
}

/* The ramdisk number N of "/dev/ramN", or -1. */
static int ramdisk_number(const char *device)
{
	int64_t n;

	if (!device || !starts_with(device, "/dev/ram") || parse_number(device + 8, 0, 255, &n))
		return -1;
	return (int)n;
}

/* brd makes its disks when it is loaded, so their size must be known then: as asked, or all that memory could hold. */
static int open_ramdisk(struct flow *f, int number)
{
	int64_t kib = f->options->ramdisk_size_kib;
	cleanup_free char *params = NULL;
	char path[32];
	int err;

	if (kib < 0)
		kib = MAX(memory_available(), 4 * MIB) / KIB;
	params = str_printf("rd_nr=%d rd_size=%lld", number + 1, (long long)kib);
	snprintf(path, sizeof(path), "/dev/ram%d", number);
	err = params ? probe_module(f->probe, "brd", params) : -ENOMEM;
	if (!err)
		err = probe_wait_path(f->probe, path, now_ms() + DEVICES_MS);
	if (err)
		return fail(&f->result->failure, FAIL_IMG_STORE, err, "%s: the ramdisk driver (brd): %s", path,
			    err_text(err));
	return store_open_ramdisk(&f->store, (unsigned)number, f->options->ramdisk_size_kib, &f->result->failure);
}

static int open_store(struct flow *f)
{
	const char *outfile = f->options->value[KEY_OUTFILE];
	int number;

	if (!outfile && ramdisk_number(f->options->root) >= 0)
		outfile = f->options->root;
	if (!outfile || streq(outfile, "ram"))
		return store_open_memory(&f->store, IMAGE_RUN, &f->result->failure);
	number = ramdisk_number(outfile);
	if (number < 0)
		return fail(&f->result->failure, FAIL_CMD_BAD_VALUE, -EINVAL, "outfile:%s is neither ram nor /dev/ramN",
			    outfile);
	return open_ramdisk(f, number);
}

static int prepare_method(struct flow *f)
{
	int err = choose_root_mode(f);

	if (!err && !f->options->value[KEY_KERNEL])
		err = open_store(f);
	if (!err)
		watch_note(&f->watch, "%s%s%s%s%s", f->method->name, f->options->value[KEY_SERVER] ? " from " : "",
			   f->options->value[KEY_SERVER] ? f->options->value[KEY_SERVER] : "",
			   f->store.kind == STORE_RAMDISK ? " into " : "",
			   f->store.kind == STORE_RAMDISK ? f->store.path : "");
	return err;
}

/* ---- 4 image */

/* Brings what the options name into STORE; RAW keeps its compression on. */
static int fetch_into(struct flow *f, struct store *store, bool raw)
{
	struct sink *sink = image_sink(store, raw, memory_available(), raw ? NULL : f->options->value[KEY_SHA256]);
	struct fetch fetch = {
		.options = f->options,
		.net = f->method->needs & METHOD_NEEDS_NETWORK ? &f->network : NULL,
		.sink = sink,
		.watch = &f->watch,
		.fail = &f->result->failure,
	};
	cleanup_buf struct buf text = { 0 };
	int64_t began = now_ms(), ms;
	int err;

	if (!sink)
		return fail(&f->result->failure, FAIL_MEM_TOO_LITTLE, -ENOMEM, "not even for the work itself");
	err = f->method->fetch(&fetch);
	sink->free(sink);
	if (err)
		return err;
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

static int load_kernel(struct flow *f)
{
	cleanup_buf struct buf command_line = { 0 };
	struct store initrd = { .fd = -1 };
	int err = fetch_file(f, KEY_KERNEL, &f->store);

	if (!err && f->options->value[KEY_INITRD])
		err = fetch_file(f, KEY_INITRD, &initrd);
	if (!err && f->options->value[KEY_APPEND])
		err = kexec_decode(f->options->value[KEY_APPEND], &command_line);
	if (!err)
		err = kexec_load(f->store.fd, initrd.fd, buf_cstr(&command_line), &f->result->failure);
	if (initrd.fd >= 0)
		store_close(&initrd);
	return err;
}

static int fetch_image(struct flow *f)
{
	return f->options->value[KEY_KERNEL] ? load_kernel(f) : fetch_into(f, &f->store, false);
}

/* ---- 5 root */

static int assemble_root(struct flow *f)
{
	static const char *const words[] = {
		[ROOT_OVERLAY] = "memory over the image",
		[ROOT_RW] = "the image itself, read-write",
		[ROOT_RO] = "the image itself, read-only",
	};
	int err;

	if (f->options->value[KEY_KERNEL]) {
		watch_note(&f->watch, "none: a kernel was fetched");
		return 0;
	}
	if (streq(f->options->value[KEY_PROBE], "all") && probe_load(f->probe, PROBE_ALL, now_ms() + DEVICES_MS))
		log_warn("not all drivers could be loaded");
	err = image_mount(&f->store, f->root_mode, ROOT_DIR, load_module, f->probe, &f->result->failure);
	if (err)
		return err;
	watch_note(&f->watch, "%s", words[f->root_mode]);
	return 0;
}

/* ---- 6 init */

/* Is PATH a program in the new root, its links followed as they will be there? This process is thrown away afterwards,
 * so it may look from inside. */
static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

static int find_init(struct flow *f)
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

/* ---- the table */

static const struct step {
	const char *name;
	int (*run)(struct flow *f);
} steps[] = {
	{ "devices", find_devices },
	{ "network", bring_up_network },
	{ "method", prepare_method },
	{ "image", fetch_image },
	{ "root", assemble_root },
	{ "init", find_init },
};

/* ---- a person's part */

/* ERR of a question, in words where it ends the run. */
static int question_ended(struct flow *f, int err)
{
	if (err == -ETIMEDOUT)
		return fail(&f->result->failure, FAIL_CMD_UNATTENDED, err, "no key was pressed for some minutes");
	if (err < 0)
		return fail(&f->result->failure, FAIL_SYS_INTERNAL, err, "asking: %s", err_text(err));
	return err;
}

/* What was answered outlives this process, so that the next try begins with it. */
static void keep_answers(struct flow *f)
{
	cleanup_buf struct buf text = { 0 };

	for (size_t i = 0; i < KEY_COUNT; i++)
		if (f->options->value[i])
			buf_printf(&text, "%s\t%s\n", key_table[i].name, f->options->value[i]);
	if (str_copy(f->result->answers, sizeof(f->result->answers), buf_cstr(&text)))
		f->result->answers[0] = '\0';
}

/* Method, drivers, details; back from the details to the method. */
static int ask_person(struct flow *f)
{
	int err;

	screen_keys(f->screen, true);
	do {
		err = questions_method(f->options, f->screen);
		f->method = err ? NULL : method_find(f->options->value[KEY_METHOD]);
		if (!err)
			err = find_devices(f);
		if (!err)
			err = questions_details(f->options, f->screen);
	} while (err == ASK_BACK);
	screen_keys(f->screen, false);
	if (!err)
		keep_answers(f);
	return f->result->failure.id ? f->result->failure.err : question_ended(f, err);
}

/* What can be said before anything is touched. */
static int check_options(struct flow *f)
{
	const char *name = f->options->value[KEY_METHOD];
	cleanup_buf struct buf known = { 0 };

	if (!name)
		return fail(&f->result->failure, FAIL_CMD_NO_METHOD, -EINVAL,
			    f->options->automatic ? "automatic= has no method:" : "there is no automatic=");
	f->method = method_find(name);
	if (f->method)
		return method_check(f->method, f->options, &f->result->failure);
	for (size_t i = 0; methods[i]; i++)
		buf_printf(&known, " %s", methods[i]->name);
	return fail(&f->result->failure, FAIL_CMD_BAD_METHOD, -EINVAL, "method:%s; known:%s", name, buf_cstr(&known));
}

int flow_run(struct options *o, struct screen *s, bool ask, struct flow_result *result)
{
	struct flow f = {
		.watch = { .note = on_note, .waiting = on_waiting, .progress = on_progress },
		.screen = s,
		.options = o,
		.result = result,
		.store = { .fd = -1 },
	};
	int err = ask ? ask_person(&f) : 0;

	if (!err)
		err = check_options(&f);

	for (unsigned i = 0; !err && i < ARRAY_SIZE(steps); i++) {
		int64_t began = now_ms();

		result->step = i;
		screen_step(s, i + 1, ARRAY_SIZE(steps), steps[i].name);
		err = steps[i].run(&f);
		result->step_ms[i] = now_ms() - began;
		screen_step_done(s, !err);
		log_info("step %s %s after %lld ms", steps[i].name, err ? "failed" : "done",
			 (long long)result->step_ms[i]);
	}
	return err;
}
