/* conf.c - dolly.cfg text (both published forms, and ours) <-> struct dolly_conf. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/dolly/conf.h"

#include "relay/dolly/hosts.h"

#include <stdio.h>

/* One line of the text, without its end. */
struct line {
	const char *p;
	size_t len;
	unsigned number;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Blanks before and behind it go away. */
static void trim(struct line *l)
{
	while (l->len && is_blank(l->p[l->len - 1]))
		l->len--;
	while (l->len && is_blank(l->p[0])) {
		l->p++;
		l->len--;
	}
}

/* Takes the next line off TEXT; false at the end. */
static bool next_line(const char **text, size_t *left, struct line *l)
{
	const char *end;

	if (*left == 0)
		return false;
	end = memchr(*text, '\n', *left);
	l->p = *text;
	l->len = end ? (size_t)(end - *text) : *left;
	l->number++;
	*left -= end ? l->len + 1 : l->len;
	*text += end ? l->len + 1 : l->len;
	trim(l);
	return true;
}

static bool begins(const struct line *l, const char *word)
{
	return l->len >= strlen(word) && memcmp(l->p, word, strlen(word)) == 0;
}

/* What follows WORD, without blanks before it; false where the line does not begin with WORD and a blank. */
static bool value_of(const struct line *l, const char *word, struct line *value)
{
	size_t n = strlen(word);

	if (!begins(l, word) || l->len <= n || (l->p[n] != ' ' && l->p[n] != '\t'))
		return false;
	while (n < l->len && (l->p[n] == ' ' || l->p[n] == '\t'))
		n++;
	*value = (struct line){ l->p + n, l->len - n, l->number };
	return true;
}

static char *copy(const char *p, size_t len)
{
	char *s = malloc(len + 1);

	if (s) {
		memcpy(s, p, len);
		s[len] = '\0';
	}
	return s;
}

/* Replaces *TO by a copy. */
static int set(char **to, const struct line *v)
{
	free(*to);
	*to = copy(v->p, v->len);
	return *to ? 0 : -ENOMEM;
}

static int number(const struct line *v, int64_t min, int64_t max, int64_t *out)
{
	cleanup_free char *s = copy(v->p, v->len);

	return s ? parse_number(s, min, max, out) : -ENOMEM;
}

/* The number in TEXT with its multiplier: "2G", "512M" (1024 based). 0 or -EINVAL. */
static int parse_size(const char *text, int64_t *bytes)
{
	static const char units[] = "kMGT";
	size_t len = strlen(text);
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;
	cleanup_free char *digits = copy(text, unit ? len - 1 : len);

	if (!digits || parse_number(digits, 1, INT64_MAX >> 41, bytes) < 0)
		return -EINVAL;
	for (const char *u = units; unit && u <= unit; u++)
		*bytes *= 1024;
	return 0;
}

/* "PATH", "PATH split", "PATH split 2G" -> path and what follows split. */
static int file_line(const struct line *v, char **path, bool *split, int64_t *part)
{
	static const char word[] = " split";
	struct line name = *v;
	cleanup_free char *size = NULL;

	*split = false;
	for (size_t i = 0; i + sizeof(word) - 1 <= v->len; i++) {
		size_t behind = i + sizeof(word) - 1;

		if (memcmp(v->p + i, word, sizeof(word) - 1) != 0 || (behind < v->len && v->p[behind] != ' '))
			continue;
		*split = true;
		name.len = i;
		while (behind < v->len && v->p[behind] == ' ')
			behind++;
		size = copy(v->p + behind, v->len - behind);
		if (!size)
			return -ENOMEM;
		if (*size && part && parse_size(size, part) < 0)
			return -EINVAL;
		break;
	}
	return name.len ? set(path, &name) : -EINVAL;
}

static int infile(struct dolly_conf *c, const struct line *v)
{
	return file_line(v, &c->infile, &c->in_split, NULL);
}

static int outfile(struct dolly_conf *c, const struct line *v)
{
	bool split;
	int err = file_line(v, &c->outfile, &split, &c->out_split);

	return !err && split && c->out_split == 0 ? -EINVAL : err;
}

/* "clients 3", "clients auto 32". */
static int clients(struct dolly_conf *c, const struct line *v)
{
	struct line count;
	int64_t n;
	int err;

	c->old_form = true;
	if (value_of(v, "auto", &count)) {
		err = number(&count, 1, 100000, &n);
		c->wanted = !err ? (uint32_t)n : 0;
		return err;
	}
	err = number(v, 1, 100000, &n);
	c->clients = !err ? (size_t)n : 0;
	return err;
}

/* "add 1:-b" */
static int add_links(struct dolly_conf *c, const struct line *v)
{
	const char *colon = memchr(v->p, ':', v->len);
	struct line count = *v, suffix;
	int64_t n;
	int err;

	if (!colon)
		return -EINVAL;
	count.len = (size_t)(colon - v->p);
	suffix = (struct line){ colon, v->len - count.len, v->number };
	err = number(&count, 0, 255, &n);
	c->add = !err ? (unsigned)n : 0;
	c->add_inside = false;
	return err ? err : set(&c->add_suffix, &suffix);
}

static int add2_links(struct dolly_conf *c, const struct line *v)
{
	int err = add_links(c, v);

	c->add_inside = !err;
	return err;
}

static int segsize(struct dolly_conf *c, const struct line *v)
{
	return number(v, 1, 65535, &c->segsize);
}

static int fanout(struct dolly_conf *c, const struct line *v)
{
	int64_t n;
	int err = number(v, 1, 8, &n);

	c->fanout = !err ? (unsigned)n : 1;
	return err;
}

static int server(struct dolly_conf *c, const struct line *v)
{
	c->old_form = true;
	return set(&c->server, v);
}

static int first(struct dolly_conf *c, const struct line *v)
{
	c->old_form = true;
	return set(&c->first, v);
}

static int last(struct dolly_conf *c, const struct line *v)
{
	c->old_form = true;
	return set(&c->last, v);
}

static const struct keyword {
	const char *word;
	int (*take)(struct dolly_conf *c, const struct line *value);
	const char *example;
} keywords[] = {
	{ "infile", infile, "infile /images/node.img [split]" },
	{ "outfile", outfile, "outfile /dev/ram3 [split 2G]" },
	{ "server", server, "server headnode" },
	{ "firstclient", first, "firstclient 10.0.1.31" },
	{ "lastclient", last, "lastclient 10.0.1.33" },
	{ "clients", clients, "clients 3, or clients auto 32" },
	{ "segsize", segsize, "segsize 1460" },
	{ "fanout", fanout, "fanout 1" },
	{ "add", add_links, "add 1:-b" },
	{ "add2", add2_links, "add2 1:b" },
};

int dolly_conf_add_host(struct dolly_conf *c, const char *name, size_t len)
{
	char **list = realloc(c->host, (c->hosts + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	c->host = list;
	list[c->hosts] = copy(name, len);
	return list[c->hosts] ? (c->hosts++, 0) : -ENOMEM;
}

/* What is left of a line with one word without a comment behind it. */
static size_t name_length(const struct line *l)
{
	size_t len = l->len;

	for (size_t i = 1; i < len; i++)
		if (l->p[i] == '#' && is_blank(l->p[i - 1]))
			len = i;
	while (len && is_blank(l->p[len - 1]))
		len--;
	return len;
}

static int take_host(void *ctx, const char *name, size_t len)
{
	return dolly_conf_add_host(ctx, name, len);
}

int dolly_conf_add_hosts(struct dolly_conf *c, const char *list)
{
	return hosts_list(list, take_host, c);
}

/* One line. 0, -ENOMEM, or -EINVAL with EXAMPLE set to what it should look like. */
static int take_line(struct dolly_conf *c, const struct line *l, const char **example)
{
	struct line rest = *l, value;

	if (begins(l, "hyphennormal") || begins(l, "hypheninterf")) {
		c->hyphennormal = true;
		return 0;
	}
	if (value_of(l, "compressed", &rest)) {
		c->in_compressed |= begins(&rest, "infile ");
		c->out_compressed |= begins(&rest, "outfile ");
	}
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		*example = keywords[i].example;
		if (value_of(&rest, keywords[i].word, &value))
			return keywords[i].take(c, &value);
		if (rest.len == strlen(keywords[i].word) && begins(&rest, keywords[i].word))
			return -EINVAL;
	}
	*example = "a host name or address alone in its line, or several: node[001-400], 10.0.0.5-20";
	return hosts_expand(l->p, name_length(l), take_host, c);
}

char *dolly_conf_reach(const struct dolly_conf *c, const char *host)
{
	size_t at = c->add_inside ? strcspn(host, "0123456789") : strlen(host);
	const char *word = c->add_suffix ? c->add_suffix + 1 : "";

	/* with more links than the first one, that one keeps the plain name */
	if (c->add > 0)
		word = "";
	return str_printf("%.*s%.*s%s", (int)at, host, (int)strcspn(word, ":"), word, host + at);
}

bool dolly_conf_complete(const char *text, size_t len)
{
	struct line l = { .number = 0 };

	while (next_line(&text, &len, &l))
		if (begins(&l, "endconfig"))
			return true;
	return false;
}

/* Is what is there enough? */
static const char *missing(const struct dolly_conf *c)
{
	if (!c->infile)
		return "there is no infile line (infile /images/node.img)";
	if (!c->outfile)
		return "there is no outfile line (outfile /dev/ram3)";
	if (!c->hosts && !c->wanted)
		return "it names no client; write one address per line, or clients auto N";
	return NULL;
}

int dolly_conf_parse(struct dolly_conf *c, const char *text, size_t len, char *error, size_t size)
{
	struct line l = { .number = 0 };
	const char *what = NULL;
	bool ended = false;
	int err;

	*c = (struct dolly_conf){ .fanout = 1 };
	/* the mark of editors that write it before UTF-8 */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	while (!ended && next_line(&text, &len, &l)) {
		if (begins(&l, "endconfig")) {
			ended = true;
		} else if (l.len > 0 && l.p[0] != '#') {
			err = take_line(c, &l, &what);
			if (!err)
				continue;
			snprintf(error, size, "line %u \"%.*s\": it should look like: %s", l.number,
				 (int)MIN(l.len, (size_t)60), l.p, what);
			dolly_conf_free(c);
			return err == -ENOMEM ? -ENOMEM : -EBADMSG;
		}
	}
	what = ended ? missing(c) : "the last line must be endconfig";
	if (!what)
		return 0;
	snprintf(error, size, "%s", what);
	dolly_conf_free(c);
	return -EBADMSG;
}

int dolly_conf_write(const struct dolly_conf *c, bool old, size_t from, struct buf *out)
{
	buf_printf(out, "%sinfile %s%s\n", old && c->in_compressed ? "compressed " : "", c->infile,
		   c->in_split ? " split" : "");
	buf_printf(out, "%soutfile %s", old && c->out_compressed ? "compressed " : "", c->outfile);
	if (c->out_split)
		buf_printf(out, " split %lldk", (long long)(c->out_split / 1024));
	buf_char(out, '\n');
	if (old && c->segsize)
		buf_printf(out, "segsize %lld\n", (long long)c->segsize);
	if (c->hyphennormal)
		buf_str(out, "hyphennormal\n");
	if (old) {
		buf_printf(out, "server %s\n", c->server ? c->server : "server");
		buf_printf(out, "firstclient %s\nlastclient %s\n", c->host[from], c->host[c->hosts - 1]);
		buf_printf(out, "clients %zu\n", c->hosts - from);
	}
	for (size_t i = from; i < c->hosts; i++)
		buf_printf(out, "%s\n", c->host[i]);
	buf_str(out, "endconfig\n");
	return out->failed ? -ENOMEM : 0;
}

void dolly_conf_free(struct dolly_conf *c)
{
	free(c->infile);
	free(c->outfile);
	free(c->add_suffix);
	free(c->server);
	free(c->first);
	free(c->last);
	for (size_t i = 0; i < c->hosts; i++)
		free(c->host[i]);
	free(c->host);
	*c = (struct dolly_conf){ 0 };
}
