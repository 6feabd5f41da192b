/* installer.c - stage2 is an installer -> the files it reads, its runs and its exit codes, as the original's init had
 * them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/installer.h"

#include "base/clock.h"
#include "base/confined.h"
#include "base/file.h"
#include "base/log.h"
#include "methods/media/folder.h"
#include "methods/retrieve/url.h"
#include "stage1/system.h"

#include <arpa/inet.h>
#include <ctype.h>
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
#define PREPARE_MS   90000 /* to mount a medium anew: a server may be slow */

/* ---- the files */

/* A user name or password within a URL: RFC 3986, section 3.2.1. */
static void add_encoded(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_printf(out, isalnum((unsigned char)*text) || strchr("-._~", *text) ? "%c" : "%%%02X",
			   (unsigned char)*text);
}

/* "http://user:word@10.0.1.21:8080/pub/distrib" */
static void add_prefix(struct buf *out, const struct options *o, const char *scheme, const struct url *u)
{
	cleanup_buf struct buf text = { 0 };

	buf_printf(&text, "%s://", scheme);
	if (o->value[KEY_USER]) {
		add_encoded(&text, o->value[KEY_USER]);
		buf_char(&text, ':');
		add_encoded(&text, o->value[KEY_PASS] ? o->value[KEY_PASS] : "");
		buf_char(&text, '@');
	}
	url_host_text(u, &text);
	buf_str(&text, u->path);
	buf_setting_bare(out, "URLPREFIX", buf_cstr(&text));
	out->failed |= text.failed;
}

/* Installers know two kinds of servers: ftp, for which they take the parts, and http, for which they take the URL
 * whatever its scheme is. */
static int add_server(const struct flow *f, struct buf *out)
{
	const struct options *o = f->options;
	const char *scheme = f->method->name, *proxy = o->value[KEY_PROXY_HOST];
	cleanup_free char *folder = method_folder(o, f->origin.path);
	cleanup_buf struct buf host = { 0 };
	bool ftp = streq(scheme, "ftp");
	struct url u = { 0 };
	int err = folder ? url_make(&u, scheme, f->origin.host, f->origin.port, *folder ? folder : "/") : -ENOMEM;

	if (err)
		return err;
	buf_setting_bare(out, "METHOD", ftp && !proxy ? "ftp" : "http");
	url_host_text(&u, &host);
	buf_setting_bare(out, "HOST", buf_cstr(&host));
	out->failed |= host.failed;
	buf_setting_bare(out, "PREFIX", folder);
	buf_setting_bare(out, "LOGIN", o->value[KEY_USER]);
	buf_setting_bare(out, "PASSWORD", o->value[KEY_PASS]);
	if (!ftp || proxy)
		add_prefix(out, o, scheme, &u);
	buf_setting_bare(out, "PROXY", proxy);
	buf_setting_bare(out, "PROXYPORT", proxy && !o->value[KEY_PROXY_PORT] ? "3128" : o->value[KEY_PROXY_PORT]);
	url_free(&u);
	return 0;
}

int installer_env(const struct flow *f, const struct medium *m, struct buf *out)
{
	static const char *const servers[] = { "http", "https", "ftp" };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(servers) && f->origin.path; i++)
		if (streq(f->method->name, servers[i]))
			err = add_server(f, out);
	if (m->tree)
		buf_printf(out, "METHOD=%s%s\n", f->method->name,
			   m->iso && !streq(f->method->name, "cdrom") ? "-iso" : "");
	buf_setting_bare(out, "ISOPATH", m->iso);
	if (f->options->netauto)
		buf_setting_bare(out, "KICKSTART", f->network.bootfile);
	return err;
}

void installer_network(const struct network *n, struct buf *out)
{
	char text[INET_ADDRSTRLEN];

	buf_str(out, "NETWORKING=yes\nFORWARD_IPV4=false\n");
	if (!n->dhcp)
		buf_setting_bare(out, "HOSTNAME", n->hostname);
	for (size_t i = 0; i < n->route_count; i++)
		if (n->routes[i].prefix == 0)
			buf_setting_bare(out, "GATEWAY", inet_ntop(AF_INET, &n->routes[i].gateway, text, sizeof(text)));
}

