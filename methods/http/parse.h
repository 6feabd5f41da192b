/* parse.h - bytes of an HTTP/1 answer, in pieces of any size -> its head's facts, then its body's data. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_HTTP_PARSE_H
#define METHODS_HTTP_PARSE_H

#include "base/buf.h"

/* The most bytes a head (interim answers before it included) or one chunk's framing may have. */
#define HTTP_HEAD_MAX ((size_t)1024 * 1024)

/* The head of one answer (RFC 9112). {0} is the beginning. Strings are owned by the struct, NULL where absent. */
struct http_head {
	bool complete;       /* the final head is there whole; interim ones (1xx) were skipped */
	int status;          /* 200..599 */
	int minor;           /* HTTP/1.minor */
	char *status_line;   /* "HTTP/1.1 404 Not Found", control characters blanked */
	int64_t length;      /* Content-Length in bytes, -1 where absent; valid once complete */
	bool chunked;        /* Transfer-Encoding: chunked (which overrides the length) */
	bool ranged;         /* a Content-Range that could be read: */
	int64_t range_first; /* first and last byte of the answer within the file */
	int64_t range_last;
	int64_t range_total; /* size of the file, -1 where the server does not know it */
	char *etag;          /* entity tag with its quotes, only when it is a strong one (RFC 9110, section 8.8.3) */
	char *modified;      /* Last-Modified as written */
	char *location;      /* of a redirection, as written */
	char *encoding;      /* the first of Content-Encoding that changes bytes */
	int64_t retry_after; /* Retry-After in seconds, -1 where absent or a date */
	char error[200];     /* why it was refused, in words */

	/* the parser's own */
	struct buf line; /* the field line being read, its continuation lines included */
	size_t seen;     /* bytes of all heads so far */
	bool started;    /* the status line is behind */
	bool line_ended; /* LINE is whole unless a continuation line follows */
};

/* Reads the next LEN bytes. *USED of them belonged to the head (all of them while it is not complete). 0, -EPROTO or
 * -EMSGSIZE with H->error in words, -ENOMEM. Pure: cutting the bytes differently changes nothing. */
int http_head_feed(struct http_head *h, const uint8_t *bytes, size_t len, size_t *used) must_check;

void http_head_free(struct http_head *h);

/* How the end of a body is known: RFC 9112, section 6.3. */
enum http_framing { HTTP_COUNTED, HTTP_CHUNKED, HTTP_UNTIL_CLOSE };

enum http_chunk_state {
	CHUNK_SIZE_FIRST, /* before the first digit */
	CHUNK_SIZE,
	CHUNK_EXTENSION, /* to the end of the size's line */
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER, /* at the beginning of a trailer line */
	CHUNK_TRAILER_LINE,
};

struct http_body {
	enum http_framing framing;
	bool complete;     /* the last byte was there */
	int64_t left;      /* bytes of data still to come, of the body (counted) or of the chunk */
	const char *error; /* why it was refused, in words */

	/* the parser's own */
	enum http_chunk_state state;
	size_t overhead; /* bytes of framing since the last data */
};

/* Begins the body that follows H. */
void http_body_init(struct http_body *b, const struct http_head *h);

/* Takes the framing off LEN bytes in place: *DATA bytes of the body are moved to the front of BYTES. *USED bytes
 * belonged to this body. 0, or -EPROTO with B->error. Pure. */
int http_body_feed(struct http_body *b, uint8_t *bytes, size_t len, size_t *data, size_t *used) must_check;

/* How many bytes may be read next without taking one that is not the body's; at least 1, MAX where it is not known. */
size_t http_body_want(const struct http_body *b, size_t max);

/* How many bytes of pure data come next and need no look: they may be moved elsewhere and then be counted by
 * http_body_skip. 0 inside of framing. */
size_t http_body_plain(const struct http_body *b, size_t max);
void http_body_skip(struct http_body *b, size_t count);

/* The connection has ended. 0 when the body may be whole (counted and chunked: is whole), -ENODATA when it is not. */
int http_body_end(struct http_body *b) must_check;

#endif
