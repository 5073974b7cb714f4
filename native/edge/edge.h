#pragma once

#include <vector>

#include "base/counters.h"
#include "cell/dialect.h"
#include "circuit/circuit.h"
#include "circuit/flow_limits.h"
#include "edge/circuit_streams.h"
#include "edge/lingering_sockets.h"

namespace kist {

/// Where circuits end: streams, packing into and unpacking from DATA cells, sockets of exit streams, credit
/// towards the control plane. In a dialect without windows a reader that falls behind holds the feeding
/// channel (bounded by the stall rule); with windows it only gets no SENDME. In both a full circuit queue
/// holds the sockets and stream buffers that feed it, and so does a package window at zero.
///
/// Called by: the switch (cells for this relay, queue low, circuit closed), the control plane's commands
/// through the reactor, sockets. Never picks a cell to send next (the scheduler does) and never resolves a
/// name.
class Edge final : public ExitSocket::Listener {
 public:
  class Listener {
   public:
    /// Queues a relay cell from this end of `circuit`.
    virtual void queueFromHere(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body) = 0;
    /// Cells that may still be queued from here before the queue reaches cellq_high; at 0 the edge stops, and
    /// the switch calls pump() at cellq_low.
    virtual uint32_t roomFromHere(Circuit& circuit) = 0;
    virtual const Dialect& dialectHere(const Circuit& circuit) = 0;
    /// Holds or releases the channel from which this circuit's cells come to this end.
    virtual void holdFeed(Circuit& circuit, bool held) = 0;

   protected:
    ~Listener() = default;
  };

  /// What the control plane hears of streams.
  class StreamEvents {
   public:
    virtual void onStreamData(Circuit& circuit, uint16_t streamId, std::vector<uint8_t>&& bytes) = 0;
    virtual void onStreamEnd(Circuit& circuit, uint16_t streamId) = 0;
    /// The same with the reason that the END gave, where the dialect has one.
    virtual void onStreamEndReason(Circuit& circuit, uint16_t streamId, uint8_t /*reason*/) {
      onStreamEnd(circuit, streamId);
    }
    virtual void onStreamConnected(Circuit& circuit, uint16_t streamId) = 0;
    virtual void onStreamConnectFailed(Circuit& circuit, uint16_t streamId, int error) = 0;
    virtual void onStreamClosed(Circuit& circuit, uint16_t streamId, CloseReason reason) = 0;
    virtual void onStreamWritten(Circuit& circuit, uint16_t streamId, uint64_t bytes) = 0;

   protected:
    ~StreamEvents() = default;
  };

  Edge(EventLoop& loop, ChunkPool& chunks, ReactorCounters& counters, FlowLimits& limits,
       MutableByteSpan scratch, Listener& listener, StreamEvents& events);
  ~Edge();

  // From the switch.
  enum class Taken : uint8_t {
    kDone,
    kUnknown,    ///< No such stream here; the message is the control plane's or to be dropped.
    kViolation,  ///< Against the rules of the windows: the circuit is to be closed.
  };
  Taken onData(Circuit& circuit, uint16_t streamId, ByteSpan bytes);
  Taken onSendme(Circuit& circuit, uint16_t streamId, ByteSpan body);
  Taken onEnd(Circuit& circuit, uint16_t streamId, ByteSpan body);
  /// BEGIN came: DATA that follows before the control plane decided is kept for connectStream(). An END that
  /// the control plane sends refuses the stream: forgetExpected(). False: there is such a stream already.
  bool expectStream(Circuit& circuit, uint16_t streamId);
  void forgetExpected(Circuit& circuit, uint16_t streamId);
  /// A circuit of our own has another last hop: its windows begin anew.
  void resetWindows(Circuit& circuit);
  /// Packs what waits, as far as the circuit's queue has room.
  void pump(Circuit& circuit);
  /// Passes on at once what came for the streams of a circuit: what its peer sent before it ended it still
  /// counts.
  void deliverAll(Circuit& circuit);
  /// Frees all streams of a circuit without a word.
  void closeAll(Circuit& circuit);

