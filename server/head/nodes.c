/* nodes.c - the nodes file, nodes(5) -> its rows; a changed row -> the same file, every other byte as it was. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/nodes.h"

#include "base/digits.h"
#include "base/file.h"
#include "net/address.h"
#include "server/head/site.h"

#include <ctype.h>

const char *const node_key_names[NODE_KEYS] = { "name", "node_id", "address", "image", "method", "boot", "words" };

int node_key_parse(const char *name, size_t len, enum node_key *key)
{
	for (int k = 0; k < NODE_KEYS; k++) {
		if (strlen(node_key_names[k]) == len && memcmp(node_key_names[k], name, len) == 0) {
			*key = (enum node_key)k;
			return 0;
		}
	}
	return -ENOENT;
}

/* ---- patterns */

/* Two digits and a colon at each step; "*" for all that follow. *COUNT of bytes that are given. */
static bool pattern_read(const char *p, uint8_t mac[MAC_LEN], size_t *count)
{
	for (*count = 0; *count < MAC_LEN; (*count)++) {
		int high, low;

		if (streq(p, "*"))
			return true;
		high = hex_digit(p[0]);
		low = high < 0 ? -1 : hex_digit(p[1]);
		if (low < 0 || p[2] != (*count + 1 < MAC_LEN ? ':' : '\0'))
			return false;
		mac[*count] = (uint8_t)(high << 4 | low);
		p += 3;
	}
	return true;
}

bool node_is_one(const char *pattern, uint8_t mac[MAC_LEN])
{
	uint8_t here[MAC_LEN];
	size_t count;

	if (!pattern_read(pattern, here, &count) || count != MAC_LEN)
		return false;
	if (mac)
		memcpy(mac, here, MAC_LEN);
	return true;
}

static bool pattern_fits(const char *pattern, const uint8_t mac[MAC_LEN])
{
	uint8_t given[MAC_LEN];
	size_t count;

	return pattern_read(pattern, given, &count) && memcmp(given, mac, count) == 0;
}

/* ---- values */

static int check_words(const char *value, struct buf *why)
{
	for (const char *p = value; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == '"' || *p == '\'' || *p == 0x7f) {
			buf_str(why, "has a character that no boot loader passes on");
			return -EINVAL;
		}
	}
	return 0;
}

/* A name of a file below the image folder: no way out of it, and nothing a boot loader or shell would read. */
static bool image_is_sane(const char *s)
{
	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-+/", *p))
			return false;
	return *s != '/' && !strstr(s, "..");
}

int node_value_check(enum node_key key, const char *value, struct buf *why)
{
	struct in_addr a;
	enum head_method m;
	bool right = true;
	int64_t n;

	switch (key) {
	case NODE_NAME:
		right = host_name_is_sane(value);
		break;
	case NODE_ID:
		right = parse_number(value, 0, INT32_MAX, &n) == 0;
		break;
	case NODE_ADDRESS:
		right = address_parse(value, &a) == 0 && address_is_host(a);
		break;
	case NODE_IMAGE:
		right = image_is_sane(value);
		break;
	case NODE_METHOD:
		right = head_method_parse(value, &m) == 0;
		break;
	case NODE_BOOT:
		right = streq(value, "network") || streq(value, "disk");
		break;
	case NODE_WORDS:
	case NODE_KEYS:
		return check_words(value, why);
	}
	if (right)
		return 0;
	buf_printf(why, "%s=%s: %s", node_key_names[key], value,
		   key == NODE_BOOT     ? "network or disk"
		   : key == NODE_METHOD ? "http, dolly, ka or nfs"
		   : key == NODE_NAME   ? "this is no host's name"
		   : key == NODE_ID     ? "a number is needed"
		   : key == NODE_IMAGE  ? "a file below the image folder is needed"
					: "this is no machine's address");
	return -EINVAL;
}

/* ---- one line */

/* A word of a line: KEY=VALUE, KEY="VALUE", or the pattern. */
struct word {
	const char *begin, *end; /* all of it, quotes included */
};

/* The next word of S, or a false at its end or a comment. */
static bool next_word(const char **s, struct word *w)
{
	bool quoted = false;

	*s += strspn(*s, " \t\r");
	w->begin = *s;
	if (!**s || **s == '#')
		return false;
	for (; **s && (quoted || !strchr(" \t\r", **s)); (*s)++)
		quoted ^= **s == '"';
	w->end = *s;
	return true;
}

/* KEY=VALUE -> its two halves; the quotes are gone. */
static int split(const struct word *w, enum node_key *key, char **value)
{
	const char *equal = memchr(w->begin, '=', (size_t)(w->end - w->begin));
	const char *from = equal ? equal + 1 : NULL, *end = w->end;
	bool quoted;

	if (!equal || node_key_parse(w->begin, (size_t)(equal - w->begin), key))
		return -ENOENT;
	quoted = end - from >= 2 && from[0] == '"' && end[-1] == '"';
	from += quoted;
	end -= quoted;
	if (memchr(from, '"', (size_t)(end - from)))
		return -EINVAL;
	*value = strndup(from, (size_t)(end - from));
	return *value ? 0 : -ENOMEM;
}

