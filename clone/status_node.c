/* status_node.c - a node's address -> its log, live, and the commands typed run there; or the nodes' reports, gathered.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/status_client.h"
#include "clone/status_server.h"

#include "base/clock.h"
#include "base/failure.h"
#include "base/help.h"
#include "base/version.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/compat.h"

#define KEY_FILE   "/run/ka-d/key" /* where ka-d.sh leaves it */
#define COMMAND_MS 70000           /* for -c: longer than a node allows */

static const char usage_text[] =
	"usage: status_node [-k KEY] [-p PORT] NODE             shows NODE's log; lines typed go there: exec COMMAND\n"
	"       status_node [-k KEY] [-p PORT] -c COMMAND NODE  runs one command there; its status is ours\n"
	"       status_node [-k KEY] [-p PORT] -l FILE          gathers the reports of nodes in FILE, as ka-d.sh does\n"
	"  -k KEY   file with the session's key (" KEY_FILE ")\n"
	"Exit status: 0 the node ended the connection, or the command's; 1 no connection, or refused; 2 wrong usage.\n";

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

/* ---- reports */

static void on_report(struct status_server *s, struct status_viewer *v, const char *text)
{
	char from[INET_ADDRSTRLEN];
	FILE *file = fopen(s->owner, "a");

	inet_ntop(AF_INET, &v->from, from, sizeof(from));
	if (!starts_with(text, "report ") || !file) {
		status_server_say(v, "refused: report TEXT\n", 21);
	} else {
		fprintf(file, "%s %s\n", from, text + 7);
		printf("%s> %s\n", from, text + 7);
		fflush(stdout);
		status_server_say(v, "ok\n", 3);
	}
	if (file)
		fclose(file);
	v->closing = true;
	v->deadline = now_ms() + 3000;
}

static int gather(const char *key, uint16_t port, char *file)
{
	static struct status_server s;
	int err;

	s.owner = file;
	s.line = on_report;
	signal(SIGPIPE, SIG_IGN);
	err = status_server_open(&s, key, port);
	if (err) {
		fprintf(stderr, "status_node: port %u: %s\n", port, err_text(err));
		return 1;
	}
	for (;;)
		status_server_step(&s, -1, 1000);
}

/* ---- a node's log and commands */

/* True: LINE ends the command; *STATUS is its. */
static bool is_end(const char *line, int *status)
{
	int64_t number;

	if (!starts_with(line, "exec: "))
		return false;
	*status = starts_with(line, "exec: status ") && !parse_number(line + 13, 0, 255, &number) ? (int)number : 1;
	return true;
}

static int run_command(struct status_link *l, const char *command)
{
	cleanup_free char *line = str_printf("exec %s", command), *echo = str_printf("<console> exec %s", command);
	int64_t deadline = now_ms() + COMMAND_MS;
	int status = 1, err = line && echo ? status_send(l, line) : -ENOMEM;
	bool begun = false;

	while (!err) {
		cleanup_free char *heard = status_next(l, deadline, &err);

		if (!heard)
			break;
		if (begun && is_end(heard, &status))
			return status;
		if (begun || starts_with(heard, "refused"))
			puts(heard);
		if (!begun && starts_with(heard, "refused"))
			return 1;
		begun = begun || streq(heard, echo);
	}
	fprintf(stderr, "status_node: %s\n", err_text(err));
	return 1;
}

/* A line of standard input for the node; false at its end. */
static bool pass_on(struct status_link *l)
{
	char line[STATUS_TEXT + 2];

	if (!fgets(line, sizeof(line), stdin))
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	if (*line && status_send(l, line))
		fprintf(stderr, "status_node: the line is not sent\n");
	return true;
}

static int show(struct status_link *l, const char *host)
{
	struct pollfd p[2] = { { .fd = l->fd, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
	bool refused = false;
	int err = 0;

	for (;;) {
		char *line = status_next(l, now_ms(), &err);

		if (line) {
			refused = refused || starts_with(line, "refused");
			printf("%s> %s\n", host, line);
			fflush(stdout);
			free(line);
			continue;
		}
		if (err != -ETIMEDOUT)
			return refused || err != -EPIPE;
		if (poll(p, 2, -1) > 0 && p[1].revents && !pass_on(l))
			p[1].fd = -1;
	}
}

static int look(const char *key, uint16_t port, const char *host, const char *command)
{
	struct status_link l;
	int err = status_connect(&l, host, port, key), status;

	if (!err && !command)
		err = status_send(&l, "hello");
	if (err) {
		fprintf(stderr, "status_node: %s port %u: %s\n", host, port, err_text(err));
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	status = command ? run_command(&l, command) : show(&l, host);
	status_disconnect(&l);
	return status;
}

int main(int argc, char **argv)
{
	const char *key = KEY_FILE, *command = NULL;
	char *file = NULL;
	int64_t port = STATUS_PORT;
	int c;

	if (help_given(argc, argv, "status_node", usage_text))
		return 0;
	while ((c = getopt(argc, argv, "k:p:c:l:")) != -1) {
		if (c == 'k')
			key = optarg;
		else if (c == 'c')
			command = optarg;
		else if (c == 'l')
			file = optarg;
		else if (c != 'p' || parse_number(optarg, 1, 65535, &port))
			usage();
	}
	if (argc - optind != (file ? 0 : 1) || (file && command))
		usage();
	return file ? gather(key, (uint16_t)port, file) : look(key, (uint16_t)port, argv[optind], command);
}
