/* stage2.c - the state stage1 hands over -> lines on the console; the whole system the boot tests and benchmarks
 * start. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first line, printed before anything else is touched, is the measurement:
 *     STAGE2 UP uptime=3.21 memtotal=480112 memfree=401234 memavail=411111
 * (seconds since the kernel started; kB). Then one line per fact a test may ask for, "STAGE2 END", and power off; with
 * the word stage2.stay on the kernel command line it stays up instead. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef CLOCK_BOOTTIME /* dietlibc */
#define CLOCK_BOOTTIME 7
#endif

/* Prints every line of PATH with PREFIX before it. */
static void show(const char *prefix, const char *path)
{
	char line[8192];
	FILE *f = fopen(path, "r");

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		printf("%s%s\n", prefix, line);
	}
	fclose(f);
}

/* The number after NAME in /proc/meminfo, in kB; -1 when it is not there. */
static long meminfo(const char *name)
{
	char line[200];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	if (!f)
		return -1;
	while (kb < 0 && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			kb = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(f);
	return kb;
}

/* Calls SEE with the path and name of every entry of DIR. */
static void each(const char *dir, void (*see)(const char *path, const char *name))
{
	char path[512];
	struct dirent *entry;
	DIR *d = opendir(dir);

	if (!d)
		return;
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		see(path, entry->d_name);
	}
	closedir(d);
}

/* Files of /run/stage1, and what the small ones hold. The log is long, and an image may lie there. */
static void see_handover(const char *path, const char *name)
{
	char prefix[300];
	struct stat st;

	if (stat(path, &st) < 0)
		return;
	printf("RUN %s %ld bytes\n", name, (long)st.st_size);
	snprintf(prefix, sizeof(prefix), "RUN %s: ", name);
	if (S_ISREG(st.st_mode) && st.st_size < 8192 && strcmp(name, "log") != 0)
		show(prefix, path);
}

/* What lies in /tmp of a stage2 that is an installer: links and files, what is in the small ones, the one line of the
 * log that installers look for. */
static void see_classic(const char *path, const char *name)
{
	char target[300], prefix[600];
	struct stat st;
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len >= 0)
		printf("TMP %s -> %.*s\n", name, (int)len, target);
	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	printf("TMP %s mode %o\n", name, (unsigned)st.st_mode & 07777);
	snprintf(prefix, sizeof(prefix), "TMP %s: ", name);
	if (strcmp(name, "stage1.log") != 0) {
		show(prefix, path);
	} else {
		char line[1000];
		FILE *f = fopen(path, "r");

		while (f && fgets(line, sizeof(line), f))
			if (strstr(line, "configuring device"))
				printf("%s%s", prefix, strstr(line, "configuring device"));
	}
}

/* The names in the folder that holds the installer's tree. */
static void see_tree(const char *path, const char *name)
{
	(void)path;
	printf("TREE %s\n", name);
}

/* As /usr/bin/runinstall2: shows what it was left and asks to be started again; the second time it halts the machine,
 * or with the word stage2.status=N ends with that status. */
static int installer(void)
{
	extern char **environ;
	char line[8192] = "", *status;
	int fd = open("/again", O_RDWR | O_CREAT | O_EXCL, 0644);

	if (fd >= 0) {
		printf("\nINSTALLER UP\n");
		for (char **e = environ; *e; e++)
			printf("ENV %s\n", *e);
		each("/tmp", see_classic);
		show("RESOLV ", "/etc/resolv.conf");
		show("MOUNT ", "/proc/mounts");
		each("/tmp/image/install/stage2", see_tree);
		printf("INSTALLER END\n");
		fflush(stdout);
		return 0x35;
	}
	printf("INSTALLER AGAIN\n");
	fflush(stdout);
	fd = open("/proc/cmdline", O_RDONLY);
	if (fd >= 0 && read(fd, line, sizeof(line) - 1) > 0 && (status = strstr(line, "stage2.status=")))
		return atoi(status + strlen("stage2.status="));
	mkdir("/var", 0755);
	mkdir("/var/run", 0755);
	fd = open("/var/run/rebootctl", O_WRONLY | O_CREAT, 0644);
	return write(fd, "halt", 4) == 4 ? 1 : 0;
}

