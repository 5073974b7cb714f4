#include "dataplane/memory_budget.h"

#include <algorithm>
#include <bit>

namespace kist {

size_t AgeHistogram::bucketOf(TimeNs age) {
  const auto ms = static_cast<uint64_t>(std::max<TimeNs>(age, 0) / kMillisecond);
  return ms < 2 ? 0 : std::min<size_t>(static_cast<size_t>(std::bit_width(ms)) - 1, kBuckets - 1);
}

TimeNs AgeHistogram::lowerBound(size_t bucket) {
  return bucket == 0 ? 0 : static_cast<TimeNs>(uint64_t{1} << bucket) * kMillisecond;
}

MemoryBudget::MemoryBudget(uint64_t limit, uint32_t reactors) : limit_(limit), done_(reactors, false) {}

uint64_t MemoryBudget::used() const {
  const int64_t used = used_.load(std::memory_order_relaxed);
  return used < 0 ? 0 : static_cast<uint64_t>(used);
}

MemoryBudget::Duty MemoryBudget::duty(uint32_t reactor, TimeNs now, bool& begun) {
  begun = false;
  Phase phase = phase_.load(std::memory_order_acquire);
  if (phase == Phase::kIdle) {
    if (used() <= limit_) return Duty::kNone;
    const std::lock_guard lock(mutex_);
    if (phase_.load(std::memory_order_relaxed) == Phase::kIdle && now < quietUntil_) return Duty::kNone;
    if (phase_.load(std::memory_order_relaxed) == Phase::kIdle) {
      sum_ = AgeHistogram{};
      std::fill(done_.begin(), done_.end(), false);
      doneCount_ = 0;
      rounds_.fetch_add(1, std::memory_order_relaxed);
      phase_.store(Phase::kPublishing, std::memory_order_release);
      begun = true;
    }
    phase = phase_.load(std::memory_order_relaxed);
  }
  const std::lock_guard lock(mutex_);
  if (done_[reactor]) return Duty::kNone;
  return phase == Phase::kPublishing ? Duty::kPublish : Duty::kClose;
}

bool MemoryBudget::publish(uint32_t reactor, const AgeHistogram& histogram) {
  const std::lock_guard lock(mutex_);
  if (phase_.load(std::memory_order_relaxed) != Phase::kPublishing || done_[reactor]) return false;
  for (size_t i = 0; i < AgeHistogram::kBuckets; ++i) sum_.bytes[i] += histogram.bytes[i];
  done_[reactor] = true;
  if (++doneCount_ < done_.size()) return false;
  const uint64_t target = limit_ / 10 * 9;
  const uint64_t excess = used() > target ? used() - target : 0;
  uint64_t found = 0;
  size_t bucket = AgeHistogram::kBuckets;
  while (bucket > 0 && found < excess) found += sum_.bytes[--bucket];
  cutoffAge_ = bucket == AgeHistogram::kBuckets ? kNever : AgeHistogram::lowerBound(bucket);
  std::fill(done_.begin(), done_.end(), false);
  doneCount_ = 0;
  phase_.store(Phase::kClosing, std::memory_order_release);
  return true;
}

TimeNs MemoryBudget::cutoffAge() const {
  const std::lock_guard lock(mutex_);
  return cutoffAge_;
}

void MemoryBudget::closed(uint32_t reactor, TimeNs now) {
  const std::lock_guard lock(mutex_);
  if (phase_.load(std::memory_order_relaxed) != Phase::kClosing || done_[reactor]) return;
  done_[reactor] = true;
  if (++doneCount_ < done_.size()) return;
  quietUntil_ = now + kBetweenRounds;
  phase_.store(Phase::kIdle, std::memory_order_release);
}

}  // namespace kist
