/* step_image.c - step 4: method -> the image in its place. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/steps.h"

#include "base/clock.h"
#include "methods/verify/verify.h"
#include "stage1/system.h"

/* A server or disk that says nothing for so many seconds is given up, where timeout: is silent. */
#define SILENCE_DEFAULT_S 30

/* The kernel tries a bad spot of a disk or disc again and again; an impatient timeout: is not meant for that. */
#define MEDIUM_SILENCE_S     180
#define MEDIUM_SILENCE_MIN_S 15

/* A method that waits for a stick needs the drivers of what is plugged in. */
static void new_devices(void *ctx)
{
	(void)!probe_catch_up(ctx); /* who waits for the stick says that it did not come */
}

static struct fetch new_fetch(struct flow *f)
{
	return (struct fetch){
		.options = f->options,
		.net = f->method->needs & METHOD_NEEDS_NETWORK ? &f->network : NULL,
		.watch = &f->watch,
		.fail = &f->result->failure,
		.new_devices = new_devices,
		.new_devices_ctx = f->probe,
	};
}

/* Where the image or tree was. */
static void take_origin(struct flow *f, const struct fetch *fetch)
{
	origin_free(&f->origin);
	f->origin = fetch->origin;
	f->origin.tree = f->found.kind == FOUND_TREE;
}

/* The sink in front of STORE, which knows what has to come where that is known. */
static int open_sink(struct flow *f, struct fetch *fetch, struct store *store, bool raw)
{
	const char *sha256 = f->options->value[KEY_SHA256];
	struct verified v = { .size = -1 };
	int64_t memory;

	if (verify_wanted(f->options, VERIFY_KEYS)) {
		int err = verify_manifest(f->method, fetch, VERIFY_KEYS, &v);

		if (err)
			return err;
		sha256 = v.sha256;
	}
	memory = memory_available();
	fetch->sink = raw ? image_sink(store, true, memory, sha256)
			  : root_sink(store, ROOT_DIR, flow_load_module, f->probe, memory, sha256);
	if (!fetch->sink)
		return fail(&f->result->failure, FAIL_MEM_TOO_LITTLE, -ENOMEM, "not even for the work itself");
	image_sink_expect(fetch->sink, v.size);
	return 0;
}

/* The method's own work, into STORE where there is one. A disk that does not answer holds it up in the kernel. */
static int run_method(struct flow *f, struct fetch *fetch, struct store *store, bool raw)
{
	bool medium = f->method->needs & METHOD_NEEDS_STORAGE;
	int64_t seconds;
	int err = options_number(f->options, KEY_TIMEOUT, 1, 86400, MEDIUM_SILENCE_S, &seconds, fetch->fail);

	if (err)
		return err;
	if (medium)
		flow_guard(f, MAX(seconds, (int64_t)MEDIUM_SILENCE_MIN_S) * 1000, FAIL_MED_READ, "a disk or disc");
	err = store ? open_sink(f, fetch, store, raw) : 0;
	if (!err)
		err = f->method->fetch(fetch);
	if (medium)
		flow_unguard(f);
	if (fetch->sink)
		fetch->sink->free(fetch->sink);
	fetch->sink = NULL;
	return err;
}

