/* stage1.c - PID 1 of all.rdz: from a bare kernel to the next system's init, or to what the failure policy says. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/clock.h"
#include "base/file.h"
#include "base/help.h"
#include "base/log.h"
#include "probe/modprobe.h"
#include "stage1/flow.h"
#include "stage1/installer.h"
#include "stage1/journal.h"
#include "stage1/kexec.h"
#include "stage1/policy.h"
#include "stage1/shell.h"
#include "stage1/system.h"
#include "base/version.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* How often the flow's sign of life is looked for. */
#define GUARD_MS 1000

extern char **environ;

/* "stage1 0.1  Linux 6.1.0-56-amd64  node 7" */
static void say_hello(struct screen *s, const struct options *o)
{
	struct utsname u = { .release = "?" };

	uname(&u);
	screen_say(s, "stage1 " STAGE1_VERSION "  Linux %s%s%s%s%s", u.release, o->node_id ? "  node " : "",
		   o->node_id ? o->node_id : "", o->bootif ? "  " : "", o->bootif ? o->bootif : "");
	for (size_t i = 0; i < o->warnings.count; i++) {
		log_warn("%s", o->warnings.word[i]);
		screen_say(s, "%s", o->warnings.word[i]);
	}
}

/* Waits in the flow have their own deadlines, but for what a silent server holds up in the kernel: there the flow says
 * how long it may take. */
static bool is_silent(const struct flow_result *result)
{
	int64_t until = __atomic_load_n(&result->alive_until, __ATOMIC_RELAXED);

	return until && now_ms() > until;
}

/* Runs the flow in a child, so that whatever happens to it, PID 1 is there to act on it. */
static int run_flow(struct options *o, struct screen *s, bool ask, struct flow_result *result)
{
	int status = 0;
	pid_t pid;

	memset(result, 0, sizeof(*result));
	pid = fork();
	if (pid < 0)
		return fail(&result->failure, FAIL_SYS_INTERNAL, -errno, "fork: %s", err_text(errno));
	if (pid == 0) {
		signal(SIGCHLD, SIG_DFL);
		_exit(flow_run(o, s, ask, result) ? 1 : 0);
	}
	while (system_wait_child(pid, &status, now_ms() + GUARD_MS))
		if (is_silent(result)) {
			kill(pid, SIGKILL); /* it may hang in the kernel: it is not waited for */
			return fail(&result->failure, result->silent, -ETIMEDOUT, "%s: silent while %s",
				    result->waits_for,
				    result->silent == FAIL_MED_READ ? "it was read" : "the root was put together");
		}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return fail(&result->failure, FAIL_SYS_INTERNAL, -EFAULT, "step %u ended by signal %d",
			    result->step + 1, WTERMSIG(status));
	if (result->failure.id == FAIL_NONE)
		return fail(&result->failure, FAIL_SYS_INTERNAL, -EIO, "step %u failed without a reason",
			    result->step + 1);
	return result->failure.err;
}

/* What a person answered becomes the defaults of the next try. */
static void take_answers(struct options *o, char *answers)
{
	char *rest = answers, *line;

	while ((line = strsep(&rest, "\n"))) {
		char *tab = strchr(line, '\t');

		for (size_t i = 0; tab && i < KEY_COUNT; i++)
			if (strlen(key_table[i].name) == (size_t)(tab - line) && starts_with(line, key_table[i].name))
				(void)!options_set(o, (enum option_key)i, tab + 1);
	}
}

/* The environment for the next init: the kernel's, without automatic= (it may hold a password). systemd takes the word
 * "rescue" for its own rescue mode, but here it is meant for stage1: it is given the line without it. */
static char **next_environment(const struct options *o)
{
	size_t count = 0, n = 0;
	char **env;

	while (environ[count])
		count++;
	env = calloc(count + 2, sizeof(*env));
	if (!env)
		return environ;
	for (size_t i = 0; i < count; i++)
		if (!starts_with(environ[i], "automatic="))
			env[n++] = environ[i];
	if (o->rescue) {
		struct buf line = { 0 };
		char *copy = strdup(o->line), *rest = copy, *word;

		buf_str(&line, "SYSTEMD_PROC_CMDLINE=");
		while (copy && (word = strsep(&rest, " \n")))
			if (*word && !streq(word, "rescue") && !starts_with(word, "automatic="))
				buf_printf(&line, "%s ", word);
		free(copy);
		env[n] = buf_take(&line);
	}
	return env;
}

/* Does not return on success. */
static void start_next_system(const struct options *o, struct screen *s, struct flow_result *result)
{
	char **argv = calloc(o->init_args.count + 2, sizeof(*argv));
	char **env = next_environment(o);

	if (!argv) {
		(void)fail(&result->failure, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for the arguments of init");
		return;
	}
	argv[0] = result->init;
	for (size_t i = 0; i < o->init_args.count; i++)
		argv[i + 1] = o->init_args.word[i];
	screen_say(s, "proceeding, please wait...");
	if (result->kexec) {
		(void)!kexec_start(&result->failure);
		free(argv);
		return;
	}
	system_standard_fds();
	if (system_switch_root(&result->failure) == 0) {
		if (streq(result->init, INSTALLER)) {
			(void)!installer_run(&result->failure);
		} else {
			signal(SIGCHLD, SIG_DFL);
			execve(argv[0], argv, env);
			(void)fail(&result->failure, FAIL_ROOT_SWITCH, -errno, "%s: %s", argv[0], err_text(errno));
		}
	}
	free(argv);
}

static int not_pid_1(int argc, char **argv)
{
	static const char usage[] =
		"stage1 " STAGE1_VERSION ": the init of all.rdz, to be started by the kernel as process 1.\n"
		"It reads automatic= from the kernel command line; see stage1(8) and automatic(7).\n"
		"From a shell, stage1-fetch(1) runs one of its methods.\n";

	if (help_given(argc, argv, "stage1", usage))
		return 0;
	fputs(usage, stderr);
	return 2;
}

/* True when the kernel runs this program under its other name, for a module it wants itself. */
static bool is_modprobe(const char *name)
{
	const char *slash = name ? strrchr(name, '/') : NULL;

	return streq(slash ? slash + 1 : name, "modprobe");
}

int main(int argc, char *argv[])
{
	struct failure failure = { 0 };
	struct flow_result *result;
	struct options options;
	struct screen screen;
	cleanup_free char *line = NULL;
	pid_t kernel_log;
	int kernel_level;

	if (getpid() != 1)
		return is_modprobe(argv[0]) ? modprobe_run(argc, argv) : not_pid_1(argc, argv);

	(void)system_start(&failure);
	line = file_text("/proc/cmdline");
	(void)!options_parse(&options, line ? line : "");
	kernel_level = system_quiet_kernel(options.line ? options.line : "");
	(void)!screen_open(&screen, "/sys");
	journal_open();
	kernel_log = journal_follow_kernel();
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED)
		system_leave(false);
	say_hello(&screen, &options);
	if (failure.id) /* the way may be clear all the same */
		screen_failure(&screen, &failure, fail_advice(failure.id));

	for (bool ask = !options.automatic;; ask = policy_of(&options) == POLICY_ASK) {
		pid_t second = ask ? shell_on("tty2") : 0;
		int err = run_flow(&options, &screen, ask, result);

		take_answers(&options, result->answers);
		shell_end(second);
		if (!err) {
			shell_end(kernel_log);
			system_kernel_level(kernel_level);
			start_next_system(&options, &screen, result);
		}
		policy_apply(&options, &screen, &result->failure);
		system_release_root();
	}
}