/* Interfaces, with their state. */
static void see_interface(const char *path, const char *name)
{
	char file[600], prefix[300];

	snprintf(file, sizeof(file), "%s/operstate", path);
	snprintf(prefix, sizeof(prefix), "NET %s ", name);
	show(prefix, file);
}

/* Descriptors the last program left open. */
static void see_descriptor(const char *path, const char *name)
{
	char target[300];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len < 0 || atoi(name) <= 2)
		return;
	target[len] = '\0';
	if (strcmp(target, "/proc/1/fd") != 0 && strncmp(target, "/proc/self", 10) != 0)
		printf("OPEN %s %s\n", name, target);
}

/* Processes beside this one that are no kernel threads (those have no command line). */
static void see_process(const char *path, const char *name)
{
	char file[600], cmdline[200];
	ssize_t len = 0;
	int fd;

	if (atoi(name) <= 1)
		return;
	snprintf(file, sizeof(file), "%s/cmdline", path);
	fd = open(file, O_RDONLY);
	if (fd >= 0) {
		len = read(fd, cmdline, sizeof(cmdline) - 1);
		close(fd);
	}
	if (len > 0) {
		cmdline[len] = '\0';
		printf("PROCESS %s %s\n", name, cmdline);
	}
}

/* Whether the root takes a write, and gives it back. */
static void try_root(void)
{
	char back[8] = "";
	int fd = open("/stage2-was-here", O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0) {
		printf("ROOT read-only: %s\n", strerror(errno));
		return;
	}
	if (write(fd, "written", 7) == 7 && pread(fd, back, 7, 0) == 7 && memcmp(back, "written", 7) == 0)
		printf("ROOT writable\n");
	close(fd);
}

/* Reads the filler through, so that a damaged image shows: prints its size and a sum over it. */
static void try_filler(void)
{
	static unsigned char block[65536];
	unsigned long long size = 0, sum = 0;
	ssize_t len;
	int fd = open("/filler", O_RDONLY);

	if (fd < 0)
		return;
	while ((len = read(fd, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < len; i++)
			sum = (sum * 31 + block[i]) & 0xffffffffull;
		size += (unsigned long long)len;
	}
	printf("FILLER %llu bytes sum %llu%s\n", size, sum, len < 0 ? " UNREADABLE" : "");
	close(fd);
}

int main(int argc, char **argv)
{
	char line[8192] = "";
	struct timespec up;
	int fd;

	if (argc && strstr(argv[0], "runinstall2"))
		return installer();
	clock_gettime(CLOCK_BOOTTIME, &up);
	mkdir("/proc", 0555);
	if (meminfo("MemTotal") < 0)
		mount("proc", "/proc", "proc", 0, NULL);
	printf("\nSTAGE2 UP uptime=%ld.%02ld memtotal=%ld memfree=%ld memavail=%ld\n", (long)up.tv_sec,
	       up.tv_nsec / 10000000, meminfo("MemTotal"), meminfo("MemFree"), meminfo("MemAvailable"));
	fflush(stdout);

	for (int i = 0; i < argc; i++)
		printf("ARG %s\n", argv[i]);
	show("KA ", "/ka/tftpserver");
	show("CMDLINE ", "/proc/cmdline");
	show("MOUNT ", "/proc/mounts");
	show("MEM ", "/proc/meminfo");
	show("MODULE ", "/proc/modules");
	each("/run/stage1", see_handover);
	each("/sys/class/net", see_interface);
	show("ROUTE ", "/proc/net/route");
	each("/proc/1/fd", see_descriptor);
	each("/proc", see_process);
	try_root();
	try_filler();
	printf("STAGE2 END\n");
	fflush(stdout);

	fd = open("/proc/cmdline", O_RDONLY);
	if (fd >= 0 && read(fd, line, sizeof(line) - 1) > 0 && strstr(line, "stage2.stay"))
		for (;;)
			pause();
	reboot(RB_POWER_OFF);
	return 0;
}
