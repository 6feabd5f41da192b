/* sim.c - seeds -> schedules -> sessions of the real code under simulated time; what fails is shrunk. See
 * doc/simulation.md. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schedule.h"

#include "base/clock.h"
#include "relay/states.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT 4096

/* ---- shrinking: the shortest schedule that still fails */

static bool still_fails(const struct schedule *s)
{
	return session_run(s, false).violations > 0;
}

static bool try_smaller(struct schedule *s, const struct schedule *smaller)
{
	if (!still_fails(smaller))
		return false;
	*s = *smaller;
	return true;
}

static bool drop_a_fault(struct schedule *s)
{
	for (int i = 0; i < s->faults; i++) {
		struct schedule t = *s;

		memmove(&t.fault[i], &t.fault[i + 1], sizeof(t.fault[0]) * (size_t)(t.faults - i - 1));
		t.faults--;
		if (try_smaller(s, &t))
			return true;
	}
	return false;
}

static bool shrink_number(struct schedule *s, int *field, int least)
{
	static const int shares[] = { 0, 2, 4 };

	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		struct schedule t = *s;
		int *there = (int *)((char *)&t + ((char *)field - (char *)s));

		*there = shares[i] ? MAX(*field - MAX(*field / shares[i], 1), least) : least;
		if (*there < *field && try_smaller(s, &t))
			return true;
	}
	return false;
}

static void shrink(struct schedule *s)
{
	int rounds = 0;
	bool any = true;

	while (any && rounds++ < 60)
		any = drop_a_fault(s) || shrink_number(s, &s->nodes, 1) || shrink_number(s, &s->loss, 0) ||
		      shrink_number(s, &s->fanout, 0) || shrink_number(s, &s->wanted, 0) ||
		      shrink_number(s, &s->image, 1000);
}

/* ---- many of them */

struct tally {
	unsigned long long run, failed, events, ended_us;
};

static void report(const struct schedule *s, const struct verdict *v)
{
	struct schedule small = *s;
	char text[TEXT];

	printf("seed %llu: %s\n", (unsigned long long)s->seed, v->first);
	shrink(&small);
	schedule_write(&small, text, sizeof(text));
	printf("  shortest: %s\n  %s\n", text, session_run(&small, false).first);
	fflush(stdout);
}

/* One process of JOBS: every JOBS-th seed from FIRST + ME on. */
static struct tally run_seeds(uint64_t first, uint64_t count, int nodes, int64_t until, int jobs, int me,
			      unsigned long long most)
{
	struct tally t = { 0 };

	for (uint64_t i = (uint64_t)me; i < count && (!until || now_ms() < until) && t.failed < most;
	     i += (uint64_t)jobs) {
		struct schedule s;
		struct verdict v;

		schedule_make(&s, first + i, nodes);
		v = session_run(&s, false);
		t.run++;
		t.events += v.events;
		t.ended_us += (unsigned long long)v.ended;
		if (v.violations) {
			t.failed++;
			report(&s, &v);
		}
	}
	return t;
}

static int run_jobs(uint64_t first, uint64_t count, int nodes, int seconds, int jobs, unsigned long long most)
{
	int64_t begun = now_ms(), until = seconds ? begun + seconds * 1000LL : 0;
	struct tally sum = { 0 };
	int ends[2];

	if (pipe(ends) < 0)
		return 2;
	for (int me = 0; me < jobs; me++) {
		if (fork() == 0) {
			struct tally t = run_seeds(first, count, nodes, until, jobs, me, most);

			_exit(write(ends[1], &t, sizeof(t)) == sizeof(t) ? 0 : 1);
		}
	}
	close(ends[1]);
	for (struct tally t; read(ends[0], &t, sizeof(t)) == sizeof(t);) {
		sum.run += t.run;
		sum.failed += t.failed;
		sum.events += t.events;
		sum.ended_us += t.ended_us;
	}
	for (int status; wait(&status) > 0;)
		if (status)
			sum.failed++; /* it fell: an illegal transition, memory, a signal */
	printf("%llu schedules of up to %d nodes, %llu failed; %.1f million events, %.1f hours of simulated time in "
	       "%.1f s\n",
	       sum.run, nodes, sum.failed, (double)sum.events / 1e6, (double)sum.ended_us / 3.6e9,
	       (double)(now_ms() - begun) / 1000);
	return sum.failed ? 1 : 0;
}

/* ---- named cases: a line each, "name: schedule" */

static int run_cases(const char *path)
{
	FILE *in = fopen(path, "r");
	char line[TEXT], name[64];
	int failed = 0, count = 0, used;

	while (in && fgets(line, sizeof(line), in)) {
		struct schedule s;
		struct verdict v;

		if (line[0] == '#' || sscanf(line, "%63[^:]: %n", name, &used) != 1)
			continue;
		if (schedule_read(&s, line + used) < 0) {
			printf("%s: not a schedule\n", name);
			failed++;
			continue;
		}
		v = session_run(&s, false);
		count++;
		if (!v.violations)
			continue;
		printf("%s: %s\n", name, v.first);
		failed++;
	}
	if (in)
		fclose(in);
	printf("%d cases, %d failed\n", count, failed);
	return !in || failed ? 1 : 0;
}

static int usage(void)
{
	fprintf(stderr, "sim [-n NODES] [-f FIRST] [-c COUNT] [-t SECONDS] [-j JOBS] [-m MOST FAILURES]   seeds\n"
			"sim -r SEED [-n NODES]   one seed, with words\n"
			"sim -s 'nodes=3 kill@100:2,0,0'   one schedule, with words\n"
			"sim -k FILE   the cases of a file\n");
	return 2;
}

int main(int argc, char **argv)
{
	unsigned long long first = 1, count = 1000, replay = 0, most = 20;
	const char *text = NULL, *cases = NULL;
	int nodes = 32, seconds = 0, jobs = 1, option;
	struct schedule s;

	states_strict = true;
	while ((option = getopt(argc, argv, "n:f:c:t:j:m:r:s:k:")) != -1) {
		switch (option) {
		case 'n':
			nodes = atoi(optarg);
			break;
		case 'f':
			first = strtoull(optarg, NULL, 10);
			break;
		case 'c':
			count = strtoull(optarg, NULL, 10);
			break;
		case 't':
			seconds = atoi(optarg);
			break;
		case 'j':
			jobs = atoi(optarg);
			break;
		case 'm':
			most = strtoull(optarg, NULL, 10);
			break;
		case 'r':
			replay = strtoull(optarg, NULL, 10);
			break;
		case 's':
			text = optarg;
			break;
		case 'k':
			cases = optarg;
			break;
		default:
			return usage();
		}
	}
	if (cases)
		return run_cases(cases);
	if (!text && !replay)
		return run_jobs(first, seconds && count == 1000 ? UINT64_MAX : count, nodes, seconds, jobs, most);
	if (text && schedule_read(&s, text) < 0)
		return usage();
	if (!text)
		schedule_make(&s, replay, nodes);
	if (!text) {
		char line[TEXT];

		schedule_write(&s, line, sizeof(line));
		puts(line);
	}
	return session_run(&s, true).violations ? 1 : 0;
}
