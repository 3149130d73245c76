// SPDX-License-Identifier: BSD-2-Clause
// Calls of the C library that have no meaning for a native program: there is nothing to write files
// to, and there are no processes (a program starts tasks and threads instead).
#include <errno.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int refuse(int error)
{
    errno = error;
    return -1;
}

int unlink(const char *path)
{
    (void)path;
    return refuse(EROFS);
}

int link(const char *old, const char *new)
{
    (void)old, (void)new;
    return refuse(EROFS);
}

int rename(const char *old, const char *new)
{
    (void)old, (void)new;
    return refuse(EROFS);
}

int _rename(const char *old, const char *new)
{
    return rename(old, new);
}

int mkdir(const char *path, mode_t mode)
{
    (void)path, (void)mode;
    return refuse(EROFS);
}

int fcntl(int fd, int command, ...)
{
    (void)fd, (void)command;
    return refuse(EINVAL);
}

pid_t fork(void)
{
    return refuse(ENOSYS);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
    (void)path, (void)argv, (void)envp;
    return refuse(ENOSYS);
}

pid_t wait(int *status)
{
    (void)status;
    return refuse(ECHILD);
}
