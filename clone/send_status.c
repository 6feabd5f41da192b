/* send_status.c - a node's log, and commands run on it -> who looks from the golden node with the session's key. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/status_client.h"
#include "clone/status_server.h"

#include "base/clock.h"
#include "base/failure.h"
#include "base/help.h"
#include "base/version.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compat.h"

#define TICK_MS     200       /* how often the log is looked at */
#define COMMAND_MS  60000     /* that a command may take */
#define COMMAND_MAX (1 << 20) /* bytes that one may say */
#define LOG_STEP    32768     /* bytes of the log at once */

static const char usage_text[] =
	"usage: send_status -k KEY [-p PORT] -f LOG         serves the log, and exec COMMAND, on port 12345\n"
	"       send_status -k KEY [-p PORT] -r HOSTS TEXT  one report to the first of these hosts that hears it\n"
	"       send_status -S FOLDER                       makes the sockets that standard input lists there\n"
	"  -k KEY   file with the session's key, 64 hexadecimal digits\n"
	"Exit status: 0 done; 1 not, and why on stderr; 2 wrong usage.\n";

/* The one command that runs. */
struct command {
	pid_t pid; /* 0: none */
	int out;   /* what it says; -1: all of it has come */
	struct status_viewer *viewer;
	int64_t deadline;
	size_t said;
};

struct node {
	struct status_server server;
	struct command command;
	const char *log;
};

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

/* ---- commands */

static void say(struct status_viewer *v, const char *text)
{
	status_server_say(v, text, strlen(text));
}

static void run_shell(const char *command, int out)
{
	int null = open("/dev/null", O_RDONLY);

	setpgid(0, 0);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	for (int fd = 3; fd < 256; fd++)
		close(fd);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void start_command(struct node *n, struct status_viewer *v, const char *text)
{
	int ends[2];
	pid_t pid;

	if (n->command.pid) {
		say(v, "exec: another command still runs\n");
		return;
	}
	if (pipe(ends)) {
		say(v, "exec: no pipe\n");
		return;
	}
	pid = fork();
	if (pid == 0)
		run_shell(text, ends[1]);
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	if (pid < 0) {
		close(ends[0]);
		say(v, "exec: no process\n");
		return;
	}
	n->command = (struct command){ .pid = pid, .out = ends[0], .viewer = v, .deadline = now_ms() + COMMAND_MS };
}

/* Ends it, and all it started. WHY: why, or NULL where it ended by itself. */
static void end_command(struct node *n, const char *why)
{
	struct command *c = &n->command;
	char words[80];
	int status = 0;

	kill(-c->pid, SIGKILL);
	waitpid(c->pid, &status, 0);
	if (c->out >= 0)
		close(c->out);
	if (c->viewer) {
		snprintf(words, sizeof(words), "exec: %s%d\n", why ? why : "status ",
			 why                 ? 0
			 : WIFEXITED(status) ? WEXITSTATUS(status)
					     : 128 + WTERMSIG(status));
		if (why)
			snprintf(words, sizeof(words), "exec: %s\n", why);
		say(c->viewer, words);
	}
	*c = (struct command){ .out = -1 };
}

static void hear_command(struct node *n)
{
	struct command *c = &n->command;
	char bytes[4096];
	ssize_t got = read(c->out, bytes, sizeof(bytes));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		end_command(n, NULL);
		return;
	}
	c->said += (size_t)got;
	if (c->said > COMMAND_MAX)
		end_command(n, "it said more than 1 MiB and was ended");
	else if (c->viewer)
		status_server_say(c->viewer, bytes, (size_t)got);
}

static void on_line(struct status_server *s, struct status_viewer *v, const char *text)
{
	struct node *n = s->owner;

	if (streq(text, "hello")) {
		v->wants_log = true;
		return;
	}
	say(v, "<console> ");
	say(v, text);
	say(v, "\n");
	if (starts_with(text, "exec "))
		start_command(n, v, text + 5);
	else
		say(v, "exec COMMAND is what I know\n");
}

static void on_gone(struct status_server *s, struct status_viewer *v)
{
	struct node *n = s->owner;

	if (n->command.pid && n->command.viewer == v) {
		n->command.viewer = NULL;
		end_command(n, NULL);
	}
}

