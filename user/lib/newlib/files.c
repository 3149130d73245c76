// SPDX-License-Identifier: BSD-2-Clause
// File descriptors: 0, 1 and 2 are the console; others are files of the boot archive, or files handed
// in at boot (opt/minato/...), which open() gets whole from bootstrap and which can only be read.
#include "newlib/files.h"

#include "newlib/console.h"
#include "start/child.h"

#include <cthreads.h>
#include <errno.h>
#include <fcntl.h>
#include <mach/bootstrap.h>
#include <mach/mach.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_FILE 3
#define OPEN_MAX 32

struct open_file {
    vm_address_t data; // 0 if the file is empty
    vm_size_t size;
    off_t position;
    int used;
};

static struct {
    struct mutex lock;
    struct open_file file[OPEN_MAX];
    int input_closed; // who still reads standard input finds its end
} files;

static int failed(int error)
{
    errno = error;
    return -1;
}

static int is_console(int fd)
{
    return fd >= 0 && fd < FIRST_FILE;
}

// The file behind a descriptor with the table locked; null and unlocked if there is none.
static struct open_file *file_lock(int fd)
{
    struct open_file *file;

    mutex_lock(&files.lock);
    if (fd >= FIRST_FILE && fd < FIRST_FILE + OPEN_MAX) {
        file = &files.file[fd - FIRST_FILE];
        if (file->used)
            return file;
    }
    mutex_unlock(&files.lock);
    errno = EBADF;
    return NULL;
}

static void file_unlock(void)
{
    mutex_unlock(&files.lock);
}

static int file_new(vm_address_t data, vm_size_t size)
{
    int fd = -1;

    mutex_lock(&files.lock);
    for (int i = 0; i < OPEN_MAX && fd < 0; i++)
        if (!files.file[i].used) {
            files.file[i] = (struct open_file){data, size, 0, 1};
            fd = FIRST_FILE + i;
        }
    mutex_unlock(&files.lock);
    return fd;
}

static int error_of(kern_return_t result)
{
    switch (result) {
    case BOOTSTRAP_UNKNOWN_SERVICE:
        return ENOENT;
    case BOOTSTRAP_NO_MEMORY:
    case KERN_RESOURCE_SHORTAGE:
        return ENOMEM;
    default:
        return EIO;
    }
}

int open(const char *path, int flags, ...)
{
    bootstrap_module_name_t name;
    mach_msg_type_number_t size = 0;
    vm_offset_t data = 0;
    kern_return_t result;
    int fd;

    if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0)
        return failed(EROFS);
    while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
        path += path[0] == '/' ? 1 : 2;
    if (path[0] == '\0')
        return failed(ENOENT);
    if (strlen(path) >= sizeof(name))
        return failed(ENAMETOOLONG);
    strcpy(name, path);
    result = bootstrap_get_module(bootstrap_port, name, &data, &size);
    if (result != KERN_SUCCESS)
        return failed(error_of(result));
    fd = file_new(size > 0 ? data : 0, size);
    if (fd < 0) {
        vm_deallocate(mach_task_self(), data, size);
        return failed(EMFILE);
    }
    return fd;
}

int close(int fd)
{
    struct open_file *file;
    struct open_file old;

    files.input_closed |= fd == STDIN_FILENO;
    if (is_console(fd))
        return 0;
    file = file_lock(fd);
    if (file == NULL)
        return -1;
    old = *file;
    file->used = 0;
    file_unlock();
    if (old.size > 0)
        vm_deallocate(mach_task_self(), old.data, old.size);
    return 0;
}

_READ_WRITE_RETURN_TYPE read(int fd, void *buffer, size_t size)
{
    struct open_file *file;
    size_t left;

    if (is_console(fd))
        return files.input_closed ? 0 : console_read_bytes(buffer, size);
    file = file_lock(fd);
    if (file == NULL)
        return -1;
    left = (vm_size_t)file->position < file->size ? file->size - (vm_size_t)file->position : 0;
    if (size > left)
        size = left;
    memcpy(buffer, (char *)file->data + file->position, size);
    file->position += (off_t)size;
    file_unlock();
    return (ssize_t)size;
}

_READ_WRITE_RETURN_TYPE write(int fd, const void *data, size_t size)
{
    if (is_console(fd))
        return console_write_bytes(data, size);
    return failed(EBADF);
}

off_t lseek(int fd, off_t offset, int whence)
{
    struct open_file *file;

    if (is_console(fd))
        return failed(ESPIPE);
    file = file_lock(fd);
    if (file == NULL)
        return -1;
    if (whence == SEEK_CUR)
        offset += file->position;
    else if (whence == SEEK_END)
        offset += (off_t)file->size;
    if (offset >= 0)
        file->position = offset;
    file_unlock();
    return offset >= 0 ? offset : failed(EINVAL);
}

int fstat(int fd, struct stat *status)
{
    struct open_file *file;

    memset(status, 0, sizeof(*status));
    if (is_console(fd)) {
        status->st_mode = S_IFCHR | 0666;
        return 0;
    }
    file = file_lock(fd);
    if (file == NULL)
        return -1;
    status->st_mode = S_IFREG | 0444;
    status->st_size = (off_t)file->size;
    file_unlock();
    return 0;
}

int stat(const char *path, struct stat *status)
{
    int fd = open(path, O_RDONLY), result;

    if (fd < 0)
        return -1;
    result = fstat(fd, status);
    close(fd);
    return result;
}

int isatty(int fd)
{
    if (is_console(fd))
        return 1;
    errno = ENOTTY;
    return 0;
}

void files_take(void)
{
    mutex_lock(&files.lock);
}

void files_release(void)
{
    // In the new task nobody can be in line for the lock: the list would be the old task's.
    if (is_child_task)
        mutex_init(&files.lock);
    else
        mutex_unlock(&files.lock);
}
