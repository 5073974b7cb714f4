#pragma once

#include <cstdio>
#include <cstdlib>

/// Stops the process on a bug of ours. Never used for what a peer, a file or an operator can cause.
#define KIST_ASSERT(condition)                                                               \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "kist-relay bug: %s at %s:%d\n", #condition, __FILE__, __LINE__); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
