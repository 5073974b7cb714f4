#pragma once

#include "circuit/circuit_mux.h"
#include "circuit/circuit_order.h"

namespace kist {

/// A mux that serves its active circuits in the order of their keys; what a sent cell does to a key is the
/// policy's.
class OrderedMux : public CircuitMux {
 public:
  using CircuitMux::CircuitMux;
  void activate(CircuitQueue& queue) override;
  void deactivate(CircuitQueue& queue) override;
  CircuitQueue* best() const override { return active_.top(); }
  bool secondBestKey(PriorityKey& key) const override { return active_.secondKey(key); }
  void settle(CircuitQueue& queue) override;

 protected:
  CircuitOrder active_;
};

}  // namespace kist
