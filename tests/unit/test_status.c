/* test_status.c - server/head/status/: messages, lines of logs and the time -> what the model says, in memory only. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#undef fail /* cmocka has one too */

#include "server/head/status/history.h"
#include "server/head/status/json.h"
#include "server/head/status/state.h"
#include "server/head/status/web.h"
#include "server/head/status/words.h"

#include <stdio.h>

#define T0 INT64_C(1800000000000)

/* ---- syslog */

static void parsed(struct syslog_message *m, const char *text)
{
	assert_int_equal(syslog_parse(m, text, strlen(text)), 0);
}

/* The examples of RFC 5424, section 6.5, and of RFC 3164, section 5.4. */
static void test_messages(void **state)
{
	struct syslog_message m;
	char value[64];

	(void)state;
	parsed(&m, "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed");
	assert_int_equal(m.facility, 4);
	assert_int_equal(m.severity, 2);
	assert_true(span_is(m.host, "mymachine.example.com") && span_is(m.app, "su") && span_is(m.id, "ID47"));
	assert_true(span_is(m.text, "'su root' failed") && !m.process.len && !m.data.len);

	parsed(&m, "<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [exampleSDID@32473 iut=\"3\" eventSource=\""
		   "Application\" eventID=\"1011\"][examplePriority@32473 class=\"high\"]");
	assert_true(syslog_value(&m, "exampleSDID@32473", "eventSource", value, sizeof(value)));
	assert_string_equal(value, "Application");
	assert_true(syslog_value(&m, "examplePriority@32473", "class", value, sizeof(value)));
	assert_string_equal(value, "high");
	assert_false(syslog_value(&m, "examplePriority@32473", "iut", value, sizeof(value)));
	assert_string_equal(value, "");

	parsed(&m, "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8\n");
	assert_true(span_is(m.host, "mymachine") && span_is(m.app, "su") && !m.structured);
	assert_true(span_is(m.text, "'su root' failed for lonvick on /dev/pts/8"));
	parsed(&m, "<30>stage1: step image done: 3 ms");
	assert_true(span_is(m.app, "stage1") && span_is(m.text, "step image done: 3 ms"));
	parsed(&m, "<30>su[230]: x");
	assert_true(span_is(m.app, "su") && span_is(m.text, "x"));
	parsed(&m, "Use the BFG!");
	assert_true(m.facility == 1 && m.severity == 5 && span_is(m.text, "Use the BFG!"));
	parsed(&m, "");
	parsed(&m, "<999>1 - - - - - - x");
	assert_true(!m.structured && m.text.len);
}

