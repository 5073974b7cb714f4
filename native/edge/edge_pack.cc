// Toward the network: stream bytes and socket reads become DATA cells, as far as the circuit's queue has
// room.

#include <algorithm>

#include "edge/edge.h"

namespace kist {

namespace {

/// Cells that one exit socket may fill per event; the others get their turn.
constexpr uint32_t kSocketCellsPerTurn = 64;
/// Cells one origin stream packs before the next one's turn.
constexpr uint32_t kPackQuantum = 16;

}  // namespace

void Edge::pump(Circuit& circuit) {
  if (!circuit.streams) return;
  const std::shared_ptr<CircuitStreams> streams = circuit.streams;
  while (streams->hasToSend() && roomFor(circuit) > 0) {
    Stream& stream = *streams->nextToSend();
    pack(stream, std::min(roomFor(stream), kPackQuantum));
  }
  updateSocketReading(circuit);
}

uint32_t Edge::roomFor(Circuit& circuit) const {
  const uint32_t room = listener_.roomFromHere(circuit);
  return circuit.hasWindows ? std::min(room, circuit.streams->window.package()) : room;
}

uint32_t Edge::roomFor(Stream& stream) const {
  const uint32_t room = roomFor(stream.circuit);
  return stream.circuit.hasWindows ? std::min(room, stream.window.package()) : room;
}

uint32_t Edge::nextCapacity(Circuit& circuit, uint32_t capacity) const {
  if (!circuit.hasWindows) return capacity;
  return static_cast<uint32_t>(circuit.streams->window.capacity(1, capacity));
}

void Edge::sendData(Stream& stream, uint8_t command, ByteSpan body) {
  Circuit& circuit = stream.circuit;
  listener_.queueFromHere(circuit, stream.id, command, body);
  ++counters_.of(circuit.owner).dataPacked;
  if (!circuit.hasWindows) return;
  stream.window.onPacked();
  CircuitWindow& window = circuit.streams->window;
  if (window.onPacked()) window.remember(circuit.crypto->sealedDigest());
}

void Edge::sendSendmes(Stream& stream) {
  Circuit& circuit = stream.circuit;
  if (!circuit.hasWindows || stream.endSent || stream.endReceived) return;
  const uint64_t taken = stream.received - stream.waitingForReader();
  while (stream.window.takeSendme(taken)) {
    listener_.queueFromHere(circuit, stream.id, listener_.dialectHere(circuit).relaySendmeCommand(), {});
  }
}

void Edge::pack(Stream& stream, uint32_t cells) {
  if (stream.outgoing.isEmpty() || cells == 0) return;
  Circuit& circuit = stream.circuit;
  const Dialect& dialect = listener_.dialectHere(circuit);
  uint8_t body[kMaxCellLength];
  uint64_t bytes = 0;
  for (; cells > 0 && !stream.outgoing.isEmpty(); --cells) {
    const size_t filled =
        std::min<size_t>(nextCapacity(circuit, dialect.relayDataCapacity()), stream.outgoing.size());
    stream.outgoing.copyOut(MutableByteSpan(body, filled));
    stream.outgoing.consume(filled);
    sendData(stream, dialect.relayDataCommand(), ByteSpan(body, filled));
    bytes += filled;
  }
  stream.lastActive = loop_.now();
  events_.onStreamWritten(circuit, stream.id, bytes);
  // With a window at zero its SENDME lists it again.
  const bool mayGoOn = !circuit.hasWindows || stream.window.package() > 0;
  if (!stream.outgoing.isEmpty() && mayGoOn && !stream.isGone) circuit.streams->listToSend(stream);
  maybeEnd(stream);
}

void Edge::updateSocketReading(Circuit& circuit) {
  if (!circuit.streams) return;
  const bool hasRoom = roomFor(circuit) > 0;
  if (circuit.streams->areSocketsRead == hasRoom) return;
  circuit.streams->areSocketsRead = hasRoom;
  for (const auto& stream : circuit.streams->all()) {
    if (stream->isExit() && !stream->isConnecting && !stream->endAfterOutgoing) {
      const bool hasWindow = !circuit.hasWindows || stream->window.package() > 0;
      stream->socket->transport().setReading(hasRoom && hasWindow);
    }
  }
}

// Exit sockets.

void Edge::connectStream(Circuit& circuit, uint16_t streamId, const SocketAddress& address, TimeNs deadline,
                         uint8_t connectedCommand, std::vector<uint8_t>&& connectedBody) {
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr || !stream->isExpected) stream = add(circuit, streamId);
  if (stream == nullptr) {
    events_.onStreamConnectFailed(circuit, streamId, EADDRINUSE);
    return;
  }
  ++counters_.of(circuit.owner).streamsOpened;
  stream->isExpected = false;
  stream->connectedCommand = connectedCommand;
  stream->connectedBody = std::move(connectedBody);
  stream->isConnecting = true;
  int error = 0;
  Status status = Status::kOk;
  auto transport = TcpTransport::connect(loop_, address, SocketOptions{}, deadline, status, error);
  if (transport) {
    stream->socket = std::make_unique<ExitSocket>(*this, *stream, std::move(transport));
    if (isOk(stream->socket->transport().start(*stream->socket))) return;
    error = EIO;
  }
  connectFailed(*stream, CloseReason::kError, error);
}

