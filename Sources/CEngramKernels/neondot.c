// The NEON kernels again, with the dot product instructions of ARMv8.2.
#define ENGRAM_DOTPROD 1
#include "neon.c"
