// SPDX-FileCopyrightText: The aws-iot-device-client authors
// SPDX-License-Identifier: Apache-2.0
// Nuitka's start asks /proc/self/exe where the program is, and gives up if /proc is not mounted. Its C is compiled with
// readlink renamed to this function, which then answers from what the kernel handed over at exec.
#define _GNU_SOURCE
#undef readlink
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

ssize_t dc_readlink(const char *path, char *buffer, size_t size) {
    ssize_t length = readlink(path, buffer, size);
    if (length >= 0 || strcmp(path, "/proc/self/exe") != 0) {
        return length;
    }
    const char *started_as = (const char *)getauxval(AT_EXECFN);
    char *absolute = started_as ? realpath(started_as, NULL) : NULL;
    const char *answer = absolute ? absolute : "/aws-iot-device-client";
    size_t wanted = strlen(answer);
    length = (ssize_t)(wanted < size ? wanted : size);
    memcpy(buffer, answer, (size_t)length);
    free(absolute);
    return length;
}
