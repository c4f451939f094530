// BLAS through its C interface; LAPACK has no C header that every
// distribution ships, so its Fortran routines are declared where they are used.
#pragma once
#include <cblas.h>
