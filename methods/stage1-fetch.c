/* stage1-fetch.c - automatic=... on a shell's command line -> the image in a file, by the same methods as in stage1. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/clock.h"
#include "base/version.h"
#include "base/log.h"
#include "image/image.h"
#include "methods/method.h"
#include "methods/verify/verify.h"
#include "options/advice.h"
#include "methods/retrieve/url.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum exit_status { EXIT_FETCHED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* What the command line of this program says. */
struct request {
	struct options options;
	const char *output; /* -o; NULL: the image's own name, "-": standard output */
	bool verbose;
};

/* ---- what a person sees: one line on a terminal, rewritten in place */

static volatile sig_atomic_t stopped;
static bool line_shown;
static int64_t start_ms;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static bool is_cancelled(struct watch *w)
{
	(void)w;
	return stopped;
}

/* Removes the line that is rewritten in place, before others are written. */
static void clear_line(void)
{
	if (line_shown)
		fputs("\r\033[K", stderr);
	line_shown = false;
}

static void show_note(struct watch *w, const char *line)
{
	(void)w;
	clear_line();
	fprintf(stderr, "%s\n", line);
}

static void show_waiting(struct watch *w, const char *why, int64_t deadline)
{
	(void)w;
	fprintf(stderr, "\r%.60s, %d s left\033[K", why, (ms_left(deadline) + 999) / 1000);
	line_shown = true;
}

static void show_progress(struct watch *w, int64_t done, int64_t total)
{
	int64_t ms = MAX(now_ms() - start_ms, (int64_t)1);
	double rate = (double)done / (double)ms / 1000;

	(void)w;
	fprintf(stderr, "\r%.1f MB", (double)done / 1e6);
	if (total >= 0)
		fprintf(stderr, " of %.1f MB, %d %%", (double)total / 1e6, total ? (int)(done * 100 / total) : 100);
	fprintf(stderr, ", %.1f MB/s\033[K", rate);
	line_shown = true;
}

static struct watch terminal = {
	.note = show_note,
	.waiting = show_waiting,
	.progress = show_progress,
	.cancelled = is_cancelled,
};

static struct watch silent = { .cancelled = is_cancelled };

static void show_log_line(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	clear_line();
	fprintf(stderr, "%s\n", line);
}

/* "S1-SRV-06 The server does not have the file: ..." and below it what to try. */
static int show_failure(const struct failure *f, const struct options *o)
{
	cleanup_buf struct buf words = { 0 };
	const char *advice;

	advice_words(&words, f->id, o, ADVICE_SHELL);
	advice = buf_cstr(&words);
	clear_line();
	fprintf(stderr, "%s %s: %s\n", fail_code(f->id), fail_title(f->id), f->detail);
	while (*advice) {
		size_t n = strcspn(advice, "\n");

		fprintf(stderr, "          %.*s\n", (int)n, advice);
		advice += n + (advice[n] == '\n');
	}
	return EXIT_FAILED;
}

/* ---- the command line */

static const char usage_text[] =
	"usage: stage1-fetch [-v] [-o FILE] 'automatic=method:http,server:HOST,...' [rescue]\n"
	"  -o FILE  where the image goes; silent: the current directory, under its own name; -: standard output\n"
	"  -v       what happens, line by line\n"
	"The words are those of the kernel command line: automatic(7). Methods:";

static int usage(FILE *to)
{
	fputs(usage_text, to);
	for (size_t i = 0; methods[i]; i++)
		fprintf(to, " %s", methods[i]->name);
	fputs("\n", to);
	return to == stdout ? EXIT_FETCHED : EXIT_USAGE;
}

/* The words as a kernel command line. A shell has taken the quotes off: those with a blank inside get them back. */
static int read_words(struct options *o, char **words, int count)
{
	cleanup_buf struct buf line = { 0 };

	for (int i = 0; i < count; i++)
		buf_printf(&line, strpbrk(words[i], " \t") ? "%s\"%s\"" : "%s%s", i ? " " : "", words[i]);
	return options_parse(o, buf_cstr(&line));
}

