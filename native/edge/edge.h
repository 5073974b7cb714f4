#pragma once

#include <vector>

#include "base/counters.h"
#include "cell/dialect.h"
#include "circuit/circuit.h"
#include "circuit/flow_limits.h"
#include "edge/stream.h"

namespace kist {

/// Where circuits end: streams, packing into and unpacking from DATA cells, sockets of exit streams, credit
/// towards the control plane. Tor61 has no windows, so a reader that falls behind holds the feeding channel
/// (bounded by the stall rule), and a full circuit queue holds the sockets and stream buffers that feed it.
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
  /// False: no such stream here; the message is the control plane's or to be dropped.
  bool onData(Circuit& circuit, uint16_t streamId, ByteSpan bytes);
  bool onEnd(Circuit& circuit, uint16_t streamId);
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
  void endStream(Circuit& circuit, uint16_t streamId);
  void resetStream(Circuit& circuit, uint16_t streamId);
  void consumed(Circuit& circuit, uint16_t streamId, uint64_t bytes);

  /// Passes gathered bytes on: sockets are written, events made. Once a turn.
  void flushDirty();
  /// Applies the stall and half-open rules to `circuit`'s streams. Once a second.
  void sweep(Circuit& circuit, TimeNs now);

  bool hasDirty() const { return !dirty_.empty(); }
  uint64_t streams() const { return streams_; }
  /// Bytes in stream buffers and handed out without having been consumed.
  uint64_t undelivered() const { return undelivered_; }

  void onSocketConnected(Stream& stream) override;
  void onSocketReadable(Stream& stream) override;
  void onSocketWritable(Stream& stream) override;
  void onSocketFailed(Stream& stream, int error) override;

 private:
  Stream* add(Circuit& circuit, uint16_t streamId);
  Stream* find(Circuit& circuit, uint16_t streamId) const;
  void markDirty(Stream& stream);
  void deliver(Stream& stream);
  void deliverToSocket(Stream& stream);
  void deliverToControl(Stream& stream);
  /// Packs up to `cells` cells of `stream`; returns how many.
  uint32_t pack(Stream& stream, uint32_t cells);
  void maybeEnd(Stream& stream);
  void updateHold(Stream& stream);
  void updateSocketReading(Circuit& circuit);
  /// Closes when both directions are over. True: the stream is gone.
  bool closeIfDone(Stream& stream);
  void cut(Stream& stream, CloseReason reason);
  void destroy(Stream& stream, CloseReason reason, bool tell);

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
  // Sockets of finished streams: freed at the turn's end, since a listener call of theirs may be under way.
  std::vector<std::unique_ptr<Stream>> finished_;
};

}  // namespace kist
