/* dolly_client.c - waits for a server, puts what comes where it says. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dolly.h"
#include "server/dolly_outlet.h"

#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef O_PATH
#define O_PATH 010000000 /* linux/fcntl.h */
#endif

struct client {
	const struct dolly_options *options;
	struct loop loop;
	struct node node;
	bool node_open;
	struct dolly_up up;
	bool up_open;
	struct finish finish;
	struct rstore target; /* behind an outlet: the file or device the unpacked bytes go to */
	bool has_outlet;
	struct outlet outlet;
	char target_name[PATH_MAX]; /* the outlet's, for words and to be opened */
	struct loop_timer watch;
	int64_t begun, deadline;
	int wrong_sectors;        /* -errno: the image is for disks with other sectors; failure has the words */
	char name[WIRE_NAME + 1]; /* the host's */
	struct failure failure;
};

static void say(const struct client *c, const char *line)
{
	if (c->options->verbose && !c->options->quiet)
		fprintf(stderr, "%7.2f s  %s\n", (double)(now_ms() - c->begun) / 1000, line);
}

static void close_node(struct client *c)
{
	if (c->node_open)
		node_close(&c->node);
	c->node_open = false;
}

static void close_up(struct client *c)
{
	if (c->up_open)
		dolly_up_close(&c->up);
	c->up_open = false;
}

static void end(struct client *c, int err, const struct failure *f)
{
	if (f)
		c->failure = *f;
	loop_stop(&c->loop, err);
}

/* ---- the target, whoever sends */

static void confirm(struct client *c, int err, const struct failure *f)
{
	if (c->node_open)
		node_confirm(&c->node, err, f);
	else
		dolly_up_confirm(&c->up, err, f);
}

static void on_finished(struct finish *f, int err, const struct failure *why)
{
	confirm(container_of(f, struct client, finish), err, why);
}

static void finish_target(struct client *c, struct rstore *store, int64_t size, bool sync)
{
	c->finish = (struct finish){ .loop = &c->loop, .store = store, .done = on_finished };
	finish_begin(&c->finish, size, sync && !c->options->no_sync);
}

/* What was unpacked is all there: its size is where the program stopped writing. */
static void on_outlet(struct outlet *o, int err, const struct failure *f)
{
	struct client *c = o->owner;

	if (err || c->target.parts == 0)
		confirm(c, err, f);
	else
		finish_target(c, &c->target, (int64_t)lseek(c->target.part[0].fd, 0, SEEK_CUR), true);
}

static bool is_standard(const char *path)
{
	return streq(path, "-") || streq(path, "/dev/stdout");
}

/* The folder PATH, its links followed, is FOLDER or lies in it. */
static bool lies_below(const char *path, const char *folder)
{
	cleanup_close int fd = open(path, O_PATH | O_CLOEXEC);
	char link[40], real[PATH_MAX];
	size_t len = strlen(folder);
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = fd < 0 ? -1 : readlink(link, real, sizeof(real) - 1);
	if (n < 0)
		return false;
	real[n] = '\0';
	return starts_with(real, folder) && (real[len] == '\0' || real[len] == '/');
}

/* Something that is written in order only: standard output, a FIFO, a character device. */
static bool is_stream(const char *path)
{
	struct stat st;

	return is_standard(path) || (stat(path, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)));
}

/* Sends what comes through an outlet to the stream PATH, or, unpacked, to the target PATH. */
static int open_outlet(struct client *c, const char *path, bool unpack, struct rstore *store, struct failure *f)
{
	struct rstore_target how = { .size = -1, .force = c->options->force };
	bool stream = is_stream(path);
	int err = stream ? 0 : rstore_open_target(&c->target, path, &how, f);

	if (!err)
		err = rstore_open_memory(store, f);
	if (err)
		return err;
	str_copy(c->target_name, sizeof(c->target_name), streq(path, "-") ? "standard output" : path);
	c->has_outlet = true;
	c->outlet =
		(struct outlet){ .loop = &c->loop, .store = store, .unpack = unpack, .done = on_outlet, .owner = c };
	c->outlet.path = c->target_name;
	c->outlet.out = !stream ? c->target.part[0].fd : is_standard(path) ? STDOUT_FILENO : -1;
	return 0;
}

