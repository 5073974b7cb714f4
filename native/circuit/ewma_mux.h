#pragma once

#include "circuit/circuit_mux.h"
#include "circuit/circuit_order.h"

namespace kist {

/// Serves the circuit that sent least lately: its count is the exponentially weighted moving average of the
/// cells it sent here (see PriorityBase), so that quiet circuits go before bulk ones.
class EwmaMux final : public CircuitMux {
 public:
  using CircuitMux::CircuitMux;
  const char* name() const override { return "ewma"; }
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
