/* show.c - `head-node status` and `head-node history`: the files of the state folder -> words for people. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/clock.h"
#include "base/failure.h"
#include "base/help.h"
#include "server/head/commands.h"
#include "server/head/status/history.h"
#include "server/head/status/json.h"
#include "server/head/status/state.h"
#include "server/head/status/words.h"

#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define WATCH_MS 1000
#define STALE_MS 10000

static const char status_usage[] = "usage: head-node status [--watch | --json] [--state DIR]\n"
				   "How far each node is, errors first; below a failure, what to try.\n"
				   "  --watch      again every second, until Ctrl-C\n"
				   "  --json       all of it for programs\n"
				   "  --state DIR  of head-node (" STATE_DIR ")\n"
				   "Exit status: 0 no node failed; 1 one did, or nothing is known; 2 wrong usage.\n";

static const char history_usage[] = "usage: head-node history [--days N] [--state DIR]\n"
				    "Medians of all boots and their steps, slowest steps, nodes that fail often.\n"
				    "  --days N     only the boots of the last N days\n"
				    "  --state DIR  of head-node (" STATE_DIR ")\n";

static int64_t epoch_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- status */

static struct look terminal_look(bool watch)
{
	struct winsize w = { 0 };
	const char *term = getenv("TERM");
	bool terminal = isatty(STDOUT_FILENO) && term && !streq(term, "dumb");

	if (!terminal)
		return (struct look){ .columns = 200 };
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || w.ws_col < 40 || w.ws_row < 4)
		w = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	return (struct look){ .columns = w.ws_col, .rows = watch ? w.ws_row - 1u : 0, .colour = !getenv("NO_COLOR") };
}

/* What the daemon wrote last, in the model M. 0 or 1, and words. */
static int load(const char *dir, struct model *m, int64_t *saved)
{
	int err = state_load_when(dir, m, saved);

	if (!err && *saved)
		return 0;
	fprintf(stderr, "head-node status: %s/" STATE_FILE ": %s\n", dir,
		err ? err_text(err) : "not there; does head-node serve (or head-node status-daemon) run with it?");
	return 1;
}

static int show(const char *dir, bool json, bool watch)
{
	struct look look = terminal_look(watch);
	cleanup_buf struct buf text = { 0 };
	struct model m;
	int64_t saved, now = epoch_ms();
	int status;

	model_open(&m, NULL, NULL);
	status = load(dir, &m, &saved);
	if (!status && json) {
		status = json_model(&text, &m, 0, saved) ? 1 : 0;
		buf_char(&text, '\n');
	} else if (!status) {
		if (now - saved > STALE_MS) {
			buf_str(&text, "as it was ");
			words_time(&text, now - saved);
			buf_str(&text, " ago: nothing has changed since, or nobody listens\n");
		}
		words_model(&text, &m, &look, now);
		status = count_nodes(&m).phase[PHASE_FAILED] ? 1 : 0;
	}
	if (watch)
		fputs("\033[H\033[J", stdout);
	fputs(buf_cstr(&text), stdout);
	fflush(stdout);
	model_close(&m);
	return status;
}

int head_status(int argc, char **argv)
{
	static const struct option options[] = { { "watch", no_argument, NULL, 'w' },
						 { "json", no_argument, NULL, 'j' },
						 { "state", required_argument, NULL, 'd' },
						 { 0 } };
	const char *dir = STATE_DIR;
	bool watch = false, json = false;
	int c, status;

	if (help_given(argc, argv, "head-node status", status_usage))
		return 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?') {
			fputs(status_usage, stderr);
			return 2;
		}
		watch |= c == 'w';
		json |= c == 'j';
		dir = c == 'd' ? optarg : dir;
	}
	if (optind < argc || (watch && json)) {
		fputs(status_usage, stderr);
		return 2;
	}
	do {
		status = show(dir, json, watch);
	} while (watch && poll(NULL, 0, WATCH_MS) == 0 && !ferror(stdout));
	return status;
}

/* ---- history */

static int show_history(const char *dir, int64_t days)
{
	cleanup_free char *path = str_printf("%s/" HISTORY_FILE, dir);
	cleanup_buf struct buf text = { 0 };
	struct history h = { 0 };
	int err = path ? history_read(&h, path, days ? epoch_ms() - days * 86400000 : 0) : -ENOMEM;

	if (err)
		fprintf(stderr, "head-node history: %s/" HISTORY_FILE ": %s\n", dir,
			err == -ENOENT ? "not there; no boot was seen to its end yet" : err_text(err));
	else
		history_words(&text, &h);
	fputs(buf_cstr(&text), stdout);
	history_free(&h);
	return err ? 1 : 0;
}

int head_history(int argc, char **argv)
{
	static const struct option options[] = { { "days", required_argument, NULL, 'n' },
						 { "state", required_argument, NULL, 'd' },
						 { 0 } };
	const char *dir = STATE_DIR;
	int64_t days = 0;
	int c, err = 0;

	if (help_given(argc, argv, "head-node history", history_usage))
		return 0;
	optind = 1;
	while (!err && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			dir = optarg;
		else
			err = c == 'n' ? parse_number(optarg, 1, 36500, &days) : -EINVAL;
	}
	if (err || optind < argc) {
		fputs(history_usage, stderr);
		return 2;
	}
	return show_history(dir, days);
}
