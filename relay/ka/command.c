/* command.c - a shell command -> its output or input as a pipe, and how it ended as an event. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/command.h"

#include "base/buf.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/compat.h"

#define PIPE_SIZE (1024 * 1024)

static void on_ended(struct child *child, int status)
{
	struct ka_command *c = container_of(child, struct ka_command, child);
	/* what a tool left undone in reading is known; a sink that complains has not written everything */
	const char *tool = c->kind == KA_COMMAND_SOURCE ? c->tool : NULL;

	c->ended(c, child_judge(tool, status, c->why, sizeof(c->why)) == CHILD_BAD ? -EIO : 0, c->why);
}

static int run_shell(void *command)
{
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	return 127;
}

int ka_command_start(struct ka_command *c, struct loop *l, const char *command, enum ka_command_kind kind,
		     int *pipe_end, struct failure *f)
{
	bool source = kind == KA_COMMAND_SOURCE;
	int ends[2], mine = source ? 0 : 1, err;

	c->kind = kind;
	child_tool(command, c->tool, sizeof(c->tool));
	if (pipe(ends) < 0)
		return fail(f, FAIL_SYS_INTERNAL, -errno, "pipe: %s", err_text(errno));
	for (int i = 0; i < 2; i++)
		fcntl(ends[i], F_SETFD, FD_CLOEXEC);
	c->child.ended = on_ended;
	err = child_start(&c->child, l, run_shell, (void *)command, source ? -1 : ends[0],
			  source ? ends[1] : STDOUT_FILENO, f);
	close(ends[1 - mine]);
	if (err) {
		close(ends[mine]);
		return err;
	}
	fcntl(ends[mine], F_SETPIPE_SZ, PIPE_SIZE);
	fcntl(ends[mine], F_SETFL, O_NONBLOCK);
	*pipe_end = ends[mine];
	return 0;
}

void ka_command_kill(struct ka_command *c)
{
	child_kill(&c->child);
}
