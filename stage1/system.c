/* system.c - a bare kernel -> the file systems, signals and children a PID 1 answers for. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/system.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The longest time for what is in memory to get to its disk. */
#define SYNC_MS 20000

static int mount_kernel_fs(const char *type, const char *target, unsigned long flags, const char *data,
			   struct failure *f)
{
	mkdir(target, 0755);
	if (mount(type, target, type, flags, data) == 0 || errno == EBUSY)
		return 0;
	return fail(f, FAIL_SYS_MOUNT, -errno, "%s on %s: %s", type, target, err_text(errno));
}

void system_standard_fds(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		if (fd != i)
			dup2(fd, i);
	if (fd > 2)
		close(fd);
}

int system_start(struct failure *f)
{
	static const int ignored[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGPIPE,
				       SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2 };
	int err = 0;

	umask(022);
	err = mount_kernel_fs("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, f) ? -1 : err;
	err = mount_kernel_fs("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, f) ? -1 : err;
	err = mount_kernel_fs("devtmpfs", "/dev", MS_NOSUID, "mode=0755", f) ? -1 : err;
	err = mount_kernel_fs("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755", f) ? -1 : err;
	mkdir(RUN_DIR, 0755);
	mkdir(ROOT_DIR, 0755);
	system_standard_fds();
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	return err ? f->err : 0;
}

int system_write_file(const char *path, mode_t mode, const struct buf *text)
{
	cleanup_close int fd = -1;
	size_t done = 0;

	if (text->failed)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	while (done < text->len) {
		ssize_t n = write(fd, text->data + done, text->len - done);

		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* Reaps every finished child, and says whether PID was among them; its status goes to *STATUS. Never waits. */
static bool reap(pid_t pid, int *status)
{
	bool found = false;
	pid_t ended;
	int st;

	while ((ended = waitpid(-1, &st, WNOHANG)) > 0) {
		if (ended == pid) {
			*status = st;
			found = true;
		}
	}
	return found;
}

static void child_ended(int sig)
{
	(void)sig; /* only there to interrupt the wait */
}

int system_wait_child(pid_t pid, int *status, int64_t deadline)
{
	struct sigaction on_child = { .sa_handler = child_ended, .sa_flags = SA_NOCLDSTOP };
	sigset_t chld, old;
	int err = 0;

	sigaction(SIGCHLD, &on_child, NULL);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	/* blocked, a child's end stays pending until sigtimedwait sees it */
	sigprocmask(SIG_BLOCK, &chld, &old);
	while (!reap(pid, status)) {
		int ms = ms_left(deadline);
		struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

		if (!ms) {
			err = -ETIMEDOUT;
			break;
		}
		sigtimedwait(&chld, NULL, &left);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return err;
}

void system_kernel_level(int level)
{
	const int set_console_level = 8; /* syslog(2), SYSLOG_ACTION_CONSOLE_LEVEL */

	if (level > 0)
		klogctl(set_console_level, NULL, level);
}

int system_quiet_kernel(const char *command_line)
{
	static const char *const louder[] = { "debug", "loglevel=", "ignore_loglevel" };
	cleanup_free char *levels = file_text("/proc/sys/kernel/printk"); /* "7\t4\t1\t7" */

	for (size_t i = 0; i < ARRAY_SIZE(louder); i++)
		if (strstr(command_line, louder[i]))
			return 0;
	system_kernel_level(4);
	return levels ? (int)strtol(levels, NULL, 10) : 0;
}

/* Writes everything out, in a child: a disk or server that does not answer must not hold the machine. */
static void sync_in_time(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		sync();
		_exit(0);
	}
	if (pid > 0 && system_wait_child(pid, &status, now_ms() + SYNC_MS))
		log_warn("what was written may not be on its disk: it does not answer");
}

_Noreturn void system_leave(bool power_off)
{
	sync_in_time();
	reboot(power_off ? RB_POWER_OFF : RB_AUTOBOOT);
	for (;;) /* the firmware may take its time; PID 1 must not end */
		pause();
}