/* Opens PATH for SIZE bytes into STORE; streams and what is to be unpacked go through an outlet. */
static int open_target(struct client *c, const char *path, int64_t size, int64_t split, bool unpack,
		       struct rstore *store, struct failure *f)
{
	struct rstore_target how = { .size = size, .split = split, .force = c->options->force };

	return unpack || is_stream(path) ? open_outlet(c, path, unpack, store, f)
					 : rstore_open_target(store, path, &how, f);
}

/* Where the server may put an image without being asked for a password, as it has always been used: devices, and files
 * in /tmp and below the folder that we were started in. Links lead nowhere else. */
static bool is_free(const char *path)
{
	cleanup_free char *folder = NULL;
	char here[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (strstr(path, "/../") || starts_with(path, "../"))
		return false;
	folder = slash ? str_printf("%.*s", (int)MAX(slash - path, 1), path) : strdup(".");
	return folder && getcwd(here, sizeof(here)) &&
	       (lies_below(folder, "/dev") || lies_below(folder, "/tmp") ||
		(!streq(here, "/") && lies_below(folder, here)));
}

/* The target that -O names, else the server's WORD. NULL with F where it may not choose it. */
static const char *choose_target(struct client *c, const char *word, struct failure *f)
{
	const struct dolly_options *o = c->options;

	if (o->outfile)
		return o->outfile;
	if (o->password || o->any_file || is_free(word))
		return word;
	fail(f, FAIL_SRV_DENIED, -EPERM,
	     "the server wants to write %s: without a password (-P) it may write devices and files below "
	     "/tmp and this folder only. Name the file with -O, or let it choose any with -A",
	     word);
	return NULL;
}

/* ---- a server of ours: the node's questions */

static int on_open(struct node *n, const struct wire_job *job, struct rstore *store, struct failure *f)
{
	struct client *c = n->owner;
	const char *path = choose_target(c, job->target, f);
	char line[300];

	if (!path)
		return -EPERM;
	snprintf(line, sizeof(line), "the server sends %lld bytes for %s", (long long)job->size, path);
	say(c, line);
	close_up(c);
	return open_target(c, path, job->size, job->split, job->flags & WIRE_JOB_UNPACK, store, f);
}

static void on_stored(struct node *n, uint32_t i)
{
	struct client *c = n->owner;

	if (i == 0 && !c->has_outlet)
		c->wrong_sectors = rstore_check_sectors(&n->store, &c->failure);
	if (c->has_outlet)
		outlet_feed(&c->outlet,
			    n->map.prefix < n->map.count ? (int64_t)map_offset(&n->map, n->map.prefix)
							 : n->map.have_bytes,
			    -1);
}

static void on_complete(struct node *n)
{
	struct client *c = n->owner;

	if (c->has_outlet)
		outlet_feed(&c->outlet, n->map.size, n->map.size);
	else if (c->wrong_sectors < 0)
		node_confirm(n, c->wrong_sectors, &c->failure);
	else
		finish_target(c, &n->store, n->map.size, !(n->job.flags & WIRE_JOB_NO_SYNC));
}

static void on_note(struct node *n, const char *line)
{
	say(n->owner, line);
}

static void on_ended(struct node *n, int err, const struct failure *f)
{
	end(n->owner, err, f);
}

static const struct node_calls calls = {
	.open = on_open,
	.stored = on_stored,
	.complete = on_complete,
	.note = on_note,
	.ended = on_ended,
};

/* ---- a server of the published protocol */

static bool is_local_address(const char *name)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM, 0);

	/* only an address of this machine can be bound to */
	return fd >= 0 && inet_pton(AF_INET, name, &a.sin_addr) == 1 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static bool up_is_me(struct dolly_up *u, const char *name)
{
	struct client *c = u->owner;

	return streq(name, c->name) || streq(name, getenv("MYNODENAME")) || streq(name, getenv("HOST")) ||
	       streq(name, getenv("HOSTNAME")) || is_local_address(name);
}

static int up_resolve(struct dolly_up *u, const char *name, struct peer_address *a)
{
	struct client *c = u->owner;
	char error[300];
	int err = dolly_resolve(name, 0, a, error, sizeof(error));

	if (err)
		say(c, error);
	return err;
}

