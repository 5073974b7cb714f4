#include "circuit/ewma_mux.h"

namespace kist {

void EwmaMux::onCellSent(CircuitQueue& queue) {
  queue.key_.count += base_.weight();
  queue.key_.lastServed = base_.nextService();
  ++queue.cellsSent_;
  if (queue.isActive()) active_.markGrown(queue);
}

void EwmaMux::rescale(double factor) {
  for (CircuitQueue* queue = firstQueue_; queue != nullptr; queue = queue->nextInMux_)
    queue->key_.count *= factor;
  // The factor is the same for all, but small counts can fall together at 0.
  active_.rebuild();
}

}  // namespace kist
