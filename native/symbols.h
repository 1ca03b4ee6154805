// V8's API is C++ without a C face, and what of libuv a runtime lacks is reported, not assumed: both are found by symbol.
#ifndef TASKPERF_SYMBOLS_H
#define TASKPERF_SYMBOLS_H
#include <dlfcn.h>
#include <string.h>

// The address of the symbol goes into the function pointer at `slot`; NULL: there is none.
static inline void find_symbol(void *slot, const char *symbol) {
  void *address = dlsym(RTLD_DEFAULT, symbol);
  memcpy(slot, &address, sizeof address);
}

// v8::Isolate::
#define ISOLATE "_ZN2v87Isolate"
#endif