static void test_values(void **state)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{ "<30>1 - - - - - [a@1 b=\"x\\\"y\\]z\\\\\"] m", "x\"y]z\\" },
		{ "<30>1 - - - - - [a@1 b=\"x\\ny\"] m", "x\\ny" },
		{ "<30>1 - - - - - [a@1 b=\"\"] m", "" },
		{ "<30>1 - - - - - [a@1 b=\"one\" b=\"two\"] m", "one" },
		{ "<30>1 - - - - - [a@1 b=\"a\nb\x1b(\xff\xe2\x80\xae<b>\"]", "a b ("
									      "??"
									      "<b>" },
	};
	static const char *const bad[] = {
		"<30>1 - - - - -",
		"<30>1 - - - - - [a@1 b=\"x\" m",
		"<30>1 - - - - - [a@1 b=x] m",
		"<30>1 - - - - - [] m",
		"<30>1 - - - - - [a@1 b=\"x]\"]",
		"<30>1 - - - - - [a@1 b=\"x\"]m",
		"<30>1 - - - - - [a@1 b=\"x",
		"<30>1 - h\x80 - - - - m",
		"<30>1 - - - - - [a@1 =\"x\"] m",
	};
	struct syslog_message m;
	char value[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int err = syslog_parse(&m, cases[i].text, strlen(cases[i].text));

		assert_int_equal(err, cases[i].value ? 0 : -EBADMSG);
		if (err)
			continue;
		assert_true(syslog_value(&m, "a@1", "b", value, sizeof(value)));
		assert_string_equal(value, cases[i].value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(syslog_parse(&m, bad[i], strlen(bad[i])), -EBADMSG);
}

static void test_text(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(text_clean(out, sizeof(out),
				    span_of("gr\xc3\xbc\xc3\x9f"
					    "e")),
			 7);
	assert_int_equal(text_clean(out, 7,
				    span_of("gr\xc3\xbc\xc3\x9f"
					    "e")),
			 6); /* whole characters only */
	assert_int_equal(text_clean(out, 6,
				    span_of("gr\xc3\xbc\xc3\x9f"
					    "e")),
			 4);
	text_clean(out, sizeof(out), span_of("\xc0\xaf\xed\xa0\x80\xf5"));
	assert_string_equal(out, "??????");
	text_clean(out, sizeof(out),
		   span_of("a\xc2\x85"
			   "b\x7f"));
	assert_string_equal(out, "a b ");
}

/* ---- what the head sees */

static void test_dnsmasq(void **state)
{
	static const struct {
		const char *line;
		int kind; /* -1: nothing */
		const char *address, *mac, *name;
	} cases[] = {
		{ "Oct 11 22:14:15 dnsmasq-dhcp[812]: DHCPDISCOVER(eth1) 52:54:00:12:34:56 ", EVENT_DISCOVER, "",
		  "52:54:00:12:34:56", "" },
		{ "dnsmasq-dhcp: 3735928559 DHCPDISCOVER(eth1) 10.0.0.9 52:54:00:12:34:5A", EVENT_DISCOVER, "",
		  "52:54:00:12:34:5a", "" },
		{ "dnsmasq-dhcp[812]: 17 DHCPACK(eth1) 10.0.1.31 52:54:00:12:34:56 node7", EVENT_LEASE, "10.0.1.31",
		  "52:54:00:12:34:56", "node7" },
		{ "dnsmasq-dhcp[812]: PXE(eth1) 52:54:00:12:34:56 proxy", EVENT_DISCOVER, "", "52:54:00:12:34:56", "" },
		{ "dnsmasq-tftp[812]: sent /srv/a to b/pxelinux.0 to 10.0.1.31", EVENT_TFTP, "10.0.1.31", "", "" },
		{ "dnsmasq-tftp[812]: sent /srv/pxelinux.0 to nowhere", -1, "", "", "" },
		{ "dnsmasq-dhcp[812]: DHCPACK(eth1) 10.0.1.31", -1, "", "", "" },
		{ "dnsmasq-dhcp[812]: DHCPOFFER(eth1) 10.0.1.31 52:54:00:12:34:56", -1, "", "", "" },
		{ "dnsmasq[812]: query[A] x from 10.0.1.31", -1, "", "", "" },
		{ "", -1, "", "", "" },
	};
	struct event e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int err = event_of_dnsmasq(&e, cases[i].line, strlen(cases[i].line));

		assert_int_equal(err, cases[i].kind < 0 ? -ENOMSG : 0);
		if (err)
			continue;
		assert_int_equal(e.kind, cases[i].kind);
		assert_string_equal(e.address, cases[i].address);
		assert_string_equal(e.mac, cases[i].mac);
		assert_string_equal(e.name, cases[i].name);
	}
}

static void test_nginx(void **state)
{
	static const char ok[] = "10.0.1.31 - - [11/Oct/2026:22:14:15 +0000] \"GET /root.sqfs HTTP/1.1\" 200 33 \"-\" "
				 "\"stage1\"";
	static const char missing[] = "fe80::1 - - [x] \"GET /a HTTP/1.1\" 404 33 \"-\" \"UefiHttpBoot/1.0\"";
	static const char hostile[] = "10.0.1.31 - - [x] \"\\x16\\x03\" 400 0 \"-\" \"-\"";
	struct event e;

	(void)state;
	assert_int_equal(event_of_nginx(&e, ok, strlen(ok)), 0);
	assert_int_equal(e.kind, EVENT_HTTP);
	assert_string_equal(e.words, "/root.sqfs");
	assert_int_equal(event_of_nginx(&e, missing, strlen(missing)), 0);
	assert_int_equal(e.kind, EVENT_FIRMWARE);
	assert_string_equal(e.words, "404 /a");
	assert_int_equal(e.severity, 4);
	assert_int_equal(event_of_nginx(&e, hostile, strlen(hostile)), -ENOMSG);
}

