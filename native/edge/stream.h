#pragma once

#include <memory>
#include <vector>

#include "base/chunk_buffer.h"
#include "base/clock.h"
#include "base/close_reason.h"
#include "edge/exit_socket.h"

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

  Circuit& circuit;
  const uint16_t id;
  ChunkBuffer outgoing;
  ChunkBuffer incoming;
  std::unique_ptr<ExitSocket> socket;  ///< Null for an origin stream.
  bool isConnecting = false;
  bool endAfterOutgoing = false;  ///< END follows when outgoing is empty.
  bool endSent = false;
  bool endReceived = false;
  bool endDelivered = false;  ///< The far END was passed on (event or shutdown).
  bool isDirty = false;       ///< In the edge's list for the turn's end.
  bool isGone = false;        ///< Ended; freed at the turn's end.
  bool holdsChannel = false;  ///< Its reader is behind: the feeding channel is held.
  uint64_t undelivered = 0;   ///< Origin: bytes handed to the control plane and not yet consumed.
  TimeNs lastMoved = 0;       ///< Last progress toward the reader, for the stall rule.
  TimeNs lastActive = 0;      ///< Last byte in either direction, for half-open streams.

  // CONNECTED as the control plane wants it sent.
  uint8_t connectedCommand = 0;
  std::vector<uint8_t> connectedBody;

  bool isExit() const { return socket != nullptr; }
  uint64_t waitingForReader() const { return incoming.size() + undelivered; }
};

/// The streams of one circuit in order of their opening; few, so a plain vector.
class CircuitStreams {
 public:
  std::vector<std::unique_ptr<Stream>> all;
  size_t nextToPack = 0;  ///< Round robin over streams that have bytes to pack.

  Stream* find(uint16_t id) const {
    for (const auto& stream : all) {
      if (stream->id == id) return stream.get();
    }
    return nullptr;
  }
};

}  // namespace kist
