/* netup.c - seconds and a kernel command line -> net_up() in this namespace, told line by line; for tests/net. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netup SECONDS WORDS... (the words of a kernel command line)
 * Prints, each behind the milliseconds since the start: "note ...", "waiting ...", "log LEVEL ...", "meanwhile"; then
 * the network as KEY='value' lines, and "ok MS" or "failed CODE TITLE: DETAIL". In the environment: HANDOVER=DIR: the
 * hand-over files are written there; REACH=ADDRESS: it connects to port 80 there, and tries the next card where it
 * cannot; KEEP=SECONDS: leases are renewed for so long, with "lost" where one was; NAMED=1: it asks for its name as the
 * flow does, with "named" when that is over; RUN=DIR: the files for the next system's network programs are written
 * there, as into /run. */
#include "base/clock.h"
#include "base/log.h"
#include "net/net.h"
#include "net/reverse.h"
#include "options/options.h"

#include <poll.h>
#include <stdio.h>

static int64_t began;

static void say(const char *what, const char *line)
{
	printf("%lld %s %s\n", (long long)(now_ms() - began), what, line);
	fflush(stdout);
}

static void on_note(struct watch *w, const char *line)
{
	(void)w;
	say("note", line);
}

static void on_waiting(struct watch *w, const char *why, int64_t deadline)
{
	(void)w;
	(void)deadline;
	say("waiting", why);
}

static void on_log(void *ctx, enum log_level level, const char *line)
{
	static const char *const names[] = { [LOG_LEVEL_ERROR] = "log error",
					     [LOG_LEVEL_WARN] = "log warn",
					     [LOG_LEVEL_INFO] = "log info",
					     [LOG_LEVEL_DEBUG] = "log debug" };

	(void)ctx;
	say(names[level], line);
}

static void meanwhile(void *ctx)
{
	(void)ctx;
	say("meanwhile", "");
}

/* The words, joined as the boot loader would. */
static char *join(char **word)
{
	struct buf line = { 0 };

	for (; *word; word++)
		buf_printf(&line, "%s%s", line.len ? " " : "", *word);
	return buf_take(&line);
}

/* As the flow does: a server that cannot be reached may be reached over another card. */
static int reach(struct network *net, const struct net_request *r, const char *host, struct failure *f)
{
	for (;;) {
		struct peer_address *found;
		size_t count;
		int err = net_resolve(net, host, 80, now_ms() + 3000, &found, &count, f);

		if (!err) {
			err = net_connect(found, count, now_ms() + 3000, f);
			free(found);
		}
		if (err >= 0 || f->id == FAIL_SRV_REFUSED)
			return 0;
		if (!net_may_be_wrong_card(f))
			return err;
		say("note", net->interface);
		err = net_try_next(net, r, f);
		if (err)
			return err;
	}
}

/* As the flow does while it fetches: the leases are renewed for so long. */
static void keep(struct network *net, int64_t ms)
{
	struct keeping *k = net_keep_start(net);
	char why[120] = "";

	say("keep", k ? "starts" : "is not needed");
	poll(NULL, 0, (int)ms);
	if (!net_keep_end(k, net, why, sizeof(why)))
		say("lost", why);
}

static void find_name(struct network *net)
{
	struct reverse r = { 0 };

	reverse_start(&r, net);
	say("asked", "");
	say("named", reverse_finish(&r, net) ? net->hostname : "");
}

int main(int argc, char **argv)
{
	struct watch w = { .note = on_note, .waiting = on_waiting };
	struct net_request r = { .watch = &w, .while_waiting = meanwhile };
	cleanup_free char *line = argc > 2 ? join(argv + 2) : NULL;
	const char *dir = getenv("HANDOVER");
	cleanup_buf struct buf facts = { 0 };
	struct options o = { 0 };
	struct network net;
	struct failure f;
	int err;

	began = now_ms();
	if (!line || log_add_sink(on_log, NULL) || options_parse(&o, line))
		return 2;
	r.options = &o;
	r.deadline = began + atol(argv[1]) * 1000;
	err = net_up(&net, &r, &f);
	if (!err && getenv("REACH")) {
		err = reach(&net, &r, getenv("REACH"), &f);
		if (err)
			network_free(&net);
	}
	if (err) {
		printf("failed %s %s: %s\n", fail_code(f.id), fail_title(f.id), f.detail);
	} else {
		if (getenv("KEEP"))
			keep(&net, atol(getenv("KEEP")) * 1000);
		if (getenv("NAMED"))
			find_name(&net);
		if (dir)
			err = net_write_handover(&net, dir);
		if (!err && getenv("RUN"))
			err = net_write_fragments(&net, getenv("RUN"));
		net_describe(&net, &facts);
		printf("%sok %lld\n", buf_cstr(&facts), (long long)(now_ms() - began));
		network_free(&net);
	}
	options_free(&o);
	return err ? 1 : 0;
}
