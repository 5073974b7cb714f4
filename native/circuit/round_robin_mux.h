#pragma once

#include "circuit/circuit_mux.h"
#include "circuit/circuit_order.h"

namespace kist {

/// Serves the circuit whose last cell is longest ago: all counts stay 0, so that the second part of the key
/// decides. For comparison with `ewma`.
class RoundRobinMux final : public CircuitMux {
 public:
  using CircuitMux::CircuitMux;
  const char* name() const override { return "round-robin"; }
  void activate(CircuitQueue& queue) override;
  void deactivate(CircuitQueue& queue) override;
  CircuitQueue* best() const override { return active_.top(); }
  bool secondBestKey(PriorityKey& key) const override { return active_.secondKey(key); }
  void onCellSent(CircuitQueue& queue) override;
  void settle(CircuitQueue& queue) override;

 protected:
  void rescale(double factor) override;

 private:
  CircuitOrder active_;
};

}  // namespace kist
