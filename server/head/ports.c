/* ports.c - a port -> who listens on it here, by the kernel's tables of sockets and descriptors. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/ports.h"

#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

enum { TCP_LISTEN_STATE = 0x0a, UDP_OPEN_STATE = 0x07 }; /* include/net/tcp_states.h */

bool port_line_takes(const char *line, const struct port *port, struct in_addr address, unsigned long *inode)
{
	char local[40];
	unsigned number, state, any = 0;

	if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %lu", local, &number,
		   &state, inode) != 4)
		return false;
	if (number != port->number || state != (port->tcp ? TCP_LISTEN_STATE : UDP_OPEN_STATE))
		return false;
	if (strspn(local, "0") == strlen(local) || !address.s_addr)
		return true;
	/* an address in the machine's own order of bytes; IPv6's mapped ones have it at their end */
	return sscanf(local + strlen(local) - 8, "%x", &any) == 1 && any == address.s_addr;
}

static unsigned long taken_in(const char *path, const struct port *port, struct in_addr address)
{
	cleanup_free char *text = file_text(path);
	unsigned long inode;

	for (char *line = text ? strchr(text, '\n') : NULL; line; line = strchr(line + 1, '\n'))
		if (port_line_takes(line + 1, port, address, &inode))
			return inode ? inode : 1;
	return 0;
}

unsigned long port_taken(const struct port *port, struct in_addr address)
{
	unsigned long inode = taken_in(port->tcp ? "/proc/net/tcp" : "/proc/net/udp", port, address);

	return inode ? inode : taken_in(port->tcp ? "/proc/net/tcp6" : "/proc/net/udp6", port, address);
}

/* True when the process has a descriptor of that socket. */
static bool has_socket(const char *pid, const char *wanted)
{
	cleanup_free char *path = str_printf("/proc/%s/fd", pid);
	DIR *dir = path ? opendir(path) : NULL;
	const struct dirent *e;
	bool found = false;
	char link[64];

	while (dir && !found && (e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		link[MAX(n, 0)] = '\0';
		found = streq(link, wanted);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void add_name(const char *pid, struct buf *name)
{
	cleanup_free char *path = str_printf("/proc/%s/comm", pid), *text = path ? file_text(path) : NULL;

	buf_printf(name, "%.*s", text ? (int)strcspn(text, "\n") : 1, text ? text : "?");
}

pid_t port_owner(unsigned long inode, struct buf *name)
{
	cleanup_free char *wanted = str_printf("socket:[%lu]", inode);
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	int64_t pid = 0;

	while (wanted && proc && (e = readdir(proc))) {
		if (parse_number(e->d_name, 1, INT32_MAX, &pid) || !has_socket(e->d_name, wanted)) {
			pid = 0;
			continue;
		}
		add_name(e->d_name, name);
		break;
	}
	if (proc)
		closedir(proc);
	return (pid_t)pid;
}