/* ---- the model */

struct world {
	struct model m;
	unsigned ended;
	enum boot_result result;
};

static void on_ended(struct model *m, const struct node *n, enum boot_result result)
{
	struct world *w = m->owner;

	(void)n;
	w->ended++;
	w->result = result;
}

static const struct model_calls calls = { .ended = on_ended };

static void begin(struct world *w)
{
	*w = (struct world){ 0 };
	model_open(&w->m, &calls, w);
}

/* ADDRESS says TEXT at T0 + MS. */
static const struct node *says(struct world *w, const char *address, int64_t ms, const char *text)
{
	struct event e;

	assert_int_equal(event_of_datagram(&e, address, text, strlen(text)), 0);
	if (model_admits(&w->m, address, T0 + ms))
		model_event(&w->m, &e, T0 + ms);
	return model_at(&w->m, address);
}

/* The same by a line of dnsmasq. */
static void sees(struct world *w, int64_t ms, const char *line)
{
	struct event e;

	assert_int_equal(event_of_dnsmasq(&e, line, strlen(line)), 0);
	model_event(&w->m, &e, T0 + ms);
}

#define SAYS(rest) "<30>1 - node7 stage1 - - [stage1@32473 " rest "] words"

static void test_a_boot(void **state)
{
	const struct node *n;
	struct world w;

	(void)state;
	begin(&w);
	sees(&w, 0, "dnsmasq-dhcp: DHCPDISCOVER(eth1) 52:54:00:00:00:07");
	sees(&w, 500, "dnsmasq-dhcp: DHCPACK(eth1) 10.0.0.50 52:54:00:00:00:07");
	sees(&w, 1000, "dnsmasq-tftp: sent /srv/pxelinux.0 to 10.0.0.50");
	assert_int_equal(model_at(&w.m, "10.0.0.50")->phase, PHASE_FIRMWARE);
	sees(&w, 9000, "dnsmasq-dhcp: DHCPACK(eth1) 10.0.0.7 52:54:00:00:00:07"); /* stage1 got another address */
	assert_int_equal(w.m.count, 1);
	assert_null(model_at(&w.m, "10.0.0.50"));
	n = says(&w, "10.0.0.7", 9500,
		 SAYS("step=\"2\" steps=\"6\" name=\"network\" state=\"done\" up=\"4000\" ms=\"1400 2300\""));
	assert_int_equal(n->phase, PHASE_STAGE1);
	assert_int_equal(n->began, T0);
	assert_string_equal(n->name, "node7");
	says(&w, "10.0.0.7", 10000,
	     SAYS("step=\"4\" steps=\"6\" name=\"image\" done=\"0\" total=\"1000\" up=\"4500\""));
	says(&w, "10.0.0.7", 11000,
	     SAYS("step=\"4\" steps=\"6\" name=\"image\" done=\"500\" total=\"1000\" up=\"5500\""));
	assert_int_equal(node_percent(n), 50);
	assert_int_equal(node_rate(n), 500); /* found out from report to report */
	assert_int_equal(n->report.step_count, 2);
	sees(&w, 11500, "dnsmasq-tftp: sent /srv/root.sqfs to 10.0.0.7"); /* its image: no boot begins */
	assert_int_equal(n->phase, PHASE_STAGE1);
	says(&w, "10.0.0.7", 12000,
	     SAYS("step=\"6\" steps=\"6\" name=\"init\" state=\"done\" up=\"6500\" ms=\"1400 2300 1 2000 5 6\""));
	assert_int_equal(n->phase, PHASE_STARTS);
	assert_int_equal(w.ended, 0);
	says(&w, "10.0.0.7", 20000, SAYS("phase=\"up\" up=\"14500\""));
	assert_int_equal(n->phase, PHASE_UP);
	assert_true(w.ended == 1 && w.result == BOOT_UP);
	assert_int_equal(node_took(n, T0 + 99000), 20000);
	sees(&w, 30000, "dnsmasq-dhcp: DHCPACK(eth1) 10.0.0.7 52:54:00:00:00:07"); /* it renews its lease */
	assert_int_equal(n->phase, PHASE_UP);
	sees(&w, 100000, "dnsmasq-tftp: sent /srv/pxelinux.0 to 10.0.0.7");
	assert_true(n->phase == PHASE_FIRMWARE && n->boots == 2 && w.ended == 1);
	model_close(&w.m);
}

