/* small.c - a few functions of the C library in a tenth of the size: what stage1 needs of them, put there by the
 * linker. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/small.h"

#include <limits.h>
#include <sys/mman.h>

/* ---- printf */

/* One conversion, "%-08.3lx". */
struct spec {
	bool left, zero, plus, blank, alternate;
	int width, precision; /* precision -1: none */
	int length;           /* of the argument: 0 int, 1 long (and its equals), -1 short, -2 char */
	char type;
};

/* Where it goes; what does not fit is only counted. */
struct sheet {
	char *out;
	size_t size, used;
};

static void put(struct sheet *s, char c)
{
	if (s->used < s->size)
		s->out[s->used] = c;
	s->used++;
}

static void put_many(struct sheet *s, char c, int count)
{
	while (count-- > 0)
		put(s, c);
}

static void put_text(struct sheet *s, const struct spec *spec, const char *text, int len)
{
	put_many(s, ' ', spec->left ? 0 : spec->width - len);
	for (int i = 0; i < len; i++)
		put(s, text[i]);
	put_many(s, ' ', spec->left ? spec->width - len : 0);
}

static const char *parse_number_or_star(const char *p, int *n, va_list *ap)
{
	if (*p == '*') {
		*n = va_arg(*ap, int);
		return p + 1;
	}
	for (*n = 0; *p >= '0' && *p <= '9'; p++)
		*n = *n < INT_MAX / 10 - 1 ? *n * 10 + (*p - '0') : *n;
	return p;
}

static const char *parse_flags(const char *p, struct spec *s)
{
	for (;; p++) {
		bool *flag = *p == '-'   ? &s->left
			     : *p == '0' ? &s->zero
			     : *p == '+' ? &s->plus
			     : *p == ' ' ? &s->blank
			     : *p == '#' ? &s->alternate
					 : NULL;

		if (!flag)
			return p;
		*flag = true;
	}
}

/* What stands behind the %; returns what is behind the conversion. */
static const char *parse_spec(const char *p, struct spec *s, va_list *ap)
{
	*s = (struct spec){ .precision = -1 };
	p = parse_number_or_star(parse_flags(p, s), &s->width, ap);
	if (s->width < 0) {
		s->left = true;
		s->width = -s->width;
	}
	if (*p == '.')
		p = parse_number_or_star(p + 1, &s->precision, ap);
	for (; *p && strchr("hlzjtq", *p); p++)
		s->length = *p == 'h' ? s->length - 1 : 1;
	s->type = *p;
	return *p ? p + 1 : p;
}

/* A signed number becomes its magnitude; *SIGN is '-', '+', ' ' or 0. */
static unsigned long long take_number(const struct spec *s, va_list *ap, char *sign)
{
	bool is_signed = s->type == 'd' || s->type == 'i';
	long long n = s->length > 0 || s->type == 'p' ? va_arg(*ap, long long) : va_arg(*ap, int);

	if (s->length == -1)
		n = is_signed ? (short)n : (unsigned short)n;
	else if (s->length < -1)
		n = is_signed ? (signed char)n : (unsigned char)n;
	else if (!is_signed && !s->length && s->type != 'p')
		n = (unsigned)n;
	*sign = !is_signed ? 0 : n < 0 ? '-' : s->plus ? '+' : s->blank ? ' ' : 0;
	return is_signed && n < 0 ? 0 - (unsigned long long)n : (unsigned long long)n;
}

