// Toward the network: stream bytes and socket reads become DATA cells, as far as the circuit's queue has
// room.

#include <algorithm>

#include "edge/edge.h"

namespace kist {

namespace {

/// Bytes one exit socket may bring per event; the others of the circuit get their turn.
constexpr size_t kSocketReadPerTurn = 32 * 1024;
/// Cells one origin stream packs before the next one's turn.
constexpr uint32_t kPackQuantum = 16;

}  // namespace

void Edge::pump(Circuit& circuit) {
  if (!circuit.streams) return;
  const std::shared_ptr<CircuitStreams> streams = circuit.streams;
  size_t idle = 0;
  while (!streams->all.empty() && idle < streams->all.size()) {
    const uint32_t room = listener_.roomFromHere(circuit);
    if (room == 0) break;
    if (streams->nextToPack >= streams->all.size()) streams->nextToPack = 0;
    Stream& stream = *streams->all[streams->nextToPack++];
    idle = pack(stream, std::min(room, kPackQuantum)) == 0 ? idle + 1 : 0;
  }
  updateSocketReading(circuit);
}

uint32_t Edge::pack(Stream& stream, uint32_t cells) {
  if (stream.outgoing.isEmpty()) return 0;
  const Dialect& dialect = listener_.dialectHere(stream.circuit);
  uint8_t body[kMaxCellLength];
  const size_t capacity = dialect.relayDataCapacity();
  uint64_t bytes = 0;
  uint32_t packed = 0;
  while (packed < cells && !stream.outgoing.isEmpty()) {
    const size_t filled = std::min(capacity, stream.outgoing.size());
    stream.outgoing.copyOut(MutableByteSpan(body, filled));
    stream.outgoing.consume(filled);
    listener_.queueFromHere(stream.circuit, stream.id, dialect.relayDataCommand(), ByteSpan(body, filled));
    bytes += filled;
    ++packed;
  }
  counters_.of(stream.circuit.owner).dataPacked += packed;
  stream.lastActive = loop_.now();
  events_.onStreamWritten(stream.circuit, stream.id, bytes);
  maybeEnd(stream);
  return packed;
}

void Edge::maybeEnd(Stream& stream) {
  if (!stream.endAfterOutgoing || stream.endSent || !stream.outgoing.isEmpty()) return;
  stream.endSent = true;
  listener_.queueFromHere(stream.circuit, stream.id, listener_.dialectHere(stream.circuit).relayEndCommand(),
                          {});
  markDirty(stream);  // Closed at the turn's end when the far END was delivered too.
}

void Edge::updateSocketReading(Circuit& circuit) {
  if (!circuit.streams) return;
  const bool hasRoom = listener_.roomFromHere(circuit) > 0;
  for (const auto& stream : circuit.streams->all) {
    if (stream->isExit() && !stream->isConnecting && !stream->endAfterOutgoing) {
      stream->socket->transport().setReading(hasRoom);
    }
  }
}

// Exit sockets.

void Edge::connectStream(Circuit& circuit, uint16_t streamId, const SocketAddress& address, TimeNs deadline,
                         uint8_t connectedCommand, std::vector<uint8_t>&& connectedBody) {
  Stream* stream = add(circuit, streamId);
  if (stream == nullptr) {
    events_.onStreamConnectFailed(circuit, streamId, EADDRINUSE);
    return;
  }
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
  destroy(*stream, CloseReason::kError, false);
  events_.onStreamConnectFailed(circuit, streamId, error);
}

void Edge::onSocketConnected(Stream& stream) {
  Circuit& circuit = stream.circuit;
  stream.isConnecting = false;
  stream.lastMoved = stream.lastActive = loop_.now();
  listener_.queueFromHere(circuit, stream.id, stream.connectedCommand, stream.connectedBody);
  events_.onStreamConnected(circuit, stream.id);
  stream.socket->transport().setReading(!stream.endAfterOutgoing && listener_.roomFromHere(circuit) > 0);
  markDirty(stream);
}

void Edge::onSocketReadable(Stream& stream) {
  if (stream.isConnecting || stream.endAfterOutgoing) return;
  Circuit& circuit = stream.circuit;
  const Dialect& dialect = listener_.dialectHere(circuit);
  const size_t capacity = dialect.relayDataCapacity();
  const size_t room = listener_.roomFromHere(circuit) * capacity;
  const size_t wanted = std::min({room, kSocketReadPerTurn, scratch_.size()});
  if (wanted == 0) {
    updateSocketReading(circuit);
    return;
  }
  const IoResult result = stream.socket->transport().read(scratch_.first(wanted));
  if (result.bytes > 0) {
    stream.lastActive = loop_.now();
    for (size_t at = 0; at < result.bytes; at += capacity) {
      const ByteSpan body = ByteSpan(scratch_).subspan(at, std::min(capacity, result.bytes - at));
      listener_.queueFromHere(circuit, stream.id, dialect.relayDataCommand(), body);
      ++counters_.of(circuit.owner).dataPacked;
    }
    if (listener_.roomFromHere(circuit) == 0) updateSocketReading(circuit);
  }
  if (result.status == Status::kClosed) {
    stream.endAfterOutgoing = true;
    stream.socket->transport().setReading(false);
    maybeEnd(stream);
  } else if (result.status == Status::kError) {
    cut(stream, CloseReason::kError);
  }
}

void Edge::onSocketWritable(Stream& stream) { markDirty(stream); }

void Edge::onSocketFailed(Stream& stream, int error) {
  Circuit& circuit = stream.circuit;
  if (!stream.isConnecting) {
    cut(stream, CloseReason::kError);
    return;
  }
  const uint16_t id = stream.id;
  destroy(stream, error == 0 ? CloseReason::kTimeout : CloseReason::kError, false);
  events_.onStreamConnectFailed(circuit, id, error);
}

}  // namespace kist
