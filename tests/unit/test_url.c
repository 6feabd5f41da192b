/* test_url.c - methods/retrieve/url.h: addresses come apart and together as RFC 3986 says, and show no secret. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "methods/retrieve/url.h"

static void check_host(const char *text, int err, const char *host, unsigned port)
{
	char *got = NULL;
	uint16_t got_port = 1;

	assert_int_equal(host_parse(text, strlen(text), &got, &got_port), err);
	if (!err) {
		assert_string_equal(got, host);
		assert_int_equal(got_port, port);
	}
	free(got);
}

static void test_hosts(void **state)
{
	(void)state;
	check_host("10.0.1.21", 0, "10.0.1.21", 0);
	check_host("mirror.example.org:8080", 0, "mirror.example.org", 8080);
	check_host("[fe80::1]", 0, "fe80::1", 0);
	check_host("[fe80::1%eth0]:80", 0, "fe80::1%eth0", 80);
	check_host("fe80::1", 0, "fe80::1", 0);
	check_host("::1", 0, "::1", 0);
	check_host("h:65535", 0, "h", 65535);
}

static void test_hosts_that_are_none(void **state)
{
	static const char *const bad[] = { "",       ":80",     "h:",   "h:0",     "h:65536", "h:123456",
					   "h:8x",   "h:-1",    "[::1", "[::1]80", "[::1]:",  "[]",
					   "[h]:80", "a:b:c",   "me@h", "h/x",     "a b",     "h\r\nX",
					   "\x80",   "fe80::%", "::1%", "h:+80" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_host(bad[i], -EINVAL, NULL, 0);
}

static void check_parts(const struct url *u, const char *scheme, const char *host, unsigned port, const char *path)
{
	assert_string_equal(u->scheme, scheme);
	assert_string_equal(u->host, host);
	assert_int_equal(u->port, port);
	assert_string_equal(u->path, path);
}

static void test_urls_come_apart(void **state)
{
	static const struct {
		const char *text, *scheme, *host;
		unsigned port;
		const char *path;
	} rows[] = {
		{ "http://h", "http", "h", 80, "/" },
		{ "HTTP://h:8080/a/b", "http", "h", 8080, "/a/b" },
		{ "https://[::1]/x?y=1#z", "https", "::1", 443, "/x?y=1" },
		{ "ftp://me:secret@h/x", "ftp", "h", 21, "/x" },
		{ "http://me@you@h/x", "http", "h", 80, "/x" },
		{ "http://h?q", "http", "h", 80, "/?q" },
		{ "http://h/a/../b/./c/..", "http", "h", 80, "/b/" },
		{ "http://h/../../x", "http", "h", 80, "/x" },
		{ "http://h/a b\r\n\xc3\xa4", "http", "h", 80, "/a%20b%0D%0A%C3%A4" },
		{ "weird+x://h:9/", "weird+x", "h", 9, "/" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct url u;

		assert_int_equal(url_parse(&u, rows[i].text), 0);
		check_parts(&u, rows[i].scheme, rows[i].host, rows[i].port, rows[i].path);
		url_free(&u);
	}
}

static void test_texts_that_are_no_urls(void **state)
{
	static const char *const bad[] = {
		"",          "/x",          "h",          "http:",           "http:/h",     "http://",
		"http:///x", "http://:80/", "1http://h/", "http://h:99999/", "mailto:me@h", "http://[::1/"
	};
	struct url u;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(url_parse(&u, bad[i]), -EINVAL);
	assert_int_equal(url_parse(&u, "gopher://h/"), -EPROTONOSUPPORT);
}

static void check_resolved(const char *base_text, const char *reference, const char *expected)
{
	cleanup_buf struct buf text = { 0 };
	struct url base, u;

	assert_int_equal(url_parse(&base, base_text), 0);
	assert_int_equal(url_resolve(&u, &base, reference), 0);
	buf_printf(&text, "%s://%s:%u%s", u.scheme, u.host, u.port, u.path);
	assert_string_equal(buf_cstr(&text), expected);
	url_free(&u);
	url_free(&base);
}

/* The examples of RFC 3986, section 5.4, as far as they have a meaning for a host with a path. */
static void test_references(void **state)
{
	static const char *const rows[][2] = {
		{ "g", "/b/c/g" },      { "./g", "/b/c/g" },        { "g/", "/b/c/g/" },
		{ "/g", "/g" },         { "?y", "/b/c/d;p?y" },     { "g?y", "/b/c/g?y" },
		{ "#s", "/b/c/d;p?q" }, { "g#s", "/b/c/g" },        { ";x", "/b/c/;x" },
		{ "", "/b/c/d;p?q" },   { ".", "/b/c/" },           { "./", "/b/c/" },
		{ "..", "/b/" },        { "../g", "/b/g" },         { "../..", "/" },
		{ "../../g", "/g" },    { "../../../g", "/g" },     { "/./g", "/g" },
		{ "/../g", "/g" },      { "g.", "/b/c/g." },        { "g..", "/b/c/g.." },
		{ "./../g", "/b/g" },   { "./g/.", "/b/c/g/" },     { "g/./h", "/b/c/g/h" },
		{ "g/../h", "/b/c/h" }, { "g;x=1/../y", "/b/c/y" }, { "g?y/../x", "/b/c/g?y/../x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *expected = str_printf("http://a:80%s", rows[i][1]);

		check_resolved("http://a/b/c/d;p?q", rows[i][0], expected);
		free(expected);
	}
	check_resolved("http://a/b", "//g:8/x", "http://g:8/x");
	check_resolved("http://a/b", "https://g/x", "https://g:443/x");
}

static void test_file_names_become_paths(void **state)
{
	struct url u;

	(void)state;
	assert_int_equal(url_make(&u, "http", "h", 80, "pub/50%/a b?c#d/\xc3\xa4%20"), 0);
	assert_string_equal(u.path, "/pub/50%25/a%20b%3Fc%23d/%C3%A4%20");
	url_free(&u);
	/* a query, for those that have one */
	assert_int_equal(url_make(&u, "https", "h", 443, "a+b;c?d=../e f+g#h?%2F"), 0);
	assert_string_equal(u.path, "/a%2Bb%3Bc?d=../e%20f+g%23h?%2F");
	url_free(&u);
	assert_int_equal(url_make(&u, "ftp", "h", 21, "a?b=c"), 0);
	assert_string_equal(u.path, "/a%3Fb=c");
	url_free(&u);
}

static void check_text(const char *from, const char *shown, const char *host)
{
	cleanup_buf struct buf text = { 0 }, host_text = { 0 };
	struct url u;

	assert_int_equal(url_parse(&u, from), 0);
	url_text(&u, &text);
	url_host_text(&u, &host_text);
	assert_string_equal(buf_cstr(&text), shown);
	assert_string_equal(buf_cstr(&host_text), host);
	url_free(&u);
}

static void test_texts(void **state)
{
	(void)state;
	check_text("http://h:80/x", "http://h/x", "h");
	check_text("https://h:80/x", "https://h:80/x", "h:80");
	check_text("http://[fe80::1%eth0]:81/", "http://[fe80::1%eth0]:81/", "[fe80::1]:81");
	check_text("http://me:hush@h/x?key=hush", "http://h/x?...", "h");
}

static void test_origins(void **state)
{
	struct url a, b;

	(void)state;
	assert_int_equal(url_parse(&a, "http://Host/x"), 0);
	assert_int_equal(url_parse(&b, "http://hosT:80/y"), 0);
	assert_true(url_same_origin(&a, &b));
	b.port = 81;
	assert_false(url_same_origin(&a, &b));
	url_free(&a);
	url_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),           cmocka_unit_test(test_hosts_that_are_none),
		cmocka_unit_test(test_urls_come_apart), cmocka_unit_test(test_texts_that_are_no_urls),
		cmocka_unit_test(test_references),      cmocka_unit_test(test_file_names_become_paths),
		cmocka_unit_test(test_texts),           cmocka_unit_test(test_origins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
