#include "edge/edge.h"

#include <algorithm>

namespace kist {

Edge::Edge(EventLoop& loop, ChunkPool& chunks, ReactorCounters& counters, FlowLimits& limits,
           MutableByteSpan scratch, Listener& listener, StreamEvents& events)
    : loop_(loop),
      chunks_(chunks),
      counters_(counters),
      limits_(limits),
      scratch_(scratch),
      listener_(listener),
      events_(events),
      lingering_(loop, scratch) {}

Edge::~Edge() = default;

Stream* Edge::find(Circuit& circuit, uint16_t streamId) const {
  return circuit.streams ? circuit.streams->find(streamId) : nullptr;
}

Stream* Edge::add(Circuit& circuit, uint16_t streamId) {
  if (circuit.closing || find(circuit, streamId) != nullptr) return nullptr;
  auto stream = std::make_unique<Stream>(circuit, streamId, chunks_);
  stream->lastMoved = stream->lastActive = loop_.now();
  ++streams_;
  return &streamsOf(circuit).add(std::move(stream));
}

CircuitStreams& Edge::streamsOf(Circuit& circuit) {
  if (!circuit.streams) circuit.streams = std::make_shared<CircuitStreams>();
  return *circuit.streams;
}

void Edge::resetWindows(Circuit& circuit) {
  if (circuit.streams) circuit.streams->window = CircuitWindow{};
}

// From the network.

Edge::Taken Edge::onData(Circuit& circuit, uint16_t streamId, ByteSpan bytes) {
  if (circuit.hasWindows) {
    // Counted for the circuit whatever becomes of it: the far end counts so too.
    CircuitWindow& window = streamsOf(circuit).window;
    if (streamId == 0 || !window.onDelivered()) return Taken::kViolation;
    if (window.takeSendme()) {
      uint8_t body[CircuitWindow::kSendmeBytes];
      CircuitWindow::encodeSendme(body, circuit.crypto->openedDigest());
      listener_.queueFromHere(circuit, 0, listener_.dialectHere(circuit).relaySendmeCommand(), body);
    }
  }
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr) return Taken::kUnknown;
  ++counters_.of(circuit.owner).dataUnpacked;
  if (stream->endReceived || isOver(*stream)) return Taken::kDone;
  if (circuit.hasWindows && !stream->window.onDelivered(stream->received + bytes.size()))
    return Taken::kViolation;
  if (stream->waitingForReader() == 0) stream->lastMoved = loop_.now();
  stream->lastActive = loop_.now();
  stream->received += bytes.size();
  stream->incoming.append(bytes);
  markDirty(*stream);
  updateHold(*stream);
  return Taken::kDone;
}

Edge::Taken Edge::onSendme(Circuit& circuit, uint16_t streamId, ByteSpan body) {
  if (streamId == 0) {
    if (!circuit.streams || !circuit.streams->window.onSendme(body)) return Taken::kViolation;
    pump(circuit);
    return Taken::kDone;
  }
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr) return Taken::kUnknown;
  if (!stream->window.onSendme()) return Taken::kViolation;
  if (stream->isExit()) {
    if (!stream->isConnecting && !stream->endAfterOutgoing)
      stream->socket->transport().setReading(circuit.streams->areSocketsRead);
  } else if (!stream->outgoing.isEmpty()) {
    circuit.streams->listToSend(*stream);
    pump(circuit);
  }
  return Taken::kDone;
}

Edge::Taken Edge::onEnd(Circuit& circuit, uint16_t streamId, ByteSpan body) {
  // The control plane's word on where such a stream goes may be on its way: it must hear of this END.
  forgetExpected(circuit, streamId);
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr) return Taken::kUnknown;
  stream->endReceived = true;
  if (isOver(*stream)) {
    stream->endReason =
        body.empty() ? listener_.dialectHere(circuit).endReason(CloseReason::kRequested, 0) : body[0];
    stream->outgoing.clear();
    if (stream->isExit()) stream->socket->transport().setReading(false);
  }
  markDirty(*stream);
  return Taken::kDone;
}

void Edge::markDirty(Stream& stream) {
  if (stream.isDirty) return;
  stream.isDirty = true;
  dirty_.push_back(&stream);
}