static void put_number(struct sheet *sheet, const struct spec *s, va_list *ap)
{
	const char *digits = s->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned base = s->type == 'o' ? 8 : s->type == 'x' || s->type == 'X' || s->type == 'p' ? 16 : 10;
	char text[24], sign;
	unsigned long long n = take_number(s, ap, &sign);
	bool prefix = base == 16 && (s->type == 'p' || (s->alternate && n));
	int len = 0, zeros, pad;

	for (; n; n /= base)
		text[len++] = digits[n % base];
	zeros = s->precision >= 0 ? s->precision - len : len ? 0 : 1;
	if (base == 8 && s->alternate)
		zeros = MAX(zeros, 1);
	pad = s->width - len - MAX(zeros, 0) - !!sign - 2 * prefix;
	if (s->zero && !s->left && s->precision < 0 && pad > 0) {
		zeros = MAX(zeros, 0) + pad;
		pad = 0;
	}
	put_many(sheet, ' ', s->left ? 0 : pad);
	if (sign)
		put(sheet, sign);
	if (prefix) {
		put(sheet, '0');
		put(sheet, s->type == 'X' ? 'X' : 'x');
	}
	put_many(sheet, '0', zeros);
	while (len)
		put(sheet, text[--len]);
	put_many(sheet, ' ', s->left ? pad : 0);
}

static void put_string(struct sheet *sheet, const struct spec *s, const char *text)
{
	if (!text)
		text = "(null)";
	put_text(sheet, s, text, (int)strnlen(text, s->precision >= 0 ? (size_t)s->precision : INT_MAX));
}

int __wrap_vsnprintf(char *out, size_t size, const char *fmt, va_list args)
{
	struct sheet sheet = { .out = out, .size = size };
	va_list ap;

	va_copy(ap, args);
	while (*fmt) {
		const char *begin = fmt;
		struct spec s;
		char c;

		if (*fmt != '%') {
			put(&sheet, *fmt++);
			continue;
		}
		fmt = parse_spec(fmt + 1, &s, &ap);
		if (s.type == 's') {
			put_string(&sheet, &s, va_arg(ap, const char *));
		} else if (s.type == 'c') {
			c = (char)va_arg(ap, int);
			put_text(&sheet, &s, &c, 1);
		} else if (s.type == '%') {
			put(&sheet, '%');
		} else if (s.type && strchr("diuxXop", s.type)) {
			put_number(&sheet, &s, &ap);
		} else { /* nobody here writes such a thing */
			s.width = 0;
			put_text(&sheet, &s, begin, (int)(fmt - begin));
		}
	}
	va_end(ap);
	if (size)
		out[MIN(sheet.used, size - 1)] = '\0';
	return (int)MIN(sheet.used, (size_t)INT_MAX);
}

int __wrap_snprintf(char *out, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = __wrap_vsnprintf(out, size, fmt, ap);
	va_end(ap);
	return n;
}

int __wrap_sprintf(char *out, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = __wrap_vsnprintf(out, INT_MAX, fmt, ap);
	va_end(ap);
	return n;
}

