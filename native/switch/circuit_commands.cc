// Making and ending circuits: what the control plane commands and what DESTROY, refusals and lost channels
// cause.

#include <algorithm>

#include "switch/cell_switch.h"

namespace kist {

namespace {

/// The payload of a CREATE that crosses to another reactor: whole-cell buffers carry it.
ByteSpan cut(ByteSpan bytes) { return bytes.first(std::min<size_t>(bytes.size(), kMaxCellLength)); }

/// True while the CREATE toward `next` still waits in its queue: given up now, nobody will ever answer it.
bool isCreateUnsent(const CircuitEnd& next) {
  return !next.queue.isEmpty() &&
         next.channel->dialect().view(next.queue.front()->bytes).kind == CellKind::kCreate;
}

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
}

void CellSwitch::detachEnd(CircuitEnd& end) {
  if (end.channel == nullptr) return;
  setChannelHeld(end, false);
  dropQueue(end.queue);
  if (end.queue.isAttached()) {
    Channel& channel = *end.channel;
    channel.mux().detach(end.queue);
    context_.scheduler.onCells(channel, nullptr);
  }
  end.channel = nullptr;
}

void CellSwitch::dropQueue(CircuitQueue& queue) {
  const bool wasActive = queue.isActive();
  while (!queue.isEmpty()) context_.cells.giveBack(queue.pop());
  if (wasActive) {
    auto& circuit = *static_cast<Circuit*>(queue.owner);
    Channel* channel = &queue == &circuit.previous.queue ? circuit.previous.channel : circuit.next.channel;
    channel->mux().deactivate(queue);
  }
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
  Cell* cell = context_.cells.take();
  cell->queuedAt = context_.loop.now();
  cell->length = static_cast<uint16_t>(channel.dialect().cellLength());
  channel.dialect().encodeCreate(cell->bytes, circId, payload);
  listener_.onCircuitAttached(*circuit, token, circId);
  queueCell(*circuit, circuit->next, cell);
}

void CellSwitch::acceptCircuit(Circuit& circuit, ByteSpan payload) {
  if (circuit.isStub || circuit.state != CircuitState::kDeciding || !circuit.hasPrevious()) return;
  Cell* cell = context_.cells.take();
  cell->queuedAt = context_.loop.now();
  const Dialect& dialect = circuit.previous.channel->dialect();
  cell->length = static_cast<uint16_t>(dialect.cellLength());
  dialect.encodeCreated(cell->bytes, circuit.previous.circId, payload);
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
  Cell* cell = context_.cells.take();
  cell->queuedAt = context_.loop.now();
  cell->length = static_cast<uint16_t>(channel->dialect().cellLength());
  channel->dialect().encodeCreate(cell->bytes, circId, payload);
  listener_.onCircuitAttached(circuit, 0, circId);
  queueCell(circuit, circuit.next, cell);
}

void CellSwitch::onCreated(Circuit& circuit, const CellView& cell) {
  if (circuit.nextHop != NextHop::kCreating) {
    ++context_.counters.droppedCells;
    return;
  }
  circuit.nextHop = NextHop::kOpen;
  listener_.onCircuitCreated(circuit, cell);
}

void CellSwitch::onCreateFailed(Circuit& circuit, const CellView* cell, CloseReason reason) {
  if (circuit.nextHop != NextHop::kCreating) return;
  listener_.onCircuitCreateFailed(circuit, reason, cell);
  endNext(circuit, cell != nullptr ? NextEnd::kFree : NextEnd::kAbandon, 0);
  if (!circuit.isOrigin()) return;
  edge_.closeAll(circuit);
  ++context_.counters.circuitsClosed[static_cast<size_t>(cell != nullptr ? CloseReason::kPeer : reason)];
  free(circuit);
}

void CellSwitch::spliceCircuit(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body) {
  if (circuit.isStub || circuit.state != CircuitState::kExtending || circuit.nextHop != NextHop::kOpen)
    return;
  circuit.state = CircuitState::kForward;
  edge_.closeAll(circuit);
  // Streams may have filled this queue; from now on the next hop feeds it.
  if (circuit.previous.queue.feederPaused) setFeederHeld(circuit, false, true);
  queueFromHere(circuit, streamId, command, body);
  releaseHeld(circuit);
}

void CellSwitch::unextendCircuit(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body) {
  if (circuit.isStub || circuit.state != CircuitState::kExtending) return;
  endNext(circuit, circuit.nextHop == NextHop::kOpen ? NextEnd::kDestroy : NextEnd::kAbandon, 0);
  circuit.state = CircuitState::kHere;
  queueFromHere(circuit, streamId, command, body);
  releaseHeld(circuit);
}

void CellSwitch::sendRelay(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body) {
  if (!circuit.isStub) queueFromHere(circuit, streamId, command, body);
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

// Ending.

void CellSwitch::closeCircuit(Circuit& circuit, uint8_t destroyReason, CloseReason reason) {
  if (circuit.isStub || circuit.closing) return;
  ++context_.counters.circuitsClosed[static_cast<size_t>(reason)];
  edge_.closeAll(circuit);
  endPrevious(circuit, true, destroyReason);
  endNext(circuit, circuit.nextHop == NextHop::kOpen ? NextEnd::kDestroy : NextEnd::kAbandon, destroyReason);
  free(circuit);
}

void CellSwitch::endCircuit(Circuit& circuit, CloseReason reason, Side side, uint8_t destroyReason) {
  if (circuit.closing) return;
  if (reason == CloseReason::kPeer) {
    edge_.deliverAll(circuit);
    if (circuit.closing) return;  // An END of ours found the queue full.
  }
  ++context_.counters.circuitsClosed[static_cast<size_t>(reason)];
  listener_.onCircuitClosed(circuit, reason, side);
  edge_.closeAll(circuit);
  endPrevious(circuit, side != Side::kPrevious, destroyReason);
  const NextEnd how = side == Side::kNext                 ? NextEnd::kFree
                      : circuit.nextHop == NextHop::kOpen ? NextEnd::kDestroy
                                                          : NextEnd::kAbandon;
  endNext(circuit, how, destroyReason);
  free(circuit);
}

void CellSwitch::endPrevious(Circuit& circuit, bool sendDestroy, uint8_t destroyReason) {
  CircuitEnd& end = circuit.previous;
  if (end.channel == nullptr) return;
  circuit.closing = true;
  Channel& channel = *end.channel;
  const uint32_t circId = end.circId;
  detachEnd(end);
  if (sendDestroy && channel.state() == Channel::State::kOpen) {
    channel.removeCircuitAfterDestroy(circId, destroyReason);
  } else {
    channel.removeCircuit(circId);
  }
}

void CellSwitch::endNext(Circuit& circuit, NextEnd how, uint8_t destroyReason) {
  circuit.nextHop = NextHop::kNone;
  setChannelHeld(circuit.previous, false);  // It was held for the queue that goes now.
  if (circuit.isNextRemote()) {
    cross(Crossing::Kind::kEndNext, circuit.stub, circuit.handle, CloseReason::kNone,
          static_cast<uint32_t>(how));
    circuit.stub = Handle{};
    return;
  }
  if (circuit.next.channel == nullptr) return;
  Channel& channel = *circuit.next.channel;
  if (how == NextEnd::kAbandon && isCreateUnsent(circuit.next)) how = NextEnd::kFree;
  detachEnd(circuit.next);
  releaseId(channel, circuit.next.circId, how, destroyReason);
}

void CellSwitch::endStub(Circuit& stub, NextEnd how, uint8_t destroyReason) {
  stub.closing = true;
  Channel& channel = *stub.next.channel;
  if (how == NextEnd::kAbandon && isCreateUnsent(stub.next)) how = NextEnd::kFree;
  detachEnd(stub.next);
  releaseId(channel, stub.next.circId, how, destroyReason);
  free(stub);
}

void CellSwitch::releaseId(Channel& channel, uint32_t circId, NextEnd how, uint8_t destroyReason) {
  if (how == NextEnd::kDestroy && channel.state() == Channel::State::kOpen) {
    channel.removeCircuitAfterDestroy(circId, destroyReason);
  } else {
    channel.removeCircuit(circId, how == NextEnd::kAbandon);
  }
}

void CellSwitch::free(Circuit& circuit) {
  circuit.closing = true;
  dropHeld(circuit);
  finished_.push_back(circuits_.remove(circuit.handle));
}

void CellSwitch::closeCircuitsOf(Channel& channel) {
  for (const Channel::Entry& entry : channel.circuitsById()) {
    Circuit& circuit = *entry.circuit;
    if (circuit.closing) continue;
    if (circuit.isStub) {
      cross(Crossing::Kind::kNextGone, circuit.home, circuit.handle, CloseReason::kChannelClosed);
      endStub(circuit, NextEnd::kFree, 0);
    } else if (entry.fromNext && circuit.nextHop == NextHop::kCreating) {
      onCreateFailed(circuit, nullptr, CloseReason::kChannelClosed);
    } else {
      endCircuit(circuit, CloseReason::kChannelClosed, entry.fromNext ? Side::kNext : Side::kPrevious, 0);
    }
  }
}

}  // namespace kist
