/* ka-d-server.c - a command's output -> every client of the session: the golden node's side of ka. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/help.h"
#include "base/clock.h"
#include "relay/announce.h"
#include "relay/ka/server.h"
#include "server/ka_program.h"
#include "base/version.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MEG 1048576

struct program {
	struct loop loop;
	struct ka_server server;
	struct ka_signals signals;
};

static const char usage_text[] =
	"usage: ka-d-server [-n CLIENTS] [-s SESSION] [-e COMMAND] [-a ARITY] [-l] [-d TENTHS] [-t SECONDS]\n"
	"                   [-p PORT] [-P PORT] [-v]\n"
	"  -n CLIENTS  start when so many have come (1)\n"
	"  -s SESSION  be found under this name by broadcast; without it, by ka-d-client -h only\n"
	"  -e COMMAND  its output is sent; its failure is everybody's (a tar of /)\n"
	"  -a ARITY    children of each node, 1 to 4 (1: a chain)\n"
	"  -l          wait for the last client: always so here, so that none is ever too far behind to be helped\n"
	"  -d TENTHS   clients with -w leave one by one, so many tenths of a second apart\n"
	"  -t SECONDS  start with those that are there after so long; nobody there: status 1\n"
	"  -p PORT     control port (30765)    -P PORT  data port (30764); the clients need the same\n"
	"  -v          say which version this is\n"
	"Exit status: 0 every client has every byte and its command succeeded; 2 some have, the others are named;\n"
	"1 none has, or the source failed.\n";

static void usage(void)
{
	fputs(usage_text, stdout);
	exit(1);
}

static void parse(int argc, char **argv, struct ka_server_options *o)
{
	int c; /* an int: -1 does not fit a char everywhere */

	if (help_given(argc, argv, "ka-d-server", usage_text))
		exit(0);
	while ((c = getopt(argc, argv, "n:s:e:a:ld:t:p:P:v")) != -1) {
		switch (c) {
		case 'n':
			o->wanted = (unsigned)ka_option_number(argv[0], 'n', optarg, 1, 4000);
			break;
		case 's':
			o->session = optarg;
			break;
		case 'e':
			o->command = optarg;
			break;
		case 'a':
			o->arity = (unsigned)ka_option_number(argv[0], 'a', optarg, 1, KA_ARITY_MAX);
			break;
		case 'l':
			break;
		case 'd':
			o->delay = (unsigned)ka_option_number(argv[0], 'd', optarg, 0, 36000);
			break;
		case 't':
			o->start_ms = 1000 * ka_option_number(argv[0], 't', optarg, 1, 1000000);
			break;
		case 'p':
			o->control_port = (uint16_t)ka_option_number(argv[0], 'p', optarg, 1, 65535);
			break;
		case 'P':
			o->data_port = (uint16_t)ka_option_number(argv[0], 'P', optarg, 1, 65535);
			break;
		case 'v':
			puts(KA_VERSION " (stage1 " STAGE1_VERSION ")");
			exit(0);
		default:
			usage();
		}
	}
	if (optind != argc || (o->session && (strlen(o->session) > KA_NAME_MAX || !*o->session)))
		usage();
}

/* The first address that is not the loopback's. */
static void print_own_address(void)
{
	struct ifreq list[64];
	struct ifconf c = { .ifc_len = sizeof(list), .ifc_buf = (char *)list };
	char line[64] = "Server IP = 127.0.0.1";
	int fd = announce_open(0);

	if (fd < 0 || ioctl(fd, SIOCGIFCONF, &c) < 0)
		c.ifc_len = 0;
	for (int i = 0; i < c.ifc_len / (int)sizeof(list[0]); i++) {
		struct sockaddr_in a;

		memcpy(&a, &list[i].ifr_addr, sizeof(a));
		if (ntohl(a.sin_addr.s_addr) >> 24 == 127)
			continue;
		snprintf(line, sizeof(line), "Server IP = %s", inet_ntoa(a.sin_addr));
		break;
	}
	base_close_fd(&fd);
	ka_print_line(line);
}

/* ---- what the session says */

static void on_line(struct ka_server *s, const char *text)
{
	(void)s;
	ka_print_line(text);
}

