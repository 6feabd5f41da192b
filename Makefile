# Makefile - sources -> build/stage1, build/all.rdz, build/vmlinuz, build/bin/*, and their tests. `make help` lists the targets.
# SPDX-License-Identifier: GPL-2.0-or-later
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# ---- the sources: every .c of a folder belongs to that folder's part; a file with main() is named after its program
PARTS    := base net image methods probe relay stage1
MAINS    := stage1/stage1.c methods/stage1-fetch.c
PART_SRC := $(filter-out $(MAINS),$(foreach p,$(PARTS),$(sort $(wildcard $(p)/*.c))))

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wwrite-strings \
	-Wimplicit-fallthrough -Wformat=2 -Wundef
STD  := -std=gnu11 -D_GNU_SOURCE -I.

# ---- unit tests: the same sources with the host's libc and the sanitizers, as a plain user
UNIT_CFLAGS := $(STD) $(WARN) -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_LIBS   := -lcmocka -lkmod -lpci -lz -llzma -lzstd
UNIT_OBJ    := $(PART_SRC:%.c=build/unit/%.o)
UNIT_TESTS  := $(patsubst tests/unit/%.c,build/unit/%,$(sort $(wildcard tests/unit/test_*.c)))

build/unit/%.o: %.c
	@mkdir -p $(@D)
	gcc $(UNIT_CFLAGS) -MMD -c -o $@ $<

build/unit/parts.a: $(UNIT_OBJ)
	@rm -f $@
	ar rcs $@ $^

build/unit/test_%: tests/unit/test_%.c build/unit/parts.a
	gcc $(UNIT_CFLAGS) -MMD -MF $@.d -o $@ $< build/unit/parts.a $(UNIT_LIBS)

.PHONY: unit
unit: $(UNIT_TESTS)
	@for t in $(UNIT_TESTS); do echo "== $$t"; ./$$t || exit 1; done

-include $(UNIT_OBJ:.o=.d)
