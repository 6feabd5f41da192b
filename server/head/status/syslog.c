/* syslog.c - one datagram -> the fields of a syslog message, RFC 5424 or the older RFC 3164. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/syslog.h"

#define NOBODYS_PRIORITY 13 /* RFC 3164, section 4.3.3: user, notice */
#define VALUE_MAX        1024
#define NAME_MAX_LEN     32 /* RFC 5424, section 6: SD-NAME = 1*32PRINTUSASCII */

/* "<30>" (RFC 5424, section 6.2.1: 0 to 191). False: it does not begin so. */
static bool take_priority(struct span *s, int64_t *priority)
{
	struct span rest = *s, number;

	if (!span_skip(&rest, "<"))
		return false;
	number = span_cut(&rest, '>');
	if (number.at + number.len == rest.at || number.len > 3 || span_number(number, priority) || *priority > 191)
		return false;
	*s = rest;
	return true;
}

/* ---- structured data (RFC 5424, section 6.3) */

/* True when S has an escape at N: a backslash before one of the three that need it. */
static bool is_escape(struct span s, size_t n)
{
	char next = n + 1 < s.len ? s.at[n + 1] : '\0';

	return n < s.len && s.at[n] == '\\' && (next == '"' || next == '\\' || next == ']');
}

static bool take_name(struct span *s, struct span *name)
{
	size_t n = 0;

	while (n < s->len && s->at[n] > ' ' && s->at[n] < 127 && !strchr("=]\"", s->at[n]))
		n++;
	*name = (struct span){ s->at, n };
	*s = (struct span){ s->at + n, s->len - n };
	return n > 0 && n <= NAME_MAX_LEN;
}

/* What stands between the quotes, with its escapes. */
static bool take_value(struct span *s, struct span *value)
{
	size_t n = 0;

	if (!span_skip(s, "\""))
		return false;
	while (n < s->len && s->at[n] != '"') {
		if (s->at[n] == ']')
			return false;
		n += is_escape(*s, n) ? 2 : 1;
	}
	*value = (struct span){ s->at, n };
	if (n >= s->len)
		return false;
	*s = (struct span){ s->at + n + 1, s->len - n - 1 };
	return true;
}

/* ` name="value"`. */
static bool take_parameter(struct span *s, struct span *name, struct span *value)
{
	return span_skip(s, " ") && take_name(s, name) && span_skip(s, "=") && take_value(s, value);
}

/* "[id a=\"b\"]" -> its ID, and all parameters in BODY. */
static bool take_element(struct span *s, struct span *id, struct span *body)
{
	struct span name, value;

	if (!span_skip(s, "[") || !take_name(s, id))
		return false;
	*body = *s;
	while (s->len && s->at[0] == ' ') {
		if (!take_parameter(s, &name, &value))
			return false;
	}
	body->len = (size_t)(s->at - body->at);
	return span_skip(s, "]");
}

static bool take_data(struct span *s, struct span *data)
{
	struct span begin = *s, id, body;

	*data = (struct span){ s->at, 0 };
	if (span_skip(s, "-"))
		return true;
	do {
		if (!take_element(s, &id, &body))
			return false;
	} while (s->len && s->at[0] == '[');
	data->len = (size_t)(s->at - begin.at);
	return true;
}

/* ---- messages */

/* A field of the header: printable, ended by a blank; "-" is none. */
static bool take_field(struct span *s, struct span *field)
{
	*field = span_cut(s, ' ');
	for (size_t i = 0; i < field->len; i++) {
		if (field->at[i] <= ' ' || field->at[i] >= 127)
			return false;
	}
	if (!field->len || field->at + field->len == s->at)
		return false;
	if (span_is(*field, "-"))
		field->len = 0;
	return true;
}

static int parse_structured(struct syslog_message *m, struct span s)
{
	m->structured = true;
	if (!take_field(&s, &m->time) || !take_field(&s, &m->host) || !take_field(&s, &m->app) ||
	    !take_field(&s, &m->process) || !take_field(&s, &m->id) || !take_data(&s, &m->data))
		return -EBADMSG;
	if (s.len && !span_skip(&s, " "))
		return -EBADMSG;
	(void)span_skip(&s, "\xef\xbb\xbf");
	m->text = s;
	return 0;
}

/* "Oct 11 22:14:15 " (RFC 3164, section 4.1.2), and the host's name behind it. */
static void take_old_time(struct syslog_message *m, struct span *s)
{
	if (s->len < 16 || s->at[3] != ' ' || s->at[6] != ' ' || s->at[9] != ':' || s->at[12] != ':' ||
	    s->at[15] != ' ')
		return;
	m->time = (struct span){ s->at, 15 };
	*s = (struct span){ s->at + 16, s->len - 16 };
	m->host = span_cut(s, ' ');
}

/* "stage1[1]: text". */
static void parse_old(struct syslog_message *m, struct span s)
{
	size_t n = 0;

	take_old_time(m, &s);
	while (n < s.len && n < 48 && s.at[n] > ' ' && s.at[n] < 127 && s.at[n] != ':' && s.at[n] != '[')
		n++;
	m->text = s;
	if (!n || n >= s.len || (s.at[n] != ':' && s.at[n] != '['))
		return;
	m->app = (struct span){ s.at, n };
	(void)span_cut(&m->text, ':');
	(void)span_skip(&m->text, " ");
}

int syslog_parse(struct syslog_message *m, const char *bytes, size_t len)
{
	int64_t priority = NOBODYS_PRIORITY;
	struct span s = { bytes, len };

	*m = (struct syslog_message){ 0 };
	while (s.len && (s.at[s.len - 1] == '\n' || s.at[s.len - 1] == '\0'))
		s.len--;
	if (take_priority(&s, &priority) && span_skip(&s, "1 ")) {
		m->facility = (unsigned)priority / 8;
		m->severity = (unsigned)priority % 8;
		return parse_structured(m, s);
	}
	m->facility = (unsigned)priority / 8;
	m->severity = (unsigned)priority % 8;
	parse_old(m, s);
	return 0;
}

/* ---- values */

static bool find_element(const struct syslog_message *m, const char *id, struct span *body)
{
	struct span rest = m->data, name;

	while (rest.len && take_element(&rest, &name, body)) {
		if (span_is(name, id))
			return true;
	}
	return false;
}

bool syslog_has(const struct syslog_message *m, const char *id)
{
	struct span body;

	return find_element(m, id, &body);
}

/* Takes the escapes back; a value of more than VALUE_MAX bytes is cut. */
static void unescape(char *out, size_t size, struct span value)
{
	char plain[VALUE_MAX];
	size_t n = 0;

	for (size_t i = 0; i < value.len && n < sizeof(plain); i++) {
		i += is_escape(value, i) ? 1 : 0;
		plain[n++] = value.at[i];
	}
	text_clean(out, size, (struct span){ plain, n });
}

bool syslog_value(const struct syslog_message *m, const char *id, const char *name, char *out, size_t size)
{
	struct span body, key, value;

	out[0] = '\0';
	if (!find_element(m, id, &body))
		return false;
	while (take_parameter(&body, &key, &value)) {
		if (span_is(key, name)) {
			unescape(out, size, value);
			return true;
		}
	}
	return false;
}