static void on_progress(struct ka_server *s)
{
	int64_t kept = s->store.end - s->store.start, free_bytes = s->store.window > kept ? s->store.window - kept : 0;
	char text[160];

	snprintf(text, sizeof(text), "Total data read = %lld Megs, BUF: %lldM  FREE = %lldM  startpos = %lldM",
		 (long long)s->store.end / MEG, (long long)kept / MEG, (long long)free_bytes / MEG,
		 (long long)s->store.start / MEG);
	ka_print_status(text);
}

static double seconds(int64_t from, int64_t to)
{
	return to > from ? (double)(to - from) / 1000 : 0.001;
}

static void print_totals(const struct ka_server *s)
{
	double time = seconds(s->flow_begun, s->flow_ended ? s->flow_ended : now_ms());
	char text[160];

	snprintf(text, sizeof(text), "Total data sent = %lld Megs, in %llu packets", (long long)s->store.end / MEG,
		 (unsigned long long)s->packets);
	ka_print_line(text);
	snprintf(text, sizeof(text), "Transfer time = %.3f seconds, throughput = %.3f Mbytes/second", time,
		 (double)s->store.end / MEG / time);
	ka_print_line(text);
	if (!s->drained)
		return;
	snprintf(text, sizeof(text), "The pipeline was emptied in %.3f seconds", seconds(s->flow_ended, s->drained));
	ka_print_line(text);
}

static void print_members(const struct ka_server *s)
{
	char text[400];

	for (uint32_t i = 1; i < s->places; i++) {
		const struct ka_peer *p = s->member[i];
		double time = seconds(p->flow_begun, p->finished ? p->finished : now_ms());

		if (p->state == KA_FINISHED)
			snprintf(text, sizeof(text),
				 "Node %s%s%s: %s, %lld bytes in %.3f seconds, %.3f Mbytes/second%s", p->address,
				 p->name[0] ? " " : "", p->name, ka_peer_outcome(p), (long long)s->place[i].position,
				 time, (double)s->place[i].position / MEG / time,
				 p->losses ? ", after it had been lost" : "");
		else
			snprintf(text, sizeof(text), "Node %s%s%s: FAILED at %lld bytes: %s", p->address,
				 p->name[0] ? " " : "", p->name, (long long)s->place[i].position, ka_peer_outcome(p));
		ka_print_line(text);
	}
}

static void on_ended(struct ka_server *s)
{
	if (s->flow_begun)
		print_totals(s);
	print_members(s);
	loop_stop(s->loop, s->result);
}

static const struct ka_server_calls calls = { .line = on_line, .progress = on_progress, .ended = on_ended };

static void on_signal(struct ka_signals *signals)
{
	ka_server_abort(&container_of(signals, struct program, signals)->server, "stopped by a signal");
}

int main(int argc, char **argv)
{
	struct ka_server_options o = { .wanted = 1,
				       .arity = 1,
				       .control_port = KA_CONTROL_PORT,
				       .data_port = KA_DATA_PORT,
				       .command = "cd / && " KA_TAR_MORE "--acls --xattrs" KA_TAR_ASK
						  "tar --create --one-file-system --sparse $more ." };
	static struct program p;
	struct failure f = { 0 };
	char text[300];
	int result;

	parse(argc, argv, &o);
	ka_print_start(argc, argv);
	if (o.delay) {
		snprintf(text, sizeof(text), "DELAY = %u usec", o.delay * 100000);
		ka_print_line(text);
	}
	print_own_address();
	snprintf(text, sizeof(text), "command = %s", o.command);
	ka_print_line(text);
	snprintf(text, sizeof(text), "I want %u clients", o.wanted);
	ka_print_line(text);
	result = loop_open(&p.loop);
	result = result < 0 ? result : ka_signals_open(&p.signals, &p.loop, on_signal);
	result = result < 0 ? result : ka_server_open(&p.server, &p.loop, &o, &calls, NULL, &f);
	if (result < 0) {
		ka_print_failure("ka-d-server", &f, result);
		return 1;
	}
	result = loop_run(&p.loop);
	ka_server_close(&p.server);
	loop_close(&p.loop);
	return result < 0 ? 1 : result;
}
