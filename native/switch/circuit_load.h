#pragma once

#include "circuit/circuit.h"

namespace kist {

/// What a circuit keeps in memory here, and since when the oldest of it waits (kNever: nothing waits).
struct CircuitLoad {
  uint64_t bytes = 0;
  TimeNs oldest = kNever;
};

CircuitLoad loadOf(const Circuit& circuit);

}  // namespace kist
