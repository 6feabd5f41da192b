/* install.c - the words of `head-node serve` -> systemd's units for the same. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/install.h"

#include "base/help.h"
#include "server/head/commands.h"
#include "server/head/files.h"
#include "server/head/run.h"
#include "server/head/say.h"

#include <stdio.h>
#include <unistd.h>

#define UNITS "etc/systemd/system"

static const char usage_text[] = "usage: head-node install [--root DIR] --interface IF ...\n"
				 "Makes what `head-node serve` with the same words does permanent, by systemd.\n"
				 "  --root DIR             write below DIR, and start nothing\n";

void install_word(const char *word, struct buf *out)
{
	bool plain = *word && !strpbrk(word, " \t\"'\\;$%");

	if (!plain)
		buf_char(out, '"');
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			buf_char(out, '\\');
		else if (*word == '$' || *word == '%')
			buf_char(out, *word);
		buf_char(out, *word);
	}
	if (!plain)
		buf_char(out, '"');
}

/* What every one of them may do: nothing but read the system and write its own folder. */
static const char hardening[] = "NoNewPrivileges=yes\n"
				"ProtectSystem=strict\n"
				"ProtectHome=read-only\n"
				"ProtectKernelTunables=yes\n"
				"ProtectKernelModules=yes\n"
				"ProtectKernelLogs=yes\n"
				"ProtectControlGroups=yes\n"
				"ProtectClock=yes\n"
				"ProtectHostname=yes\n"
				"PrivateDevices=yes\n"
				"RestrictSUIDSGID=yes\n"
				"RestrictRealtime=yes\n"
				"RestrictNamespaces=yes\n"
				"LockPersonality=yes\n"
				"MemoryDenyWriteExecute=yes\n"
				"SystemCallArchitectures=native\n"
				"RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK AF_PACKET\n";

/* Raw frames, ports below 1024, and dnsmasq's entries in the table of neighbours. */
#define RIGHTS "CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_NET_ADMIN"
/* nfs-ganesha answers for files of any owner. */
#define RIGHTS_NFS RIGHTS " CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_SETUID CAP_SETGID CAP_SYS_RESOURCE"

/* systemd makes the usual folder by itself; another one is opened for writing. */
static void add_folder(const struct site *site, struct buf *out)
{
	if (streq(site->state, HEAD_STATE)) {
		buf_str(out, "StateDirectory=head-node\nStateDirectoryMode=0755\n");
		return;
	}
	buf_str(out, "ReadWritePaths=");
	install_word(site->state, out);
	buf_char(out, '\n');
}

/* A user of its own where the usual folder, which systemd gives to that user, will do. */
static bool own_user(const struct site *site)
{
	return streq(site->state, HEAD_STATE) && site->method != HEAD_NFS;
}

static void add_rights(const struct site *site, struct buf *out)
{
	if (own_user(site))
		buf_str(out, "DynamicUser=yes\nAmbientCapabilities=" RIGHTS "\nCapabilityBoundingSet=" RIGHTS "\n");
	else
		buf_printf(out, "CapabilityBoundingSet=%s\n",
			   site->method == HEAD_NFS ? RIGHTS_NFS
						    : RIGHTS " CAP_SETUID CAP_SETGID CAP_CHOWN CAP_DAC_OVERRIDE");
}

void install_serve_unit(const struct site *site, const char *program, int argc, char *const *argv, struct buf *out)
{
	buf_str(out, "# made by head-node install\n[Unit]\n"
		     "Description=Boots the machines on a wire\nDocumentation=man:head-node(8)\n"
		     "Wants=network-online.target\nAfter=network-online.target\n");
	if (!site->image)
		buf_str(out, "Requires=head-node-image.service\nAfter=head-node-image.service\n");
	buf_str(out, "\n[Service]\nExecStart=");
	install_word(program, out);
	buf_str(out, " serve");
	for (int i = 0; i < argc; i++) {
		buf_char(out, ' ');
		install_word(argv[i], out);
	}
	buf_str(out, "\nRestart=on-failure\nRestartSec=5\nKillMode=mixed\nTimeoutStopSec=20\n");
	add_folder(site, out);
	add_rights(site, out);
	buf_str(out, hardening);
	buf_str(out, "\n[Install]\nWantedBy=multi-user.target\n");
}