int flow_fetch(struct flow *f, struct store *store, bool raw)
{
	struct fetch fetch = new_fetch(f);
	cleanup_buf struct buf text = { 0 };
	int64_t began, ms;
	int err;

	fetch.found = raw ? NULL : &f->found;
	do {
		began = now_ms();
		err = run_method(f, &fetch, store, raw);
		str_copy(f->server, sizeof(f->server), fetch.server);
	} while (err && fetch.net && flow_other_card(f));
	take_origin(f, &fetch);
	if (err || f->found.kind)
		return err;
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

/* ---- what is used, or copied, where it lies */

/* A server or disk that falls silent holds up whoever reads from it, in the kernel. */
static int guard(struct flow *f)
{
	bool medium = f->method->needs & METHOD_NEEDS_STORAGE;
	int64_t seconds, usual = medium ? MEDIUM_SILENCE_S : SILENCE_DEFAULT_S;
	int err = options_number(f->options, KEY_TIMEOUT, 1, 86400, usual, &seconds, &f->result->failure);

	if (medium)
		seconds = MAX(seconds, (int64_t)MEDIUM_SILENCE_MIN_S);
	if (!err)
		flow_guard(f, seconds * 1000, medium ? FAIL_MED_READ : FAIL_SRV_STALLED, f->found.words);
	return err;
}

/* What is used where it lies is read again when it has been verified, and a tree has no manifest. */
static int refuse_unverified(struct flow *f, const char *why)
{
	return verify_wanted(f->options, VERIFY_KEYS) ? verify_refuse(&f->result->failure, f->found.words, why) : 0;
}

/* A sum is that of one file. */
static int refuse_sum(struct flow *f)
{
	int err = refuse_unverified(f, "it is a tree of files, and a manifest is that of one file");

	if (err)
		return err;
	if (!f->options->value[KEY_SHA256])
		return 0;
	return fail(&f->result->failure, FAIL_CMD_BAD_VALUE, -EINVAL,
		    "sha256: is the sum of one file, and %s is a tree of files, which cannot be checked",
		    f->found.words);
}

static int copy_tree(struct flow *f)
{
	const struct tree_source from = {
		.path = f->found.path,
		.words = f->found.words,
		.network = f->method->needs & METHOD_NEEDS_NETWORK,
		.memory = memory_available(),
		.watch = &f->watch,
	};
	cleanup_buf struct buf text = { 0 };
	int err = refuse_sum(f);

	if (!err)
		err = guard(f);
	if (!err)
		err = image_copy_tree(&f->store, &from, ROOT_DIR, flow_load_module, f->probe, &f->result->failure);
	if (err)
		return err;
	screen_format_bytes(&text, f->store.size);
	watch_note(&f->watch, "%s copied, a tree at %s", buf_cstr(&text), f->found.words);
	found_release(&f->found);
	flow_unguard(f);
	return 0;
}

/* The file that was found, as a store that is only read. */
static int use_file(struct flow *f)
{
	const char *sha256 = f->options->value[KEY_SHA256];
	cleanup_buf struct buf text = { 0 };
	enum image_kind kind;
	int err = store_use(&f->store, f->found.path, &f->result->failure);

	if (!err)
		err = image_look(&f->store, &kind, &f->result->failure);
	if (!err && sha256) {
		watch_note(&f->watch, "its SHA-256 first: it is read twice, now and as it is used");
		err = store_verify(&f->store, sha256, &f->watch, &f->result->failure);
	}
	if (err)
		return err;
	screen_format_bytes(&text, f->store.size);
	watch_note(&f->watch, "%s at %s", buf_cstr(&text), f->found.words);
	return 0;
}

static int use_there(struct flow *f)
{
	struct fetch fetch = new_fetch(f);
	int err;

	fetch.found = &f->found;
	fetch.in_place = true;
	fetch.writable = f->plan.mode == ROOT_RW;
	do
		err = run_method(f, &fetch, NULL, false);
	while (err && fetch.net && flow_other_card(f));
	take_origin(f, &fetch);
	if (!err)
		err = guard(f);
	if (err)
		return err;
	if (f->found.kind == FOUND_FILE) {
		err = refuse_unverified(f, "it would be used where it lies, and could change there");
		return err ? err : use_file(f);
	}
	watch_note(&f->watch, "a tree at %s", f->found.words);
	return refuse_sum(f);
}

/* Memory is too small: a disk or disc may stay. A server is used as a root only by who asked for it. */
static bool may_stay(const struct flow *f)
{
	return f->plan.place == PLACE_MEMORY_OR_MEDIUM && f->method->stays &&
	       !(f->method->needs & METHOD_NEEDS_NETWORK) && f->plan.mode != ROOT_RW && f->store.kind == STORE_MEMORY;
}

static int copy_or_use(struct flow *f)
{
	struct failure too_big;
	int err = flow_fetch(f, &f->store, false);

	if (!err && f->found.kind == FOUND_TREE)
		err = copy_tree(f);
	if (!err || f->result->failure.id != FAIL_MEM_TOO_LITTLE || !may_stay(f))
		return err;
	too_big = f->result->failure;
	watch_note(&f->watch, "%s: it is used where it lies", too_big.detail);
	f->result->failure = (struct failure){ 0 };
	found_release(&f->found);
	store_close(&f->store);
	f->plan.place = PLACE_THERE;
	if (use_there(f))
		f->result->failure = too_big; /* as it would have been without this */
	return f->result->failure.err;
}

int step_image(struct flow *f)
{
	return f->plan.place == PLACE_THERE ? use_there(f) : copy_or_use(f);
}