static void node_free(struct node_entry *n)
{
	free(n->pattern);
	for (int k = 0; k < NODE_KEYS; k++)
		free(n->value[k]);
	*n = (struct node_entry){ 0 };
}

static int take_pattern(const struct word *w, struct node_entry *n, struct buf *why)
{
	uint8_t mac[MAC_LEN];
	size_t count;

	n->pattern = strndup(w->begin, (size_t)(w->end - w->begin));
	if (!n->pattern)
		return -ENOMEM;
	for (char *p = n->pattern; *p; p++)
		*p = *p == '-' ? ':' : (char)tolower((unsigned char)*p);
	if (pattern_read(n->pattern, mac, &count))
		return 0;
	buf_str(why, "begins with no card's address: 00:02:b3:3f:78:8c, or 00:02:b3:* for all that begin so, or *");
	return -EINVAL;
}

static int take_value(const struct word *w, struct node_entry *n, struct buf *why)
{
	enum node_key key;
	char *value = NULL;
	int err = split(w, &key, &value);

	if (err) {
		buf_printf(why, "has a word of no meaning: %.*s", (int)MIN(w->end - w->begin, 60), w->begin);
		return err == -ENOMEM ? err : -EINVAL;
	}
	err = *value ? node_value_check(key, value, why) : 0;
	if (!err && n->value[key]) {
		buf_printf(why, "says %s= twice", node_key_names[key]);
		err = -EINVAL;
	}
	if (err || !*value) {
		free(value);
		return err;
	}
	n->value[key] = value;
	return 0;
}

/* One line -> a row; -ENOENT: it has none. */
static int read_line(const char *line, struct node_entry *n, struct buf *why)
{
	struct word w;
	int err = next_word(&line, &w) ? take_pattern(&w, n, why) : -ENOENT;

	while (!err && next_word(&line, &w))
		err = take_value(&w, n, why);
	return err;
}

/* ---- the file */

void nodes_free(struct nodes *nodes)
{
	for (size_t i = 0; i < nodes->line_count; i++)
		free(nodes->line[i]);
	for (size_t i = 0; i < nodes->count; i++)
		node_free(&nodes->node[i]);
	free(nodes->line);
	free(nodes->node);
	*nodes = (struct nodes){ 0 };
}

