#include "switch/cell_switch.h"

namespace kist {

CellSwitch::CellSwitch(uint32_t reactor, ChannelContext& context, CrossingSender& sender,
                       SwitchListener& listener, MutableByteSpan edgeScratch,
                       Edge::StreamEvents& streamEvents)
    : context_(context),
      sender_(sender),
      listener_(listener),
      circuits_(reactor),
      edge_(context.loop, context.chunks, context.counters, context.limits, edgeScratch, *this, streamEvents),
      pausedTimer_(context.loop.timers(), [this] { checkPausedQueues(); }),
      reactor_(reactor) {}

CellSwitch::~CellSwitch() {
  circuits_.forEach([this](Circuit& circuit) {
    edge_.closeAll(circuit);
    detachEnd(circuit.previous);
    detachEnd(circuit.next);
    dropHeld(circuit);
  });
}

void CellSwitch::onCell(Channel& channel, const CellView& cell) {
  if (cell.kind == CellKind::kLink || channel.state() != Channel::State::kOpen) {
    // Before a channel is open the control plane says what becomes of any cell.
    channel.holdForLinkCell();
    listener_.onLinkCell(channel, cell);
    return;
  }
  if (cell.kind == CellKind::kPadding) return;
  if (cell.kind == CellKind::kUnknown) {
    ++context_.counters.unknownCells;
    return;
  }
  Channel::Entry* entry = channel.findCircuit(cell.circId);
  if (cell.kind == CellKind::kCreate) {
    onCreate(channel, cell);
  } else if (entry == nullptr || entry->circuit == nullptr) {
    onUnknown(channel, cell);
  } else if (entry->circuit->isStub) {
    crossCell(Crossing::Kind::kBackwardCell, entry->circuit->home, entry->circuit->handle, cell, &channel);
  } else if (entry->fromNext) {
    onNextCell(*entry->circuit, cell);
  } else {
    onPreviousCell(*entry->circuit, cell);
  }
}

void CellSwitch::onUnknown(Channel& channel, const CellView& cell) {
  ++context_.counters.unknownCells;
  Channel::Entry* entry = channel.findCircuit(cell.circId);
  if (entry != nullptr) {
    // An ID kept from reuse. A CREATED for a circuit we gave up shows that it does exist over there: end it.
    if (!entry->abandoned) return;
    const bool created = cell.kind == CellKind::kCreated;
    if (created) channel.removeCircuitAfterDestroy(cell.circId, 0);
    if (cell.kind == CellKind::kCreateFailed || cell.kind == CellKind::kDestroy)
      channel.removeCircuit(cell.circId);
    return;
  }
  if (!channel.deliverUnknown || !listener_.hasControlCredit()) return;
  listener_.onUnknownCell(channel, cell);
}

void CellSwitch::onCreate(Channel& channel, const CellView& cell) {
  if (channel.mux().destroys() >= kMostDestroys) {
    channel.close(CloseReason::kQueueFull);
    return;
  }
  const bool isTaken = channel.findCircuit(cell.circId) != nullptr;
  // Where DESTROY is the refusal it would end the circuit that has the ID, and 0 names none: nothing is said.
  if (channel.dialect().traits().endsAtOnce && (isTaken || cell.circId == 0)) {
    ++context_.counters.droppedCells;
    return;
  }
  if (isTaken || !channel.isPeersCircId(cell.circId)) {
    refuseCreate(channel, cell.circId, CloseReason::kMalformed);
    return;
  }
  Circuit* circuit = makeCircuit(channel.owner);
  if (circuit == nullptr) {
    refuseCreate(channel, cell.circId, CloseReason::kExhausted);
    return;
  }
  circuit->state = CircuitState::kDeciding;
  circuit->createCommand = cell.command;
  attachEnd(*circuit, circuit->previous, channel, cell.circId, false);
  listener_.onCircuitCreate(*circuit, cell);
  pauseForControl(*circuit);
}

void CellSwitch::refuseCreate(Channel& channel, uint32_t circId, CloseReason reason) {
  ++context_.counters.droppedCells;
  uint8_t answer[kMaxCellLength];
  channel.dialect().encodeCreateFailed(answer, circId, channel.dialect().destroyReason(reason));
  channel.sendLinkCell(ByteSpan(answer, channel.dialect().cellLength()));
}

void CellSwitch::onPreviousCell(Circuit& circuit, const CellView& cell) {
  circuit.lastCell = context_.loop.now();
  if (cell.kind == CellKind::kDestroy) {
    const Dialect& dialect = circuit.previous.channel->dialect();
    endCircuit(circuit, CloseReason::kPeer, Side::kPrevious, dialect.destroyReasonIn(cell.bytes));
    return;
  }
  if (cell.kind != CellKind::kRelay) {
    ++context_.counters.droppedCells;
    return;
  }
  if (circuit.state == CircuitState::kDeciding || circuit.state == CircuitState::kExtending) {
    holdCell(circuit, cell);
  } else if (circuit.crypto != nullptr) {
    openForward(circuit, cell);
  } else if (circuit.state == CircuitState::kForward) {
    relayForward(circuit, cell);
  } else {
    recognise(circuit, cell, cell.isEarly);
  }
}

void CellSwitch::onNextCell(Circuit& circuit, const CellView& cell) {
  circuit.lastCell = context_.loop.now();
  switch (cell.kind) {
    case CellKind::kRelay:
      if (circuit.nextHop != NextHop::kOpen) break;
      if (circuit.isOrigin()) {
        openBackward(circuit, cell);
      } else {
        relayBackward(circuit, cell);
      }
      return;
    case CellKind::kCreated:
      onCreated(circuit, cell);
      return;
    case CellKind::kCreateFailed:
      onCreateFailed(circuit, &cell, CloseReason::kNone);
      return;
    case CellKind::kDestroy:
      if (circuit.nextHop == NextHop::kCreating) {
        onCreateFailed(circuit, &cell, CloseReason::kNone);
      } else {
        const uint8_t reason = dialectHere(circuit).destroyReasonIn(cell.bytes);
        endCircuit(circuit, CloseReason::kPeer, Side::kNext, reason);
      }
      return;
    case CellKind::kCreate:
    case CellKind::kLink:
    case CellKind::kPadding:
    case CellKind::kUnknown:
      break;
  }
  ++context_.counters.droppedCells;
}

void CellSwitch::holdCell(Circuit& circuit, const CellView& cell) {
  if (circuit.held.size() >= HeldCells::kMaxHeld) {
    endCircuit(circuit, CloseReason::kHeldTooMany, Side::kHere);
    return;
  }
  circuit.held.push(copyCell(cell, context_.loop.now()));
}

void CellSwitch::releaseHeld(Circuit& circuit) {
  const Handle handle = circuit.handle;
  const Dialect& dialect = circuit.previous.channel->dialect();
  // Processing may change the state again or end the circuit.
  while (find(handle) != nullptr && !circuit.closing &&
         (circuit.state == CircuitState::kHere || circuit.state == CircuitState::kForward)) {
    Cell* cell = circuit.held.pop();
    if (cell == nullptr) return;
    onPreviousCell(circuit, dialect.view(cell->bytes));
    context_.cells.giveBack(cell);
  }
}

void CellSwitch::dropHeld(Circuit& circuit) {
  while (Cell* cell = circuit.held.pop()) context_.cells.giveBack(cell);
}

Cell* CellSwitch::copyCell(const CellView& cell, TimeNs queuedAt) {
  Cell* copy = context_.cells.take();
  copy->queuedAt = queuedAt;
  copy->length = static_cast<uint16_t>(cell.length);
  std::memcpy(copy->bytes, cell.bytes, cell.length);
  return copy;
}

bool CellSwitch::queueCell(Circuit& circuit, CircuitEnd& end, Cell* cell) {
  if (circuit.closing || end.channel == nullptr) {
    context_.cells.giveBack(cell);
    return false;
  }
  CircuitQueue& queue = end.queue;
  if (queue.size() >= hardLimit(circuit, queue)) {
    context_.cells.giveBack(cell);
    if (circuit.isStub) {
      endStubFor(circuit, NextEnd::kDestroy, CloseReason::kQueueFull);
    } else {
      endCircuit(circuit, CloseReason::kQueueFull, Side::kHere);
    }
    return false;
  }
  end.channel->dialect().setCircId(cell->bytes, end.circId);
  queue.push(cell);
  if (queue.size() == 1) {
    end.channel->mux().activate(queue);
    context_.scheduler.onCells(*end.channel, &queue);
  }
  context_.scheduler.onCellQueued(*end.channel);
  if (!queue.feederPaused && queue.size() >= highMark(queue)) onQueueHigh(circuit, queue);
  return true;
}

// Edge::Listener: cells from this end.

const Dialect& CellSwitch::dialectHere(const Circuit& circuit) {
  return circuit.hasPrevious() ? circuit.previous.channel->dialect() : circuit.next.channel->dialect();
}

void CellSwitch::queueFromHere(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body) {
  queueRelay(circuit, streamId, command, body, false);
}

void CellSwitch::queueRelay(Circuit& circuit, uint16_t streamId, uint8_t command, ByteSpan body, bool early) {
  CircuitEnd& end = circuit.hasPrevious() ? circuit.previous : circuit.next;
  if (circuit.closing || end.channel == nullptr) return;
  const Dialect& dialect = end.channel->dialect();
  if (dialect.hasRelayCrypto() && circuit.crypto == nullptr) return;  // Nobody could read it.
  circuit.lastCell = context_.loop.now();
  Cell* cell = context_.cells.take();
  cell->queuedAt = circuit.lastCell;
  cell->length = static_cast<uint16_t>(dialect.cellLength());
  dialect.encodeRelay(cell->bytes, end.circId, streamId, command, body, early);
  if (circuit.crypto != nullptr) {
    const size_t used = cell->length - dialect.relayDataCapacity() + body.size();
    padding_.fill(MutableByteSpan(cell->bytes + used, cell->length - used));
    circuit.crypto->seal(cell->bytes + dialect.traits().relayPayload, CircuitCrypto::kLastHop);
  }
  queueCell(circuit, end, cell);
}

uint32_t CellSwitch::roomFromHere(Circuit& circuit) {
  const CircuitEnd& end = circuit.hasPrevious() ? circuit.previous : circuit.next;
  // The mark at which queueCell() pauses the feeder, overdraft included: between the two nobody would wake it
  // again.
  const uint32_t high = highMark(end.queue);
  if (circuit.closing || end.queue.feederPaused || end.queue.size() >= high) return 0;
  return high - end.queue.size();
}

}  // namespace kist
