#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "circuit/circuit_queue.h"
#include "circuit/priority_base.h"

namespace kist {

/// A DESTROY cell that waits: far smaller than a cell.
struct PendingDestroy {
  uint32_t circId;
  uint8_t reason;
  uint64_t sequence;  ///< Its place in the service order when it was queued.
};

/// Circuit mux: per channel, keeps the active circuits and picks the next by a policy; also the channel's
/// queue of DESTROY cells, which has a bounded share: after one DESTROY, kCellsPerDestroy cells pass before
/// the next, as long as any circuit is active. Used by: Channel (attach, queue, flush), Scheduler (best key).
/// Policies: `ewma`, `round-robin`. To add one: native/circuit/<name>_mux.{h,cc} and a line in
/// native/registry/muxes.cc.
class CircuitMux {
 public:
  static constexpr uint32_t kCellsPerDestroy = 7;

  explicit CircuitMux(PriorityBase& base);
  virtual ~CircuitMux();
  CircuitMux(const CircuitMux&) = delete;
  CircuitMux& operator=(const CircuitMux&) = delete;
  virtual const char* name() const = 0;

  /// A queue joins (count 0, never served) under `handle`, the third part of its key, which no other queue of
  /// the reactor may have. It must be empty.
  void attach(CircuitQueue& queue, uint64_t handle);
  /// Leaves in any state; its cells stay in the queue and are the caller's to give back.
  void detach(CircuitQueue& queue);
  /// To be called after the first cell was pushed on an empty queue.
  virtual void activate(CircuitQueue& queue) = 0;
  /// To be called when an active queue became empty by anything but a send (its cells were dropped).
  virtual void deactivate(CircuitQueue& queue) = 0;
  /// The active circuit to serve next, or null.
  virtual CircuitQueue* best() const = 0;
  /// Key of the second-best active circuit: the limit of a run of the best one. False when there is none. Not
  /// between onCellSent() and settle().
  virtual bool secondBestKey(PriorityKey& key) const = 0;
  /// Accounts one cell just popped from best(): new key, without moving the queue in the order yet.
  virtual void onCellSent(CircuitQueue& queue) = 0;
  /// Ends a run of best(): finds its new place, or deactivates it when it is empty.
  virtual void settle(CircuitQueue& queue) = 0;

  void queueDestroy(uint32_t circId, uint8_t reason);
  /// True when a DESTROY is next, by its bounded share.
  bool isDestroyNext() const;
  PendingDestroy takeDestroy();
  size_t destroys() const { return destroys_.size(); }
  void onDataCellSent() {
    if (cellsUntilDestroy_ > 0) --cellsUntilDestroy_;
  }

  bool hasCells() const { return activeCount_ > 0 || !destroys_.empty(); }
  uint32_t activeCircuits() const { return activeCount_; }
  uint32_t attachedCircuits() const { return attachedCount_; }
  /// Grows with every activation and deactivation that is not the end of a run: tells a flush to stop and
  /// look anew.
  uint32_t changes() const { return changes_; }
  /// The channel's key: that of a waiting DESTROY that is next (count 0, its sequence, handle 0), else its
  /// best circuit's.
  std::optional<PriorityKey> key() const;

 protected:
  friend class PriorityBase;
  /// Multiplies every attached count by `factor` and restores the order of the active ones.
  virtual void rescale(double factor) = 0;

  PriorityBase& base_;
  CircuitQueue* firstQueue_ = nullptr;
  uint32_t activeCount_ = 0;
  uint32_t attachedCount_ = 0;
  uint32_t changes_ = 0;

 private:
  std::deque<PendingDestroy> destroys_;
  uint32_t cellsUntilDestroy_ = 0;
  CircuitMux* previousMux_ = nullptr;
  CircuitMux* nextMux_ = nullptr;
};

}  // namespace kist
