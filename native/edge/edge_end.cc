// How streams end: by END, by the control plane, by their socket, with their circuit.

#include <algorithm>

#include "edge/edge.h"

namespace kist {

void Edge::endStream(Circuit& circuit, uint16_t streamId, uint8_t reason) {
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr || isOver(*stream)) return;
  stream->endAfterOutgoing = true;
  stream->endReason = reason;
  if (stream->isExit()) stream->socket->transport().setReading(false);
  maybeEnd(*stream);
}

void Edge::resetStream(Circuit& circuit, uint16_t streamId, uint8_t reason) {
  Stream* stream = find(circuit, streamId);
  if (stream == nullptr) return;
  if (!stream->endSent && !isOver(*stream)) {
    const Dialect& dialect = listener_.dialectHere(circuit);
    sendEnd(*stream, reason != 0 ? reason : dialect.endReason(CloseReason::kRequested, 0));
  }
  destroy(*stream, CloseReason::kRequested, false);
}

bool Edge::isOver(const Stream& stream) const {
  return (stream.endSent || stream.endReceived) && listener_.dialectHere(stream.circuit).traits().endsAtOnce;
}

void Edge::sendEnd(Stream& stream, uint8_t reason) {
  stream.endSent = true;
  const ByteSpan body = reason == 0 ? ByteSpan{} : ByteSpan(&reason, 1);
  listener_.queueFromHere(stream.circuit, stream.id, listener_.dialectHere(stream.circuit).relayEndCommand(),
                          body);
}

void Edge::maybeEnd(Stream& stream) {
  if (!stream.endAfterOutgoing || stream.endSent || !stream.outgoing.isEmpty()) return;
  const Dialect& dialect = listener_.dialectHere(stream.circuit);
  sendEnd(stream, stream.endReason != 0 ? stream.endReason : dialect.endReason(CloseReason::kNone, 0));
  markDirty(stream);  // Closed at the turn's end, when the far END was delivered too where both end apart.
}

void Edge::deliverAll(Circuit& circuit) {
  if (!circuit.streams) return;
  std::vector<uint16_t> waiting;
  for (const auto& stream : circuit.streams->all()) {
    // With windows a slow reader's bytes may have waited for turns; the sockets can still write them.
    const bool lingers = circuit.hasWindows && stream->isExit() && !stream->incoming.isEmpty();
    if (lingers) stream->endReceived = true;
    if (stream->isDirty || lingers) waiting.push_back(stream->id);
  }
  for (const uint16_t id : waiting) {
    if (Stream* stream = find(circuit, id)) deliver(*stream);
  }
}

void Edge::closeAll(Circuit& circuit) {
  if (!circuit.streams) return;
  const std::shared_ptr<CircuitStreams> streams = circuit.streams;
  while (!streams->isEmpty()) destroy(*streams->all().back(), CloseReason::kChannelClosed, false);
}

void Edge::closeIfDone(Stream& stream) {
  const bool isDone = isOver(stream) ? stream.endDelivered || stream.endSent
                                     : stream.endSent && stream.endDelivered && stream.outgoing.isEmpty();
  if (isDone) destroy(stream, CloseReason::kNone, true);
}

void Edge::finishExit(Stream& stream) {
  if (stream.isConnecting) {
    destroy(stream, CloseReason::kNone, true);
    return;
  }
  Circuit& circuit = stream.circuit;
  const uint16_t id = stream.id;
  std::unique_ptr<Stream> ended = detach(stream, CloseReason::kNone);
  if (ended == nullptr) return;
  lingering_.add(std::move(ended));
  events_.onStreamClosed(circuit, id, CloseReason::kNone);
}

void Edge::cut(Stream& stream, CloseReason reason, int error) {
  if (!stream.endSent) sendEnd(stream, listener_.dialectHere(stream.circuit).endReason(reason, error));
  destroy(stream, reason, true);
}

std::unique_ptr<Stream> Edge::detach(Stream& stream, CloseReason reason) {
  Circuit& circuit = stream.circuit;
  std::unique_ptr<Stream> taken = circuit.streams->take(stream);
  if (taken == nullptr) return nullptr;  // Ended meanwhile with its circuit.
  if (stream.holdsChannel) {
    stream.holdsChannel = false;
    listener_.holdFeed(circuit, false);
  }
  undelivered_ -= stream.undelivered;
  if (stream.isDirty) std::replace(dirty_.begin(), dirty_.end(), &stream, static_cast<Stream*>(nullptr));
  stream.isDirty = stream.isGone = true;  // Never listed again.
  if (!stream.isExpected) ++counters_.streamsClosed[static_cast<size_t>(reason)];
  --streams_;
  return taken;
}

void Edge::destroy(Stream& stream, CloseReason reason, bool tell) {
  Circuit& circuit = stream.circuit;
  std::unique_ptr<Stream> taken = detach(stream, reason);
  if (taken == nullptr) return;
  if (stream.socket) stream.socket->transport().close(reason == CloseReason::kError);
  const uint16_t id = stream.id;
  finished_.push_back(std::move(taken));
  if (tell) events_.onStreamClosed(circuit, id, reason);
}

void Edge::sweep(Circuit& circuit, TimeNs now) {
  if (!circuit.streams || circuit.hasWindows) return;
  std::vector<std::pair<Stream*, CloseReason>> late;
  for (const auto& stream : circuit.streams->all()) {
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