static int add_line(struct nodes *nodes, const char *text, size_t len)
{
	char **more = reallocarray(nodes->line, nodes->line_count + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	nodes->line = more;
	nodes->line[nodes->line_count] = strndup(text, len);
	return nodes->line[nodes->line_count++] ? 0 : -ENOMEM;
}

static int add_row(struct nodes *nodes, struct node_entry *row)
{
	struct node_entry *more = reallocarray(nodes->node, nodes->count + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	nodes->node = more;
	nodes->node[nodes->count++] = *row;
	*row = (struct node_entry){ 0 };
	return 0;
}

struct node_entry *nodes_row(const struct nodes *nodes, const char *pattern)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (strcasecmp(nodes->node[i].pattern, pattern) == 0)
			return &nodes->node[i];
	return NULL;
}

/* What no two machines may have. */
static int check_unique(const struct nodes *nodes, const struct node_entry *row, struct buf *why)
{
	static const enum node_key own[] = { NODE_NAME, NODE_ID, NODE_ADDRESS };
	bool one = node_is_one(row->pattern, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		const char *value = row->value[own[i]];

		if (value && !one) {
			buf_printf(why, "gives many machines the same %s", node_key_names[own[i]]);
			return -EINVAL;
		}
		for (size_t k = 0; value && k < nodes->count; k++) {
			if (nodes->node[k].line == row->line || !streq(nodes->node[k].value[own[i]], value))
				continue;
			buf_printf(why, "has %s=%s, which line %zu has", node_key_names[own[i]], value,
				   nodes->node[k].line + 1);
			return -EINVAL;
		}
	}
	return 0;
}

static int take_line(struct nodes *nodes, const char *text, size_t len, struct buf *why)
{
	struct node_entry row = { .line = nodes->line_count };
	int err = memchr(text, '\0', len) ? -EINVAL : add_line(nodes, text, len);

	if (!err)
		err = read_line(nodes->line[row.line], &row, why);
	else
		buf_str(why, "has a NUL byte");
	if (!err && nodes_row(nodes, row.pattern)) {
		buf_str(why, "is a second one for this card");
		err = -EINVAL;
	}
	err = err ? err : check_unique(nodes, &row, why);
	err = err ? err : add_row(nodes, &row);
	node_free(&row);
	return err == -ENOENT ? 0 : err;
}

int nodes_read(const char *text, size_t len, struct nodes *nodes, struct buf *why)
{
	cleanup_buf struct buf reason = { 0 };
	int err = 0;

	*nodes = (struct nodes){ 0 };
	while (len > 0 && !err) {
		const char *end = memchr(text, '\n', len);
		size_t here = end ? (size_t)(end - text) : len;

		err = take_line(nodes, text, here, &reason);
		here += end != NULL;
		text += here;
		len -= here;
	}
	if (!err)
		return 0;
	buf_printf(why, "line %zu %s", MAX(nodes->line_count, (size_t)1), buf_cstr(&reason));
	nodes_free(nodes);
	return err;
}

int nodes_read_file(const char *path, struct nodes *nodes, struct buf *why)
{
	cleanup_buf struct buf text = { 0 };
	int err = file_read(path, &text);

	*nodes = (struct nodes){ 0 };
	if (err == -ENOENT)
		return 0;
	if (err)
		buf_printf(why, "%s", strerror(-err));
	return err ? err : nodes_read(buf_cstr(&text), text.len, nodes, why);
}

void nodes_write(const struct nodes *nodes, struct buf *out)
{
	for (size_t i = 0; i < nodes->line_count; i++)
		buf_printf(out, "%s\n", nodes->line[i]);
}

bool nodes_find(const struct nodes *nodes, const uint8_t mac[MAC_LEN], struct node_entry *found)
{
	bool any = false;

	*found = (struct node_entry){ 0 };
	for (int exact = 1; exact >= 0; exact--) {
		for (size_t i = 0; i < nodes->count; i++) {
			struct node_entry *n = &nodes->node[i];

			if (node_is_one(n->pattern, NULL) != exact || !pattern_fits(n->pattern, mac))
				continue;
			any = true;
			found->pattern = found->pattern ? found->pattern : n->pattern;
			for (int k = 0; k < NODE_KEYS; k++)
				found->value[k] = found->value[k] ? found->value[k] : n->value[k];
		}
	}
	return any;
}

/* ---- changes */

/* The line with the word KEY=... replaced by TEXT (NULL: taken away), or TEXT put behind its last word. */
static char *edit_line(const char *line, enum node_key key, const char *text)
{
	cleanup_buf struct buf out = { 0 };
	const char *p = line, *last = line;
	size_t name = strlen(node_key_names[key]);
	struct word w;

	while (next_word(&p, &w)) {
		if ((size_t)(w.end - w.begin) > name && w.begin[name] == '=' &&
		    memcmp(w.begin, node_key_names[key], name) == 0) {
			const char *cut = text ? w.begin : last;

			buf_add(&out, line, (size_t)(cut - line));
			buf_printf(&out, "%s%s", text ? text : "", w.end);
			return buf_take(&out);
		}
		last = w.end;
	}
	buf_add(&out, line, (size_t)(last - line));
	if (text)
		buf_printf(&out, " %s", text);
	buf_str(&out, last);
	return buf_take(&out);
}

static int new_row(struct nodes *nodes, const char *pattern, struct buf *why)
{
	size_t before = nodes->line_count;
	int err = take_line(nodes, pattern, strlen(pattern), why);

	if (err && nodes->line_count > before)
		free(nodes->line[--nodes->line_count]);
	return err;
}

/* Reads the line of ROW anew. */
static int refresh(struct nodes *nodes, size_t index, char *line, struct buf *why)
{
	struct node_entry *row = &nodes->node[index], fresh = { .line = row->line };
	int err = read_line(line, &fresh, why);

	err = err ? err : check_unique(nodes, &fresh, why);
	if (err) {
		node_free(&fresh);
		free(line);
		return err;
	}
	node_free(row);
	*row = fresh;
	free(nodes->line[row->line]);
	nodes->line[row->line] = line;
	return 0;
}

int nodes_set(struct nodes *nodes, const char *pattern, enum node_key key, const char *value, struct buf *why)
{
	cleanup_free char *word = NULL;
	bool gone = !value || !*value;
	struct node_entry *row;
	char *line;
	int err = gone ? 0 : node_value_check(key, value, why);

	if (err)
		return err;
	if (!nodes_row(nodes, pattern))
		err = new_row(nodes, pattern, why);
	row = err ? NULL : nodes_row(nodes, pattern);
	if (!row)
		return err ? err : -EINVAL;
	if (!gone)
		word = str_printf(strpbrk(value, " \t#") ? "%s=\"%s\"" : "%s=%s", node_key_names[key], value);
	line = edit_line(nodes->line[row->line], key, word);
	return line ? refresh(nodes, (size_t)(row - nodes->node), line, why) : -ENOMEM;
}

int nodes_remove(struct nodes *nodes, const char *pattern)
{
	struct node_entry *row = nodes_row(nodes, pattern);
	size_t line;

	if (!row)
		return -ENOENT;
	line = row->line;
	node_free(row);
	nodes->count--;
	memmove(row, row + 1, (size_t)(nodes->node + nodes->count - row) * sizeof(*row));
	free(nodes->line[line]);
	for (size_t i = line; i + 1 < nodes->line_count; i++)
		nodes->line[i] = nodes->line[i + 1];
	nodes->line_count--;
	for (size_t i = 0; i < nodes->count; i++)
		nodes->node[i].line -= nodes->node[i].line > line;
	return 0;
}
