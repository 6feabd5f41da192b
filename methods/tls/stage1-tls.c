/* stage1-tls.c - a connection to a server, and a socket -> plain bytes there, TLS 1.2 here; run by
 * methods/tls/tls.c. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/help.h"
#include "base/compat.h"
#include "base/file.h"
#include "base/rights.h"
#include "methods/tls/tls.h"
#include "methods/tls/judge.h"
#include "methods/tls/look.h"
#include "methods/tls/pump.h"
#include "methods/tls/refusal.h"
#include "methods/tls/rsa.h"
#include "base/version.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The descriptors it is started with. */
enum { NET = 3, PLAIN = 4, REPORT = 5 };

/* ECDHE only: what is recorded today is of no use tomorrow. GCM first where the processor helps (RFC 5288, 5289,
 * 7905). */
static const uint16_t suites[] = {
	BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,       BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,       BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
};

static struct {
	br_ssl_client_context client;
	unsigned char records[BR_SSL_BUFSIZE_BIDI];
	struct judge judge;
	struct anchors anchors;
	uint8_t pin[32];
	char name[256]; /* what the server is told that it is asked for */
	bool wants_certificate;
	const br_ssl_client_certificate_class *asked;
} all;

/* One line of the report. */
static void report(const char *id, const char *fmt, ...) printf_like(2, 3);
static void report(const char *id, const char *fmt, ...)
{
	cleanup_buf struct buf line = { 0 };
	va_list ap;

	buf_printf(&line, "%s ", id);
	va_start(ap, fmt);
	buf_vprintf(&line, fmt, ap);
	va_end(ap);
	buf_char(&line, '\n');
	if (write(REPORT, buf_cstr(&line), line.len) < 0)
		_exit(1);
}

/* ---- before the first byte */

static bool read_anchors(const char *path)
{
	cleanup_buf struct buf pem = { 0 };
	int err = file_read(path, &pem);

	if (!err)
		err = anchors_parse(&all.anchors, pem.data, pem.len);
	if (err)
		report(TLS_TRUST, "the authorities cannot be read from %s: %s", path, err_text(err));
	else if (!all.anchors.count)
		report(TLS_TRUST, "there is no authority in %s", path);
	return !err && all.anchors.count;
}

static bool read_pin(const char *hex)
{
	return tls_parse_pin(hex, all.pin) == 0;
}

/* Bytes from one descriptor to the other; one more look at a server that refused (look.h). */
static const int calls[] = { RIGHTS_BASIC, __NR_poll,       __NR_getrandom,   __NR_shutdown,
			     __NR_sendto,  __NR_recvfrom,   __NR_getpeername, __NR_socket,
			     __NR_connect, __NR_setsockopt, __NR_getsockopt };

/* ---- the engine */

static void choose_ciphers(br_ssl_engine_context *e)
{
	const br_block_ctr_class *aes = br_aes_x86ni_ctr_get_vtable();
	br_ghash ghash = br_ghash_pclmul_get();
	br_chacha20_run chacha = br_chacha20_sse2_get();

	br_ssl_engine_set_suites(e, suites, ARRAY_SIZE(suites));
	br_ssl_engine_set_gcm(e, &br_sslrec_in_gcm_vtable, &br_sslrec_out_gcm_vtable);
	br_ssl_engine_set_aes_ctr(e, aes ? aes : &br_aes_ct64_ctr_vtable);
	br_ssl_engine_set_ghash(e, ghash ? ghash : br_ghash_ctmul64);
	br_ssl_engine_set_chapol(e, &br_sslrec_in_chapol_vtable, &br_sslrec_out_chapol_vtable);
	br_ssl_engine_set_chacha20(e, chacha ? chacha : br_chacha20_ct_run);
	br_ssl_engine_set_poly1305(e, br_poly1305_ctmulq_run);
}

/* A server that asks for a certificate gets none: BearSSL asks for one, and that is noted. */

static void note_request(const br_ssl_client_certificate_class **context)
{
	(void)context;
	all.wants_certificate = true;
}

static void ignore_length(const br_ssl_client_certificate_class **context, size_t len)
{
	(void)context;
	(void)len;
}

static void ignore_bytes(const br_ssl_client_certificate_class **context, const unsigned char *bytes, size_t len)
{
	(void)context;
	(void)bytes;
	(void)len;
}

static void ignore(const br_ssl_client_certificate_class **context)
{
	(void)context;
}

static void choose_none(const br_ssl_client_certificate_class **context, const br_ssl_client_context *client,
			uint32_t types, br_ssl_client_certificate *choice)
{
	(void)context;
	(void)client;
	(void)types;
	*choice = (br_ssl_client_certificate){ 0 };
}

static const br_ssl_client_certificate_class no_certificate = {
	.context_size = sizeof(all.asked),
	.start_name_list = note_request,
	.start_name = ignore_length,
	.append_name = ignore_bytes,
	.end_name = ignore,
	.end_name_list = ignore,
	.choose = choose_none,
};

/* The name for SNI (RFC 6066, section 3): no address, no dot at the end; NULL: none. */
static const char *server_name(const char *host)
{
	size_t len = strlen(host);

	if (all.judge.ip_len || strchr(host, ':') || str_copy(all.name, sizeof(all.name), host))
		return NULL;
	if (len > 1 && all.name[len - 1] == '.')
		all.name[len - 1] = '\0';
	return all.name;
}