int __wrap_asprintf(char **out, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = __wrap_vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	*out = malloc((size_t)n + 1);
	if (!*out)
		return -1;
	va_start(ap, fmt);
	__wrap_vsnprintf(*out, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return n;
}

int __wrap_vfprintf(FILE *to, const char *fmt, va_list ap)
{
	char text[1024];
	int n = __wrap_vsnprintf(text, sizeof(text), fmt, ap);

	return fputs(text, to) < 0 ? -1 : MIN(n, (int)sizeof(text) - 1);
}

int __wrap_fprintf(FILE *to, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = __wrap_vfprintf(to, fmt, ap);
	va_end(ap);
	return n;
}

/* ---- fnmatch */

/* The end of the bracket expression at P ("[a-f]"), and whether C is in it; NULL where it has no end. */
static const char *match_bracket(const char *p, char c, bool *in)
{
	bool negated = p[1] == '!' || p[1] == '^', found = false;

	for (p += 1 + negated;;) {
		unsigned char low, high;

		if (*p == '\\' && p[1])
			p++;
		if (!*p)
			return NULL;
		low = high = (unsigned char)*p++;
		if (*p == '-' && p[1] && p[1] != ']') {
			p += p[1] == '\\' && p[2] ? 2 : 1;
			high = (unsigned char)*p++;
		}
		found = found || ((unsigned char)c >= low && (unsigned char)c <= high);
		if (*p == ']')
			break;
	}
	*in = found != negated;
	return p + 1;
}

/* Whether C is what stands at *PATTERN, which moves behind it. */
static bool match_one(const char **pattern, char c)
{
	const char *p = *pattern, *end;
	bool in = false;

	if (*p == '[' && (end = match_bracket(p, c, &in))) {
		*pattern = end;
		return in;
	}
	if (*p == '\\' && p[1])
		p++;
	else if (*p == '?')
		c = '?';
	*pattern = p + 1;
	return *p == c;
}

int __wrap_fnmatch(const char *pattern, const char *text, int flags maybe_unused)
{
	const char *star = NULL, *from = NULL; /* behind the last *, and where it has been tried from */

	while (*text || *pattern) {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (!*text || !*pattern || !match_one(&pattern, *text)) {
			if (!star || !*from)
				return 1; /* FNM_NOMATCH */
			pattern = star;
			text = ++from;
		} else {
			text++;
		}
	}
	return 0;
}

/* ---- qsort */

static void swap(char *a, char *b, size_t size)
{
	for (; size--; a++, b++) {
		char c = *a;

		*a = *b;
		*b = c;
	}
}

/* Item I sinks to its place in a heap of COUNT, the largest on top. */
static void sink(char *base, size_t i, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	size_t child;

	for (; (child = 2 * i + 1) < count; i = child) {
		if (child + 1 < count && compare(base + child * size, base + (child + 1) * size) < 0)
			child++;
		if (compare(base + i * size, base + child * size) >= 0)
			return;
		swap(base + i * size, base + child * size, size);
	}
}

void __wrap_qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	for (size_t i = count / 2; i-- > 0;)
		sink(base, i, count, size, compare);
	for (size_t i = count; i-- > 1;) {
		swap(base, (char *)base + i * size, size);
		sink(base, 0, i, size, compare);
	}
}

/* ---- memory */

#define LARGEST_KEPT (64 * 1024)
#define MAPPED_ONCE  (256 * 1024)

/* What stands before each piece, and keeps it at a multiple of 16. */
struct piece {
	size_t size;        /* of all of it */
	struct piece *next; /* while it is kept */
};

static struct piece *kept[12]; /* of 32 bytes << index */
static char *fresh, *fresh_end;

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void *new_piece(size_t size)
{
	struct piece *p;

	if (size > (size_t)(fresh_end - fresh)) {
		fresh = map(MAPPED_ONCE);
		fresh_end = fresh ? fresh + MAPPED_ONCE : NULL;
		if (!fresh)
			return NULL;
	}
	p = (struct piece *)fresh;
	fresh += size;
	return p;
}

/* The list for pieces of SIZE with their header, which becomes the list's own size. */
static unsigned list_of(size_t *size)
{
	unsigned i = 0;

	while ((size_t)32 << i < *size)
		i++;
	*size = (size_t)32 << i;
	return i;
}

void *__wrap_malloc(size_t wanted)
{
	size_t size = wanted + sizeof(struct piece);
	struct piece *p;
	unsigned i;

	errno = ENOMEM;
	if (wanted > PTRDIFF_MAX - 8192)
		return NULL;
	if (size > LARGEST_KEPT) {
		size = (size + 4095) & ~(size_t)4095;
		p = map(size);
	} else {
		i = list_of(&size);
		p = kept[i];
		if (p)
			kept[i] = p->next;
		else
			p = new_piece(size);
	}
	if (!p)
		return NULL;
	p->size = size;
	return p + 1;
}

void __wrap_free(void *memory)
{
	struct piece *p = memory;
	int saved = errno;

	if (!p)
		return;
	p--;
	if (p->size > LARGEST_KEPT) {
		munmap(p, p->size);
	} else {
		unsigned i = list_of(&p->size);

		p->next = kept[i];
		kept[i] = p;
	}
	errno = saved;
}

