#pragma once

#include "circuit/ordered_mux.h"

namespace kist {

/// Serves the circuit whose last cell is longest ago: all counts stay 0, so that the second part of the key
/// decides. For comparison with `ewma`.
class RoundRobinMux final : public OrderedMux {
 public:
  using OrderedMux::OrderedMux;
  const char* name() const override { return "round-robin"; }
  void onCellSent(CircuitQueue& queue) override;

 protected:
  void rescale(double factor) override;
};

}  // namespace kist
