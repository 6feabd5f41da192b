/* head.c - bytes of an HTTP/1 answer's head, in pieces of any size -> status and the fields that matter here. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/http/parse.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

void http_head_free(struct http_head *h)
{
	free(h->status_line);
	free(h->etag);
	free(h->modified);
	free(h->location);
	free(h->encoding);
	buf_free(&h->line);
	*h = (struct http_head){ 0 };
}

static int refuse(struct http_head *h, int err, const char *fmt, ...) printf_like(3, 4);
static int refuse(struct http_head *h, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(h->error, sizeof(h->error), fmt, ap);
	va_end(ap);
	for (char *p = h->error; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return err;
}

/* ---- values */

/* Reads digits at *P into *N and moves *P behind them. False where there are none or they do not fit. */
static bool read_digits(const char **p, int64_t *n)
{
	int64_t value = 0;

	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, **p - '0', &value))
			return false;
	*n = value;
	return true;
}

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* A list of equal numbers counts as one: RFC 9110, section 8.6. */
static int field_length(struct http_head *h, const char *value)
{
	const char *p = value;

	for (;;) {
		int64_t n;

		p = skip_blanks(p);
		if (!read_digits(&p, &n))
			return refuse(h, -EPROTO, "Content-Length is no size: %.80s", value);
		if (h->length >= 0 && h->length != n)
			return refuse(h, -EPROTO, "two different values of Content-Length: %lld and %lld",
				      (long long)h->length, (long long)n);
		h->length = n;
		p = skip_blanks(p);
		if (!*p)
			return 0;
		if (*p++ != ',')
			return refuse(h, -EPROTO, "Content-Length is no size: %.80s", value);
	}
}

/* The next word of a list at *P: its length and where it begins; 0 at the end. RFC 9110, section 5.6.1: members may be
 * missing. */
static size_t next_word(const char **p)
{
	*p += strspn(*p, ", \t");
	return strcspn(*p, ", \t");
}

static bool is_word(const char *p, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(p, word, len) == 0;
}

/* RFC 9112, section 6.1 allows it once; a gateway that adds what is there already means the same. */
static int field_coding(struct http_head *h, const char *value)
{
	size_t n;

	for (const char *p = value; (n = next_word(&p)); p += n) {
		if (is_word(p, n, "identity"))
			continue;
		if (!is_word(p, n, "chunked"))
			return refuse(h, -EPROTO, "a Transfer-Encoding that was not asked for: %.80s", value);
		h->chunked = true;
	}
	return 0;
}

/* "bytes 100-199/1000": RFC 9110, section 14.4. What cannot be read counts as absent. */
static int field_range(struct http_head *h, const char *value)
{
	int64_t first, last, total = -1;
	const char *p = value;

	h->ranged = false;
	if (strncasecmp(p, "bytes", 5) != 0)
		return 0;
	p = skip_blanks(p + 5);
	if (!read_digits(&p, &first) || *p++ != '-' || !read_digits(&p, &last) || *p++ != '/')
		return 0;
	if (*p == '*')
		p++;
	else if (!read_digits(&p, &total))
		return 0;
	if (*p || last < first || last == INT64_MAX || (total >= 0 && last >= total))
		return 0;
	h->ranged = true;
	h->range_first = first;
	h->range_last = last;
	h->range_total = total;
	return 0;
}

static int keep(char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
	return *field ? 0 : -ENOMEM;
}

static int field_etag(struct http_head *h, const char *value)
{
	size_t len = strlen(value);

	if (len < 2 || value[0] != '"' || value[len - 1] != '"')
		return 0;
	return keep(&h->etag, value);
}

static int field_modified(struct http_head *h, const char *value)
{
	return *value ? keep(&h->modified, value) : 0;
}

static int field_location(struct http_head *h, const char *value)
{
	return keep(&h->location, value);
}

/* The names that stand for a way to compress or encrypt (IANA's list, and those before it). Servers write there what is
 * none, too: what the file is (binary, utf-8), or how it once came to them (aws-chunked). */
static bool changes_bytes(const char *word, size_t len)
{
	const char *p = "gzip br zstd deflate compress bzip2 xz lzma lz4 dcb dcz exi aes128gcm pack200-gzip";
	size_t n;

	if (len > 2 && is_word(word, 2, "x-")) {
		word += 2;
		len -= 2;
	}
	for (; (n = next_word(&p)); p += n)
		if (n == len && strncasecmp(p, word, n) == 0)
			return true;
	return false;
}

static int field_encoding(struct http_head *h, const char *value)
{
	size_t n;

	for (const char *p = value; (n = next_word(&p)) && !h->encoding; p += n) {
		if (!changes_bytes(p, n))
			continue;
		h->encoding = strndup(p, n);
		if (!h->encoding)
			return -ENOMEM;
	}
	return 0;
}

static int field_retry_after(struct http_head *h, const char *value)
{
	int64_t n;

	if (read_digits(&value, &n) && !*value)
		h->retry_after = n;
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct http_head *h, const char *value);
} fields[] = {
	{ "Content-Length", field_length },   { "Transfer-Encoding", field_coding },
	{ "Content-Range", field_range },     { "ETag", field_etag },
	{ "Last-Modified", field_modified },  { "Location", field_location },
	{ "Retry-After", field_retry_after }, { "Content-Encoding", field_encoding },
};