void Edge::flushDirty() {
  std::vector<Stream*> turn;
  turn.swap(dirty_);
  for (Stream* stream : turn) {
    if (stream == nullptr || stream->isGone) continue;
    stream->isDirty = false;
    deliver(*stream);
  }
  finished_.clear();
  lingering_.finishTurn();
}

void Edge::deliver(Stream& stream) {
  if (!stream.isExit() && !stream.isExpected) {
    deliverToControl(stream);
  } else if (isOver(stream)) {
    finishExit(stream);
  } else if (!stream.isConnecting) {
    deliverToSocket(stream);
  }
}

void Edge::deliverToControl(Stream& stream) {
  if (!stream.incoming.isEmpty() && stream.undelivered < limits_.streamHigh) {
    std::vector<uint8_t> bytes;
    bytes.reserve(stream.incoming.size());
    while (!stream.incoming.isEmpty()) {
      const ByteSpan front = stream.incoming.front();
      bytes.insert(bytes.end(), front.begin(), front.end());
      stream.incoming.consume(front.size());
    }
    stream.undelivered += bytes.size();
    undelivered_ += bytes.size();
    events_.onStreamData(stream.circuit, stream.id, std::move(bytes));
  }
  updateHold(stream);
  if (stream.endReceived && !stream.endDelivered && stream.incoming.isEmpty()) {
    stream.endDelivered = true;
    events_.onStreamEndReason(stream.circuit, stream.id, stream.endReason);
  }
  closeIfDone(stream);
}

void Edge::deliverToSocket(Stream& stream) {
  constexpr int kMaxParts = 64;
  TcpTransport& transport = stream.socket->transport();
  while (!stream.incoming.isEmpty()) {
    iovec parts[kMaxParts];
    const int count = stream.incoming.peek(parts, kMaxParts);
    const IoResult result = transport.write(parts, count);
    stream.incoming.consume(result.bytes);
    if (result.bytes > 0) stream.lastMoved = stream.lastActive = loop_.now();
    if (result.status == Status::kOk) continue;
    if (result.status == Status::kWouldBlock) {
      transport.watchWritable();
      break;
    }
    cut(stream, CloseReason::kError, result.error);
    return;
  }
  updateHold(stream);
  sendSendmes(stream);
  if (stream.endReceived && !stream.endDelivered && stream.incoming.isEmpty()) {
    stream.endDelivered = true;
    transport.shutdownWrite();
  }
  closeIfDone(stream);
}

void Edge::updateHold(Stream& stream) {
  if (stream.circuit.hasWindows) return;
  const uint64_t waiting = stream.waitingForReader();
  if (!stream.holdsChannel && waiting > limits_.streamHigh) {
    stream.holdsChannel = true;
    stream.lastMoved = loop_.now();
    listener_.holdFeed(stream.circuit, true);
  } else if (stream.holdsChannel && waiting <= limits_.streamHigh / 2) {
    stream.holdsChannel = false;
    listener_.holdFeed(stream.circuit, false);
  }
}

// From the control plane.

void Edge::openStream(Circuit& circuit, uint16_t streamId) {
  if (add(circuit, streamId) != nullptr) ++counters_.of(circuit.owner).streamsOpened;
}

void Edge::consumed(Circuit& circuit, uint16_t streamId, uint64_t bytes) {
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr) return;
  const uint64_t credit = std::min(bytes, stream->undelivered);
  stream->undelivered -= credit;
  undelivered_ -= credit;
  stream->lastMoved = stream->lastActive = loop_.now();
  if (!stream->incoming.isEmpty()) markDirty(*stream);
  updateHold(*stream);
  sendSendmes(*stream);
}

void Edge::writeStream(Circuit& circuit, uint16_t streamId, ByteSpan bytes) {
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr || stream->isExit() || stream->isExpected || stream->endAfterOutgoing) return;
  if (isOver(*stream)) return;
  stream->outgoing.append(bytes);
  stream->lastActive = loop_.now();
  if (!bytes.empty()) circuit.streams->listToSend(*stream);
  pump(circuit);
}

}  // namespace kist
