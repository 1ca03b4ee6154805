// A sparse file, mapped shared: the memory that threads, processes and tools see alike.
#ifndef TASKPERF_REGION_H
#define TASKPERF_REGION_H
#include <stdbool.h>
#include <stddef.h>

// Zeroed memory that all threads of the process share: the first call makes it, for the life of the process. 0 or errno;
// EINVAL when it was made with another size.
int region_share(size_t bytes, void **data);

// Maps `bytes` of the file at `path`, which is created when `create`; an empty path maps memory of this process only. 0 or errno; nothing is left behind on failure.
int region_map(const char *path, size_t bytes, bool create, void **data);
void region_unmap(void *data, size_t bytes);
// Makes the file's blocks exist, so that touching them can never raise SIGBUS on a full file system. 0 or errno.
int region_reserve(const char *path, size_t offset, size_t bytes);
#endif
