/* words.c - a kernel command line -> which of its words could make a verified system do something else. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trust/words.h"

/* What any system may be told by anybody: where its consoles are, how loud the kernel is, what its screen shows, where
 * its network card is, which faulty hardware is left alone. */
static const char harmless[] =
	"console=* quiet debug loglevel=* ignore_loglevel earlyprintk=* earlycon=* printk.time=* vga=* video=* "
	"nomodeset "
	"splash splash=* nosplash panic=* ro rw BOOT_IMAGE=* initrd=* BOOTIF=* ip=* nameserver=* net.ifnames=* "
	"biosdevname=* acpi=* noapic nolapic noapictimer no_timer_check nolapic_timer pci=* iommu=* tsc=* "
	"clocksource=* mem=* "
	"maxcpus=* "
	"nr_cpus=* consoleblank=* vconsole.*";

/* What stage1 reads itself: nothing of it makes a verified image another one. */
static const char own[] = "automatic=* node_id=* ramdisk_size=* root=/dev/ram* rescue kamethod dollymethod keepmounted "
			  "noauto";

/* Does WORD, of LEN bytes, fit the pattern of N bytes? */
static bool fits(const char *word, size_t len, const char *pattern, size_t n)
{
	if (n && pattern[n - 1] == '*')
		return len >= n - 1 && memcmp(word, pattern, n - 1) == 0;
	return len == n && memcmp(word, pattern, n) == 0;
}

static bool fits_any(const char *word, size_t len, const char *patterns)
{
	while (patterns && *patterns) {
		size_t n = strcspn(patterns, " ");

		if (n && fits(word, len, patterns, n))
			return true;
		patterns += n + strspn(patterns + n, " ");
	}
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* How long the word at LINE is: up to the first blank that is in no quotes (Linux lib/cmdline.c, next_arg). */
static size_t word_length(const char *line)
{
	bool quoted = false;
	size_t n = 0;

	for (; line[n] && (quoted || !is_blank(line[n])); n++)
		quoted ^= line[n] == '"';
	return n;
}

bool words_allowed(const char *line, bool with_own, const char *allowed, const char *built_in, struct buf *which)
{
	bool all = true;

	for (;;) {
		size_t n;

		while (is_blank(*line))
			line++;
		n = word_length(line);
		if (!n)
			return all;
		if (!fits_any(line, n, harmless) && !(with_own && fits_any(line, n, own)) &&
		    !fits_any(line, n, allowed) && !fits_any(line, n, built_in)) {
			buf_printf(which, "%s%.*s", all ? "" : " ", (int)MIN(n, (size_t)200), line);
			all = false;
		}
		line += n;
	}
}
