/* test_tls.c - certificates come apart and are judged, pins are read, bundles become authorities, 1970 is no time. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/tls.h"
#include "methods/tls/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>

/* CN=head, P-256, DNS:head, IP:10.0.1.21, IP:fe80::1, of 2026 to 2126, by itself. */
static const char hex[] = "3082019f30820144a003020102021423e6514a612d8115fd9bcc2320404a"
			  "049eb5c771300a06082a8648ce3d040302300f310d300b06035504030c04"
			  "686561643020170d3236313132333137343531315a180f32313236313033"
			  "303137343531315a300f310d300b06035504030c04686561643059301306"
			  "072a8648ce3d020106082a8648ce3d030107034200042fa92c90f2023c91"
			  "498f41cacacbdab3045503dfebb5ad154152766916ad6692c6a8d893461f"
			  "bc98cf7ed10d1b6ebdd1f262e42baa96d3abb821b042c8c005c0a37c307a"
			  "301d0603551d0e04160414e3bd55d597c2840d33292610abf90a5b95c0de"
			  "ec301f0603551d23041830168014e3bd55d597c2840d33292610abf90a5b"
			  "95c0deec300f0603551d130101ff040530030101ff30270603551d110420"
			  "301e82046865616487040a0001158710fe80000000000000000000000000"
			  "0001300a06082a8648ce3d04030203490030460221008f616874346192d7"
			  "93314739f75a1b95452af4a328880ebdd8c8f6444dfb61a5022100817384"
			  "ca203c69766c888917075037d4054fe33c1f68fd046583ddbbcf7c2c9e";
static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
			  "MIIBnzCCAUSgAwIBAgIUI+ZRSmEtgRX9m8wjIEBKBJ61x3EwCgYIKoZIzj0EAwIw\n"
			  "DzENMAsGA1UEAwwEaGVhZDAgFw0yNjExMjMxNzQ1MTFaGA8yMTI2MTAzMDE3NDUx\n"
			  "MVowDzENMAsGA1UEAwwEaGVhZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABC+p\n"
			  "LJDyAjyRSY9BysrL2rMEVQPf67WtFUFSdmkWrWaSxqjYk0YfvJjPftENG2690fJi\n"
			  "5CuqltOruCGwQsjABcCjfDB6MB0GA1UdDgQWBBTjvVXVl8KEDTMpJhCr+QpblcDe\n"
			  "7DAfBgNVHSMEGDAWgBTjvVXVl8KEDTMpJhCr+QpblcDe7DAPBgNVHRMBAf8EBTAD\n"
			  "AQH/MCcGA1UdEQQgMB6CBGhlYWSHBAoAARWHEP6AAAAAAAAAAAAAAAAAAAEwCgYI\n"
			  "KoZIzj0EAwIDSQAwRgIhAI9haHQ0YZLXkzFHOfdaG5VFKvSjKIgOvdjI9kRN+2Gl\n"
			  "AiEAgXOEyiA8aXZsiIkXB1A31AVP4zwfaP0EZYPdu898LJ4=\n"
			  "-----END CERTIFICATE-----\n";
/* openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | sha256sum */
static const char key_sum[] = "787be91d74a2afb73670bdd04a44839601422c95ffaa7185df9973529ce69636";

static size_t unhex(uint8_t *out, const char *text)
{
	size_t n = 0;

	for (; text[0]; text += 2) {
		unsigned byte;

		assert_int_equal(sscanf(text, "%2x", &byte), 1);
		out[n++] = (uint8_t)byte;
	}
	return n;
}

static void test_a_certificate_comes_apart(void **state)
{
	uint8_t der[1000], pin[32], sum[32], ip[16];
	size_t len = unhex(der, hex);
	br_sha256_context sha;
	struct certificate c;

	(void)state;
	assert_int_equal(certificate_parse(&c, der, len), 0);
	assert_int_equal(c.not_before.len, 13);
	assert_memory_equal(c.not_before.p, "261123174511Z", 13);
	assert_int_equal(c.not_after.len, 15);
	assert_memory_equal(c.not_after.p, "21261030174511Z", 15);
	br_sha256_init(&sha);
	br_sha256_update(&sha, c.key.p, c.key.len);
	br_sha256_out(&sha, sum);
	assert_int_equal(tls_parse_pin(key_sum, pin), 0);
	assert_memory_equal(sum, pin, 32);

	inet_pton(AF_INET, "10.0.1.21", ip);
	assert_true(certificate_has_ip(&c, ip, 4));
	assert_false(certificate_has_ip(&c, ip, 3));
	ip[3]++;
	assert_false(certificate_has_ip(&c, ip, 4));
	inet_pton(AF_INET6, "fe80::1", ip);
	assert_true(certificate_has_ip(&c, ip, 16));
}

static void test_a_cut_certificate_is_none(void **state)
{
	uint8_t der[1000];
	size_t len = unhex(der, hex);
	struct certificate c;

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = malloc(cut + 1); /* so that the sanitizer sees a byte too far */

		memcpy(exact, der, cut);
		assert_int_equal(certificate_parse(&c, exact, cut), -EBADMSG);
		free(exact);
	}
}

