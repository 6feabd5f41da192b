/* failure.c - what went wrong -> a stable code, the cause and what to try (the table is failures.def). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/failure.h"

#include "base/buf.h"
#include "base/log.h"

struct row {
	const char *code, *title, *advice;
};

static const struct row rows[FAIL_COUNT] = {
	[FAIL_NONE] = { "S1-OK", "no failure", "" },
#define FAILURE(id, code, title, advice) [FAIL_##id] = { code, title, advice },
#include "base/failures.def"
#undef FAILURE
};

static const struct row *row_of(enum fail_id id)
{
	return &rows[id < FAIL_COUNT ? id : FAIL_NONE];
}

const char *fail_code(enum fail_id id)
{
	return row_of(id)->code;
}

const char *fail_title(enum fail_id id)
{
	return row_of(id)->title;
}

const char *fail_advice(enum fail_id id)
{
	return row_of(id)->advice;
}

bool fail_is_about(enum fail_id id, const char *area)
{
	return starts_with(fail_code(id) + strlen("S1-"), area);
}

static void __attribute__((format(printf, 2, 0))) format_detail(struct failure *f, const char *fmt, va_list ap)
{
	const size_t room = sizeof(f->detail) - 1, first = room / 2;
	cleanup_buf struct buf all = { 0 };

	buf_vprintf(&all, fmt, ap);
	(void)str_copy(f->detail, sizeof(f->detail), buf_cstr(&all));
	if (all.len <= room)
		return;
	memcpy(f->detail + first, "...", 3);
	memcpy(f->detail + first + 3, all.data + all.len - (room - first - 3), room - first - 3);
}

int fail(struct failure *f, enum fail_id id, int err, const char *fmt, ...)
{
	struct failure local;
	va_list ap;

	if (!f)
		f = &local;
	f->id = id == FAIL_SYS_INTERNAL && err == -ENOMEM ? FAIL_MEM_WORK : id;
	f->err = err;
	va_start(ap, fmt);
	format_detail(f, fmt, ap);
	va_end(ap);
	/* words of others must not move the cursor or forge lines on a console */
	for (char *p = f->detail; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = ' ';
	log_error("%s %s: %s", fail_code(f->id), fail_title(f->id), f->detail);
	return err;
}

void fail_name_image(struct failure *f, const char *name)
{
	const struct failure unnamed = *f;
	bool about_image = fail_is_about(f->id, "IMG") || f->id == FAIL_MEM_TOO_LITTLE || f->id == FAIL_ROOT_NO_INIT;

	if (about_image && name && *name && !strstr(f->detail, name))
		(void)fail(f, unnamed.id, unnamed.err, "%.200s: %s", name, unnamed.detail);
}

const char *err_text(int err)
{
	return strerror(err < 0 ? -err : err);
}
