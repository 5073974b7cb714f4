#pragma once

#include <vector>

#include "base/slot_table.h"
#include "cell/cell_padding.h"
#include "channel/channel.h"
#include "edge/edge.h"
#include "switch/crossing.h"
#include "switch/switch_listener.h"

namespace kist {

/// The cell switch of one reactor: takes a cell from a channel and decides: the other side's queue, another
/// reactor, this end of the circuit, the control plane, or the floor. Keeps the circuit table.
///
/// A circuit's home is the reactor of its previous hop (of its first hop for circuits of our own). Cells
/// toward a next hop on another reactor cross once to a stub there, which queues them; cells from it cross
/// raw and are processed at home.
///
/// A queue at cellq_high holds the channel that feeds it until cellq_low. A circuit may pass the same relay
/// twice, so that its queue can only drain if that very channel is read: a hold under which nothing moved for
/// kHoldPatience therefore doubles the mark and reads on, up to the hard limit; without a loop the reader is
/// just slow and the stall rule decides.
///
/// In a dialect with windows nothing is held: a queue at cellq_high pauses the edge alone, and only a peer
/// that ignores the windows reaches the hard limit.
///
/// In a dialect with relay crypto every relay cell passes the circuit's CircuitCrypto at its home, in the
/// order of the queues: what comes from the previous hop is opened and is for this relay when recognised,
/// what comes from the next hop is wrapped, what is made here is sealed. Cells that wait for a decision wait
/// encrypted.
///
/// Called by: channels (onCell), the scheduler's flushes (onQueueLow), rings (onCrossing), the control
/// plane's commands. Split over five files: cell_switch.cc (look-up and queues), relay_cells.cc (what becomes
/// of relay cells), circuit_commands.cc (making circuits), circuit_end.cc (ending them), circuit_flow.cc
/// (holds, crossing between reactors). Never writes to a channel: it queues and tells the scheduler.
class CellSwitch final : public Edge::Listener {
 public:
  static constexpr TimeNs kHoldPatience = 100 * kMillisecond;
  /// RELAY_EARLY cells that a circuit may carry away from its origin (tor-spec 5.6).
  static constexpr uint8_t kMostEarlyCells = 8;
  /// A peer that still asks for circuits while so many DESTROYs wait for it takes nothing: its channel is
  /// closed.
  static constexpr size_t kMostDestroys = 16'384;

  CellSwitch(uint32_t reactor, ChannelContext& context, CrossingSender& sender, SwitchListener& listener,
             MutableByteSpan edgeScratch, Edge::StreamEvents& streamEvents);
  ~CellSwitch();

  // Cells.
  void onCell(Channel& channel, const CellView& cell);
  void onCrossing(const Crossing& crossing);
  void onQueueLow(CircuitQueue& queue);

  // Commands of the control plane; a null or ended circuit was sorted out by the caller.
  void createCircuit(uint64_t token, Channel& channel, ByteSpan payload);
  /// `crypto`: in a dialect with relay crypto what the circuit's handshake gave.
  void acceptCircuit(Circuit& circuit, ByteSpan payload, std::unique_ptr<CircuitCrypto> crypto = nullptr);
  void refuseCircuit(Circuit& circuit, uint8_t reason);
  void holdCircuit(Circuit& circuit);
  void extendCircuit(Circuit& circuit, Handle channel, ByteSpan payload);
  void spliceCircuit(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body);
  /// Gives up extending, or (with relay crypto) cuts off the next hop; the circuit ends here then.
  void unextendCircuit(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body);
  /// A circuit of our own reaches one hop further: what is sent from now on is for that hop.
  void addHop(Circuit& circuit, const RelayKeys& keys);
  void closeCircuit(Circuit& circuit, uint8_t destroyReason, CloseReason reason);
  /// `early`: in a cell that may carry EXTEND, where the dialect has such.
  void sendRelay(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body, bool early = false);
  void injectCell(Circuit& circuit, ByteSpan cell, bool fromNext);

  /// All circuits of a channel that ended.
  void closeCircuitsOf(Channel& channel);
  /// Stall, idle and half-open rules. Once a second.
  void sweep(TimeNs now);
  /// Closes circuits whose oldest queued cell is older than `cutoff` (budget). Returns how many.
  uint32_t closeOlderThan(TimeNs cutoff);
  /// Queues that fell low since the last call resume their feeders; what ended is freed. Once a turn, outside
  /// any run.
  void finishTurn();

  Circuit* find(Handle handle) const { return circuits_.find(handle); }
  Edge& edge() { return edge_; }
  uint32_t circuits() const { return circuits_.size(); }
  template <typename F>
  void forEachCircuit(F&& visit) const {
    circuits_.forEach(visit);
  }

  // Edge::Listener.
  void queueFromHere(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body) override;
  uint32_t roomFromHere(Circuit& circuit) override;
  const Dialect& dialectHere(const Circuit& circuit) override;
  void holdFeed(Circuit& circuit, bool held) override;

