#include "registry/muxes.h"

#include "circuit/ewma_mux.h"
#include "circuit/round_robin_mux.h"

namespace kist {
namespace {

template <typename Mux>
std::unique_ptr<CircuitMux> make(PriorityBase& base) {
  return std::make_unique<Mux>(base);
}

constexpr MuxEntry kMuxes[] = {
    {"ewma", make<EwmaMux>},
    {"round-robin", make<RoundRobinMux>},
};

}  // namespace

std::span<const MuxEntry> muxes() { return kMuxes; }

const MuxEntry* findMux(std::string_view name) {
  for (const MuxEntry& entry : kMuxes) {
    if (name == entry.name) return &entry;
  }
  return nullptr;
}

}  // namespace kist