void installer_ifcfg(const struct network *n, struct buf *out)
{
	struct in_addr mask = { .s_addr = n->prefix ? htonl(~0u << (32 - n->prefix)) : 0 };
	struct in_addr net = { .s_addr = n->address.s_addr & mask.s_addr };
	char text[INET_ADDRSTRLEN];

	buf_setting_bare(out, "DEVICE", n->interface);
	if (n->address6_count)
		buf_setting_bare(out, "IPV6INIT", "yes");
	if (n->server_duid)
		buf_setting_bare(out, "DHCPV6C", "yes");
	if (!n->address.s_addr) {
		buf_setting_bare(out, "BOOTPROTO", "none");
		return;
	}
	if (n->dhcp) {
		buf_setting_bare(out, "BOOTPROTO", "dhcp");
		buf_setting_bare(out, "DHCP_HOSTNAME", n->hostname);
		return;
	}
	buf_setting_bare(out, "BOOTPROTO", "static");
	buf_setting_bare(out, "IPADDR", inet_ntop(AF_INET, &n->address, text, sizeof(text)));
	buf_setting_bare(out, "NETMASK", inet_ntop(AF_INET, &mask, text, sizeof(text)));
	buf_setting_bare(out, "NETWORK", inet_ntop(AF_INET, &net, text, sizeof(text)));
	buf_setting_bare(out, "BROADCAST", inet_ntop(AF_INET, &n->broadcast, text, sizeof(text)));
	buf_setting_bare(out, "DOMAIN", n->domain);
	for (size_t i = 0; i < n->dns_count && i < 2; i++)
		buf_setting_bare(out, i ? "DNS2" : "DNS1", inet_ntop(AF_INET, &n->dns[i], text, sizeof(text)));
}