void *__wrap_calloc(size_t count, size_t size)
{
	size_t all;
	void *p;

	if (__builtin_mul_overflow(count, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	p = __wrap_malloc(all);
	/* the kernel's are zero; LARGEST_KEPT less a header or more */
	return p && all <= LARGEST_KEPT ? memset(p, 0, all) : p;
}

void *__wrap_realloc(void *memory, size_t wanted)
{
	struct piece *p = memory, *more;

	if (!p || wanted > PTRDIFF_MAX - 8192)
		return __wrap_malloc(wanted);
	p--;
	if (p->size > LARGEST_KEPT && wanted > LARGEST_KEPT) {
		size_t size = (wanted + sizeof(*p) + 4095) & ~(size_t)4095;

		p = mremap(p, p->size, size, MREMAP_MAYMOVE);
		if (p == MAP_FAILED)
			return NULL;
		p->size = size;
		return p + 1;
	}
	if (p->size <= LARGEST_KEPT && wanted + sizeof(*p) <= p->size && wanted + sizeof(*p) > p->size / 4)
		return memory;
	more = __wrap_malloc(wanted);
	if (!more)
		return NULL;
	memcpy(more, memory, MIN(wanted, p->size - sizeof(*p)));
	__wrap_free(memory);
	return more;
}

/* ---- numbers */

static int digit_of(char c)
{
	int letter = (c | 0x20) - 'a' + 10;

	return c >= '0' && c <= '9' ? c - '0' : letter >= 10 && letter < 36 ? letter : 99;
}

/* The magnitude of what S says, at most MOST (one more where it is NEGATIVE). */
static unsigned long number_of(const char *s, char **end, int base, unsigned long most, bool *negative)
{
	const char *p = s + strspn(s, " \t\n\v\f\r"), *digits;
	unsigned long n = 0;
	bool too_large = false;

	*negative = *p == '-';
	p += *p == '-' || *p == '+';
	if ((base == 0 || base == 16) && *p == '0' && (p[1] | 0x20) == 'x' && digit_of(p[2]) < 16) {
		p += 2;
		base = 16;
	}
	if (base == 0)
		base = *p == '0' ? 8 : 10;
	for (digits = p; digit_of(*p) < base; p++)
		too_large |= __builtin_mul_overflow(n, (unsigned long)base, &n) ||
			     __builtin_add_overflow(n, (unsigned long)digit_of(*p), &n);
	if (end)
		*end = (char *)(p == digits ? s : p);
	if (too_large || n > most + (*negative && most == LONG_MAX)) {
		errno = ERANGE;
		return most + (*negative && most == LONG_MAX);
	}
	return n;
}

long __wrap_strtol(const char *s, char **end, int base)
{
	bool negative;
	unsigned long n = number_of(s, end, base, LONG_MAX, &negative);

	return (long)(negative ? 0 - n : n);
}

unsigned long __wrap_strtoul(const char *s, char **end, int base)
{
	bool negative;
	unsigned long n = number_of(s, end, base, ULONG_MAX, &negative);

	return negative && n != ULONG_MAX ? 0 - n : n;
}

/* ---- searching */

void *__wrap_memmem(const void *hay, size_t hay_len, const void *needle, size_t needle_len)
{
	const char *p = hay, *end = p + hay_len;

	if (!needle_len)
		return (void *)hay;
	while ((size_t)(end - p) >= needle_len) {
		p = memchr(p, *(const char *)needle, (size_t)(end - p) - needle_len + 1);
		if (!p)
			return NULL;
		if (memcmp(p, needle, needle_len) == 0)
			return (void *)p;
		p++;
	}
	return NULL;
}

char *__wrap_strstr(const char *hay, const char *needle)
{
	size_t len = strlen(needle);

	for (; *hay; hay++)
		if (strncmp(hay, needle, len) == 0)
			return (char *)hay;
	return len ? NULL : (char *)hay;
}
