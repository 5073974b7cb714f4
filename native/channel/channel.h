#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/chunk_buffer.h"
#include "base/close_reason.h"
#include "base/flat_map.h"
#include "base/handle.h"
#include "cell/cell_pool.h"
#include "cell/dialect.h"
#include "channel/channel_context.h"
#include "circuit/circuit.h"
#include "circuit/circuit_mux.h"
#include "loop/event_loop.h"
#include "sched/schedulable_channel.h"
#include "transport/transport.h"

namespace kist {

/// A carrier of cells between two relays: transport + dialect + outbuf, and the mux of the circuits that
/// write to it.
///
///   kConnecting ─► kHandshake ─► kOpen ─► kDraining ─► gone
///                                                │ (what was written still goes out, bounded)
///
/// Reads bytes, cuts cells, calls Listener::onCell for each. Reading is held while any hold() stands: a link
/// cell that the control plane looks at, a circuit queue over its high mark, a full ring, lacking credit.
/// Writes only what the scheduler flushes, but for link cells. Never decides what a cell means; never deletes
/// itself: the reactor does, at the turn's end.
class Channel final : public SchedulableChannel, public Transport::Listener {
 public:
  enum class State : uint8_t { kConnecting, kHandshake, kOpen, kDraining, kClosed };

  /// Upward calls, implemented by the reactor and the switch.
  class Listener {
   public:
    virtual void onChannelConnected(Channel& channel) = 0;
    virtual void onCell(Channel& channel, const CellView& cell) = 0;
    /// A queue that held up its feeder fell to cellq_low.
    virtual void onQueueLow(Channel& channel, CircuitQueue& queue) = 0;
    /// The channel is dead or done: tear it down at the end of the turn. Called once.
    virtual void onChannelDone(Channel& channel) = 0;
    /// Buffered input waits though no descriptor event will come: call readBuffered() in the next turn.
    virtual void onInputWaiting(Channel& channel) = 0;

   protected:
    ~Listener() = default;
  };

  Channel(ChannelContext& context, Listener& listener, const Dialect& dialect,
          std::unique_ptr<Transport> transport, std::unique_ptr<CircuitMux> mux);
  ~Channel() override;

  /// Begins to deliver events; `connecting`: onChannelConnected comes first.
  Status start(bool connecting);

  // Identity.
  Handle handle;
  uint32_t owner = 0;
  uint64_t token = 0;  ///< What the control plane calls its connect request; 0 for accepted ones.
  bool deliverUnknown = false;

  State state() const { return state_; }
  const Dialect& dialect() const { return dialect_; }
  CloseReason closeReason() const { return closeReason_; }
  int closeError() const { return closeError_; }
  /// False while, or when, connecting never succeeded.
  bool wasConnected() const { return wasConnected_; }

  /// Link handshake done: the scheduler may use the channel. `isInitiator`: this end opened it, which decides
  /// the circuit IDs of either end.
  void open(bool isInitiator);
  /// Appends one whole cell to the outbuf, past the mux, and writes.
  void sendLinkCell(ByteSpan cell);
  /// Ends the channel: nothing more is read, the outbuf still goes out. `error` is an errno or 0.
  void close(CloseReason reason, int error = 0);
  /// Ends it at once.
  void abort(CloseReason reason, int error = 0);
  TimeNs drainDeadline() const { return drainDeadline_; }

  /// Holds and releases of reading, counted. After the last release buffered input is read in the next turn.
  void hold();
  void release();
  bool isHeld() const { return holds_ > 0; }
  /// The hold of a link cell that the control plane looks at. A release too many touches nobody else's hold.
  void holdForLinkCell();
  void releaseLinkCell();
  void readBuffered();

  // Circuits by ID. An entry without circuit is an ID kept from reuse.
  struct Entry {
    Circuit* circuit = nullptr;
    bool fromNext = false;   ///< Cells with this ID come from the circuit's next hop.
    bool abandoned = false;  ///< A CREATE of ours that was given up; a late CREATED is answered with DESTROY.
  };
  Entry* findCircuit(uint32_t circId) { return circuits_.find(circId); }
  void addCircuit(uint32_t circId, Circuit& circuit, bool fromNext);
  /// Frees the ID at once, or keeps it reserved (`abandoned`).
  void removeCircuit(uint32_t circId, bool abandoned = false);
  /// Frees the ID once its DESTROY went out.
  void removeCircuitAfterDestroy(uint32_t circId, uint8_t reason);
  /// A free ID among ours, or 0.
  uint32_t pickCircId();
  /// False for an ID that the peer may not give to a circuit of its own.
  bool isPeersCircId(uint32_t circId) const { return !ownIds_.isStrict || !ownIds_.contains(circId); }
  size_t circuits() const { return circuits_.size(); }
  /// Circuits in the order of their IDs (for a teardown in the same order everywhere).
  std::vector<Entry> circuitsById();

  /// See Transport::exportLink().
  bool exportLink(ByteSpan context, LinkSecrets& out) { return transport_->exportLink(context, out); }
  size_t inbufBytes() const { return inbuf_.size(); }

  // SchedulableChannel.
  uint64_t id() const override { return handle.bits; }
  CircuitMux& mux() override { return *mux_; }
  FlushResult flush(const PriorityKey* rival, uint64_t budget) override;
  uint64_t nextCellCost() const override;
  void writeOutbuf() override;
  uint64_t outbufLength() const override;
  bool isWritable() const override { return state_ == State::kOpen; }
  TcpInfoTarget tcpInfoTarget() const override;
  bool ownTcpInfo(TcpInfo& info) const override { return transport_->ownTcpInfo(info); }
  bool watchDrained() override;
  bool setNotsentLowat(uint32_t bytes) override { return transport_->setNotsentLowat(bytes); }

  // Transport::Listener.
  void onTransportConnected() override;
  void onTransportReadable() override;
  void onTransportWritable() override;
  void onTransportFailed(int error) override;

 private:
  FlushResult flushDestroy(uint64_t budget);
  size_t cutCells(ByteSpan input);
  void keepInput(ByteSpan rest);
  void finishDraining();
  void discardInput();
  void updateReading();

  ChannelContext& context_;
  Listener& listener_;
  const Dialect& dialect_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<CircuitMux> mux_;
  std::unique_ptr<Framer> framer_;
  ChunkBuffer outbuf_;
  std::vector<uint8_t> inbuf_;  ///< Bytes read and not yet cut into cells; empty unless held or in mid cell.
  FlatMap<Entry> circuits_;
  CircIds ownIds_;
  uint32_t nextCircId_ = 0;  ///< Counted from the first of ownIds_, in their steps.
  uint32_t holds_ = 0;
  uint32_t linkHolds_ = 0;    ///< Of them: link cells.
  bool answersHold_ = false;  ///< Of them: a peer that asks and does not read the answers.
  State state_ = State::kConnecting;
  CloseReason closeReason_ = CloseReason::kNone;
  int closeError_ = 0;
  bool drainWatch_ = false;
  bool eof_ = false;
  bool wasConnected_ = false;
  TimeNs drainDeadline_ = kNever;
};

}  // namespace kist
