/* stage1-tls.c - a connection to a server, and a socket -> plain bytes there, TLS 1.2 here; run by methods/tls/tls.c. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/help.h"
#include "base/compat.h"
#include "base/file.h"
#include "methods/tls/tls.h"
#include "methods/tls/judge.h"
#include "methods/tls/pump.h"
#include "base/version.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The descriptors it is started with. */
enum { NET = 3, PLAIN = 4, REPORT = 5 };

#define NOBODY 65534

/* ECDHE only: what is recorded today is of no use tomorrow. GCM first where the processor helps (RFC 5288, 5289, 7905).
 */
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

/* From here on everything is read that comes from outside: as nobody, with nothing to gain. */
static bool drop_privileges(void)
{
	if (getuid() == 0 && (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY)))
		return false;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0;
}

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
	br_ssl_engine_set_rsavrfy(e, br_rsa_i31_pkcs1_vrfy);
	br_ssl_engine_set_ecdsa(e, br_ecdsa_i31_vrfy_asn1);
	br_ssl_engine_set_buffer(e, all.records, sizeof(all.records), 1);
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return false;
	br_ssl_engine_inject_entropy(e, seed, sizeof(seed));
	host = judge_init(&all.judge, host, pin, &all.anchors, (int64_t)time(NULL), STAGE1_RELEASED);
	br_ssl_engine_set_x509(e, &all.judge.vtable);
	return br_ssl_client_reset(&all.client, host, 0);
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

/* A date of a certificate as people write it. */
static void add_date(struct buf *out, const char *date)
{
	if (strlen(date) == 15)
		buf_printf(out, "%.4s-%.2s-%.2s", date, date + 4, date + 6);
	else /* RFC 5280, section 4.1.2.5.1 */
		buf_printf(out, "%s%.2s-%.2s-%.2s", date[0] >= '5' ? "19" : "20", date, date + 2, date + 4);
}

static void add_today(struct buf *out)
{
	time_t seconds = (time_t)all.judge.seconds;
	struct tm tm;
	char today[32];

	gmtime_r(&seconds, &tm);
	strftime(today, sizeof(today), "%Y-%m-%d", &tm);
	buf_str(out, today);
}

static void report_time(void)
{
	cleanup_buf struct buf words = { 0 };

	buf_str(&words, "today is ");
	add_today(&words);
	buf_str(&words, all.judge.at_least ? " or later" : "");
	if (all.judge.leaf_read) {
		buf_str(&words, ", its certificate is from ");
		add_date(&words, all.judge.not_before);
		buf_str(&words, " to ");
		add_date(&words, all.judge.not_after);
	}
	report(TLS_TIME, "%s", buf_cstr(&words));
}

/* A clock that is wrong is worth a word even when it does no harm. */
static void report_clock(void)
{
	cleanup_buf struct buf words = { 0 };

	add_today(&words);
	if (all.judge.at_least && !all.judge.pin)
		report(TLS_NOTE, "this machine's clock is wrong; certificates that are not out of date on %s will do",
		       buf_cstr(&words));
}

static void report_error(int error)
{
	switch (error) {
	case BR_ERR_X509_NOT_TRUSTED:
		report(TLS_TRUST,
		       all.judge.pin ? "its key is not the pinned one" : "none of the %zu authorities stands behind it",
		       all.anchors.count);
		return;
	case BR_ERR_X509_BAD_SERVER_NAME:
		report(TLS_NAME, "its certificate is not for this name");
		return;
	case BR_ERR_X509_EXPIRED:
		report_time();
		return;
	}
	if (error >= BR_ERR_X509_OK && error <= BR_ERR_X509_NOT_TRUSTED)
		report(TLS_TRUST, "its certificate cannot be verified (BearSSL's error %d)", error);
	else if (error >= BR_ERR_RECV_FATAL_ALERT)
		report(TLS_REFUSED, "the server refused with alert %d%s", error & 255,
		       (error & 255) == 70 ? ": it does not speak TLS 1.2" : "");
	else
		report(TLS_REFUSED, "the answer is no TLS 1.2 that can be understood (BearSSL's error %d)", error);
}

static void report_end(const struct pump_result *r)
{
	if (r->closed)
		report(TLS_CLOSED, "by the server");
	else if (r->error)
		report_error(r->error);
	else
		report(TLS_BROKEN, "%s", err_text(r->err));
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
	if (!drop_privileges() || !start_engine(argv[1], pinned ? all.pin : NULL)) {
		report(TLS_REFUSED, "this machine cannot begin a TLS session: %s", err_text(errno));
		return 1;
	}
	report_clock();
	pump_run(&all.client.eng, NET, PLAIN, silence * 1000, agreed, NULL, &result);
	report_end(&result);
	return result.closed ? 0 : 1;
}
