#pragma once

#include <memory>

#include "base/chunk_buffer.h"
#include "base/clock.h"
#include "base/close_reason.h"
#include "edge/exit_socket.h"
#include "edge/flow_window.h"

namespace kist {

class Circuit;

/// One stream of a circuit that ends here. An origin stream's bytes go to and come from the control plane; an
/// exit stream's a socket of its own.
///
///   toward the network:  writeStream / socket read ─► outgoing ─► DATA cells
///   from the network:    DATA cells ─► incoming ─► socket, or StreamData events (credit: `undelivered`)
class Stream {
 public:
  Stream(Circuit& circuitOf, uint16_t streamId, ChunkPool& chunks)
      : circuit(circuitOf), id(streamId), outgoing(chunks), incoming(chunks) {}

  Circuit& circuit;  ///< Not to be looked at once it lingers.
  const uint16_t id;
  ChunkBuffer outgoing;
  ChunkBuffer incoming;
  std::unique_ptr<ExitSocket> socket;  ///< Null for an origin stream.
  bool isConnecting = false;
  bool isExpected = false;        ///< Connecting, but the control plane has not said yet where to.
  bool endAfterOutgoing = false;  ///< END follows when outgoing is empty.
  bool endSent = false;
  bool endReceived = false;
  bool endDelivered = false;    ///< The far END was passed on (event or shutdown).
  bool isDirty = false;         ///< In the edge's list for the turn's end.
  bool isGone = false;          ///< Ended; freed at the turn's end.
  bool isListedToSend = false;  ///< In CircuitStreams::sending.
  bool isLingering = false;     ///< Ended; its socket still writes. See LingeringSockets.
  bool socketEnded = false;     ///< The socket told its end.
  bool holdsChannel = false;    ///< Its reader is behind: the feeding channel is held.
  uint8_t endReason = 0;        ///< Of the END to send; of the END that came.
  uint64_t undelivered = 0;     ///< Origin: bytes handed to the control plane and not yet consumed.
  uint64_t received = 0;        ///< Bytes of DATA that came so far.
  TimeNs lastMoved = 0;         ///< Last progress toward the reader, for the stall rule.
  TimeNs lastActive = 0;        ///< Last byte in either direction, for half-open streams.
  StreamWindow window;          ///< Where the dialect has windows.
  size_t index = 0;             ///< Its place in CircuitStreams::all.

  // CONNECTED as the control plane wants it sent.
  uint8_t connectedCommand = 0;
  std::vector<uint8_t> connectedBody;

  bool isExit() const { return socket != nullptr; }
  uint64_t waitingForReader() const { return incoming.size() + undelivered; }
};

}  // namespace kist