static void test_a_failure(void **state)
{
	const struct node *n;
	struct world w;

	(void)state;
	begin(&w);
	says(&w, "10.0.0.7", 0, SAYS("step=\"4\" steps=\"6\" name=\"image\" up=\"4000\""));
	n = says(&w, "10.0.0.7", 1000,
		 SAYS("step=\"4\" steps=\"6\" name=\"image\" state=\"failed\" up=\"5000\" code=\"S1-SRV-01\""));
	assert_int_equal(n->phase, PHASE_FAILED);
	assert_string_equal(n->code, "S1-SRV-01");
	says(&w, "10.0.0.7", 2000, "<30>stage1: a later line");
	assert_string_equal(n->words, "words");
	model_tick(&w.m, T0 + 30000);
	assert_int_equal(w.ended, 0); /* it may try again */
	model_tick(&w.m, T0 + 62000);
	assert_true(w.ended == 1 && w.result == BOOT_FAILED && n->failures == 1);
	model_tick(&w.m, T0 + 99000);
	assert_int_equal(w.ended, 1);
	says(&w, "10.0.0.7", 120000, SAYS("step=\"2\" steps=\"6\" name=\"network\" up=\"3000\"")); /* it was rebooted */
	assert_true(n->phase == PHASE_STAGE1 && n->boots == 2 && !n->code[0]);
	model_close(&w.m);
}

static void test_silent_and_slow(void **state)
{
	char address[32];
	struct world w;

	(void)state;
	begin(&w);
	for (int second = 0; second < 3; second++) {
		for (int i = 1; i <= 5; i++) {
			cleanup_free char *text = NULL;

			snprintf(address, sizeof(address), "10.0.0.%d", i);
			text = str_printf("<30>1 - - stage1 - - [stage1@32473 step=\"4\" steps=\"6\" name=\"image\" "
					  "done=\"%d\" total=\"100000\" rate=\"%d\" up=\"%d\"]",
					  second * 1000, i == 3 ? 400 : 1000, 4000 + second * 1000);
			assert_non_null(text);
			says(&w, address, second * 1000, text);
		}
	}
	model_tick(&w.m, T0 + 2500);
	assert_true(model_at(&w.m, "10.0.0.3")->slow && !model_at(&w.m, "10.0.0.2")->slow);
	assert_int_equal(count_nodes(&w.m).rate, 4400);
	says(&w, "10.0.0.1", 31000, SAYS("step=\"4\" steps=\"6\" name=\"image\" up=\"33000\""));
	model_tick(&w.m, T0 + 33000);
	assert_true(model_at(&w.m, "10.0.0.2")->silent && !model_at(&w.m, "10.0.0.1")->silent);
	says(&w, "10.0.0.2", 34000, "<30>stage1: here");
	assert_false(model_at(&w.m, "10.0.0.2")->silent);
	model_tick(&w.m, T0 + 1000000); /* nobody is heard of any more */
	assert_true(w.ended == 5 && w.result == BOOT_LOST);
	model_close(&w.m);
}

static void test_liars(void **state)
{
	static const char forged[] = "<30>1 - node7 stage1 - - [stage1@32473 step=\"4\" steps=\"6\" state=\"failed\" "
				     "mac=\"52:54:00:00:00:07\" code=\"S1-SRV-01\"] x";
	struct world w;

	(void)state;
	begin(&w);
	sees(&w, 0, "dnsmasq-dhcp: DHCPACK(eth1) 10.0.0.7 52:54:00:00:00:07 node7");
	says(&w, "10.0.0.7", 0, SAYS("step=\"4\" steps=\"6\" name=\"image\" mac=\"52:54:00:00:00:07\""));
	says(&w, "10.0.0.66", 1, forged); /* spoils nothing but its own row */
	assert_int_equal(model_at(&w.m, "10.0.0.7")->phase, PHASE_STAGE1);
	assert_string_equal(model_at(&w.m, "10.0.0.7")->suspect, "");
	assert_non_null(strstr(model_at(&w.m, "10.0.0.66")->suspect, "as 10.0.0.7 does"));
	says(&w, "10.0.0.7", 2, SAYS("step=\"4\" mac=\"52:54:00:00:00:99\""));
	assert_non_null(strstr(model_at(&w.m, "10.0.0.7")->suspect, "DHCP has 52:54:00:00:00:07"));
	assert_string_equal(model_at(&w.m, "10.0.0.7")->mac, "52:54:00:00:00:07");
	model_close(&w.m);
}