/* "alias eth0 e1000" where the interface's driver is a module. */
static void add_alias(struct buf *out, const char *sysfs, const char *name)
{
	cleanup_free char *path = str_printf("%s/class/net/%s/device/driver/module", sysfs, name);
	char target[PATH_MAX];
	ssize_t n = path ? readlink(path, target, sizeof(target) - 1) : -1;

	if (n <= 0)
		return;
	target[n] = '\0';
	buf_printf(out, "alias %s %s\n", name, strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
}

void installer_modules(const char *sysfs, const char *loaded, struct buf *out)
{
	cleanup_free char *path = str_printf("%s/class/net", sysfs);
	struct words names = { 0 };

	if (path && folder_list(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), &names) == 0)
		for (size_t i = 0; i < names.count; i++)
			add_alias(out, sysfs, names.word[i]);
	for (size_t i = 0; i < names.count; i++)
		free(names.word[i]);
	free(names.word);
	for (const char *line = loaded; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (memchr(line, ' ', strcspn(line, "\n")))
			buf_printf(out, "options %.*s\n", (int)strcspn(line, "\n"), line);
}

/* ---- in the new root: a child of the flow does it, which may hang with a server */

static int write_network_files(const struct network *n)
{
	cleanup_buf struct buf network = { 0 }, ifcfg = { 0 };
	cleanup_free char *name = str_printf("ifcfg-%s", n->interface);
	int err;

	installer_network(n, &network);
	installer_ifcfg(n, &ifcfg);
	err = system_write_file("network", 0644, &network);
	if (!err)
		err = name ? system_write_file(name, 0644, &ifcfg) : -ENOMEM;
	return err;
}

/* /etc/resolv.conf is what the net part left for the next system. */
static int write_resolver(int root)
{
	cleanup_free char *text = file_text(RUN_DIR "/resolv.conf");
	cleanup_close int etc = text && *text ? confined_open(root, "/etc", O_RDONLY) : -1;
	cleanup_buf struct buf copy = { 0 };

	if (etc < 0)
		return 0; /* nothing to say, or nobody to read it */
	buf_str(&copy, text);
	/* a link would lead into a root that is not there yet */
	if (fchdir(etc) || (unlink("resolv.conf") && errno != ENOENT))
		return -errno;
	return system_write_file("resolv.conf", 0644, &copy);
}

/* In /tmp of the new root. */
static int write_files(const struct flow *f, const struct medium *m)
{
	cleanup_free char *log = file_text(RUN_DIR "/log");
	cleanup_buf struct buf env = { 0 }, modules = { 0 }, loaded = { 0 }, log_text = { 0 };
	int err = installer_env(f, m, &env);

	if (!err)
		err = system_write_file("env", 0600, &env);
	if (!err && (f->method->needs & METHOD_NEEDS_NETWORK))
		err = write_network_files(&f->network);
	probe_list_modules(f->probe, &loaded);
	installer_modules("/sys", buf_cstr(&loaded), &modules);
	if (!err)
		err = system_write_file("modules.conf", 0644, &modules);
	buf_str(&log_text, log ? log : "");
	if (!err)
		err = system_write_file("stage1.log", 0644, &log_text);
	if (!err && symlink("..", "stage2") && errno != EEXIST) /* the original's stage2 lay there */
		err = -errno;
	return err;
}

/* The child's work. 0 or -errno with the failure filled. */
static int prepare(const struct flow *f, int root, bool files)
{
	struct failure *failure = &f->result->failure;
	struct medium m;
	int tmp, err;

	(void)!mkdirat(root, "tmp", 01777);
	tmp = confined_open(root, "/tmp", O_RDONLY);
	if (tmp < 0 || fchdir(tmp))
		return fail(failure, FAIL_ROOT_SWITCH, tmp < 0 ? tmp : -errno, "/tmp in the new root: %s",
			    err_text(tmp < 0 ? tmp : -errno));
	err = medium_attach(f, &m, failure);
	if (err || !files)
		return err;
	err = write_files(f, &m);
	if (!err)
		err = write_resolver(root);
	return err ? fail(failure, FAIL_ROOT_SWITCH, err, "the installer's files in /tmp: %s", err_text(err)) : 0;
}

int installer_prepare(const struct flow *f, int root, bool files)
{
	struct failure *failure = &f->result->failure; /* in shared memory: the child fills it */
	int status = 0;
	pid_t pid;

	*failure = (struct failure){ 0 };
	pid = fork();
	if (pid < 0)
		return fail(failure, FAIL_SYS_INTERNAL, -errno, "fork: %s", err_text(errno));
	if (pid == 0)
		_exit(prepare(f, root, files) ? 1 : 0);
	if (system_wait_child(pid, &status, now_ms() + PREPARE_MS)) {
		kill(pid, SIGKILL);
		return fail(failure, FAIL_MED_MOUNT, -ETIMEDOUT, "/tmp/media in the new root: no end after %d s",
			    PREPARE_MS / 1000);
	}
	if (status && !failure->id)
		return fail(failure, FAIL_SYS_INTERNAL, -EIO, "writing the installer's files ended early");
	return status ? failure->err : 0;
}

/* ---- running it */

/* What it left for us: 0 nothing, 1 a reboot is wanted, 2 a halt. */
static int reboot_wish(void)
{
	cleanup_free char *text = file_text(REBOOT_FILE);

	if (!text || !*text)
		return 0;
	return strstr(text, "halt") ? 2 : 1;
}

/* What the original's init gave it; all that stage1 knows is in the files. */
static const char *const installer_environment[] = {
	"PATH=/usr/bin:/bin:/sbin:/usr/sbin:/mnt/sbin:/mnt/usr/sbin:/mnt/bin:/mnt/usr/bin",
	"LD_LIBRARY_PATH=/lib:/usr/lib:/mnt/lib:/mnt/usr/lib:/lib64:/usr/lib64:/mnt/lib64:/mnt/usr/lib64",
	"HOME=/",
	"TERM=linux",
	"TERMINFO=/etc/terminfo",
	"LC_CTYPE=UTF-8",
	NULL,
};

static int run_once(int *status)
{
	char *const argv[] = { (char *)INSTALLER, NULL };
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		for (int sig = 1; sig < 32; sig++)
			signal(sig, SIG_DFL);
		setsid();
		execve(argv[0], argv, (char *const *)installer_environment);
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

int installer_run(struct failure *f)
{
	int status, wish, err;

	do {
		err = run_once(&status);
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
