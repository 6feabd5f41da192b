/* parse.c - bytes of an FTP control connection, in pieces of any size -> replies and what they say. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/ftp/parse.h"

#include "base/buf.h"

#include <ctype.h>

static int refuse(struct ftp_reply *r, const char *words)
{
	r->error = words;
	return -EPROTO;
}

/* The line is going to be shown. */
static void make_printable(struct ftp_reply *r)
{
	for (char *p = r->line; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = ' ';
}

/* Another service: what it says instead is kept as far as it is here, up to LEN more BYTES. */
static int no_ftp(struct ftp_reply *r, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len && bytes[i] != '\r' && bytes[i] != '\n' && r->len < sizeof(r->line) - 1; i++)
		r->line[r->len++] = bytes[i] ? (char)bytes[i] : ' ';
	r->line[r->len] = '\0';
	make_printable(r);
	return refuse(r, "this is no FTP");
}

/* The code a line begins with, 0 where it begins with none. The byte behind it is a blank, a '-' or the end. */
static int line_code(const char *line)
{
	for (int i = 0; i < 3; i++)
		if (!isdigit((unsigned char)line[i]))
			return 0;
	if (line[3] && line[3] != ' ' && line[3] != '-')
		return 0;
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

static int end_of_line(struct ftp_reply *r)
{
	int code;

	if (r->len && r->line[r->len - 1] == '\r')
		r->len--;
	r->line[r->len] = '\0';
	code = line_code(r->line);
	if (r->many) {
		r->complete = code == r->code && r->line[3] != '-';
	} else {
		if (code < 100 || code > 599)
			return no_ftp(r, NULL, 0);
		r->code = code;
		r->many = r->line[3] == '-';
		r->complete = !r->many;
	}
	if (r->complete)
		make_printable(r);
	r->len = 0;
	return 0;
}

int ftp_reply_feed(struct ftp_reply *r, const uint8_t *bytes, size_t len, size_t *used)
{
	size_t i = 0;
	int err = 0;

	while (i < len && !r->complete && !err) {
		char c = (char)bytes[i++];

		if (++r->seen > FTP_REPLY_MAX)
			err = refuse(r, "a reply of more than 256 KiB");
		else if (c == '\n')
			err = end_of_line(r);
		else if (r->len < sizeof(r->line) - 1)
			r->line[r->len++] = c ? c : ' ';
		/* Another service may never end its line. */
		if (!err && !r->many && !r->complete && r->len && r->len <= 3 &&
		    !isdigit((unsigned char)r->line[r->len - 1]))
			err = no_ftp(r, bytes + i, len - i);
	}
	*used = i;
	return err;
}

/* Reads a number up to MAX and moves *P behind it. */
static bool read_number(const char **p, int64_t max, int64_t *n)
{
	int64_t value = 0;

	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, **p - '0', &value) ||
		    value > max)
			return false;
	*n = value;
	return true;
}

bool ftp_read_epsv(const char *line, uint16_t *port)
{
	const char *p = strchr(line, '(');
	char d = p ? p[1] : '\0';
	int64_t n;

	if (!d || d < '!' || d > '~' || p[2] != d || p[3] != d)
		return false;
	p += 4;
	if (!read_number(&p, 65535, &n) || *p != d || !n)
		return false;
	*port = (uint16_t)n;
	return true;
}

/* RFC 1123, section 4.1.2.6: the parentheses cannot be relied on; the first digit behind the code begins the
 * numbers. */
bool ftp_read_pasv(const char *line, uint16_t *port)
{
	const char *p = line + MIN(strlen(line), (size_t)3);
	int64_t n[6];

	while (*p && !isdigit((unsigned char)*p))
		p++;
	for (int i = 0; i < 6; i++) {
		if (i && *p++ != ',')
			return false;
		if (!read_number(&p, 255, &n[i]))
			return false;
	}
	*port = (uint16_t)(n[4] * 256 + n[5]);
	return *port != 0;
}

/* What stands behind the code. */
static const char *words_of(const char *line)
{
	return line_code(line) && line[3] == ' ' ? line + 4 + strspn(line + 4, " ") : "";
}

bool ftp_read_size(const char *line, int64_t *size)
{
	const char *p = words_of(line);

	return read_number(&p, INT64_MAX, size) && p[strspn(p, " ")] == '\0';
}

bool ftp_read_time(const char *line, char *time, size_t size)
{
	const char *p = words_of(line);
	size_t digits = strspn(p, "0123456789"), n = digits;

	if (p[n] == '.')
		n += 1 + strspn(p + n + 1, "0123456789");
	/* RFC 3659, section 2.3; some servers wrote 191xx for years after 1999, with 15 digits */
	if (digits < 14 || n >= size || p[n + strspn(p + n, " ")] != '\0')
		return false;
	memcpy(time, p, n);
	time[n] = '\0';
	return true;
}
