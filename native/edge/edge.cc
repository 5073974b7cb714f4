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
      events_(events) {}

Edge::~Edge() = default;

Stream* Edge::find(Circuit& circuit, uint16_t streamId) const {
  return circuit.streams ? circuit.streams->find(streamId) : nullptr;
}

Stream* Edge::add(Circuit& circuit, uint16_t streamId) {
  if (circuit.closing || find(circuit, streamId) != nullptr) return nullptr;
  if (!circuit.streams) circuit.streams = std::make_shared<CircuitStreams>();
  auto stream = std::make_unique<Stream>(circuit, streamId, chunks_);
  stream->lastMoved = stream->lastActive = loop_.now();
  circuit.streams->all.push_back(std::move(stream));
  ++streams_;
  ++counters_.of(circuit.owner).streamsOpened;
  return circuit.streams->all.back().get();
}

// From the network.

bool Edge::onData(Circuit& circuit, uint16_t streamId, ByteSpan bytes) {
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr) return false;
  ++counters_.of(circuit.owner).dataUnpacked;
  if (stream->endReceived || bytes.empty()) return true;
  if (stream->waitingForReader() == 0) stream->lastMoved = loop_.now();
  stream->lastActive = loop_.now();
  stream->incoming.append(bytes);
  markDirty(*stream);
  updateHold(*stream);
  return true;
}

bool Edge::onEnd(Circuit& circuit, uint16_t streamId) {
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr) return false;
  stream->endReceived = true;
  markDirty(*stream);
  return true;
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
}

void Edge::deliver(Stream& stream) {
  if (stream.isExit()) {
    if (!stream.isConnecting) deliverToSocket(stream);
  } else {
    deliverToControl(stream);
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
    events_.onStreamEnd(stream.circuit, stream.id);
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
    cut(stream, CloseReason::kError);
    return;
  }
  updateHold(stream);
  if (stream.endReceived && !stream.endDelivered && stream.incoming.isEmpty()) {
    stream.endDelivered = true;
    transport.shutdownWrite();
  }
  closeIfDone(stream);
}

void Edge::updateHold(Stream& stream) {
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

void Edge::openStream(Circuit& circuit, uint16_t streamId) { add(circuit, streamId); }

void Edge::consumed(Circuit& circuit, uint16_t streamId, uint64_t bytes) {
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr) return;
  const uint64_t credit = std::min(bytes, stream->undelivered);
  stream->undelivered -= credit;
  undelivered_ -= credit;
  stream->lastMoved = stream->lastActive = loop_.now();
  if (!stream->incoming.isEmpty()) markDirty(*stream);
  updateHold(*stream);
}

void Edge::writeStream(Circuit& circuit, uint16_t streamId, ByteSpan bytes) {
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr || stream->isExit() || stream->endAfterOutgoing) return;
  stream->outgoing.append(bytes);
  stream->lastActive = loop_.now();
  pump(circuit);
}

void Edge::endStream(Circuit& circuit, uint16_t streamId) {
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr) return;
  stream->endAfterOutgoing = true;
  if (stream->isExit()) stream->socket->transport().setReading(false);
  maybeEnd(*stream);
}

void Edge::resetStream(Circuit& circuit, uint16_t streamId) {
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr) return;
  if (!stream->endSent)
    listener_.queueFromHere(circuit, streamId, listener_.dialectHere(circuit).relayEndCommand(), {});
  destroy(*stream, CloseReason::kRequested, false);
}

void Edge::deliverAll(Circuit& circuit) {
  if (!circuit.streams) return;
  std::vector<uint16_t> waiting;
  for (const auto& stream : circuit.streams->all) {
    if (stream->isDirty) waiting.push_back(stream->id);
  }
  for (const uint16_t id : waiting) {
    if (Stream* stream = find(circuit, id)) deliver(*stream);
  }
}

void Edge::closeAll(Circuit& circuit) {
  if (!circuit.streams) return;
  const std::shared_ptr<CircuitStreams> streams = circuit.streams;
  while (!streams->all.empty()) destroy(*streams->all.back(), CloseReason::kChannelClosed, false);
}

// Ends.

bool Edge::closeIfDone(Stream& stream) {
  if (!stream.endSent || !stream.endDelivered || !stream.outgoing.isEmpty()) return false;
  destroy(stream, CloseReason::kNone, true);
  return true;
}

void Edge::cut(Stream& stream, CloseReason reason) {
  if (!stream.endSent) {
    listener_.queueFromHere(stream.circuit, stream.id,
                            listener_.dialectHere(stream.circuit).relayEndCommand(), {});
  }
  destroy(stream, reason, true);
}

void Edge::destroy(Stream& stream, CloseReason reason, bool tell) {
  Circuit& circuit = stream.circuit;
  auto& all = circuit.streams->all;
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const auto& other) { return other.get() == &stream; });
  if (at == all.end()) return;  // Ended meanwhile with its circuit.
  if (stream.holdsChannel) {
    stream.holdsChannel = false;
    listener_.holdFeed(circuit, false);
  }
  undelivered_ -= stream.undelivered;
  if (stream.isDirty) std::replace(dirty_.begin(), dirty_.end(), &stream, static_cast<Stream*>(nullptr));
  stream.isDirty = stream.isGone = true;  // Never listed again.
  if (stream.socket) stream.socket->transport().close(reason == CloseReason::kError);
  ++counters_.streamsClosed[static_cast<size_t>(reason)];
  --streams_;
  const uint16_t id = stream.id;
  finished_.push_back(std::move(*at));
  all.erase(at);
  if (tell) events_.onStreamClosed(circuit, id, reason);
}

void Edge::sweep(Circuit& circuit, TimeNs now) {
  if (!circuit.streams) return;
  std::vector<std::pair<Stream*, CloseReason>> late;
  for (const auto& stream : circuit.streams->all) {
    if (stream->holdsChannel && now - stream->lastMoved > limits_.streamStall) {
      late.emplace_back(stream.get(), CloseReason::kStalled);
    } else if (stream->isExit() && !stream->isConnecting && stream->endSent &&
               now - stream->lastActive > limits_.halfOpenIdle) {
      late.emplace_back(stream.get(), CloseReason::kIdle);
    }
  }
  for (const auto& [stream, reason] : late) cut(*stream, reason);
}

}  // namespace kist