  // From the control plane.
  void openStream(Circuit& circuit, uint16_t streamId);
  void connectStream(Circuit& circuit, uint16_t streamId, const SocketAddress& address, TimeNs deadline,
                     uint8_t connectedCommand, std::vector<uint8_t>&& connectedBody);
  void writeStream(Circuit& circuit, uint16_t streamId, ByteSpan bytes);
  /// `reason`: of the END, in dialects that have one; 0: that all was sent, and for a reset no particular
  /// one.
  void endStream(Circuit& circuit, uint16_t streamId, uint8_t reason = 0);
  void resetStream(Circuit& circuit, uint16_t streamId, uint8_t reason = 0);
  void consumed(Circuit& circuit, uint16_t streamId, uint64_t bytes);

  /// Passes gathered bytes on: sockets are written, events made. Once a turn.
  void flushDirty();
  /// Applies the stall and half-open rules to `circuit`'s streams. Once a second.
  void sweep(Circuit& circuit, TimeNs now);
  /// Closes the sockets of ended streams that waited long enough. Once a second.
  void sweepLingering(TimeNs now) { lingering_.sweep(now); }

  bool hasDirty() const { return !dirty_.empty(); }
  uint64_t streams() const { return streams_; }
  /// Bytes in stream buffers and handed out without having been consumed.
  uint64_t undelivered() const { return undelivered_; }
  const LingeringSockets& lingering() const { return lingering_; }

  void onSocketConnected(Stream& stream) override;
  void onSocketReadable(Stream& stream) override;
  void onSocketWritable(Stream& stream) override;
  void onSocketFailed(Stream& stream, int error) override;

 private:
  Stream* add(Circuit& circuit, uint16_t streamId);
  Stream* addExpected(Circuit& circuit, uint16_t streamId);
  /// No connection: another address may be tried. What came early is kept until then.
  void connectFailed(Stream& stream, CloseReason reason, int error);
  Stream* find(Circuit& circuit, uint16_t streamId) const;
  CircuitStreams& streamsOf(Circuit& circuit);
  void markDirty(Stream& stream);
  void deliver(Stream& stream);
  void deliverToSocket(Stream& stream);
  void deliverToControl(Stream& stream);
  void updateHold(Stream& stream);

  // Ends (edge_end.cc).
  /// True once one END ended both directions.
  bool isOver(const Stream& stream) const;
  void maybeEnd(Stream& stream);
  void sendEnd(Stream& stream, uint8_t reason);
  /// Closes when both directions are over.
  void closeIfDone(Stream& stream);
  /// Ends an exit stream whose socket may still have to write what came.
  void finishExit(Stream& stream);
  void cut(Stream& stream, CloseReason reason, int error = 0);
  void destroy(Stream& stream, CloseReason reason, bool tell);
  std::unique_ptr<Stream> detach(Stream& stream, CloseReason reason);

  // Toward the network (edge_pack.cc).
  /// DATA cells that the circuit, the stream may send now: room in the queue and windows.
  uint32_t roomFor(Circuit& circuit) const;
  uint32_t roomFor(Stream& stream) const;
  uint32_t nextCapacity(Circuit& circuit, uint32_t capacity) const;
  void sendData(Stream& stream, uint8_t command, ByteSpan body);
  void sendSendmes(Stream& stream);
  /// Packs up to `cells` cells of `stream`, and lists it again when more waits.
  void pack(Stream& stream, uint32_t cells);
  void updateSocketReading(Circuit& circuit);

  EventLoop& loop_;
  ChunkPool& chunks_;
  ReactorCounters& counters_;
  FlowLimits& limits_;
  MutableByteSpan scratch_;
  Listener& listener_;
  StreamEvents& events_;
  std::vector<Stream*> dirty_;
  uint64_t streams_ = 0;
  uint64_t undelivered_ = 0;
  LingeringSockets lingering_;
  // Sockets of finished streams: freed at the turn's end, since a listener call of theirs may be under way.
  std::vector<std::unique_ptr<Stream>> finished_;
};

}  // namespace kist
