/* dolly.c - command line -> one transfer, as the server or as a client. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dolly.h"

#include "base/file.h"
#include "base/help.h"
#include "base/log.h"
#include "net/hosts.h"
#include "server/signals.h"

#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const char usage[] =
	"dolly - one image to many machines, in the time of one\n"
	"\n"
	"server:  dolly -s [-v] -f dolly.cfg            as dolly.cfg(5) says\n"
	"         dolly -I IMAGE -H host,host [-O TARGET] without a file\n"
	"client:  dolly [-v]                             waits for a server, does what it says\n"
	"\n"
	"  -s          server                     -S NAME    server, known by NAME\n"
	"  -f FILE     configuration              -I FILE    what to send\n"
	"  -O FILE     where the nodes put it (client: here, whatever the server says)\n"
	"  -H LIST     hosts: node1,10.0.0.5-20,node[001-400]; \"auto:N\": N that announce themselves\n"
	"  -P WORD     password, the same on all machines\n"
	"  -a SECONDS  give up nodes (client: the server) that have not come by then (120),\n"
	"              and nodes that get nothing new for so long (60)\n"
	"  -t SECONDS  start with those that are there so long after the first\n"
	"  -w SECONDS  wait so long for a lost node to come back (5)\n"
	"  -o FILE     append statistics there    -n         do not wait for the medium (no fsync)\n"
	"  -C FILE     server: who has how much from whom, written there each second\n"
	"  -p PORT     port of the extension (9995)\n"
	"  -d          server: wake the nodes first, by a connection to port 9996\n"
	"  -F          client: write to a device although it is in use\n"
	"  -A          client: a server without a password may name any file, not only devices\n"
	"              and what lies below /tmp and this folder\n"
	"  -v verbose   -q quiet   -V version   -h this help\n"
	"\n"
	"Exit status: 0 every node has every byte on its medium; 1 not (what and why is said); 2 wrong usage.\n";

/* Options of the originals that need nothing here: -r tries, -b block size, -u socket buffer, -c size, -R -4 -6 -Y. */
#define OPTIONS "sS:f:I:O:H:P:a:t:w:o:np:vqVhr:b:u:c:R46YdFAC:D:X:K:"

/* Options of the originals that do something else than sending an image. */
static const struct {
	char option;
	const char *instead;
} elsewhere[] = {
	{ 'D', "directories are sent by ka: ka-d-server -e 'tar -C DIR -c .'" },
	{ 'X', "directories are sent by ka: ka-d-server -e 'tar -C DIR --exclude=NAME -c .'" },
	{ 'K', "a client is ended where it runs, by Ctrl-C or a signal; -a SECONDS ends it by itself" },
};

static int say_elsewhere(int c)
{
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
		if (elsewhere[i].option == c)
			fprintf(stderr, "dolly: -%c is not done here: %s\n", c, elsewhere[i].instead);
	return 2;
}

volatile sig_atomic_t dolly_stop_signal;

static void on_signal(int number)
{
	dolly_stop_signal = number;
}

void dolly_catch_signals(void)
{
	catch_signal(SIGINT, on_signal);
	catch_signal(SIGTERM, on_signal);
}

static int seconds(const char *text, int64_t *out)
{
	if (parse_number(text, 1, 1000000, out) == 0)
		return 0;
	fprintf(stderr, "dolly: \"%s\" is no number of seconds\n", text);
	return -EINVAL;
}

