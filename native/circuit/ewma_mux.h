#pragma once

#include "circuit/ordered_mux.h"

namespace kist {

/// Serves the circuit that sent least lately: its count is the exponentially weighted moving average of the
/// cells it sent here (see PriorityBase), so that quiet circuits go before bulk ones.
class EwmaMux final : public OrderedMux {
 public:
  using OrderedMux::OrderedMux;
  const char* name() const override { return "ewma"; }
  void onCellSent(CircuitQueue& queue) override;

 protected:
  void rescale(double factor) override;
};

}  // namespace kist
