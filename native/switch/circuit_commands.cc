// Making circuits: what the control plane commands.

#include <algorithm>

#include "crypto/origin_crypto.h"
#include "switch/cell_switch.h"

namespace kist {

namespace {

/// The payload of a CREATE that crosses to another reactor: whole-cell buffers carry it.
ByteSpan cut(ByteSpan bytes) { return bytes.first(std::min<size_t>(bytes.size(), kMaxCellLength)); }

}  // namespace

Circuit* CellSwitch::makeCircuit(uint32_t owner) {
  auto circuit = std::make_unique<Circuit>();
  Circuit* made = circuit.get();
  made->owner = owner;
  made->lastCell = context_.loop.now();
  const Handle handle = circuits_.insert(std::move(circuit));
  if (!handle) return nullptr;
  made->handle = handle;
  ++context_.counters.of(owner).circuitsCreated;
  return made;
}

void CellSwitch::attachEnd(Circuit& circuit, CircuitEnd& end, Channel& channel, uint32_t circId,
                           bool fromNext) {
  end.channel = &channel;
  end.circId = circId;
  end.queue.owner = &circuit;
  end.queue.lastMoved = context_.loop.now();
  channel.mux().attach(end.queue, circuit.handle.bits);
  channel.addCircuit(circId, circuit, fromNext);
  circuit.hasWindows = channel.dialect().hasWindows();
}

void CellSwitch::queueCreate(Circuit& circuit, uint32_t circId, ByteSpan payload) {
  const Dialect& dialect = circuit.next.channel->dialect();
  Cell* cell = context_.cells.take();
  cell->queuedAt = context_.loop.now();
  cell->length = static_cast<uint16_t>(dialect.cellLength());
  dialect.encodeCreate(cell->bytes, circId, payload);
  queueCell(circuit, circuit.next, cell);
}

void CellSwitch::createCircuit(uint64_t token, Channel& channel, ByteSpan payload) {
  const uint32_t circId = channel.state() == Channel::State::kOpen ? channel.pickCircId() : 0;
  Circuit* circuit = circId == 0 ? nullptr : makeCircuit(channel.owner);
  if (circuit == nullptr) {
    Circuit none;
    listener_.onCircuitAttached(none, token, 0);
    return;
  }
  circuit->createToken = token;
  circuit->nextHop = NextHop::kCreating;
  attachEnd(*circuit, circuit->next, channel, circId, true);
  listener_.onCircuitAttached(*circuit, token, circId);
  queueCreate(*circuit, circId, payload);
}

void CellSwitch::acceptCircuit(Circuit& circuit, ByteSpan payload, std::unique_ptr<CircuitCrypto> crypto) {
  if (circuit.isStub || circuit.state != CircuitState::kDeciding || !circuit.hasPrevious()) return;
  const Dialect& dialect = circuit.previous.channel->dialect();
  if (dialect.hasRelayCrypto() != (crypto != nullptr)) {
    endCircuit(circuit, CloseReason::kError, Side::kHere);
    return;
  }
  circuit.crypto = std::move(crypto);
  Cell* cell = context_.cells.take();
  cell->queuedAt = context_.loop.now();
  cell->length = static_cast<uint16_t>(dialect.cellLength());
  dialect.encodeCreated(cell->bytes, circuit.previous.circId, circuit.createCommand, payload);
  circuit.state = CircuitState::kHere;
  if (queueCell(circuit, circuit.previous, cell)) releaseHeld(circuit);
}

void CellSwitch::refuseCircuit(Circuit& circuit, uint8_t reason) {
  if (circuit.isStub || circuit.state != CircuitState::kDeciding || !circuit.hasPrevious()) return;
  Channel& channel = *circuit.previous.channel;
  uint8_t answer[kMaxCellLength];
  channel.dialect().encodeCreateFailed(answer, circuit.previous.circId, reason);
  edge_.closeAll(circuit);
  endPrevious(circuit, false, 0);
  channel.sendLinkCell(ByteSpan(answer, channel.dialect().cellLength()));
  free(circuit);
}

void CellSwitch::holdCircuit(Circuit& circuit) {
  if (!circuit.isStub && circuit.state == CircuitState::kHere && circuit.hasPrevious()) {
    circuit.state = CircuitState::kExtending;
  }
}

void CellSwitch::extendCircuit(Circuit& circuit, Handle channelHandle, ByteSpan payload) {
  if (circuit.isStub || !circuit.hasPrevious() || circuit.nextHop != NextHop::kNone) return;
  holdCircuit(circuit);
  if (circuit.state != CircuitState::kExtending) return;
  circuit.nextHop = NextHop::kCreating;
  ++circuit.extendAttempt;
  if (channelHandle.reactor() != reactor_) {
    outgoing_ = Crossing{};
    outgoing_.kind = Crossing::Kind::kAttach;
    outgoing_.to = channelHandle;
    outgoing_.from = circuit.handle;
    outgoing_.number = circuit.owner;
    outgoing_.attempt = circuit.extendAttempt;
    sender_.send(outgoing_, cut(payload));
    return;
  }
  Channel* channel = listener_.findChannel(channelHandle);
  const bool usable = channel != nullptr && channel->state() == Channel::State::kOpen;
  const uint32_t circId = usable ? channel->pickCircId() : 0;
  if (circId == 0) {
    onCreateFailed(circuit, nullptr, usable ? CloseReason::kExhausted : CloseReason::kChannelClosed);
    return;
  }
  attachEnd(circuit, circuit.next, *channel, circId, true);
  listener_.onCircuitAttached(circuit, 0, circId);
  queueCreate(circuit, circId, payload);
}

void CellSwitch::onCreated(Circuit& circuit, const CellView& cell) {
  if (circuit.nextHop != NextHop::kCreating) {
    ++context_.counters.droppedCells;
    return;
  }
  circuit.nextHop = NextHop::kOpen;
  listener_.onCircuitCreated(circuit, cell);
}

void CellSwitch::spliceCircuit(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body) {
  if (circuit.isStub || circuit.state != CircuitState::kExtending || circuit.nextHop != NextHop::kOpen)
    return;
  circuit.state = CircuitState::kForward;
  // With relay crypto the origin may talk to any hop: its streams here go on.
  if (circuit.crypto == nullptr) edge_.closeAll(circuit);
  // Streams may have filled this queue; from now on the next hop feeds it.
  if (circuit.previous.queue.feederPaused) setFeederHeld(circuit, false, true);
  queueFromHere(circuit, streamId, command, body);
  releaseHeld(circuit);
}

void CellSwitch::unextendCircuit(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body) {
  const bool isCut = circuit.state == CircuitState::kForward && circuit.crypto != nullptr;
  if (circuit.isStub || (circuit.state != CircuitState::kExtending && !isCut)) return;
  endNext(circuit, circuit.nextHop == NextHop::kOpen ? NextEnd::kDestroy : NextEnd::kAbandon,
          dialectHere(circuit).destroyReason(CloseReason::kRequested));
  circuit.state = CircuitState::kHere;
  queueFromHere(circuit, streamId, command, body);
  releaseHeld(circuit);
}

void CellSwitch::addHop(Circuit& circuit, const RelayKeys& keys) {
  if (!circuit.isOrigin() || circuit.closing || !dialectHere(circuit).hasRelayCrypto()) return;
  if (circuit.crypto == nullptr) circuit.crypto = makeOriginCrypto();
  if (circuit.crypto == nullptr || !circuit.crypto->addHop(keys)) {
    endCircuit(circuit, CloseReason::kError, Side::kHere);
    return;
  }
  ++circuit.hops;
  edge_.resetWindows(circuit);
}

void CellSwitch::sendRelay(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body, bool early) {
  if (circuit.isStub || circuit.closing) return;
  if (command == dialectHere(circuit).relayEndCommand()) edge_.forgetExpected(circuit, streamId);
  queueRelay(circuit, streamId, command, body, early);
}

void CellSwitch::injectCell(Circuit& circuit, ByteSpan cell, bool fromNext) {
  const bool usable = fromNext ? circuit.nextHop != NextHop::kNone : circuit.hasPrevious();
  if (circuit.isStub || !usable) return;
  const Dialect& dialect = dialectHere(circuit);
  if (cell.size() != dialect.cellLength()) return;
  const CellView view = dialect.view(cell.data());
  if (fromNext) {
    onNextCell(circuit, view);
  } else {
    onPreviousCell(circuit, view);
  }
}

}  // namespace kist
