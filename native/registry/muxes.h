#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "circuit/circuit_mux.h"

namespace kist {

/// A circuit mux by name. To add one: its files in native/circuit/ and one line in the .cc.
struct MuxEntry {
  const char* name;
  std::unique_ptr<CircuitMux> (*make)(PriorityBase& base);
};

std::span<const MuxEntry> muxes();
/// Null when there is none of that name.
const MuxEntry* findMux(std::string_view name);

}  // namespace kist
