# Makefile - sources -> build/stage1, build/all.rdz, build/vmlinuz, build/bin/*, and their tests. `make help` lists the targets.
# SPDX-License-Identifier: GPL-2.0-or-later
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# ---- choices
LIBC ?= dietlibc
ifeq ($(filter $(LIBC),dietlibc musl),)
$(error LIBC=$(LIBC) is none I know: dietlibc or musl)
endif

# ---- the sources: every .c of a folder belongs to that folder's part; one with main() is a program named after the file
PARTS    := base net image methods probe relay server stage1
MAINS    := $(shell grep -lsw '^int main' $(foreach p,$(PARTS),$(sort $(wildcard $(p)/*.c))))
PART_SRC := $(filter-out $(MAINS),$(foreach p,$(PARTS),$(sort $(wildcard $(p)/*.c))))
PROGRAMS := $(notdir $(basename $(filter-out stage1/stage1.c,$(MAINS))))

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wwrite-strings \
	-Wimplicit-fallthrough -Wformat=2 -Wundef
STD  := -std=gnu11 -D_GNU_SOURCE -I.

# What `make` itself needs: compilers and libcs; the unpacking of source packages; the libraries of the builder of all.rdz.
BUILD_PACKAGES := gcc libc6-dev linux-libc-dev binutils dietlibc-dev musl-tools dpkg-dev patch xz-utils kmod libkmod-dev \
	liblzma-dev libzstd-dev zlib1g-dev

.PHONY: all
all: build/stage1 build/all.rdz build/vmlinuz $(PROGRAMS:%=build/bin/%)

.PHONY: need-build
need-build:
	@third/need "make" $(BUILD_PACKAGES)

# ---- libraries of others, from the distribution's source packages, compiled for the chosen libc
THIRD      := build/third/$(LIBC)
THIRD_LIBS := $(THIRD)/libkmod.a $(THIRD)/libpci.a $(THIRD)/libz.a $(THIRD)/liblzma.a $(THIRD)/libzstd.a

$(THIRD)/libkmod.a: $(THIRD)/liblzma.a $(THIRD)/libzstd.a
$(THIRD)/libkmod.a: third_name := kmod
$(THIRD)/libpci.a:  third_name := pciutils
$(THIRD)/libz.a:    third_name := zlib
$(THIRD)/liblzma.a: third_name := xz
$(THIRD)/libzstd.a: third_name := zstd
$(THIRD_LIBS): third/build $(wildcard third/*/config.h) | need-build
	third/build $(LIBC) $(third_name)

.PHONY: third
third: $(THIRD_LIBS)

# ---- our own programs: static, one C file compiled one way for each libc
ifeq ($(LIBC),musl)
CC      := musl-gcc
DEFINES := -idirafter /usr/include -idirafter /usr/include/$(shell gcc -print-multiarch) # the kernel's headers only
LIBS    :=
else
CC      := diet -Os gcc
DEFINES := -D_LINUX_SOURCE -D_ATFILE_SOURCE -D_BSD_SOURCE
LIBS    := -lcompat
endif
CFLAGS  := $(STD) $(DEFINES) $(WARN) -Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables \
	-ffile-prefix-map=$(CURDIR)=. -isystem $(THIRD)/include
LDFLAGS := -static -s -Wl,--gc-sections -Wl,--build-id=none
LIBS    := -L$(THIRD) -lkmod -lpci -lz -llzma -lzstd $(LIBS)
OBJ     := $(PART_SRC:%.c=build/$(LIBC)/%.o)

build/$(LIBC)/%.o: %.c | $(THIRD_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -c -o $@ $<

build/$(LIBC)/parts.a: $(OBJ)
	@rm -f $@
	ar rcsD $@ $^

define program =
build/$(LIBC)/bin/$(basename $(notdir $(1))): build/$(LIBC)/$(1:.c=.o) build/$(LIBC)/parts.a $(THIRD_LIBS)
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS) -o $$@ $$(filter %.o,$$^) build/$(LIBC)/parts.a $(LIBS)
endef
$(foreach m,$(MAINS),$(eval $(call program,$(m))))

# build/stage1 and build/bin hold what was built last: changed only when the bytes change, so that LIBC= may alternate.
.PHONY: FORCE
build/stage1 $(PROGRAMS:%=build/bin/%): FORCE
build/stage1: build/$(LIBC)/bin/stage1
	@mkdir -p $(@D)
	@cmp -s $< $@ || cp $< $@
build/bin/%: build/$(LIBC)/bin/%
	@mkdir -p $(@D)
	@cmp -s $< $@ || cp $< $@

-include $(OBJ:.o=.d) $(MAINS:%.c=build/$(LIBC)/%.d)

# ---- all.rdz: stage1, the modules of modules.list and the shell's tools, packed by initramfs/mkrdz
KERNEL       ?=
KERNEL_DIR   ?=
MODULES_LIST ?= modules.list
FIRMWARE_DIR ?=
SIGNED       ?=

HOST_SRC := $(filter-out initramfs/mkrdz.c,$(sort $(wildcard initramfs/*.c)))
HOST_OBJ := $(patsubst %.c,build/host/%.o,initramfs/mkrdz.c $(HOST_SRC) $(filter base/% image/%,$(PART_SRC)))

build/host/%.o: %.c | need-build
	@mkdir -p $(@D)
	gcc $(STD) $(WARN) -O2 -MMD -c -o $@ $<

build/mkrdz: $(HOST_OBJ)
	gcc -o $@ $^ -lkmod -llzma -lzstd -lz

# The kernel is looked for anew when KERNEL= or KERNEL_DIR= changes; its files change only then.
.PHONY: kernel
kernel: | need-build
	@KERNEL='$(KERNEL)' KERNEL_DIR='$(KERNEL_DIR)' initramfs/kernel
build/kernel/version build/kernel/vmlinuz: kernel ;

build/vmlinuz: build/kernel/vmlinuz
	@cp $< $@

build/tools.unpacked: | need-build
	third/apt deb klibc-utils libklibc pci.ids
	@rm -rf build/tools
	@for p in klibc-utils libklibc pci.ids; do dpkg-deb -x $$(ls -t build/apt/deb/$${p}_*.deb | head -n 1) build/tools; done
	@touch $@

# What is no file but changes all.rdz.
build/all.choice: FORCE
	@mkdir -p $(@D)
	@echo 'MODULES_LIST=$(MODULES_LIST) FIRMWARE_DIR=$(FIRMWARE_DIR) SIGNED=$(SIGNED)' | cmp -s - $@ || \
		echo 'MODULES_LIST=$(MODULES_LIST) FIRMWARE_DIR=$(FIRMWARE_DIR) SIGNED=$(SIGNED)' >$@

build/all.rdz: build/stage1 build/mkrdz build/kernel/version build/tools.unpacked build/all.choice $(MODULES_LIST)
	build/mkrdz --modules build/kernel/lib/modules/$$(cat build/kernel/version) --list $(MODULES_LIST) --init build/stage1 \
		--tools build/tools --pci-ids build/tools/usr/share/misc/pci.ids --firmware '$(FIRMWARE_DIR)' \
		--work build/rdz --out $@ $(if $(SIGNED),--signed)

-include $(HOST_OBJ:.o=.d)

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

# ---- the programs of the network tests: tests/net/X.c -> build/tests/X (sanitizers), build/tests/X.$(LIBC) (as shipped)
TEST_PROGRAMS := $(patsubst tests/net/%.c,build/tests/%,$(sort $(wildcard tests/net/*.c)))

$(TEST_PROGRAMS): build/tests/%: tests/net/%.c build/unit/parts.a
	@mkdir -p $(@D)
	gcc $(UNIT_CFLAGS) -MMD -MF $@.d -o $@ $< build/unit/parts.a $(UNIT_LIBS)

$(TEST_PROGRAMS:%=%.$(LIBC)): build/tests/%.$(LIBC): tests/net/%.c build/$(LIBC)/parts.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< build/$(LIBC)/parts.a $(LIBS)

.PHONY: test-programs
test-programs: $(TEST_PROGRAMS) $(TEST_PROGRAMS:%=%.$(LIBC))

.PHONY: unit
unit: $(UNIT_TESTS)
	@for t in $(UNIT_TESTS); do echo "== $$t"; ./$$t || exit 1; done

-include $(UNIT_OBJ:.o=.d)