static void test_floods(void **state)
{
	char address[32];
	struct world w;

	(void)state;
	begin(&w);
	says(&w, "10.0.0.7", 0, SAYS("step=\"4\" steps=\"6\" name=\"image\""));
	for (int i = 0; i < 100000; i++) /* one address, within a second */
		says(&w, "10.0.0.66", i / 100, "<30>stage1: flood");
	assert_in_range(model_at(&w.m, "10.0.0.66")->lines, MODEL_BURST, MODEL_BURST + MODEL_RATE + 2);
	assert_in_range(model_at(&w.m, "10.0.0.66")->dropped, 99500, 99999);
	assert_int_equal(model_at(&w.m, "10.0.0.66")->log_count, MODEL_LINES);
	sees(&w, 1000, "dnsmasq-dhcp: DHCPACK(eth1) 10.0.0.8 52:54:00:00:00:08");
	for (int i = 0; i < 100000; i++) { /* an hour of forged addresses */
		snprintf(address, sizeof(address), "11.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		says(&w, address, 1000 + (int64_t)i * 36, SAYS("step=\"1\" steps=\"6\""));
	}
	assert_int_equal(w.m.count, MODEL_NODES);
	assert_non_null(model_at(&w.m, "10.0.0.8")); /* whom the head itself has seen stays */
	says(&w, "10.0.0.8", 3700000, SAYS("step=\"2\" steps=\"6\" name=\"network\""));
	assert_int_equal(model_at(&w.m, "10.0.0.8")->phase, PHASE_STAGE1);
	model_close(&w.m);
}

/* ---- shown, saved, read again */

static void fill(struct world *w)
{
	begin(w);
	says(w, "10.0.0.10", 0, SAYS("step=\"4\" steps=\"6\" name=\"image\" done=\"50\" total=\"100\" ms=\"1 2 3\""));
	says(w, "10.0.0.9", 0,
	     "<27>1 - <b>\"q\"</b>\\ stage1 - - [stage1@32473 step=\"4\" steps=\"6\" name=\"image\" state=\"failed\" "
	     "code=\"S1-SRV-06\"] it's \"gone\"\nNAME</script>");
	says(w, "10.0.0.8", 0, SAYS("phase=\"up\""));
}

static void test_kept(void **state)
{
	cleanup_buf struct buf text = { 0 }, again = { 0 };
	struct model copy;
	int64_t saved;
	struct world w;

	(void)state;
	fill(&w);
	assert_int_equal(json_save(&text, &w.m, T0 + 5), 0);
	model_open(&copy, NULL, NULL);
	assert_int_equal(json_load(&copy, text.data, text.len, &saved), 0);
	assert_true(saved == T0 + 5 && copy.count == 3 && copy.next_id == w.m.next_id);
	assert_int_equal(json_save(&again, &copy, T0 + 5), 0);
	assert_string_equal(buf_cstr(&again), buf_cstr(&text));
	model_close(&copy);
	model_open(&copy, NULL, NULL);
	assert_int_equal(json_load(&copy, text.data, text.len / 2, &saved), -EBADMSG);
	assert_int_equal(copy.count, 0);
	model_close(&copy);
	model_close(&w.m);
}

static void test_words(void **state)
{
	const struct look look = { .columns = 200 };
	cleanup_buf struct buf text = { 0 }, metrics = { 0 };
	const char *first, *second;
	struct world w;

	(void)state;
	fill(&w);
	words_model(&text, &w.m, &look, T0 + 1000);
	first = strstr(buf_cstr(&text), "S1-SRV-06 The server does not have the file it's \"gone\" NAME");
	second = strstr(buf_cstr(&text), "node7");
	assert_true(first && second && first < second); /* errors first */
	assert_non_null(strstr(buf_cstr(&text), "Try: Correct directory:"));
	assert_null(strchr(buf_cstr(&text), '\033'));
	web_metrics(&metrics, &w.m);
	assert_non_null(strstr(buf_cstr(&metrics), "stage1_nodes{phase=\"failed\"} 1\n"));
	assert_non_null(strstr(buf_cstr(&metrics),
			       "stage1_node_failed{address=\"10.0.0.9\",name=\"<b>\\\"q\\\"</b>\\\\\"} 1\n"));
	model_close(&w.m);
}

