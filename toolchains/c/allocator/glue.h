// SPDX-FileCopyrightText: The aws-iot-device-client authors
// SPDX-License-Identifier: Apache-2.0
// What musl's allocator asks of the system around it, outside of musl. Takes the place of the file of this name there.
#ifndef GLUE_H
#define GLUE_H

#include <elf.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// A heap that was written over ends the process.
#undef assert
#define assert(condition) do { if (!(condition)) __builtin_trap(); } while (0)

#define USE_MADV_FREE 0
#define DISABLE_ALIGNED_ALLOC 0

static inline uintptr_t dc_brk(uintptr_t end) { return (uintptr_t)syscall(SYS_brk, end); }
#define brk(end) dc_brk(end)

static inline size_t get_page_size(void) { return getauxval(AT_PAGESZ); }

// Of the 16 random bytes that the kernel gives each process, libc takes the first half for its stack guard.
static inline uint64_t get_random_secret(void) {
    uint64_t secret = (uintptr_t)&secret * 1103515245;
    const char *random = (const char *)getauxval(AT_RANDOM);
    if (random)
        memcpy(&secret, random + 8, sizeof secret);
    return secret;
}

#define a_ctz_32(x) __builtin_ctz(x)
#define a_clz_32(x) __builtin_clz(x)
#define a_cas(p, expected, wanted) __sync_val_compare_and_swap(p, expected, wanted)
#define a_or(p, bits) __sync_fetch_and_or(p, bits)

// One lock for readers and writers; there are always several threads.
#define MT 1
#define RDLOCK_IS_EXCLUSIVE 1
#define LOCK_OBJ_DEF static pthread_mutex_t dc_lock = PTHREAD_MUTEX_INITIALIZER
static pthread_mutex_t dc_lock;
static inline void wrlock(void) { pthread_mutex_lock(&dc_lock); }
static inline void rdlock(void) { wrlock(); }
static inline void unlock(void) { pthread_mutex_unlock(&dc_lock); }
static inline void upgradelock(void) {}

#endif
