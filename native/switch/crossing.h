#pragma once

#include <cstdint>
#include <cstring>

#include "base/bytes.h"
#include "base/close_reason.h"
#include "base/handle.h"
#include "cell/cell_pool.h"

namespace kist {

/// What one reactor tells another: cells by value and commands, all in one FIFO per ordered pair of reactors.
struct Crossing {
  enum class Kind : uint8_t {
    kForwardCell,   ///< To a stub: queue this cell for its channel.
    kBackwardCell,  ///< To a home: this cell came from the next hop.
    kAttach,        ///< To a channel: make a stub for `from` and send this CREATE (a whole cell).
    kAttached,      ///< To a home: `from` is the stub, `number` the circuit ID on its channel.
    kAttachFailed,  ///< To a home: no such channel, or no circuit ID left.
    kEndNext,       ///< To a stub: the circuit is over; `number`: see endNumber().
    kNextGone,      ///< To a home: the next hop is over (DESTROY, channel lost, stalled, ...).
    kHoldFeed,      ///< To a home: the stub's queue is over cellq_high: hold what feeds it.
    kReleaseFeed,
    kHoldNext,  ///< To a stub: the home's queue is over cellq_high: hold the stub's channel.
    kReleaseNext,
  };

  Kind kind = Kind::kForwardCell;
  CloseReason reason = CloseReason::kNone;
  uint16_t length = 0;
  uint32_t number = 0;
  uint32_t attempt = 0;  ///< Of kAttach, kAttached, kAttachFailed: which of the circuit's attempts to extend.
  Handle to;
  Handle from;
  TimeNs queuedAt = 0;
  uint8_t bytes[kMaxCellLength];

  /// Number of kEndNext: what becomes of the circuit ID, and the reason of a DESTROY.
  static uint32_t endNumber(uint8_t how, uint8_t destroyReason) {
    return how | static_cast<uint32_t>(destroyReason) << 8;
  }
  uint8_t endHow() const { return static_cast<uint8_t>(number & 0xff); }
  uint8_t endReason() const { return static_cast<uint8_t>(number >> 8 & 0xff); }
  ByteSpan payload() const { return ByteSpan(bytes, length); }
  /// Takes the fields of `header` and `payload` for its bytes: a cell is copied once, into its place on the
  /// ring.
  void fill(const Crossing& header, ByteSpan payload) {
    std::memcpy(static_cast<void*>(this), &header, offsetof(Crossing, bytes));
    length = static_cast<uint16_t>(payload.size());
    if (!payload.empty()) std::memcpy(bytes, payload.data(), payload.size());
  }
};

/// The way out of a reactor; implemented by HandOver. Never waits and never loses: what does not fit the ring
/// is kept.
class CrossingSender {
 public:
  /// Most cells that still come for a queue after it asked another reactor to hold what feeds it: a full
  /// ring, and what is read there before the request is seen behind the messages of the ring back.
  static constexpr uint32_t kMaxOnTheWay = 4096;
  /// `payload` is what crosses with the fields of `header`, whose own bytes are not looked at.
  virtual void send(const Crossing& header, ByteSpan payload) = 0;
  /// False when the ring toward `reactor` is nearly full: the caller holds the channel that feeds it
  /// (waitForRoom).
  virtual bool hasRoom(uint32_t reactor) const = 0;
  /// `channel`, just held, is released when there is room again.
  virtual void waitForRoom(uint32_t reactor, Handle channel) = 0;

 protected:
  ~CrossingSender() = default;
};

}  // namespace kist