void Edge::onSocketConnected(Stream& stream) {
  Circuit& circuit = stream.circuit;
  stream.isConnecting = false;
  stream.lastMoved = stream.lastActive = loop_.now();
  listener_.queueFromHere(circuit, stream.id, stream.connectedCommand, stream.connectedBody);
  events_.onStreamConnected(circuit, stream.id);
  if (stream.isGone) return;  // The circuit had no room left, not even for that.
  stream.socket->transport().setReading(!stream.endAfterOutgoing && circuit.streams->areSocketsRead);
  markDirty(stream);
}

void Edge::onSocketReadable(Stream& stream) {
  if (stream.isLingering) {
    lingering_.onReadable(stream);
    return;
  }
  if (stream.isConnecting || stream.endAfterOutgoing || stream.isGone) return;
  Circuit& circuit = stream.circuit;
  const uint32_t room = std::min(roomFor(stream), kSocketCellsPerTurn);
  if (room == 0) {
    updateSocketReading(circuit);
    if (circuit.hasWindows && stream.window.package() == 0) stream.socket->transport().setReading(false);
    return;
  }
  const Dialect& dialect = listener_.dialectHere(circuit);
  const uint32_t capacity = dialect.relayDataCapacity();
  const size_t fits =
      circuit.hasWindows ? circuit.streams->window.capacity(room, capacity) : size_t{room} * capacity;
  const IoResult result = stream.socket->transport().read(scratch_.first(std::min(fits, scratch_.size())));
  if (result.bytes > 0) {
    stream.lastActive = loop_.now();
    for (size_t at = 0; at < result.bytes;) {
      const size_t filled = std::min<size_t>(nextCapacity(circuit, capacity), result.bytes - at);
      sendData(stream, dialect.relayDataCommand(), ByteSpan(scratch_).subspan(at, filled));
      at += filled;
    }
    if (roomFor(circuit) == 0) updateSocketReading(circuit);
  }
  if (stream.isGone) return;
  if (result.status == Status::kClosed) {
    stream.endAfterOutgoing = stream.socketEnded = true;
    stream.socket->transport().setReading(false);
    maybeEnd(stream);
  } else if (result.status == Status::kError) {
    cut(stream, CloseReason::kError, result.error);
  }
}

void Edge::onSocketWritable(Stream& stream) {
  if (stream.isLingering) {
    lingering_.onWritable(stream);
  } else {
    markDirty(stream);
  }
}

void Edge::onSocketFailed(Stream& stream, int error) {
  if (stream.isLingering) {
    lingering_.onFailed(stream);
    return;
  }
  if (!stream.isConnecting) {
    cut(stream, CloseReason::kError, error);
    return;
  }
  connectFailed(stream, error == 0 ? CloseReason::kTimeout : CloseReason::kError, error);
}

}  // namespace kist
