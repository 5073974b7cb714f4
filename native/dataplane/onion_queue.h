#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/handle.h"
#include "base/histogram.h"
#include "crypto/onion_handshake.h"

namespace kist {

/// Types of circuit handshakes by their number in CREATE2, the last for all others. In the order of
/// ONION_TYPES in src/native/binding-types.ts.
constexpr size_t kOnionTypes = 5;
constexpr size_t onionTypeIndex(uint16_t type) { return type < kOnionTypes - 1 ? type : kOnionTypes - 1; }

/// A circuit handshake that waits for a thread.
struct OnionRequest {
  Handle circuit;
  uint16_t type = 0;
  std::vector<uint8_t> skin;
  std::shared_ptr<const OnionIdentity> identity;
  TimeNs queuedAt = 0;
};

struct OnionStats {
  std::array<uint64_t, kOnionTypes> processed{};  ///< Answered or found malformed.
  std::array<uint64_t, kOnionTypes> dropped{};    ///< Refused or too old.
  std::array<TimeNs, kOnionTypes> cost{};         ///< Estimate for one, of a thread's time.
  uint64_t queued = 0;
  Histogram queueDelay;  ///< Of what a thread took.
};

/// Requests in their order, and how long a new one would wait behind them: the number of each type times what
/// one of it lately cost, shared among the threads. Not thread safe.
class OnionQueue {
 public:
  /// A bound on memory where the estimate would let more wait.
  static constexpr size_t kMaxQueued = 65'536;

  OnionQueue(uint32_t threads, TimeNs maxDelay);

  /// False, and counted as dropped: it would wait too long.
  bool push(OnionRequest&& request);
  bool isEmpty() const { return requests_.empty(); }
  OnionRequest pop();
  void noteTooOld(uint16_t type, TimeNs waited);
  /// `cost` 0: nothing to learn from it.
  void noteProcessed(uint16_t type, TimeNs waited, TimeNs cost);
  void noteDropped(uint16_t type) { ++stats_.dropped[onionTypeIndex(type)]; }

  void setThreads(uint32_t threads) { threads_ = threads; }
  void setMaxDelay(TimeNs delay) { maxDelay_ = delay; }
  TimeNs expectedWait() const;
  OnionStats stats() const;
  /// Takes out all that waits.
  std::deque<OnionRequest> clear();

 private:
  uint32_t threads_;
  TimeNs maxDelay_;
  std::deque<OnionRequest> requests_;
  std::array<uint32_t, kOnionTypes> waiting_{};
  OnionStats stats_;
};

}  // namespace kist
