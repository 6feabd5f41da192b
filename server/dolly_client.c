/* dolly_client.c - waits for a server, puts what comes where it says. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dolly.h"

#include "base/clock.h"
#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct client {
	const struct dolly_options *options;
	struct loop loop;
	struct node node;
	struct finish finish;
	struct loop_timer watch;
	int64_t begun, deadline;
	bool unpack;
	struct failure failure;
};

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
	stop_signal = number;
}

static void say(const struct client *c, const char *line)
{
	if (c->options->verbose && !c->options->quiet)
		fprintf(stderr, "%6.1f s  %s\n", (double)(now_ms() - c->begun) / 1000, line);
}

/* ---- the node's questions */

static int on_open(struct node *n, const struct wire_job *job, struct rstore *store, struct failure *f)
{
	struct client *c = n->owner;
	const char *path = c->options->outfile ? c->options->outfile : job->target;
	char line[300];

	snprintf(line, sizeof(line), "the server sends %lld bytes for %s", (long long)job->size, path);
	say(c, line);
	return rstore_open_target(store, path, job->size, job->split, f);
}

static void on_finished(struct finish *f, int err, const struct failure *why)
{
	struct client *c = container_of(f, struct client, finish);

	node_confirm(&c->node, err, why);
}

static void on_complete(struct node *n)
{
	struct client *c = n->owner;

	c->finish = (struct finish) { .loop = &c->loop, .store = &n->store, .done = on_finished };
	finish_begin(&c->finish, n->map.size, !c->options->no_sync && !(n->job.flags & WIRE_JOB_NO_SYNC));
}

static void on_note(struct node *n, const char *line)
{
	say(n->owner, line);
}

static void on_ended(struct node *n, int err, const struct failure *f)
{
	struct client *c = n->owner;

	if (f)
		c->failure = *f;
	loop_stop(&c->loop, err);
}

static const struct node_calls calls = {
	.open = on_open, .complete = on_complete, .note = on_note, .ended = on_ended,
};

/* ---- time */

static void on_watch(struct loop_timer *t)
{
	struct client *c = container_of(t, struct client, watch);

	loop_at(&c->loop, t, now_ms() + 200);
	if (stop_signal) {
		fail(&c->failure, FAIL_SYS_CANCELLED, -ECANCELED, "stopped by signal %d", (int)stop_signal);
		node_give_up(&c->node, -ECANCELED, &c->failure);
	} else if (c->deadline && c->node.state == NODE_WAITING && now_ms() > c->deadline) {
		fail(&c->failure, FAIL_SRV_TIMEOUT, -ETIMEDOUT, "no server came within %lld s",
		     (long long)c->options->timeout_s);
		node_give_up(&c->node, -ETIMEDOUT, &c->failure);
	}
}

int dolly_client(const struct dolly_options *o)
{
	struct client c = { .options = o, .begun = now_ms() };
	struct node_options n = { .group = "dolly", .password = o->password, .port = o->port, .announce = true };
	char name[WIRE_NAME + 1] = "";
	int err;

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	gethostname(name, sizeof(name) - 1);
	n.name = name;
	if (o->timeout_s)
		c.deadline = c.begun + o->timeout_s * 1000;
	err = loop_open(&c.loop);
	if (err < 0)
		return 1;
	err = node_open(&c.node, &c.loop, &n, &calls, &c, &c.failure);
	if (err == 0) {
		c.watch.fire = on_watch;
		loop_at(&c.loop, &c.watch, c.begun);
		say(&c, "waiting for a server");
		err = loop_run(&c.loop);
	}
	if (err < 0 && !o->quiet)
		fprintf(stderr, "dolly: %s: %s\n", fail_title(c.failure.id), c.failure.detail);
	else if (o->verbose)
		say(&c, "everything is here, verified");
	finish_stop(&c.finish);
	node_close(&c.node);
	loop_close(&c.loop);
	return stop_signal ? 128 + stop_signal : err < 0 ? 1 : 0;
}
