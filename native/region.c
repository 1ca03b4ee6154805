// Shared memory: a sparse file, mapped. See region.h for what each function promises.
#define _GNU_SOURCE
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map_anonymous(size_t bytes, void **data) {
  void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return errno;
  *data = map;
  return 0;
}

// A file that is there already: ours alone, or its words would be somebody else's to change under us. 0 or an errno.
static int check_own(int fd) {
  struct stat found;
  if (fstat(fd, &found)) return errno;
  bool own = S_ISREG(found.st_mode) && found.st_uid == geteuid() && !(found.st_mode & 022) && found.st_nlink == 1;
  return own ? 0 : EACCES;
}

int region_map(const char *path, size_t bytes, bool create, void **data) {
  if (!*path) return map_anonymous(bytes, data);
  // O_NOFOLLOW | O_EXCL: the directory may be shared (/dev/shm), a planted link must not redirect us.
  int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (create ? O_CREAT | O_EXCL : 0);
  int fd = open(path, flags, 0600);
  if (fd < 0) return errno;
  int error = create ? 0 : check_own(fd);
  off_t size = lseek(fd, 0, SEEK_END);
  if (create && ftruncate(fd, (off_t)bytes)) error = errno;
  if (!create && !error && size < (off_t)bytes) error = EINVAL;  // shorter than what would be mapped: SIGBUS later
  void *map = error ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (!error && map == MAP_FAILED) error = errno;
  close(fd);
  if (error) {
    if (create) unlink(path);
    return error;
  }
  *data = map;
  return 0;
}

int region_share(size_t bytes, void **data) {
  static _Atomic(void *) shared;
  static _Atomic size_t shared_bytes;
  void *known = atomic_load(&shared);
  if (!known) {
    void *map = NULL;
    int error = map_anonymous(bytes, &map);
    if (error) return error;
    // Both are said before the pointer: whoever sees it sees them.
    size_t none = 0;
    atomic_compare_exchange_strong(&shared_bytes, &none, bytes);
    if (atomic_compare_exchange_strong(&shared, &known, map)) known = map;
    else munmap(map, bytes);
  }
  if (atomic_load(&shared_bytes) != bytes) return EINVAL;
  *data = known;
  return 0;
}

void region_unmap(void *data, size_t bytes) { munmap(data, bytes); }

int region_reserve(const char *path, size_t offset, size_t bytes) {
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return errno;
  int error = check_own(fd);
  if (!error) error = posix_fallocate(fd, (off_t)offset, (off_t)bytes);
  close(fd);
  return error;
}