static void test_changes(void **state)
{
	cleanup_buf struct buf text = { 0 };
	uint64_t version;
	struct world w;

	(void)state;
	fill(&w);
	version = w.m.version;
	says(&w, "10.0.0.10", 1000, SAYS("step=\"5\" steps=\"6\" name=\"root\""));
	assert_int_equal(json_model(&text, &w.m, version, T0 + 1000), 0);
	assert_non_null(strstr(buf_cstr(&text), "10.0.0.10"));
	assert_null(strstr(buf_cstr(&text), "10.0.0.9"));
	model_close(&w.m);
}

static void test_chain(void **state)
{
	static const char chain[] = "node 10.0.0.1 head ready 500 1000 250\nnode 10.0.0.2 10.0.0.1 ready 250 1000 250\n"
				    "node x\nrubbish\nnode 10.0.0.3 10.0.0.2 lost 1 1000 0";
	struct world w;

	(void)state;
	begin(&w);
	chain_take(&w.m, chain, strlen(chain), T0);
	assert_int_equal(w.m.count, 3);
	assert_int_equal(node_percent(model_at(&w.m, "10.0.0.2")), 25);
	assert_string_equal(model_at(&w.m, "10.0.0.2")->parent, "10.0.0.1");
	chain_take(&w.m, "", 0, T0);
	assert_string_equal(model_at(&w.m, "10.0.0.2")->parent, "");
	model_close(&w.m);
}

static void add_boot(struct history *h, const char *who, int64_t began, int64_t ms, const char *result)
{
	cleanup_free char *line =
		str_printf("{\"began\":%lld,\"ended\":%lld,\"result\":\"%s\",\"address\":\"%s\",\"mac\":"
			   "\"\",\"name\":\"\",\"step_name\":\"image\",\"step_ms\":[100,%lld],"
			   "\"step_names\":[\"devices\",\"image\"],\"code\":\"S1-SRV-01\"}\n",
			   (long long)began, (long long)(began + ms), result, who, (long long)(ms - 100));

	assert_non_null(line);
	assert_int_equal(history_add(h, line, strlen(line)), 0);
}

static void test_history(void **state)
{
	cleanup_buf struct buf text = { 0 };
	struct history h = { 0 };

	(void)state;
	for (int i = 1; i <= 9; i++)
		add_boot(&h, i % 2 ? "10.0.0.1" : "10.0.0.2", T0 + i, i * 1000, i == 4 ? "failed" : "up");
	add_boot(&h, "10.0.0.1", T0 + 9, 9000, "up"); /* written twice */
	assert_int_equal(history_add(&h, "{\"began\":1,\"en", 13), -EBADMSG);
	assert_int_equal(h.count, 9);
	history_words(&text, &h);
	assert_non_null(strstr(buf_cstr(&text), "9 boots of 2 nodes: 1 failed, 0 fell silent"));
	assert_non_null(strstr(buf_cstr(&text), "image             9       4.9 s       8.9 s       8.9 s  10.0.0.1"));
	assert_non_null(strstr(buf_cstr(&text), "10.0.0.2                  1      4  S1-SRV-01"));
	assert_non_null(strstr(buf_cstr(&text), "1 lines could not be read"));
	history_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),        cmocka_unit_test(test_values), cmocka_unit_test(test_text),
		cmocka_unit_test(test_dnsmasq),         cmocka_unit_test(test_nginx),  cmocka_unit_test(test_a_boot),
		cmocka_unit_test(test_a_failure),       cmocka_unit_test(test_liars),  cmocka_unit_test(test_floods),
		cmocka_unit_test(test_silent_and_slow), cmocka_unit_test(test_kept),   cmocka_unit_test(test_words),
		cmocka_unit_test(test_changes),         cmocka_unit_test(test_chain),  cmocka_unit_test(test_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
