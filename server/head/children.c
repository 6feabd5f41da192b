/* children.c - a site -> the programs that serve it, with their configuration. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/service.h"

#include "base/file.h"
#include "server/head/files.h"
#include "server/head/run.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

/* A text that lives as long as the service. */
static const char *keep(struct service *s, char *text)
{
	if (!text || s->text_count == ARRAY_SIZE(s->text)) {
		free(text);
		return NULL;
	}
	s->text[s->text_count++] = text;
	return text;
}

static const char *kept_path(struct service *s, const char *name)
{
	return keep(s, site_path(&s->site, name));
}

/* Whom a server becomes: the distribution's user for it, where this process may become others. */
static const char *user_for(const char *name)
{
	return !site_one_user() && getpwnam(name) ? name : "root";
}

/* Adds the child; CONFIG, where not NULL, becomes the file NAME. */
static int add(struct service *s, struct child *c, const char *name, const struct buf *config, struct buf *why)
{
	cleanup_free char *path = site_path(&s->site, name);
	int changed = !path ? -ENOMEM : config ? file_put(path, config) : 0;

	if (changed < 0) {
		buf_printf(why, "%s: %s", name, strerror(-changed));
		return changed;
	}
	c->fresh = changed > 0;
	s->children[s->supervisor.count++] = c;
	return 0;
}

static int add_dnsmasq(struct service *s, struct buf *why)
{
	cleanup_buf struct buf config = { 0 };
	const char *conf = kept_path(s, "dnsmasq.conf");

	s->dnsmasq = (struct child){ .name = "dnsmasq",
				     .argv = { "dnsmasq", "--keep-in-foreground", "--log-facility=-", "-C", conf } };
	config_dnsmasq(&s->site, &s->have, user_for("dnsmasq"), &config);
	return conf ? add(s, &s->dnsmasq, "dnsmasq.conf", &config, why) : -ENOMEM;
}

static int add_nginx(struct service *s, struct buf *why)
{
	cleanup_buf struct buf config = { 0 };
	const char *conf = kept_path(s, "nginx.conf");

	s->nginx = (struct child){ .name = "nginx", .argv = { "nginx", "-e", "stderr", "-c", conf } };
	config_nginx(&s->site, user_for("www-data"), &config);
	return conf ? add(s, &s->nginx, "nginx.conf", &config, why) : -ENOMEM;
}

/* A program that lies beside this one. */
static const char *beside(struct service *s, const char *name)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[MAX(n, 0)] = '\0';
	slash = strrchr(self, '/');
	return keep(s, str_printf("%.*s%s", slash ? (int)(slash + 1 - self) : 0, self, name));
}

static int add_dolly(struct service *s, struct buf *why)
{
	cleanup_buf struct buf config = { 0 };
	const char *conf = kept_path(s, "dolly.cfg"), *dolly = beside(s, "dolly"), *chain = kept_path(s, "chain");
	cleanup_free char *image = str_printf("%s/images/%s", s->site.state, s->image);

	if (!conf || !dolly || !image || !chain)
		return -ENOMEM;
	s->sender = (struct child){ .name = "dolly", .rounds = true };
	memcpy(s->sender.argv, (const char *[]){ dolly, "-s", "-v", "-a", "600", "-C", chain, "-f", conf, NULL },
	       10 * sizeof(char *));
	if (!s->site.nodes) /* who knows how many come: those that are there ten seconds after the first */
		memcpy(s->sender.argv + 9, (const char *[]){ "-t", "10", NULL }, 3 * sizeof(char *));
	config_dolly(&s->site, image, &config);
	return add(s, &s->sender, "dolly.cfg", &config, why);
}

static bool is_folder(const char *path)
{
	struct stat s;

	return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* A folder as tar has it, an image as sqfs2tar does. */
static int add_ka(struct service *s, struct buf *why)
{
	const char *ka = beside(s, "ka-d-server"), *image = s->site.image;
	bool folder = image && is_folder(image);
	const char *command = folder ? keep(s, str_printf("tar -C '%s' --one-file-system --sparse -cf - .", image))
				     : keep(s, str_printf("sqfs2tar '%s/images/%s'", s->site.state, s->image));
	const char *count = keep(s, str_printf("%u", s->site.nodes ? s->site.nodes : 1));

	if (!ka || !command || !count)
		return -ENOMEM;
	s->sender = (struct child){ .name = "ka-d-server",
				    .rounds = true,
				    .argv = { ka, "-s", "getstage2", "-n", count, "-e", command } };
	return add(s, &s->sender, "", NULL, why);
}

static int add_nfs(struct service *s, struct buf *why)
{
	cleanup_buf struct buf config = { 0 };
	const char *conf = kept_path(s, "ganesha.conf"), *pid = kept_path(s, "run/ganesha.own");

	if (!conf || !pid)
		return -ENOMEM;
	s->nfs = (struct child){ .name = "ganesha",
				 .argv = { "ganesha.nfsd", "-F", "-L", "STDERR", "-f", conf, "-p", pid } };
	config_ganesha(&s->site, &config);
	return add(s, &s->nfs, "ganesha.conf", &config, why);
}

static int add_method(struct service *s, struct buf *why)
{
	switch (s->site.method) {
	case HEAD_DOLLY:
		return add_dolly(s, why);
	case HEAD_KA:
		return add_ka(s, why);
	case HEAD_NFS:
		return add_nfs(s, why);
	case HEAD_HTTP:
		break;
	}
	return 0;
}

static int put_hosts(const struct service *s, struct buf *why)
{
	cleanup_free char *path = site_path(&s->site, "hosts");
	cleanup_buf struct buf text = { 0 };
	int changed;

	config_hosts(&s->nodes, &text);
	changed = path ? file_put(path, &text) : -ENOMEM;
	if (changed < 0)
		buf_printf(why, "hosts: %s", strerror(-changed));
	return MIN(changed, 0);
}

int service_settings(const struct service *s, struct buf *why)
{
	int err = boot_settings(&s->site, s->image, &s->nodes, &s->seen, why);

	return err ? err : put_hosts(s, why);
}

/* The row of `head-node status`: what machines say of themselves. */
static int add_status(struct service *s, struct buf *why)
{
	const char *self = beside(s, "head-node"), *page = keep(s, str_printf("%u", s->site.page_port));
	const char *syslog = keep(s, str_printf("%u", s->site.syslog_port));
	const char *const ask[] = { self, "status-daemon", "--help", NULL };

	if (!self || !page || !syslog)
		return -ENOMEM;
	if (run_program(ask, "/dev/null"))
		return 0;
	s->status = (struct child){ .name = "status",
				    .argv = { self, "status-daemon", "--state", s->site.state, "--http", page,
					      "--syslog", syslog } };
	return add(s, &s->status, "", NULL, why);
}

int service_configure(struct service *s, struct buf *why)
{
	int err = service_settings(s, why);

	s->supervisor = (struct supervisor){ .state = s->site.state, .child = s->children };
	err = err ? err : add_dnsmasq(s, why);
	err = err ? err : add_nginx(s, why);
	err = err ? err : add_method(s, why);
	return err ? err : add_status(s, why);
}