 private:
  // Cells (cell_switch.cc).
  void onPreviousCell(Circuit& circuit, const CellView& cell);
  void onNextCell(Circuit& circuit, const CellView& cell);
  void onCreate(Channel& channel, const CellView& cell);
  void refuseCreate(Channel& channel, uint32_t circId, CloseReason reason);
  void onUnknown(Channel& channel, const CellView& cell);
  void holdCell(Circuit& circuit, const CellView& cell);
  void releaseHeld(Circuit& circuit);
  void dropHeld(Circuit& circuit);
  /// Appends an encoded cell to a queue under its circuit ID and tells the scheduler. False: the circuit was
  /// closed.
  bool queueCell(Circuit& circuit, CircuitEnd& end, Cell* cell);
  Cell* copyCell(const CellView& cell, TimeNs queuedAt);
  void queueRelay(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body, bool early);

  // Relay cells (relay_cells.cc).
  void relayForward(Circuit& circuit, const CellView& cell);
  void openForward(Circuit& circuit, const CellView& cell);
  void relayBackward(Circuit& circuit, const CellView& cell);
  void openBackward(Circuit& circuit, const CellView& cell);
  /// Takes a cell that is for this end; `cell` is plain.
  void recognise(Circuit& circuit, const CellView& cell, bool isEarly);
  bool isAllowed(const Circuit& circuit, const RelayMessage& message, bool isEarly) const;
  /// Ends a circuit whose peer broke the rules.
  void endForViolation(Circuit& circuit) { endCircuit(circuit, CloseReason::kMalformed, Side::kHere); }

  // Making (circuit_commands.cc) and ending (circuit_end.cc).
  Circuit* makeCircuit(uint32_t owner);
  void attachEnd(Circuit& circuit, CircuitEnd& end, Channel& channel, uint32_t circId, bool fromNext);
  void queueCreate(Circuit& circuit, uint32_t circId, ByteSpan payload);
  void detachEnd(CircuitEnd& end);
  void dropQueue(CircuitQueue& queue);
  void onCreated(Circuit& circuit, const CellView& cell);
  void onCreateFailed(Circuit& circuit, const CellView* cell, CloseReason reason);
  /// Ends a circuit from below: tells the other sides and the control plane. DESTROY says what the dialect
  /// says for `reason`, or passes on what a DESTROY said.
  void endCircuit(Circuit& circuit, CloseReason reason, Side side);
  void endCircuit(Circuit& circuit, CloseReason reason, Side side, uint8_t destroyReason);
  /// What becomes of the next hop's circuit ID: kept until a late answer, free, or free once DESTROY went
  /// out.
  enum class NextEnd : uint8_t { kAbandon, kFree, kDestroy };
  void endNext(Circuit& circuit, NextEnd how, uint8_t destroyReason);
  void endPrevious(Circuit& circuit, bool sendDestroy, uint8_t destroyReason);
  void free(Circuit& circuit);
  void endStub(Circuit& stub, NextEnd how, uint8_t destroyReason);
  /// A stub ends by itself: home is told.
  void endStubFor(Circuit& stub, NextEnd how, CloseReason reason);
  static void releaseId(Channel& channel, uint32_t circId, NextEnd how, uint8_t destroyReason);

  // Holds and crossing (circuit_flow.cc).
  void onQueueHigh(Circuit& circuit, CircuitQueue& queue);
  void checkPausedQueues();
  void setFeederHeld(Circuit& circuit, bool towardNext, bool held);
  static void setChannelHeld(CircuitEnd& end, bool held);
  void cross(Crossing::Kind kind, Handle to, Handle from, CloseReason reason = CloseReason::kNone,
             uint32_t number = 0);
  void crossCell(Crossing::Kind kind, Handle to, Handle from, const CellView& cell, Channel* feeder);
  void attachStub(const Crossing& crossing);
  bool isStalled(const CircuitQueue& queue, TimeNs now) const;
  uint32_t highMark(const CircuitQueue& queue) const;
  uint32_t hardLimit(const Circuit& circuit, const CircuitQueue& queue) const;
  void pauseForControl(Circuit& circuit);

  ChannelContext& context_;
  CrossingSender& sender_;
  SwitchListener& listener_;
  SlotTable<Circuit> circuits_;
  Edge edge_;
  std::vector<std::pair<Handle, bool>> low_;     ///< Circuits whose queue (toward next: true) fell low.
  std::vector<std::pair<Handle, bool>> paused_;  ///< Circuits whose queue holds its feeder.
  Timer pausedTimer_;
  std::vector<std::unique_ptr<Circuit>> finished_;  ///< Ended in this turn; freed at its end.
  uint32_t reactor_;
  Crossing outgoing_;
  CellPadding padding_;
};

}  // namespace kist
