#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "loop/event_loop.h"
#include "loop/spsc_ring.h"
#include "switch/crossing.h"

namespace kist {

using CrossingRing = SpscRing<Crossing>;

/// One ring per ordered pair of reactors.
class RingMatrix {
 public:
  static constexpr uint32_t kRingCapacity = 1024;

  explicit RingMatrix(uint32_t reactors) : loops(reactors), rings_(reactors * reactors), reactors_(reactors) {
    for (uint32_t i = 0; i < reactors * reactors; ++i) {
      if (i / reactors != i % reactors) rings_[i] = std::make_unique<CrossingRing>(kRingCapacity);
    }
  }
  uint32_t reactors() const { return reactors_; }
  CrossingRing& ring(uint32_t from, uint32_t to) { return *rings_[from * reactors_ + to]; }
  /// By reactor; filled by the data plane before any reactor turns.
  std::vector<EventLoop*> loops;

 private:
  std::vector<std::unique_ptr<CrossingRing>> rings_;
  uint32_t reactors_;
};

/// One reactor's side of the rings. Producers never wait and never lose: what does not fit a ring is kept in
/// order and the channels that feed it are held until there is room. Consumers always drain.
class HandOver final : public CrossingSender {
 public:
  static_assert(2 * RingMatrix::kRingCapacity <= kMaxOnTheWay);
  class Listener {
   public:
    virtual void onCrossing(const Crossing& crossing) = 0;
    /// The ring that `channel` waited for has room.
    virtual void onRingRoom(Handle channel) = 0;

   protected:
    ~Listener() = default;
  };

  HandOver(uint32_t self, RingMatrix& matrix, Listener& listener);

  // CrossingSender.
  void send(const Crossing& header, ByteSpan payload) override;
  bool hasRoom(uint32_t reactor) const override;
  void waitForRoom(uint32_t reactor, Handle channel) override;

  /// Takes what the others sent, bounded per turn. True: more waits.
  bool poll();
  /// Messages that the last poll() took.
  uint32_t taken() const { return taken_; }
  /// Publishes what was sent in this turn and wakes sleepers.
  void finishTurn();
  /// True when nothing waits for this reactor; the last look before a sleep.
  bool isIdle();
  /// Messages kept for full rings.
  size_t overflow() const;

 private:
  static constexpr uint32_t kPollPerRing = 512;
  static constexpr uint32_t kReserve = 256;  ///< Room kept for commands and cells already on their way.

  struct Outgoing {
    std::deque<Crossing> overflow;
    std::vector<Handle> waiting;
    uint32_t room = RingMatrix::kRingCapacity;  ///< Lower bound of the ring's room.
  };

  bool push(uint32_t to, const Crossing& header, ByteSpan payload);
  void flushOverflow(uint32_t to);
  void flush(uint32_t to);

  uint32_t self_;
  RingMatrix& matrix_;
  Listener& listener_;
  std::vector<Outgoing> outgoing_;
  uint32_t taken_ = 0;
};

}  // namespace kist