/* -1: go on; else the exit status. */
static int take_option(struct dolly_options *o, int c)
{
	int64_t n;

	switch (c) {
	case 's':
	case 'S':
		o->server = true;
		break;
	case 'f':
		o->config = optarg;
		break;
	case 'I':
		o->infile = optarg;
		o->server = true;
		break;
	case 'O':
		o->outfile = optarg;
		break;
	case 'H':
		o->hosts = optarg;
		o->server = true;
		break;
	case 'P':
		o->password = optarg;
		break;
	case 'a':
		return seconds(optarg, &o->timeout_s) < 0 ? 2 : -1;
	case 't':
		return seconds(optarg, &o->start_s) < 0 ? 2 : -1;
	case 'w':
		return seconds(optarg, &o->return_s) < 0 ? 2 : -1;
	case 'o':
		o->log = optarg;
		break;
	case 'C':
		o->chain = optarg;
		break;
	case 'n':
		o->no_sync = true;
		break;
	case 'p':
		if (parse_number(optarg, 1, 65535, &n) < 0) {
			fprintf(stderr, "dolly: \"%s\" is no port\n", optarg);
			return 2;
		}
		o->port = (uint16_t)n;
		break;
	case 'd':
		o->wake = true;
		break;
	case 'F':
		o->force = true;
		break;
	case 'A':
		o->any_file = true;
		break;
	case 'D':
	case 'X':
	case 'K':
		return say_elsewhere(c);
	case 'v':
		o->verbose = true;
		break;
	case 'q':
		o->quiet = true;
		break;
	case 'V':
		printf("dolly (relay 1)\n");
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 0;
	case '?':
		fputs("Try dolly -h.\n", stderr);
		return 2;
	default:
		break; /* nothing to do for it here */
	}
	return -1;
}

#define MOST_ADDRESSES 32 /* of one name that are tried */

/* What /etc/hosts says of NAME: all of it, which not every libc's getaddrinfo() does, and without asking a server
 * first. */
static int look_in_hosts(const char *name, uint16_t port, struct address_list *found)
{
	cleanup_free char *text = file_text("/etc/hosts");

	return text ? hosts_find(text, name, port, found) : 0;
}

int dolly_resolve_all(const char *name, uint16_t port, struct peer_address **list, size_t *count, char *error,
		      size_t size)
{
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	struct address_list hosts = { 0 };
	int err = look_in_hosts(name, port, &hosts);

	if (!err && hosts.count) {
		*list = hosts.address;
		*count = MIN(hosts.count, (size_t)MOST_ADDRESSES);
		return 0;
	}
	address_list_free(&hosts);
	err = getaddrinfo(name, NULL, &hint, &found);
	*count = 0;
	*list = calloc(MOST_ADDRESSES, sizeof(**list));
	for (struct addrinfo *i = err ? NULL : found; i && *list && *count < MOST_ADDRESSES; i = i->ai_next) {
		struct peer_address *a = &(*list)[(*count)++];

		a->len = MIN(i->ai_addrlen, (socklen_t)sizeof(a->u));
		memcpy(&a->u, i->ai_addr, a->len);
		peer_set_port(a, port);
	}
	if (!err && found)
		freeaddrinfo(found);
	if (*count)
		return 0;
	free(*list);
	*list = NULL;
	snprintf(error, size, "%s: %s", name, err ? gai_strerror(err) : "no address");
	return -ENOENT;
}

int dolly_resolve(const char *name, uint16_t port, struct peer_address *a, char *error, size_t size)
{
	struct peer_address *list;
	size_t count;
	int err = dolly_resolve_all(name, port, &list, &count, error, size);

	if (err)
		return err;
	*a = list[0];
	free(list);
	return 0;
}

static void log_to_stderr(void *ctx, enum log_level level, const char *line)
{
	const struct dolly_options *o = ctx;

	/* notes reach the screen by themselves; the log repeats them only for those who ask for everything */
	if (level <= (o->quiet ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN))
		fprintf(stderr, "dolly: %s\n", line);
}

int main(int argc, char **argv)
{
	static struct dolly_options o;
	int c;

	if (help_given(argc, argv, "dolly", usage))
		return 0;
	signal(SIGPIPE, SIG_IGN);
	while ((c = getopt(argc, argv, OPTIONS)) != -1) {
		int status = take_option(&o, c);

		if (status >= 0)
			return status;
	}
	if (optind < argc) {
		fprintf(stderr, "dolly: what is \"%s\"? Try dolly -h.\n", argv[optind]);
		return 2;
	}
	if (log_add_sink(log_to_stderr, &o) < 0)
		return 1;
	return o.server ? dolly_server(&o) : dolly_client(&o);
}
