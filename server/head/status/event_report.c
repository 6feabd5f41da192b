/* event_report.c - a syslog datagram of a node -> an event. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/event.h"

#include "base/buf.h"

#include <ctype.h>

/* A number of the element, or OTHERWISE. */
static int64_t number(const struct syslog_message *m, const char *name, int64_t max, int64_t otherwise)
{
	char text[24];
	int64_t n = otherwise;

	if (syslog_value(m, EVENT_SD_ID, name, text, sizeof(text)) && parse_number(text, 0, max, &n))
		return otherwise;
	return n;
}

/* "1400 2300 0". */
static void read_times(const struct syslog_message *m, struct report *r)
{
	char text[160];
	struct span rest;

	syslog_value(m, EVENT_SD_ID, "ms", text, sizeof(text));
	rest = span_of(text);
	while (rest.len && r->step_count < EVENT_STEPS) {
		int64_t ms;

		if (span_number(span_cut(&rest, ' '), &ms) || ms > INT64_C(86400000))
			return;
		r->step_ms[r->step_count++] = ms;
	}
}

static enum report_state read_state(const struct syslog_message *m)
{
	char state[16];

	syslog_value(m, EVENT_SD_ID, "state", state, sizeof(state));
	return streq(state, "failed") ? REPORT_FAILED : streq(state, "done") ? REPORT_DONE : REPORT_RUNS;
}

static void read_report(const struct syslog_message *m, struct report *r)
{
	char phase[16];

	syslog_value(m, EVENT_SD_ID, "phase", phase, sizeof(phase));
	*r = (struct report){
		.state = read_state(m),
		.clone = streq(phase, "clone"),
		.step = number(m, "step", 99, 0),
		.steps = number(m, "steps", 99, 0),
		.done = number(m, "done", INT64_MAX, -1),
		.total = number(m, "total", INT64_MAX, -1),
		.rate = number(m, "rate", INT64_MAX / 2, -1),
		.up_ms = number(m, "up", INT64_C(1) << 50, -1),
	};
	syslog_value(m, EVENT_SD_ID, "name", r->name, sizeof(r->name));
	syslog_value(m, EVENT_SD_ID, "code", r->code, sizeof(r->code));
	read_times(m, r);
}

/* A MAC address in small letters with colons; "" for what is none. */
static void read_mac(const struct syslog_message *m, char mac[18])
{
	char text[24];

	syslog_value(m, EVENT_SD_ID, "mac", text, sizeof(text));
	mac[0] = '\0';
	if (strlen(text) != 17)
		return;
	for (size_t i = 0; i < 17; i++) {
		char c = (char)tolower((unsigned char)text[i]);

		if (i % 3 == 2 ? c != ':' : !isxdigit((unsigned char)c)) {
			mac[0] = '\0';
			return;
		}
		mac[i] = c;
	}
	mac[17] = '\0';
}

/* What a host calls itself where it has no name. */
static bool is_no_name(struct span host)
{
	return span_is(host, "(none)") || span_is(host, "localhost");
}

int event_of_datagram(struct event *e, const char *address, const char *bytes, size_t len)
{
	struct syslog_message m;
	char phase[16];
	int err = syslog_parse(&m, bytes, len);

	*e = (struct event){ .kind = EVENT_WORDS };
	if (err)
		return err;
	(void)str_copy(e->address, sizeof(e->address), address);
	e->severity = m.severity;
	if (!is_no_name(m.host))
		text_clean(e->name, sizeof(e->name), m.host);
	text_clean(e->words, sizeof(e->words), m.text);
	if (!syslog_has(&m, EVENT_SD_ID))
		return 0;
	syslog_value(&m, EVENT_SD_ID, "node", e->node_id, sizeof(e->node_id));
	read_mac(&m, e->mac);
	syslog_value(&m, EVENT_SD_ID, "phase", phase, sizeof(phase));
	e->kind = streq(phase, "up") ? EVENT_UP : EVENT_REPORT;
	read_report(&m, &e->report);
	return 0;
}
