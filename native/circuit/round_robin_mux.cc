#include "circuit/round_robin_mux.h"

#include "base/assert.h"

namespace kist {

void RoundRobinMux::activate(CircuitQueue& queue) {
  KIST_ASSERT(queue.mux_ == this);
  if (queue.isActive()) return;
  active_.insert(queue);
  ++activeCount_;
  ++changes_;
}

void RoundRobinMux::deactivate(CircuitQueue& queue) {
  if (!queue.isActive()) return;
  active_.remove(queue);
  --activeCount_;
  ++changes_;
}

void RoundRobinMux::onCellSent(CircuitQueue& queue) {
  queue.key_.lastServed = base_.nextService();
  ++queue.cellsSent_;
  if (queue.isActive()) active_.markGrown(queue);
}

void RoundRobinMux::settle(CircuitQueue& queue) {
  if (!queue.isActive()) return;
  if (queue.isEmpty()) {
    active_.remove(queue);
    --activeCount_;
  } else {
    active_.settle(queue);
  }
}

void RoundRobinMux::rescale(double /*factor*/) {}

}  // namespace kist
