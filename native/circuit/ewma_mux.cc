#include "circuit/ewma_mux.h"

#include "base/assert.h"

namespace kist {

void EwmaMux::activate(CircuitQueue& queue) {
  KIST_ASSERT(queue.mux_ == this);
  if (queue.isActive()) return;
  active_.insert(queue);
  ++activeCount_;
  ++changes_;
}

void EwmaMux::deactivate(CircuitQueue& queue) {
  if (!queue.isActive()) return;
  active_.remove(queue);
  --activeCount_;
  ++changes_;
}

void EwmaMux::onCellSent(CircuitQueue& queue) {
  queue.key_.count += base_.weight();
  queue.key_.lastServed = base_.nextService();
  ++queue.cellsSent_;
  if (queue.isActive()) active_.markGrown(queue);
}

void EwmaMux::settle(CircuitQueue& queue) {
  if (!queue.isActive()) return;
  if (queue.isEmpty()) {
    active_.remove(queue);
    --activeCount_;
  } else {
    active_.settle(queue);
  }
}

void EwmaMux::rescale(double factor) {
  for (CircuitQueue* queue = firstQueue_; queue != nullptr; queue = queue->nextInMux_)
    queue->key_.count *= factor;
  // The factor is the same for all, but small counts can fall together at 0.
  active_.rebuild();
}

}  // namespace kist
