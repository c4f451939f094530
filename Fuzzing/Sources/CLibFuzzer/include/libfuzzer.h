#ifndef LIBFUZZER_H
#define LIBFUZZER_H

#include <stddef.h>
#include <stdint.h>

// libFuzzer as a library: runs `target` on inputs as its command line says.
int LLVMFuzzerRunDriver(
  int *argc, char ***argv, int (*target)(const uint8_t *bytes, size_t count));

#endif
