// Ending circuits: by the control plane, and by what DESTROY, refusals and lost channels cause.

#include "switch/cell_switch.h"

namespace kist {

namespace {

/// True while the CREATE toward `next` still waits in its queue: given up now, nobody will ever answer it.
bool isCreateUnsent(const CircuitEnd& next) {
  return !next.queue.isEmpty() &&
         next.channel->dialect().view(next.queue.front()->bytes).kind == CellKind::kCreate;
}

}  // namespace

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

void CellSwitch::onCreateFailed(Circuit& circuit, const CellView* cell, CloseReason reason) {
  if (circuit.nextHop != NextHop::kCreating) return;
  listener_.onCircuitCreateFailed(circuit, reason, cell);
  endNext(circuit, cell != nullptr ? NextEnd::kFree : NextEnd::kAbandon, 0);
  if (!circuit.isOrigin()) return;
  edge_.closeAll(circuit);
  ++context_.counters.circuitsClosed[static_cast<size_t>(cell != nullptr ? CloseReason::kPeer : reason)];
  free(circuit);
}

void CellSwitch::closeCircuit(Circuit& circuit, uint8_t destroyReason, CloseReason reason) {
  if (circuit.isStub || circuit.closing) return;
  ++context_.counters.circuitsClosed[static_cast<size_t>(reason)];
  edge_.closeAll(circuit);
  endPrevious(circuit, true, destroyReason);
  endNext(circuit, circuit.nextHop == NextHop::kOpen ? NextEnd::kDestroy : NextEnd::kAbandon, destroyReason);
  free(circuit);
}

void CellSwitch::endCircuit(Circuit& circuit, CloseReason reason, Side side) {
  if (circuit.closing) return;
  endCircuit(circuit, reason, side, dialectHere(circuit).destroyReason(reason));
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
          Crossing::endNumber(static_cast<uint8_t>(how), destroyReason));
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

void CellSwitch::endStubFor(Circuit& stub, NextEnd how, CloseReason reason) {
  cross(Crossing::Kind::kNextGone, stub.home, stub.handle, reason);
  endStub(stub, how, stub.next.channel->dialect().destroyReason(reason));
}

void CellSwitch::releaseId(Channel& channel, uint32_t circId, NextEnd how, uint8_t destroyReason) {
  if (how == NextEnd::kAbandon && channel.dialect().traits().endsAtOnce) how = NextEnd::kDestroy;
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
      endStubFor(circuit, NextEnd::kFree, CloseReason::kChannelClosed);
    } else if (entry.fromNext && circuit.nextHop == NextHop::kCreating) {
      onCreateFailed(circuit, nullptr, CloseReason::kChannelClosed);
    } else {
      endCircuit(circuit, CloseReason::kChannelClosed, entry.fromNext ? Side::kNext : Side::kPrevious);
    }
  }
}

}  // namespace kist
