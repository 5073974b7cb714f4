// What the control plane is told. Events gather here and leave in one batch at the turn's end.

#include "dataplane/reactor.h"

namespace kist {

void Reactor::tell(EventKind kind, uint64_t handle, int64_t a, int64_t b) {
  events_.push_back(Event{kind, handle, a, b});
}

void Reactor::tellBytes(EventKind kind, uint64_t handle, int64_t a, int64_t b, ByteSpan bytes) {
  Event event{kind, handle, a, b};
  event.bytes.assign(bytes.begin(), bytes.end());
  event.hasBytes = true;
  events_.push_back(std::move(event));
}

void Reactor::onLinkCell(Channel& channel, const CellView& cell) {
  tellBytes(EventKind::kLinkCell, channel.handle.bits, cell.command, cell.circId,
            ByteSpan(cell.bytes, cell.length));
}

void Reactor::onUnknownCell(Channel& channel, const CellView& cell) {
  tellBytes(EventKind::kUnknownCell, channel.handle.bits, cell.circId, 0, ByteSpan(cell.bytes, cell.length));
}

void Reactor::onCircuitCreate(Circuit& circuit, const CellView& cell) {
  tellBytes(EventKind::kCircuitCreate, circuit.handle.bits,
            static_cast<int64_t>(circuit.previous.channel->handle.bits), cell.circId,
            ByteSpan(cell.bytes, cell.length));
}

void Reactor::onCircuitAttached(Circuit& circuit, uint64_t token, uint32_t circId) {
  tell(EventKind::kCircuitAttached, circuit.handle.bits, static_cast<int64_t>(token), circId);
}

void Reactor::onCircuitCreated(Circuit& circuit, const CellView& cell) {
  tellBytes(EventKind::kCircuitCreated, circuit.handle.bits, 0, 0, ByteSpan(cell.bytes, cell.length));
}

void Reactor::onCircuitCreateFailed(Circuit& circuit, CloseReason reason, const CellView* cell) {
  const auto why = static_cast<int64_t>(reason);
  if (cell == nullptr) {
    tell(EventKind::kCircuitCreateFailed, circuit.handle.bits, why);
  } else {
    tellBytes(EventKind::kCircuitCreateFailed, circuit.handle.bits, why, 0,
              ByteSpan(cell->bytes, cell->length));
  }
}

void Reactor::onCircuitClosed(Circuit& circuit, CloseReason reason, Side side) {
  tell(EventKind::kCircuitClosed, circuit.handle.bits, static_cast<int64_t>(reason),
       static_cast<int64_t>(side));
}

void Reactor::onRelayMessage(Circuit& circuit, const RelayMessage& message) {
  tellBytes(EventKind::kRelayMessage, circuit.handle.bits, message.streamId, message.command, message.data);
}

void Reactor::onStreamData(Circuit& circuit, uint16_t streamId, std::vector<uint8_t>&& bytes) {
  Event event{EventKind::kStreamData, circuit.handle.bits, streamId};
  event.bytes = std::move(bytes);
  event.hasBytes = true;
  events_.push_back(std::move(event));
}

void Reactor::onStreamEnd(Circuit& circuit, uint16_t streamId) {
  tell(EventKind::kStreamEnd, circuit.handle.bits, streamId);
}

void Reactor::onStreamConnected(Circuit& circuit, uint16_t streamId) {
  tell(EventKind::kStreamConnected, circuit.handle.bits, streamId);
}

void Reactor::onStreamConnectFailed(Circuit& circuit, uint16_t streamId, int error) {
  tell(EventKind::kStreamConnectFailed, circuit.handle.bits, streamId, error);
}

void Reactor::onStreamClosed(Circuit& circuit, uint16_t streamId, CloseReason reason) {
  tell(EventKind::kStreamClosed, circuit.handle.bits, streamId, static_cast<int64_t>(reason));
}

void Reactor::onStreamWritten(Circuit& circuit, uint16_t streamId, uint64_t bytes) {
  // One event a turn is enough: add to the last one of the same stream.
  if (!events_.empty()) {
    Event& last = events_.back();
    if (last.kind == EventKind::kStreamWritten && last.handle == circuit.handle.bits && last.a == streamId) {
      last.b += static_cast<int64_t>(bytes);
      return;
    }
  }
  tell(EventKind::kStreamWritten, circuit.handle.bits, streamId, static_cast<int64_t>(bytes));
}

void Reactor::log(LogLevel level, std::string_view text) {
  Event event{EventKind::kLog, 0, static_cast<int64_t>(level)};
  event.text = text;
  events_.push_back(std::move(event));
}

}  // namespace kist
