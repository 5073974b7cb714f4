#include "circuit/round_robin_mux.h"

namespace kist {

void RoundRobinMux::onCellSent(CircuitQueue& queue) {
  queue.key_.lastServed = base_.nextService();
  ++queue.cellsSent_;
  if (queue.isActive()) active_.markGrown(queue);
}

void RoundRobinMux::rescale(double /*factor*/) {}

}  // namespace kist