static bool start_engine(const char *host, const uint8_t *pin)
{
	br_ssl_engine_context *e = &all.client.eng;
	uint8_t seed[32];

	br_ssl_client_zero(&all.client);
	br_ssl_engine_set_versions(e, BR_TLS12, BR_TLS12);
	choose_ciphers(e);
	br_ssl_engine_set_hash(e, br_sha256_ID, &br_sha256_vtable);
	br_ssl_engine_set_hash(e, br_sha384_ID, &br_sha384_vtable);
	br_ssl_engine_set_hash(e, br_sha512_ID, &br_sha512_vtable);
	br_ssl_engine_set_prf_sha256(e, br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(e, br_tls12_sha384_prf);
	br_ssl_engine_set_ec(e, &br_ec_all_m31);
	br_ssl_engine_set_rsavrfy(e, rsa_pkcs1_verify);
	br_ssl_engine_set_ecdsa(e, br_ecdsa_i31_vrfy_asn1);
	br_ssl_engine_set_buffer(e, all.records, sizeof(all.records), 1);
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return false;
	br_ssl_engine_inject_entropy(e, seed, sizeof(seed));
	judge_init(&all.judge, host, pin, &all.anchors, (int64_t)time(NULL), STAGE1_RELEASED);
	br_ssl_engine_set_x509(e, &all.judge.vtable);
	all.asked = &no_certificate;
	br_ssl_client_set_client_certificate(&all.client, &all.asked);
	return br_ssl_client_reset(&all.client, server_name(host), 0);
}

/* ---- the report */

static const char *suite_name(unsigned suite)
{
	static const char *const names[] = { "ECDHE-ECDSA-AES128-GCM", "ECDHE-RSA-AES128-GCM", "ECDHE-ECDSA-AES256-GCM",
					     "ECDHE-RSA-AES256-GCM",   "ECDHE-ECDSA-CHACHA20", "ECDHE-RSA-CHACHA20" };

	for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
		if (suites[i] == suite)
			return names[i];
	return "an unknown suite";
}

static void agreed(void *ctx)
{
	br_ssl_session_parameters session;

	(void)ctx;
	br_ssl_engine_get_session_parameters(&all.client.eng, &session);
	report(TLS_READY, "TLS 1.2, %s", suite_name(session.cipher_suite));
}

/* A clock that is wrong is worth a word even when it does no harm. */
static void report_clock(void)
{
	time_t seconds = (time_t)all.judge.path.seconds;
	struct tm tm;
	char today[32];

	if (!all.judge.path.at_least || all.judge.pin)
		return;
	gmtime_r(&seconds, &tm);
	strftime(today, sizeof(today), "%Y-%m-%d", &tm);
	report(TLS_NOTE, "this machine's clock is wrong; certificates that are not out of date on %s will do", today);
}

/* The server is not to be trusted, or nothing was agreed on. */
static void report_error(const struct pump_result *r)
{
	cleanup_buf struct buf words = { 0 };
	struct refusal refusal = { .error = r->error, .wants_certificate = all.wants_certificate };
	const char *id = TLS_REFUSED;

	if (r->error == BR_ERR_X509_NOT_TRUSTED) {
		id = judge_words(&all.judge, &words);
	} else {
		refusal.head_len = r->head_len;
		memcpy(refusal.head, r->head, r->head_len);
		if (!refusal_is_unclear(&refusal) || !look_again(&words, NET, all.name[0] ? all.name : NULL))
			refusal_words(&words, &refusal);
	}
	report(id, "%s", buf_cstr(&words));
}

/* The connection broke. Before a first word of the server that may be all it has to say: it is looked at again. */
static void report_broken(const struct pump_result *r)
{
	cleanup_buf struct buf words = { 0 };

	if (!r->agreed && all.wants_certificate)
		report(TLS_REFUSED,
		       "it broke when the server had asked for a certificate of this machine, which has none: "
		       "let it do without one (nginx: ssl_verify_client off)");
	else if (!r->head_len && r->err != -ETIMEDOUT && look_again(&words, NET, all.name[0] ? all.name : NULL))
		report(TLS_REFUSED, "%s", buf_cstr(&words));
	else
		report(TLS_BROKEN, "%s", err_text(r->err));
}

static void report_end(const struct pump_result *r)
{
	if (r->closed)
		report(TLS_CLOSED, "by the server");
	else if (r->error)
		report_error(r);
	else
		report_broken(r);
}

/* stage1-tls HOST BUNDLE|- PIN|- SILENCE-SECONDS */
int main(int argc, char **argv)
{
	static const char usage[] = "stage1-tls is run by stage1 and stage1-fetch\n";
	struct pump_result result;
	int64_t silence;
	bool pinned;

	if (help_given(argc, argv, "stage1-tls", usage))
		return 0;
	if (argc != 5 || fcntl(REPORT, F_GETFD) < 0 || parse_number(argv[4], 1, 1000000, &silence)) {
		fputs(usage, stderr);
		return 2;
	}
	pinned = !streq(argv[3], "-");
	if (pinned ? !read_pin(argv[3]) : !read_anchors(argv[2]))
		return 1;
	if (!rights_drop(calls, ARRAY_SIZE(calls)) || !start_engine(argv[1], pinned ? all.pin : NULL)) {
		report(TLS_REFUSED, "this machine cannot begin a TLS session: %s", err_text(errno));
		return 1;
	}
	report_clock();
	pump_run(&all.client.eng, NET, PLAIN, silence * 1000, agreed, NULL, &result);
	report_end(&result);
	return result.closed ? 0 : 1;
}