/* Fills R. -1 when all is well, else the status to exit with. */
static int read_command_line(struct request *r, int argc, char **argv)
{
	int c;

	if (argc > 1 && streq(argv[1], "--help"))
		return usage(stdout);
	if (argc > 1 && streq(argv[1], "--version")) {
		puts("stage1-fetch (stage1 " STAGE1_VERSION ")");
		return EXIT_FETCHED;
	}
	while ((c = getopt(argc, argv, "o:vh")) != -1) {
		switch (c) {
		case 'o':
			r->output = optarg;
			break;
		case 'v':
			r->verbose = true;
			break;
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	if (optind == argc)
		return usage(stderr);
	if (read_words(&r->options, argv + optind, argc - optind)) {
		fputs("stage1-fetch: out of memory\n", stderr);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < r->options.warnings.count; i++)
		fprintf(stderr, "stage1-fetch: %s\n", r->options.warnings.word[i]);
	if (!r->options.automatic) {
		fputs("stage1-fetch: there is no automatic=\n", stderr);
		return usage(stderr);
	}
	return -1;
}

/* The method, when it has all it needs. NULL with F filled otherwise. */
static const struct method *choose_method(const struct options *o, struct failure *f)
{
	const char *name = o->value[KEY_METHOD];
	const struct method *m = name ? method_find(name) : NULL;

	if (!name)
		fail(f, FAIL_CMD_NO_METHOD, -EINVAL, "method: is not among the keys of automatic=");
	else if (!m)
		fail(f, FAIL_CMD_BAD_METHOD, -EINVAL, "method:%s", name);
	if (!m || method_check(m, o, f))
		return NULL;
	return m;
}

/* ---- the image */

/* Opens where the image goes first: FILE under a temporary name, or memory when it goes to standard output. */
static int open_store(struct store *s, const struct request *r, struct failure *f)
{
	const char *path = r->output;
	char **paths;
	size_t count;
	int err;

	if (streq(path, "-"))
		return store_open_memory(s, NULL, f);
	if (path)
		return store_open_file(s, path, f);
	err = method_paths(&r->options, &paths, &count);
	if (err)
		return fail(f, FAIL_SYS_INTERNAL, err, "no memory for the image's name");
	paths[0][url_query(r->options.value[KEY_METHOD], paths[0])] = '\0'; /* a query is not of the name */
	path = strrchr(paths[0], '/');
	err = store_open_file(s, path ? path + 1 : paths[0], f);
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	free(paths);
	return err;
}

static int copy_out(const struct store *s, struct failure *f)
{
	static char bytes[64 * 1024];
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(s->fd, bytes, sizeof(bytes), at), out = 0;

		if (n == 0)
			return 0;
		for (ssize_t w; n > 0 && out < n; out += w) {
			w = write(STDOUT_FILENO, bytes + out, (size_t)(n - out));
			if (w < 0)
				n = -1;
		}
		if (n < 0)
			return fail(f, FAIL_IMG_STORE, -errno, "standard output: %s", err_text(-errno));
		at += n;
	}
}

static int fetch_image(const struct request *r, const struct method *m, struct store *store, struct failure *f)
{
	bool in_memory = streq(r->output, "-");
	const char *sha256 = r->options.value[KEY_SHA256];
	struct verified v = { .size = -1 };
	struct fetch fetch = {
		.options = &r->options,
		.watch = isatty(STDERR_FILENO) ? &terminal : &silent,
		.fail = f,
		.raw = true,
	};
	int err = verify_wanted(&r->options, NULL) ? verify_manifest(m, &fetch, NULL, &v) : 0;

	if (err)
		return err;
	fetch.sink = image_sink(store, true, in_memory ? memory_available() : -1, v.size < 0 ? sha256 : v.sha256);
	if (!fetch.sink)
		return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for the image's sink");
	image_sink_expect(fetch.sink, v.size);
	start_ms = now_ms();
	err = m->fetch(&fetch);
	fetch.sink->free(fetch.sink);
	origin_free(&fetch.origin);
	if (!err && in_memory)
		err = copy_out(store, f);
	return err;
}

static int run(const struct request *r)
{
	struct failure f = { 0 };
	const struct method *m = choose_method(&r->options, &f);
	struct store store;
	int err;

	if (!m || open_store(&store, r, &f))
		return show_failure(&f, &r->options);
	err = fetch_image(r, m, &store, &f);
	store_close(&store);
	clear_line();
	return err ? show_failure(&f, &r->options) : EXIT_FETCHED;
}

int main(int argc, char **argv)
{
	struct request r = { 0 };
	struct sigaction stop = { .sa_handler = on_signal };
	int status = read_command_line(&r, argc, argv);

	if (status < 0) {
		sigaction(SIGINT, &stop, NULL);
		sigaction(SIGTERM, &stop, NULL);
		if (r.verbose)
			log_add_sink(show_log_line, NULL);
		status = run(&r);
	}
	options_free(&r.options);
	return status;
}
