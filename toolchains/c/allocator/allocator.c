// SPDX-FileCopyrightText: The aws-iot-device-client authors
// SPDX-License-Identifier: Apache-2.0
// musl's allocator in one piece. All names are defined that libc has, so that none of its own is mixed in.
#include "malloc.c"
#include "aligned_alloc.c"
#include "free.c"
#include "malloc_usable_size.c"
#include "realloc.c"

void *calloc(size_t count, size_t size) {
    if (size && count > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    void *memory = malloc(count * size);
    return memory && !is_allzero(memory) ? memset(memory, 0, count * size) : memory;
}

void *reallocarray(void *memory, size_t count, size_t size) {
    if (size && count > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(memory, count * size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    if (alignment < sizeof(void *))
        return EINVAL;
    void *memory = aligned_alloc(alignment, size);
    if (!memory)
        return errno;
    *result = memory;
    return 0;
}

void *memalign(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }

void *valloc(size_t size) { return aligned_alloc(get_page_size(), size); }
