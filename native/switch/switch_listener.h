#pragma once

#include "base/bytes.h"
#include "base/close_reason.h"
#include "channel/channel.h"
#include "circuit/circuit.h"

namespace kist {

/// Which side of a circuit something came from. In the order of SIDES in src/native/binding-types.ts.
enum class Side : uint8_t { kHere, kPrevious, kNext };

/// What the switch tells the reactor: events for the control plane, and requests it cannot serve itself.
class SwitchListener {
 public:
  virtual void onLinkCell(Channel& channel, const CellView& cell) = 0;
  virtual void onUnknownCell(Channel& channel, const CellView& cell) = 0;
  virtual void onCircuitCreate(Circuit& circuit, const CellView& cell) = 0;
  virtual void onCircuitAttached(Circuit& circuit, uint64_t token, uint32_t circId) = 0;
  virtual void onCircuitCreated(Circuit& circuit, const CellView& cell) = 0;
  /// `cell` null when no answer of the peer says so.
  virtual void onCircuitCreateFailed(Circuit& circuit, CloseReason reason, const CellView* cell) = 0;
  virtual void onCircuitClosed(Circuit& circuit, CloseReason reason, Side side) = 0;
  virtual void onRelayMessage(Circuit& circuit, const RelayMessage& message) = 0;
  /// False: too many undelivered events; the switch holds the channel that brought this one.
  virtual bool hasControlCredit() const = 0;
  virtual void waitForControlCredit(Handle channel) = 0;
  /// Finds a channel of this reactor.
  virtual Channel* findChannel(Handle handle) = 0;

 protected:
  ~SwitchListener() = default;
};

}  // namespace kist
