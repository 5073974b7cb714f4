#pragma once

#include <cstdint>
#include <memory>

#include "base/handle.h"
#include "circuit/circuit_queue.h"
#include "crypto/circuit_crypto.h"

namespace kist {

class Channel;
class CircuitStreams;

/// What a circuit does with cells that come from the previous hop.
enum class CircuitState : uint8_t {
  kDeciding,   ///< CREATE came, the control plane decides; cells are held.
  kHere,       ///< Ends here: cells are for this relay.
  kExtending,  ///< The control plane is extending it; cells are held.
  kForward,    ///< Passes on to the next hop.
};

/// How far the next hop is.
enum class NextHop : uint8_t { kNone, kCreating, kOpen };

/// One side of a circuit at this reactor: the channel, its name there, and the cells that wait for that
/// channel.
struct CircuitEnd {
  Channel* channel = nullptr;
  uint32_t circId = 0;
  CircuitQueue queue;
  /// This circuit holds up reading of `channel` (because the other side's queue is over cellq_high).
  bool holdsChannel = false;
};

/// A FIFO of held cells, at most kMaxHeld.
class HeldCells {
 public:
  static constexpr uint32_t kMaxHeld = 64;
  void push(Cell* cell) {
    (tail_ == nullptr ? head_ : tail_->next) = cell;
    tail_ = cell;
    ++size_;
  }
  Cell* pop() {
    Cell* cell = head_;
    if (cell == nullptr) return nullptr;
    head_ = cell->next;
    if (head_ == nullptr) tail_ = nullptr;
    cell->next = nullptr;
    --size_;
    return cell;
  }
  uint32_t size() const { return size_; }
  /// Time at which the oldest cell came; kNever when empty.
  TimeNs oldest() const { return head_ == nullptr ? kNever : head_->queuedAt; }

 private:
  Cell* head_ = nullptr;
  Cell* tail_ = nullptr;
  uint32_t size_ = 0;
};

/// A circuit at its home reactor, or, when `isStub`, its stand-in on the reactor of its next-hop channel: a
/// stub has only `next` and the handle of its home. A circuit of our own has no previous hop; one that ends
/// here has no next hop.
class Circuit {
 public:
  bool hasPrevious() const { return previous.channel != nullptr; }
  bool isOrigin() const { return !isStub && previous.channel == nullptr; }
  bool isNextRemote() const { return static_cast<bool>(stub); }

  Handle handle;
  CircuitState state = CircuitState::kHere;
  NextHop nextHop = NextHop::kNone;
  bool isStub = false;
  bool closing = false;  ///< Being torn down: nothing is queued any more.
  CircuitEnd previous;
  CircuitEnd next;
  Handle stub;                  ///< At home: the stub, when the next hop lives on another reactor.
  Handle home;                  ///< At a stub: the circuit.
  bool feedHeldByStub = false;  ///< The stub's queue is over cellq_high.
  bool nextHeldByHome = false;  ///< At a stub: home's backward queue is over cellq_high.
  HeldCells held;
  /// Null in a dialect without relay crypto, at a stub, before a CREATE was accepted, and before our first
  /// hop.
  std::unique_ptr<CircuitCrypto> crypto;
  bool hasWindows = false;                  ///< As its dialect says.
  uint8_t createCommand = 0;                ///< Of the cell that made it.
  uint8_t earlyCells = 0;                   ///< RELAY_EARLY cells that came from the previous hop.
  uint8_t hops = 0;                         ///< Of a circuit of our own: those whose keys are known.
  std::shared_ptr<CircuitStreams> streams;  ///< Made by the edge where something of the circuit ends here.
  uint32_t extendAttempt =
      0;  ///< Counts attempts to extend: another reactor's late answer to an old one is told apart.
  uint64_t createToken = 0;  ///< Origin circuit: what the control plane calls the request.
  uint32_t owner = 0;
  TimeNs lastCell = 0;
};

}  // namespace kist
