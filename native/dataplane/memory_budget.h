#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/clock.h"

namespace kist {

/// Bytes of one reactor's circuits by the age of their oldest waiting cell: bucket i holds ages in [2^i,
/// 2^(i+1)) ms.
struct AgeHistogram {
  static constexpr size_t kBuckets = 32;
  std::array<uint64_t, kBuckets> bytes{};

  static size_t bucketOf(TimeNs age);
  static TimeNs lowerBound(size_t bucket);
};

/// The global budget over queues, rings, buffers and undelivered batches. Each reactor adds its change once
/// per turn. Over the limit a round begins: every reactor publishes a histogram of bytes by age, the last to
/// do so works out the age from which circuits must go to fall to 90 % of the limit, and each closes its
/// circuits older than that. The overshoot is what the reactors take in within the two turns of a round. Any
/// thread; the lock is taken only in a round.
class MemoryBudget {
 public:
  static constexpr TimeNs kBetweenRounds = 50 * kMillisecond;

  MemoryBudget(uint64_t limit, uint32_t reactors);

  void add(int64_t change) { used_.fetch_add(change, std::memory_order_relaxed); }
  uint64_t used() const;
  uint64_t limit() const { return limit_; }

  /// What a reactor has to do at its turn's end.
  enum class Duty : uint8_t { kNone, kPublish, kClose };
  /// `begun`: this call began a round, so wake all reactors.
  Duty duty(uint32_t reactor, TimeNs now, bool& begun);
  /// True: the cutoff is known now, so wake all reactors.
  bool publish(uint32_t reactor, const AgeHistogram& histogram);
  /// Circuits whose oldest cell is at least this old must go.
  TimeNs cutoffAge() const;
  void closed(uint32_t reactor, TimeNs now);
  uint64_t rounds() const { return rounds_.load(std::memory_order_relaxed); }

 private:
  enum class Phase : uint8_t { kIdle, kPublishing, kClosing };

  const uint64_t limit_;
  std::atomic<int64_t> used_{0};
  std::atomic<Phase> phase_{Phase::kIdle};
  std::atomic<uint64_t> rounds_{0};
  mutable std::mutex mutex_;
  AgeHistogram sum_;
  std::vector<bool> done_;
  uint32_t doneCount_ = 0;
  TimeNs cutoffAge_ = 0;
  TimeNs quietUntil_ = 0;  ///< Rounds that free nothing must not follow each other at every turn.
};

}  // namespace kist
