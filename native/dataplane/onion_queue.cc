#include "dataplane/onion_queue.h"

#include <algorithm>
#include <utility>

namespace kist {

namespace {

/// Until the first were measured: two or three multiplications on Curve25519, or a few hashes.
constexpr std::array<TimeNs, kOnionTypes> kFirstCosts = {
    10 * kMicrosecond, 10 * kMicrosecond, 100 * kMicrosecond, 120 * kMicrosecond, 10 * kMicrosecond};
/// The estimate follows what was measured by this part of the difference.
constexpr TimeNs kFollow = 256;
/// One measurement counts as so many times the estimate at most: a thread that lost its processor says
/// little.
constexpr TimeNs kMostRise = 64;

}  // namespace

OnionQueue::OnionQueue(uint32_t threads, TimeNs maxDelay) : threads_(threads), maxDelay_(maxDelay) {
  stats_.cost = kFirstCosts;
}

TimeNs OnionQueue::expectedWait() const {
  TimeNs work = 0;
  for (size_t i = 0; i < kOnionTypes; ++i) work += waiting_[i] * stats_.cost[i];
  return work / threads_;
}

bool OnionQueue::push(OnionRequest&& request) {
  if (requests_.size() >= kMaxQueued || expectedWait() > maxDelay_) {
    noteDropped(request.type);
    return false;
  }
  ++waiting_[onionTypeIndex(request.type)];
  requests_.push_back(std::move(request));
  return true;
}

OnionRequest OnionQueue::pop() {
  OnionRequest request = std::move(requests_.front());
  requests_.pop_front();
  --waiting_[onionTypeIndex(request.type)];
  return request;
}

void OnionQueue::noteTooOld(uint16_t type, TimeNs waited) {
  noteDropped(type);
  stats_.queueDelay.add(static_cast<uint64_t>(waited));
}

void OnionQueue::noteProcessed(uint16_t type, TimeNs waited, TimeNs cost) {
  const size_t index = onionTypeIndex(type);
  ++stats_.processed[index];
  stats_.queueDelay.add(static_cast<uint64_t>(waited));
  if (cost <= 0) return;
  TimeNs& estimate = stats_.cost[index];
  estimate += (std::min(cost, kMostRise * estimate) - estimate) / kFollow;
  estimate = std::max(estimate, kMicrosecond);
}

OnionStats OnionQueue::stats() const {
  OnionStats stats = stats_;
  stats.queued = requests_.size();
  return stats;
}

std::deque<OnionRequest> OnionQueue::clear() {
  waiting_ = {};
  return std::exchange(requests_, {});
}

}  // namespace kist