/* ---- the log */

/* What is new of it, to whoever may see it and has taken what came before. */
static void send_log(struct node *n, struct status_viewer *v)
{
	char bytes[LOG_STEP];
	int fd = open(n->log, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : pread(fd, bytes, sizeof(bytes), v->offset);

	if (got > 0) {
		status_server_say(v, bytes, (size_t)got);
		v->offset += got;
	}
	if (fd >= 0)
		close(fd);
}

static int serve(const char *key, uint16_t port, const char *log)
{
	static struct node n;
	int err;

	n = (struct node){ .command.out = -1, .log = log };
	n.server.owner = &n;
	n.server.line = on_line;
	n.server.gone = on_gone;
	signal(SIGPIPE, SIG_IGN);
	err = status_server_open(&n.server, key, port);
	if (err) {
		fprintf(stderr, "send_status: port %u: %s\n", port, err_text(err));
		return 1;
	}
	for (;;) {
		if (status_server_step(&n.server, n.command.pid ? n.command.out : -1, TICK_MS))
			hear_command(&n);
		if (n.command.pid && now_ms() >= n.command.deadline)
			end_command(&n, "it took more than 60 s and was ended");
		for (size_t i = 0; i < STATUS_VIEWERS; i++)
			if (n.server.viewer[i].fd >= 0 && n.server.viewer[i].wants_log && !n.server.viewer[i].out.len)
				send_log(&n, &n.server.viewer[i]);
	}
}

/* ---- reports */

static int report(const char *key, uint16_t port, const char *hosts, const char *text)
{
	cleanup_free char *copy = strdup(hosts), *line = str_printf("report %s", text);
	char *rest = copy;
	int err = -ENOENT;

	if (!copy || !line)
		return 1;
	for (size_t i = 0; line[i]; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = ' ';
	if (strlen(line) > STATUS_TEXT)
		line[STATUS_TEXT] = '\0';
	for (char *host; err && (host = strsep(&rest, " ,"));)
		if (*host)
			err = status_say(host, port, key, line);
	if (err)
		fprintf(stderr, "send_status: %s: %s\n", hosts, err_text(err));
	return err ? 1 : 0;
}

/* ---- sockets: what no archive holds. Lines "MODE UID GID PATH", the path from the root of the system */

static int make_socket(char *line)
{
	unsigned mode, uid, gid;
	int used = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%o %u %u %n", &mode, &uid, &gid, &used) < 3 || !used || line[used] != '/' ||
	    strstr(line + used, "/../"))
		return -EINVAL;
	if (mknod(line + used + 1, S_IFSOCK | (mode & 07777), 0) && errno != EEXIST)
		return -errno;
	(void)lremovexattr(line + used + 1, "system.posix_acl_access"); /* of the folder's default, not its own */
	if (lchown(line + used + 1, uid, gid) || chmod(line + used + 1, mode & 07777))
		return -errno;
	return 0;
}

static int make_sockets(const char *folder)
{
	char line[STATUS_LINE];
	int result = 0;

	if (chdir(folder))
		return 1;
	while (fgets(line, sizeof(line), stdin))
		if (make_socket(line))
			result = 1;
	return result;
}

int main(int argc, char **argv)
{
	const char *key = NULL, *log = NULL, *hosts = NULL, *folder = NULL;
	int64_t port = STATUS_PORT;
	int c;

	if (help_given(argc, argv, "send_status", usage_text))
		return 0;
	while ((c = getopt(argc, argv, "k:p:f:r:S:")) != -1) {
		if (c == 'k')
			key = optarg;
		else if (c == 'f')
			log = optarg;
		else if (c == 'r')
			hosts = optarg;
		else if (c == 'S')
			folder = optarg;
		else if (c != 'p' || parse_number(optarg, 1, 65535, &port))
			usage();
	}
	if (folder && argc == optind)
		return make_sockets(folder);
	if (!key || !log == !hosts || argc - optind != (hosts ? 1 : 0))
		usage();
	return hosts ? report(key, (uint16_t)port, hosts, argv[optind]) : serve(key, (uint16_t)port, log);
}
