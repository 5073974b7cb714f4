// Streams whose BEGIN came and whose DATA may follow at once (optimistic data): they wait for the control
// plane, which connects or refuses them.

#include "edge/edge.h"

namespace kist {

Stream* Edge::addExpected(Circuit& circuit, uint16_t streamId) {
  Stream* stream = add(circuit, streamId);
  if (stream != nullptr) stream->isConnecting = stream->isExpected = true;
  return stream;
}

bool Edge::expectStream(Circuit& circuit, uint16_t streamId) {
  return addExpected(circuit, streamId) != nullptr;
}

void Edge::forgetExpected(Circuit& circuit, uint16_t streamId) {
  Stream* stream = find(circuit, streamId);
  if (stream != nullptr && stream->isExpected) destroy(*stream, CloseReason::kRequested, false);
}

void Edge::connectFailed(Stream& stream, CloseReason reason, int error) {
  Circuit& circuit = stream.circuit;
  const uint16_t id = stream.id;
  std::unique_ptr<Stream> failed = detach(stream, reason);
  if (failed == nullptr) return;
  if (failed->socket) failed->socket->transport().close(reason == CloseReason::kError);
  Stream* again = circuit.hasWindows && !failed->endReceived ? addExpected(circuit, id) : nullptr;
  if (again != nullptr) {
    again->window = failed->window;
    again->received = failed->received;
    while (!failed->incoming.isEmpty()) {
      const ByteSpan front = failed->incoming.front();
      again->incoming.append(front);
      failed->incoming.consume(front.size());
    }
  }
  finished_.push_back(std::move(failed));
  events_.onStreamConnectFailed(circuit, id, error);
}

}  // namespace kist
