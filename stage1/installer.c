/* installer.c - stage2 is an installer -> the files it reads, its runs and its exit codes, as the original's init had them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/installer.h"

#include "base/clock.h"
#include "base/log.h"
#include "stage1/system.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_RESTART 0x35 /* stage2 asks to be started again */
#define REBOOT_FILE  "/var/run/rebootctl"

/* ---- the files */

static void add(struct buf *out, const char *key, const char *value)
{
	if (value)
		buf_printf(out, "%s=%s\n", key, value); /* no quotes: these files never had any */
}

/* "http://10.0.1.21:8080/pub/distrib" */
static void add_url(struct buf *out, const struct options *o)
{
	const char *directory = o->value[KEY_DIRECTORY] ? o->value[KEY_DIRECTORY] : "";
	const char *port = o->value[KEY_PORT];

	while (*directory == '/')
		directory++;
	buf_printf(out, "URLPREFIX=%s://%s%s%s/%s\n", o->value[KEY_METHOD], o->value[KEY_SERVER], port ? ":" : "",
		   port ? port : "", directory);
}

void installer_env(const struct flow *f, struct buf *out)
{
	const struct options *o = f->options;
	const char *method = f->method->name;

	add(out, "METHOD", method);
	if (streq(method, "http") || streq(method, "https") || streq(method, "ftp")) {
		add(out, "HOST", o->value[KEY_SERVER]);
		add(out, "PREFIX", o->value[KEY_DIRECTORY]);
		add(out, "LOGIN", o->value[KEY_USER]);
		add(out, "PASSWORD", o->value[KEY_PASS]);
		if (o->value[KEY_SERVER])
			add_url(out, o);
		add(out, "PROXY", o->value[KEY_PROXY_HOST]);
		add(out, "PROXYPORT", o->value[KEY_PROXY_PORT]);
	}
}

void installer_network(const struct network *n, struct buf *out)
{
	char text[INET_ADDRSTRLEN];

	buf_str(out, "NETWORKING=yes\nFORWARD_IPV4=false\n");
	if (!n->dhcp)
		add(out, "HOSTNAME", n->hostname);
	for (size_t i = 0; i < n->route_count; i++)
		if (n->routes[i].prefix == 0)
			add(out, "GATEWAY", inet_ntop(AF_INET, &n->routes[i].gateway, text, sizeof(text)));
}

void installer_ifcfg(const struct network *n, struct buf *out)
{
	struct in_addr mask = { .s_addr = n->prefix ? htonl(~0u << (32 - n->prefix)) : 0 };
	struct in_addr net = { .s_addr = n->address.s_addr & mask.s_addr };
	char text[INET_ADDRSTRLEN];

	add(out, "DEVICE", n->interface);
	if (n->address6_count)
		add(out, "IPV6INIT", "yes");
	if (n->server_duid)
		add(out, "DHCPV6C", "yes");
	if (!n->address.s_addr) {
		add(out, "BOOTPROTO", "none");
		return;
	}
	if (n->dhcp) {
		add(out, "BOOTPROTO", "dhcp");
		add(out, "DHCP_HOSTNAME", n->hostname);
		return;
	}
	add(out, "BOOTPROTO", "static");
	add(out, "IPADDR", inet_ntop(AF_INET, &n->address, text, sizeof(text)));
	add(out, "NETMASK", inet_ntop(AF_INET, &mask, text, sizeof(text)));
	add(out, "NETWORK", inet_ntop(AF_INET, &net, text, sizeof(text)));
	add(out, "BROADCAST", inet_ntop(AF_INET, &n->broadcast, text, sizeof(text)));
	add(out, "DOMAIN", n->domain);
	for (size_t i = 0; i < n->dns_count && i < 2; i++)
		add(out, i ? "DNS2" : "DNS1", inet_ntop(AF_INET, &n->dns[i], text, sizeof(text)));
}

static int write_file(const char *path, mode_t mode, const struct buf *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || text->failed)
		return fd < 0 ? -errno : -ENOMEM;
	return write(fd, buf_cstr(text), text->len) == (ssize_t)text->len ? 0 : -EIO;
}

static int write_network_files(const struct network *n)
{
	cleanup_buf struct buf network = { 0 }, ifcfg = { 0 }, resolv = { 0 };
	char path[64], text[INET_ADDRSTRLEN];
	int err;

	installer_network(n, &network);
	installer_ifcfg(n, &ifcfg);
	if (n->search || n->domain)
		buf_printf(&resolv, "search %s\n", n->search ? n->search : n->domain);
	for (size_t i = 0; i < n->dns_count; i++)
		buf_printf(&resolv, "nameserver %s\n", inet_ntop(AF_INET, &n->dns[i], text, sizeof(text)));
	snprintf(path, sizeof(path), "/tmp/ifcfg-%s", n->interface);
	err = write_file("/tmp/network", 0644, &network);
	if (!err)
		err = write_file(path, 0644, &ifcfg);
	if (!err && resolv.len) {
		unlink("/etc/resolv.conf"); /* a link would lead into a root that is not there yet */
		err = write_file("/etc/resolv.conf", 0644, &resolv);
	}
	return err;
}

int installer_write(const struct flow *f)
{
	cleanup_free char *log = system_read_file(RUN_DIR "/log");
	cleanup_buf struct buf env = { 0 }, log_text = { 0 };
	int err;

	mkdir("/tmp", 01777);
	installer_env(f, &env);
	err = write_file("/tmp/env", 0600, &env);
	if (!err && (f->method->needs & METHOD_NEEDS_NETWORK))
		err = write_network_files(&f->network);
	buf_str(&log_text, log ? log : "");
	if (!err)
		err = write_file("/tmp/stage1.log", 0644, &log_text);
	return err;
}

/* ---- running it */

/* What it left for us: 0 nothing, 1 a reboot is wanted, 2 a halt. */
static int reboot_wish(void)
{
	cleanup_free char *text = system_read_file(REBOOT_FILE);

	if (!text || !*text)
		return 0;
	return strstr(text, "halt") ? 2 : 1;
}

static int run_once(char *const envp[], int *status)
{
	char *const argv[] = { (char *)INSTALLER, NULL };
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		for (int sig = 1; sig < 32; sig++)
			signal(sig, SIG_DFL);
		setsid();
		execve(argv[0], argv, envp);
		_exit(127);
	}
	while (system_wait_child(pid, status, now_ms() + INT_MAX))
		; /* an installer may take a day: a person sits in front of it */
	return 0;
}

/* All others end, politely first; then the file systems are written. */
static void end_all(void)
{
	kill(-1, SIGTERM);
	poll(NULL, 0, 2000);
	kill(-1, SIGKILL);
	sync();
}

int installer_run(char *const envp[], struct failure *f)
{
	int status, wish, err;

	do {
		err = run_once(envp, &status);
		if (err)
			return fail(f, FAIL_SYS_INTERNAL, err, INSTALLER ": %s", err_text(err));
	} while (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_RESTART);
	wish = reboot_wish();
	if (!wish && (!WIFEXITED(status) || WEXITSTATUS(status)))
		return fail(f, FAIL_ROOT_INSTALLER, -EPROTO, INSTALLER " ended with %s %d",
			    WIFEXITED(status) ? "status" : "signal",
			    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	end_all();
	system_leave(wish == 2);
}
