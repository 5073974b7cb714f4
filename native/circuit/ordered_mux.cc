#include "circuit/ordered_mux.h"

#include "base/assert.h"

namespace kist {

void OrderedMux::activate(CircuitQueue& queue) {
  KIST_ASSERT(queue.mux_ == this);
  if (queue.isActive()) return;
  active_.insert(queue);
  ++activeCount_;
  ++changes_;
}

void OrderedMux::deactivate(CircuitQueue& queue) {
  if (!queue.isActive()) return;
  active_.remove(queue);
  --activeCount_;
  ++changes_;
}

void OrderedMux::settle(CircuitQueue& queue) {
  if (!queue.isActive()) return;
  if (queue.isEmpty()) {
    active_.remove(queue);
    --activeCount_;
  } else {
    active_.settle(queue);
  }
}

}  // namespace kist
