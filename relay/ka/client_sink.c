/* client_sink.c - the bytes of a ka stream -> the command or the sink that they are for. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/client_internal.h"

#include "image/image.h"

#define ASK_EVERY (8 * MIB) /* bytes that are kept before the sink is asked again */

/* ---- a command */

static void command_moved(struct ka_reader *r)
{
	struct ka_client *c = r->owner;

	c->sink_at = r->at;
	kac_more_room(c);
}

static void command_fed(struct ka_reader *r, int err)
{
	struct ka_client *c = r->owner;

	/* broken: it takes no more, and how it ends will tell whether that was right */
	c->to_command = NULL;
	c->sink_at = err ? INT64_MAX : r->at;
}

static void command_ended(struct ka_command *command, int err, const char *why)
{
	struct ka_client *c = container_of(command, struct ka_client, command);

	if (err) {
		kac_fail(c, FAIL_IMG_STORE, err, "the command %s", why);
		return;
	}
	if (c->to_command)
		ka_reader_drop(c->to_command);
	c->to_command = NULL;
	c->sink_at = INT64_MAX;
	c->sink_done = true;
	kac_more_room(c);
	kac_maybe_finished(c);
}

static void begin_command(struct ka_client *c)
{
	int fd;

	c->command.ended = command_ended;
	if (ka_command_start(&c->command, c->loop, c->options.command, KA_COMMAND_SINK, &fd, &c->failure) < 0) {
		kac_fail(c, c->failure.id, c->failure.err, "%s", c->failure.detail);
		return;
	}
	c->to_command = ka_reader_add(&c->store, fd, c, command_fed);
	if (!c->to_command) {
		kac_fail(c, FAIL_SYS_INTERNAL, -ENOMEM, "no memory");
		return;
	}
	c->to_command->moved = command_moved;
	if (ka_reader_start(c->to_command, 0) < 0)
		kac_fail(c, FAIL_SYS_INTERNAL, -ENODATA, "the stream's beginning is gone");
}

/* ---- a sink of the image part: one that wants to see the bytes, or one that takes them where they lie */

/* The stream may stay where it lies: nothing is given up, and the server may send us whoever comes late. */
static void keep_all(struct ka_client *c)
{
	if (ka_store_keep_all(&c->store) < 0)
		c->ask_at = INT64_MAX;
	else
		kac_tell_keeps(c);
}

/* Asks the sink, where it is time to. 0 or -errno with the failure filled. */
static int ask_sink(struct ka_client *c)
{
	int err;

	if (c->store.end < c->ask_at)
		return 0;
	err = sink_may_take(c->options.sink, c->store.fd, c->store.end, &c->failure);
	c->ask_at = err == -EOPNOTSUPP ? INT64_MAX : c->store.end + ASK_EVERY;
	if (!err && !c->store.whole)
		keep_all(c);
	return err == -EOPNOTSUPP ? 0 : err;
}

/* The stream has ended before the sink got anything of it: it takes over what is kept, or gets a copy after all. */
static int hand_over(struct ka_client *c)
{
	int err = c->store.whole ? sink_take(c->options.sink, c->store.fd, c->store.end, &c->failure) : -EOPNOTSUPP;

	if (!err)
		c->sink_at = c->store.end;
	if (err != -EOPNOTSUPP)
		return err;
	c->ask_at = INT64_MAX;
	return 0;
}

static void pump_sink(struct loop_timer *t)
{
	struct ka_client *c = container_of(t, struct ka_client, sink_timer);
	int err = ask_sink(c);

	if (!err && c->store.ended && c->ask_at < INT64_MAX)
		err = hand_over(c);
	if (!err && c->ask_at == INT64_MAX)
		err = rstore_feed_sink(&c->store.bytes, &c->sink_at, c->store.end, c->options.sink, &c->failure);
	if (!err && c->store.ended && c->sink_at == c->store.end) {
		err = c->options.sink->finish(c->options.sink, &c->failure);
		c->sink_done = !err;
	}
	if (err) {
		kac_fail(c, c->failure.id, err, "%s", c->failure.detail);
		return;
	}
	if (c->ask_at == INT64_MAX && c->sink_at < c->store.end)
		loop_at(c->loop, t, loop_now(c->loop));
	kac_more_room(c);
	if (c->sink_done)
		kac_maybe_finished(c);
}

/* ---- either */

void kac_sink_begin(struct ka_client *c)
{
	if (c->sink_begun)
		return;
	c->sink_begun = true;
	c->flow_begun = loop_now(c->loop);
	if (c->options.command) {
		begin_command(c);
		return;
	}
	c->sink_timer.fire = pump_sink;
	c->ask_at = IMAGE_HEAD;
	if (c->options.sink->begin(c->options.sink, -1, &c->failure) < 0)
		kac_fail(c, c->failure.id, c->failure.err, "%s", c->failure.detail);
}

void kac_sink_more(struct ka_client *c)
{
	if (!c->options.command && c->sink_begun && !c->sink_done && !c->sink_timer.at)
		loop_at(c->loop, &c->sink_timer, loop_now(c->loop));
}

void kac_sink_stop(struct ka_client *c)
{
	loop_forget(c->loop, &c->sink_timer);
	ka_command_kill(&c->command);
}
