#include "circuit/circuit_mux.h"

#include "base/assert.h"

namespace kist {

CircuitMux::CircuitMux(PriorityBase& base) : base_(base), nextMux_(base.firstMux_) {
  if (nextMux_ != nullptr) nextMux_->previousMux_ = this;
  base_.firstMux_ = this;
}

CircuitMux::~CircuitMux() {
  for (CircuitQueue* queue = firstQueue_; queue != nullptr;) {
    CircuitQueue* next = queue->nextInMux_;
    queue->mux_ = nullptr;
    queue->heapIndex_ = CircuitQueue::kInactive;
    queue->previousInMux_ = queue->nextInMux_ = nullptr;
    queue = next;
  }
  (previousMux_ == nullptr ? base_.firstMux_ : previousMux_->nextMux_) = nextMux_;
  if (nextMux_ != nullptr) nextMux_->previousMux_ = previousMux_;
}

void CircuitMux::attach(CircuitQueue& queue, uint64_t handle) {
  KIST_ASSERT(queue.mux_ == nullptr && queue.isEmpty());
  queue.mux_ = this;
  queue.key_ = PriorityKey{0, 0, handle};
  queue.nextInMux_ = firstQueue_;
  if (firstQueue_ != nullptr) firstQueue_->previousInMux_ = &queue;
  firstQueue_ = &queue;
  ++attachedCount_;
}

void CircuitMux::detach(CircuitQueue& queue) {
  if (queue.mux_ == nullptr) return;
  KIST_ASSERT(queue.mux_ == this);
  deactivate(queue);
  (queue.previousInMux_ == nullptr ? firstQueue_ : queue.previousInMux_->nextInMux_) = queue.nextInMux_;
  if (queue.nextInMux_ != nullptr) queue.nextInMux_->previousInMux_ = queue.previousInMux_;
  queue.previousInMux_ = queue.nextInMux_ = nullptr;
  queue.mux_ = nullptr;
  --attachedCount_;
}

void CircuitMux::queueDestroy(uint32_t circId, uint8_t reason) {
  destroys_.push_back(PendingDestroy{circId, reason, base_.nextService()});
}

bool CircuitMux::isDestroyNext() const {
  return !destroys_.empty() && (cellsUntilDestroy_ == 0 || activeCount_ == 0);
}

PendingDestroy CircuitMux::takeDestroy() {
  const PendingDestroy destroy = destroys_.front();
  destroys_.pop_front();
  cellsUntilDestroy_ = kCellsPerDestroy;
  return destroy;
}

std::optional<PriorityKey> CircuitMux::key() const {
  if (isDestroyNext()) return PriorityKey{0, destroys_.front().sequence, 0};
  const CircuitQueue* first = best();
  if (first == nullptr) return std::nullopt;
  return first->key();
}

}  // namespace kist