/* ---- lines */

/* Takes one field line, "Name: value"; it is terminated and holds no NUL. */
static int take_field(struct http_head *h, char *line, size_t len)
{
	char *colon = strchr(line, ':'), *value, *end = line + len;

	if (!colon || colon == line)
		return refuse(h, -EPROTO, "a header line that is none: %.80s", line);
	for (value = colon; value > line && (value[-1] == ' ' || value[-1] == '\t'); value--)
		;
	*value = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strcasecmp(line, fields[i].name) == 0)
			return fields[i].take(h, value);
	return 0;
}

/* "HTTP/1.1 200 OK": RFC 9112, section 4. The reason may be missing, with its blank. */
static int take_status(struct http_head *h, const char *line)
{
	const char *code;

	if (!starts_with(line, "HTTP/1.") || !isdigit((unsigned char)line[7]) || line[8] != ' ')
		return refuse(h, -EPROTO, "this is no HTTP/1.1: %.80s", line);
	code = skip_blanks(line + 8);
	if (!isdigit((unsigned char)code[0]) || !isdigit((unsigned char)code[1]) || !isdigit((unsigned char)code[2]) ||
	    (code[3] && code[3] != ' ') || code[0] < '1' || code[0] > '5')
		return refuse(h, -EPROTO, "an answer without status: %.80s", line);
	h->minor = line[7] - '0';
	h->status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
	h->started = true;
	free(h->status_line);
	h->status_line = strndup(line, 100);
	if (!h->status_line)
		return -ENOMEM;
	for (char *p = h->status_line; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = ' ';
	return 0;
}

/* The empty line behind a head: the head is complete, or was an interim one (RFC 9110, section 15.2). */
static int end_of_head(struct http_head *h)
{
	size_t seen = h->seen;

	if (h->status >= 200) {
		h->complete = true;
		return 0;
	}
	if (h->status == 101)
		return refuse(h, -EPROTO, "the server changes to another protocol: %s", h->status_line);
	http_head_free(h);
	h->seen = seen;
	h->length = h->retry_after = -1;
	return 0;
}

/* The line in H->line is whole: continuation lines are in it. */
static int take_line(struct http_head *h)
{
	int err;

	if (h->line.failed)
		return -ENOMEM;
	if (memchr(h->line.data, '\0', h->line.len))
		return refuse(h, -EPROTO, "a header line with a zero byte");
	err = h->started ? take_field(h, h->line.data, h->line.len) : take_status(h, h->line.data);
	h->line.len = 0;
	h->line_ended = false;
	return err;
}

/* An answer that cannot become "HTTP/1." is refused at its first wrong byte: another service may never end its line. */
static int check_greeting(struct http_head *h)
{
	static const char greeting[] = "HTTP/1.";
	size_t n = MIN(h->line.len, sizeof(greeting) - 1);

	if (h->started || memcmp(h->line.data, greeting, n) == 0)
		return 0;
	return refuse(h, -EPROTO, "this is no HTTP/1.1: %s", buf_cstr(&h->line));
}

static int end_of_line(struct http_head *h)
{
	if (h->line.len && h->line.data[h->line.len - 1] == '\r')
		h->line.data[--h->line.len] = '\0';
	if (h->line.len) {
		h->line_ended = true;
		return h->started ? 0 : take_line(h);
	}
	/* RFC 9112, section 2.2: empty lines before the status line are skipped. */
	return h->started ? end_of_head(h) : 0;
}

/* Adds LEN bytes that hold no line end. */
static int add_to_line(struct http_head *h, const uint8_t *bytes, size_t len)
{
	int err = 0;

	if (buf_add(&h->line, bytes, len))
		return -ENOMEM;
	if (!h->started && h->line.len && h->line.data[0] != '\r')
		err = check_greeting(h);
	return err;
}

int http_head_feed(struct http_head *h, const uint8_t *bytes, size_t len, size_t *used)
{
	const uint8_t *p = bytes, *end = bytes + len;
	int err = 0;

	if (!h->seen)
		h->length = h->retry_after = -1;
	while (p < end && !h->complete && !err) {
		const uint8_t *newline;
		size_t n;

		/* RFC 9112, section 5.2: a line that begins with a blank continues the one before. */
		if (h->line_ended) {
			if (*p == ' ' || *p == '\t')
				h->line_ended = false;
			else
				err = take_line(h);
			if (err)
				break;
		}
		newline = memchr(p, '\n', (size_t)(end - p));
		n = newline ? (size_t)(newline - p) : (size_t)(end - p);
		h->seen += n + (newline ? 1 : 0);
		if (h->seen > HTTP_HEAD_MAX)
			err = refuse(h, -EMSGSIZE, "a header of more than %zu KiB", HTTP_HEAD_MAX / 1024);
		else
			err = add_to_line(h, p, n);
		p += n;
		if (newline && !err) {
			p++;
			err = end_of_line(h);
		}
	}
	*used = (size_t)(p - bytes);
	return err;
}