void install_image_unit(const struct site *site, struct buf *out)
{
	buf_str(out, "# made by head-node install\n[Unit]\n"
		     "Description=Builds the Debian that the machines run, once\nDocumentation=man:head-node(8)\n"
		     "Wants=network-online.target\nAfter=network-online.target\n");
	buf_printf(out,
		   "ConditionPathExists=!%s/images/debian.sqfs\n\n[Service]\nType=oneshot\n"
		   "Environment=APT_DIR=%s/apt\nExecStart=",
		   site->state, site->state);
	install_word(site->tools, out);
	buf_char(out, ' ');
	install_word(site->state, out);
	buf_str(out, "/images/debian.sqfs\nTimeoutStartSec=30min\nUMask=0022\n");
	add_folder(site, out);
	buf_str(out,
		"PrivateTmp=yes\nProtectHome=yes\nProtectClock=yes\nProtectKernelModules=yes\nProtectKernelLogs=yes\n");
}

/* ---- the command */

/* Takes "--root DIR" out of the words. DIR, or "". */
static const char *take_root(int *argc, char **argv)
{
	for (int i = 1; i + 1 < *argc; i++) {
		const char *root = argv[i + 1];

		if (!streq(argv[i], "--root"))
			continue;
		memmove(argv + i, argv + i + 2, (size_t)(*argc - i - 1) * sizeof(*argv));
		*argc -= 2;
		return root;
	}
	return "";
}

static int put_unit(const char *root, const char *name, const struct buf *text)
{
	cleanup_free char *folder = str_printf("%s/" UNITS, root), *path = str_printf("%s/" UNITS "/%s", root, name);
	int err = folder && path ? folder_make(folder) : -ENOMEM;

	err = err ? err : MIN(file_put(path, text), 0);
	head_say("%s: %s", path ? path : name, err ? strerror(-err) : "written");
	return err;
}

/* On a system that systemd runs: it reads the units, and the service starts now and at each boot. */
static int enable(void)
{
	static const char *const reload[] = { "systemctl", "daemon-reload", NULL };
	static const char *const start[] = { "systemctl", "enable", "--now", "head-node.service", NULL };

	if (!file_is("/run/systemd/system")) {
		head_say("systemd does not run here: systemctl enable --now head-node.service where it does");
		return 0;
	}
	return run_program(reload, NULL) || run_program(start, NULL) ? -EIO : 0;
}

static int install(const struct site *site, const char *root, int argc, char **argv)
{
	cleanup_buf struct buf serve = { 0 }, image = { 0 };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int err;

	self[MAX(n, 0)] = '\0';
	install_serve_unit(site, self, argc, argv, &serve);
	err = put_unit(root, "head-node.service", &serve);
	if (!err && !site->image) {
		install_image_unit(site, &image);
		err = put_unit(root, "head-node-image.service", &image);
	}
	return err ? err : *root ? 0 : enable();
}

int head_install(int argc, char **argv)
{
	cleanup_free char *help = str_printf("%s%s", usage_text, site_usage);
	struct site site = { 0 };
	const char *root;
	int status = 2;

	if (!help || help_given(argc, argv, "head-node install", help))
		return help ? 0 : 1;
	root = take_root(&argc, argv);
	if (site_parse(argc, argv, &site))
		fputs(help, stderr);
	else if (site_find_files(&site) == 0)
		status = install(&site, root, argc - 1, argv + 1) ? 1 : 0;
	site_free(&site);
	return status;
}
