// Becomes the command, once the tool says so: `taskperf-exec FILE ARGUMENT...`, started with a socket as descriptor 3.
//
//     tool                                this process
//     opens counters on it                waits for a byte
//     writes a byte               ->
//                                 <-      what it has used so far, 40 bytes: not the command's
//                                         execvp, which closes the socket
//     end of the stream: it runs  <-      or, when that fails, errno, 4 bytes
//
// So the tool can have counters on the command from its very first instruction. The command finds everything as if it
// had been started without us: the process, its number, arguments, environment, signals and descriptors 0 to 2. A tool
// that dies before it has written makes us go quietly.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { SOCKET = 3 };

// In the order of the tool's Usage: ns, minor and major faults, voluntary and involuntary switches.
struct used {
  int64_t cpu_ns, minor_faults, major_faults, voluntary, involuntary;
};

static struct used used(void) {
  struct timespec t;
  struct rusage usage;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  getrusage(RUSAGE_SELF, &usage);
  return (struct used){(int64_t)t.tv_sec * 1000000000 + t.tv_nsec, usage.ru_minflt, usage.ru_majflt, usage.ru_nvcsw,
                       usage.ru_nivcsw};
}

int main(int count, char **argument) {
  char go;
  if (count < 2 || fcntl(SOCKET, F_SETFD, FD_CLOEXEC) != 0) return 1;
  ssize_t got;
  while ((got = read(SOCKET, &go, 1)) < 0 && errno == EINTR) continue;
  if (got != 1) return 1;
  struct used before = used();
  if (write(SOCKET, &before, sizeof before) != sizeof before) return 1;
  execvp(argument[1], argument + 1);
  int32_t error = errno;
  ssize_t wrote = write(SOCKET, &error, sizeof error);
  (void)wrote;  // a tool that is gone has nobody to tell
  return 127;
}