static void up_begun(struct dolly_up *u)
{
	close_node(u->owner);
}

static int up_open(struct dolly_up *u, const struct dolly_conf *conf, bool directory, struct rstore *store,
		   struct failure *f)
{
	struct client *c = u->owner;
	const char *path = choose_target(c, conf->outfile, f);

	if (directory)
		return fail(f, FAIL_SRV_PROTOCOL, -EOPNOTSUPP,
			    "the server sends a directory; this client takes images");
	return path ? open_target(c, path, -1, conf->out_split, conf->in_compressed, store, f) : -EPERM;
}

static void up_stored(struct dolly_up *u)
{
	struct client *c = u->owner;

	if (c->has_outlet)
		outlet_feed(&c->outlet, u->position, -1);
}

static void up_complete(struct dolly_up *u)
{
	struct client *c = u->owner;

	if (c->has_outlet)
		outlet_feed(&c->outlet, u->length, u->length);
	else
		finish_target(c, &u->store, u->length, true);
}

static void up_note(struct dolly_up *u, const char *line)
{
	say(u->owner, line);
}

static void up_ended(struct dolly_up *u, int err, const struct failure *f)
{
	end(u->owner, err, f);
}

static const struct dolly_up_calls up_calls = {
	.begun = up_begun,
	.is_me = up_is_me,
	.resolve = up_resolve,
	.open = up_open,
	.stored = up_stored,
	.complete = up_complete,
	.note = up_note,
	.ended = up_ended,
};

/* ---- time */

static void on_watch(struct loop_timer *t)
{
	struct client *c = container_of(t, struct client, watch);

	loop_at(&c->loop, t, now_ms() + 200);
	if (dolly_stop_signal) {
		fail(&c->failure, FAIL_SYS_CANCELLED, -ECANCELED, "stopped by signal %d", (int)dolly_stop_signal);
		if (c->node_open)
			node_give_up(&c->node, -ECANCELED, &c->failure);
		else
			loop_stop(&c->loop, -ECANCELED);
	} else if (c->wrong_sectors < 0 && c->node_open && c->node.state != NODE_DONE) {
		node_give_up(&c->node, c->wrong_sectors, &c->failure);
	} else if (c->deadline && c->node_open && c->node.state == NODE_WAITING && now_ms() > c->deadline) {
		fail(&c->failure, FAIL_SRV_TIMEOUT, -ETIMEDOUT, "no server came within %lld s",
		     (long long)c->options->timeout_s);
		node_give_up(&c->node, -ETIMEDOUT, &c->failure);
	}
}

int dolly_client(const struct dolly_options *o)
{
	struct client c = { .options = o, .begun = now_ms() };
	struct node_options n = {
		.group = "dolly", .password = o->password, .port = o->port, .announce = true, .target = o->outfile
	};
	int err;

	dolly_catch_signals();
	gethostname(c.name, sizeof(c.name) - 1);
	n.name = c.name;
	if (o->timeout_s)
		c.deadline = c.begun + o->timeout_s * 1000;
	err = loop_open(&c.loop);
	if (err)
		return 1;
	err = node_open(&c.node, &c.loop, &n, &calls, &c, &c.failure);
	c.node_open = !err;
	c.up = (struct dolly_up){ .loop = &c.loop, .calls = &up_calls, .owner = &c, .password = o->password };
	if (!err)
		err = dolly_up_open(&c.up, &c.failure);
	c.up_open = !err;
	if (!err) {
		c.watch.fire = on_watch;
		loop_at(&c.loop, &c.watch, c.begun);
		say(&c, "waiting for a server");
		err = loop_run(&c.loop);
	}
	if (!err && o->verbose) /* a failure was said when it happened: fail() logs it */
		say(&c, "everything is here, verified");
	finish_stop(&c.finish);
	if (c.has_outlet)
		outlet_close(&c.outlet);
	close_node(&c);
	close_up(&c);
	rstore_close(&c.target, false);
	loop_close(&c.loop);
	return dolly_stop_signal ? 128 + dolly_stop_signal : err < 0 ? 1 : 0;
}