static void test_pins(void **state)
{
	static const char base64[] = "eHvpHXSir7c2cL3QSkSDlgFCLJX/qnGF35lzUpzmljY=";
	uint8_t a[32], b[32];

	(void)state;
	assert_int_equal(tls_parse_pin(key_sum, a), 0);
	assert_int_equal(tls_parse_pin(base64, b), 0);
	assert_memory_equal(a, b, 32);
	assert_int_equal(tls_parse_pin("sha256//eHvpHXSir7c2cL3QSkSDlgFCLJX/qnGF35lzUpzmljY=", b), 0);
	assert_memory_equal(a, b, 32);
	assert_int_equal(tls_parse_pin("", a), -EINVAL);
	assert_int_equal(tls_parse_pin(key_sum + 1, a), -EINVAL);
	assert_int_equal(tls_parse_pin(base64 + 1, a), -EINVAL);
	assert_int_equal(tls_parse_pin("eHvpHXSir7c2cL3QSkSDlgFCLJX/qnGF35lzUpzmljYx", a), -EINVAL);
	assert_int_equal(tls_parse_pin("eHvpHXSir7c2cL3QSkSDlgFCLJX/qnGF3-lzUpzmljY=", a), -EINVAL);
}

static void test_bundles(void **state)
{
	char *two = str_printf("words\n%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n%s", pem, pem);
	struct anchors a;

	(void)state;
	assert_int_equal(anchors_parse(&a, two, strlen(two)), 0);
	assert_int_equal(a.count, 2);
	assert_int_equal(a.unread, 1);
	assert_true(a.list[1].authority);
	assert_int_equal(a.list[1].key.key_type, BR_KEYTYPE_EC);
	anchors_free(&a);
	for (size_t cut = 0; cut < strlen(pem) - 1; cut += 7) {
		assert_int_equal(anchors_parse(&a, pem, cut), 0);
		assert_int_equal(a.count, 0);
		anchors_free(&a);
	}
	free(two);
}

static void check_date(const char *text, int64_t expected)
{
	struct der date = { (const uint8_t *)text, strlen(text) };
	int64_t seconds;

	assert_int_equal(certificate_time(&date, &seconds), 0);
	assert_true(seconds == expected);
}

/* date -u -d ... +%s */
static void test_dates(void **state)
{
	static const char *const bad[] = { "",
					   "Z",
					   "261123174511",
					   "26112317451Z",
					   "2611231745110",
					   "261323174511Z",
					   "260023174511Z",
					   "261100174511Z",
					   "261123244511Z",
					   "26112317451xZ",
					   "00001123174511Z",
					   "261123174511+0100" };
	int64_t seconds;

	(void)state;
	check_date("700101000000Z", 0);
	check_date("261123174511Z", 1795455911);
	check_date("20261123174511Z", 1795455911);
	check_date("21261030174511Z", 4949055911);
	check_date("500101000000Z", -631152000);
	check_date("20240229235959Z", 1709251199);
	check_date("99991231235959Z", 253402300799);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct der date = { (const uint8_t *)bad[i], strlen(bad[i]) };

		assert_int_equal(certificate_time(&date, &seconds), -EBADMSG);
	}
}

/* What the judge says of the certificate above, which its own authority is in the bundle for: 0, or the verdict times
 * 100 and the fault of the path. */
static int judge(int64_t clock, int64_t released, const char *host)
{
	uint8_t der[1000];
	size_t len = unhex(der, hex);
	struct anchors a;
	struct judge j;
	int result;

	assert_int_equal(anchors_parse(&a, pem, strlen(pem)), 0);
	judge_init(&j, host, NULL, &a, clock, released);
	j.vtable->start_chain(&j.vtable, host);
	j.vtable->start_cert(&j.vtable, (uint32_t)len);
	for (size_t i = 0; i < len; i++)
		j.vtable->append(&j.vtable, der + i, 1);
	j.vtable->end_cert(&j.vtable);
	result = j.vtable->end_chain(&j.vtable) ? (int)j.verdict * 100 + (int)j.path.fault : 0;
	judge_free(&j);
	anchors_free(&a);
	return result;
}

static void test_clocks(void **state)
{
	const int64_t issued = 1795455911, expired = 4949055911, day = 86400;

	(void)state;
	assert_int_equal(judge(issued + day, issued, "head"), 0);
	assert_int_equal(judge(issued - day, 0, "head"), VERDICT_PATH * 100 + PATH_NOT_YET);
	assert_int_equal(judge(expired + day, 0, "head"), VERDICT_PATH * 100 + PATH_EXPIRED);
	/* in 1970: anything that is not over on the day of the release */
	assert_int_equal(judge(0, issued + day, "head"), 0);
	assert_int_equal(judge(0, issued - 400 * day, "head"), 0);
	assert_int_equal(judge(0, expired + day, "head"), VERDICT_PATH * 100 + PATH_EXPIRED);
}

static void test_names(void **state)
{
	const int64_t now = 1800000000;

	(void)state;
	assert_int_equal(judge(now, 0, "HEAD"), 0);
	assert_int_equal(judge(now, 0, "head."), 0);
	assert_int_equal(judge(now, 0, "10.0.1.21"), 0);
	assert_int_equal(judge(now, 0, "fe80::1"), 0);
	assert_int_equal(judge(now, 0, "headless"), VERDICT_NAME * 100);
	assert_int_equal(judge(now, 0, "10.0.1.22"), VERDICT_NAME * 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_certificate_comes_apart),
		cmocka_unit_test(test_a_cut_certificate_is_none),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_bundles),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
