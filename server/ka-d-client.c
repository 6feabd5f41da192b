/* ka-d-client.c - a session's stream -> a command's input: the cloned node's side of ka. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/help.h"
#include "base/clock.h"
#include "net/net.h"
#include "relay/ka/client.h"
#include "server/ka_program.h"
#include "base/version.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#define MEG          1048576
#define RESOLVE_TIME 10000 /* ms for -h's name */

struct program {
	struct loop loop;
	struct ka_client client;
	struct ka_signals signals;
	int64_t last_bytes, last_time;
};

static const char usage_text[] =
	"usage: ka-d-client {-s SESSION | -h HOST} [-e COMMAND] [-w] [-g] [-t SECONDS] [-p PORT] [-P PORT] [-v]\n"
	"  -s SESSION  find the server of this session by broadcast    -h HOST  the server's name or address\n"
	"  -e COMMAND  gets the stream; its failure is ours (a tar that unpacks into /tmp/stage2)\n"
	"  -w          leave only when the server says so: when all have finished, or one by one with its -d\n"
	"  -g          only tell the server to start with those that are there\n"
	"  -t SECONDS  give up when the stream has not begun after so long\n"
	"  -p PORT     control port (30765)    -P PORT  data port (30764); as the server's\n"
	"  -v          say which version this is\n"
	"Exit status: 0 every byte came and the command succeeded; 1 not, and why on stderr; 2 wrong usage.\n";

static void usage(const char *why)
{
	fputs(usage_text, stdout);
	if (why)
		puts(why);
	exit(2);
}

static void parse(int argc, char **argv, struct ka_client_options *o, const char **host)
{
	int c;

	if (help_given(argc, argv, "ka-d-client", usage_text))
		exit(0);
	while ((c = getopt(argc, argv, "s:h:e:wgt:p:P:v")) != -1) {
		switch (c) {
		case 's':
			o->session = optarg;
			break;
		case 'h':
			*host = optarg;
			break;
		case 'e':
			o->command = optarg;
			break;
		case 'w':
			o->waits = true;
			break;
		case 'g':
			o->go = true;
			break;
		case 't':
			o->patience = 1000 * ka_option_number(argv[0], 't', optarg, 1, 1000000);
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
			usage(NULL);
		}
	}
	if (optind != argc)
		usage(NULL);
	if (!o->session == !*host)
		usage("Use either -s or -h");
	if (o->session && (strlen(o->session) > KA_NAME_MAX || !*o->session))
		usage("A session's name has 1 to 199 characters");
}

/* -h's addresses: *LIST is malloc'ed. 0 or -errno with F. */
static int resolve(const char *host, struct in_addr **list, size_t *count, struct failure *f)
{
	struct peer_address *found;
	size_t n;
	int err = net_resolve(NULL, host, 0, now_ms() + RESOLVE_TIME, &found, &n, f);

	if (err)
		return err;
	*list = calloc(n, sizeof(**list));
	for (size_t i = 0; i < n && *list; i++)
		if (found[i].u.sa.sa_family == AF_INET)
			(*list)[(*count)++] = found[i].u.in.sin_addr;
	free(found);
	return *count ? 0 : fail(f, FAIL_SRV_UNREACHABLE, -EAFNOSUPPORT, "%s has no IPv4 address", host);
}

/* ---- what the client says */

static void on_line(struct ka_client *c, const char *text)
{
	(void)c;
	ka_print_line(text);
}

static void print_end(const struct ka_client *c)
{
	int64_t took = MAX((c->flow_ended ? c->flow_ended : now_ms()) - c->flow_begun, 1);
	char text[160];

	snprintf(text, sizeof(text), "Total data received = %lld Megs, in %llu packets", (long long)c->store.end / MEG,
		 (unsigned long long)c->packets);
	ka_print_line(text);
	snprintf(text, sizeof(text), "Elapsed time = %.3f seconds, throughput = %.3f Mbytes/second",
		 (double)took / 1000, (double)c->store.end / MEG / (double)took * 1000);
	ka_print_line(text);
}

static void on_progress(struct ka_client *c)
{
	struct program *p = c->owner;
	int64_t now = now_ms(), behind = c->store.end - MIN(c->sink_at, c->store.end);
	double rate = (double)(c->store.end - p->last_bytes) / MEG / (double)MAX(now - p->last_time, 1) * 1000;
	char text[160];

	if (c->state == KA_ENDED) {
		print_end(c);
		return;
	}
	snprintf(text, sizeof(text), "Total data received = %lld Megs (%.3f Mbytes/sec); BUF :%lldM",
		 (long long)c->store.end / MEG, rate, (long long)behind / MEG);
	p->last_bytes = c->store.end;
	p->last_time = now;
	ka_print_status(text);
}

static void on_ended(struct ka_client *c, int err, const struct failure *f)
{
	if (err)
		ka_print_failure("ka-d-client", f, err);
	loop_stop(c->loop, err < 0);
}

static const struct ka_client_calls calls = { .line = on_line, .progress = on_progress, .ended = on_ended };

static void on_signal(struct ka_signals *signals)
{
	ka_client_abort(&container_of(signals, struct program, signals)->client, FAIL_SYS_CANCELLED, -ECANCELED,
			"stopped by a signal");
}

int main(int argc, char **argv)
{
	struct ka_client_options o = { .control_port = KA_CONTROL_PORT,
				       .data_port = KA_DATA_PORT,
				       .command =
					       "cd /tmp/stage2 && " KA_TAR_MORE
					       "--acls --xattrs --xattrs-include=*" KA_TAR_ASK
					       "tar --extract --read-full-records --same-permissions --numeric-owner "
					       "--sparse $more --file -" };
	static struct program p;
	struct in_addr *hosts = NULL;
	const char *host = NULL;
	struct failure f = { 0 };
	int result;

	parse(argc, argv, &o, &host);
	result = host ? resolve(host, &hosts, &o.host_count, &f) : 0;
	if (result < 0) {
		ka_print_failure("ka-d-client", &f, result);
		return 1;
	}
	o.hosts = hosts;
	p.last_time = now_ms();
	result = loop_open(&p.loop);
	result = result < 0 ? result : ka_signals_open(&p.signals, &p.loop, on_signal);
	result = result < 0 ? result : ka_client_open(&p.client, &p.loop, &o, &calls, &p, &f);
	if (result < 0) {
		ka_print_failure("ka-d-client", &f, result);
		return 1;
	}
	result = loop_run(&p.loop);
	ka_client_close(&p.client);
	loop_close(&p.loop);
	free(hosts);
	return result ? 1 : 0;
}
