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
  if (cell.kind == CellKind::kLink) {
    channel.holdForLinkCell();
    listener_.onLinkCell(channel, cell);
    return;
  }
  if (channel.state() != Channel::State::kOpen) {
    // The first cell of a channel must be a link cell: the control plane says what becomes of it.
    channel.holdForLinkCell();
    listener_.onLinkCell(channel, cell);
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
  const bool ofCircuit = cell.kind != CellKind::kPadding && cell.kind != CellKind::kUnknown;
  if (!channel.deliverUnknown || !ofCircuit || !listener_.hasControlCredit()) return;
  listener_.onUnknownCell(channel, cell);
}

void CellSwitch::onCreate(Channel& channel, const CellView& cell) {
  uint8_t answer[kMaxCellLength];
  const uint32_t length = channel.dialect().cellLength();
  Circuit* circuit = channel.findCircuit(cell.circId) == nullptr ? makeCircuit(channel.owner) : nullptr;
  if (circuit == nullptr) {
    channel.dialect().encodeCreateFailed(answer, cell.circId, 0);
    channel.sendLinkCell(ByteSpan(answer, length));
    return;
  }
  circuit->state = CircuitState::kDeciding;
  attachEnd(*circuit, circuit->previous, channel, cell.circId, false);
  listener_.onCircuitCreate(*circuit, cell);
  pauseForControl(*circuit);
}

void CellSwitch::onPreviousCell(Circuit& circuit, const CellView& cell) {
  circuit.lastCell = context_.loop.now();
  if (cell.kind == CellKind::kDestroy) {
    endCircuit(circuit, CloseReason::kPeer, Side::kPrevious, 0);
    return;
  }
  if (cell.kind != CellKind::kRelay) {
    ++context_.counters.droppedCells;
    return;
  }
  switch (circuit.state) {
    case CircuitState::kForward:
      relayForward(circuit, cell);
      break;
    case CircuitState::kHere:
      recognise(circuit, cell);
      break;
    case CircuitState::kDeciding:
    case CircuitState::kExtending:
      holdCell(circuit, cell);
      break;
  }
}

void CellSwitch::onNextCell(Circuit& circuit, const CellView& cell) {
  circuit.lastCell = context_.loop.now();
  switch (cell.kind) {
    case CellKind::kRelay:
      if (circuit.nextHop != NextHop::kOpen) break;
      if (circuit.isOrigin()) {
        recognise(circuit, cell);
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
        endCircuit(circuit, CloseReason::kPeer, Side::kNext, 0);
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

void CellSwitch::relayForward(Circuit& circuit, const CellView& cell) {
  const Dialect& dialect = circuit.previous.channel->dialect();
  OwnerCounters& counters = context_.counters.of(circuit.owner);
  ++counters.relayedForward;
  if (dialect.isVisibleData(cell.bytes)) ++counters.dataForward;
  if (circuit.isNextRemote()) {
    crossCell(Crossing::Kind::kForwardCell, circuit.stub, circuit.handle, cell, circuit.previous.channel);
    return;
  }
  queueCell(circuit, circuit.next, copyCell(cell, context_.loop.now()));
}

void CellSwitch::relayBackward(Circuit& circuit, const CellView& cell) {
  const Dialect& dialect = circuit.previous.channel->dialect();
  OwnerCounters& counters = context_.counters.of(circuit.owner);
  ++counters.relayedBackward;
  if (dialect.isVisibleData(cell.bytes)) ++counters.dataBackward;
  queueCell(circuit, circuit.previous, copyCell(cell, context_.loop.now()));
}

void CellSwitch::recognise(Circuit& circuit, const CellView& cell) {
  RelayMessage message;
  if (!dialectHere(circuit).parseRelay(cell.bytes, message)) {
    ++context_.counters.droppedCells;
    return;
  }
  if (message.kind == RelayKind::kData) {
    if (!edge_.onData(circuit, message.streamId, message.data)) ++context_.counters.droppedCells;
    return;
  }
  if (message.kind == RelayKind::kEnd && edge_.onEnd(circuit, message.streamId)) return;
  // At once, not when the control plane hears of it: no cell behind EXTEND may be taken for this hop's
  // meanwhile.
  if (message.kind == RelayKind::kExtend) holdCircuit(circuit);
  listener_.onRelayMessage(circuit, message);
  pauseForControl(circuit);
}

void CellSwitch::holdCell(Circuit& circuit, const CellView& cell) {
  if (circuit.held.size() >= HeldCells::kMaxHeld) {
    endCircuit(circuit, CloseReason::kHeldTooMany, Side::kHere, 0);
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
      cross(Crossing::Kind::kNextGone, circuit.home, circuit.handle, CloseReason::kQueueFull);
      endStub(circuit, NextEnd::kDestroy, 0);
    } else {
      endCircuit(circuit, CloseReason::kQueueFull, Side::kHere, 0);
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
  CircuitEnd& end = circuit.hasPrevious() ? circuit.previous : circuit.next;
  if (circuit.closing || end.channel == nullptr) return;
  circuit.lastCell = context_.loop.now();
  Cell* cell = context_.cells.take();
  cell->queuedAt = circuit.lastCell;
  cell->length = static_cast<uint16_t>(end.channel->dialect().cellLength());
  end.channel->dialect().encodeRelay(cell->bytes, end.circId, streamId, command, body);
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
