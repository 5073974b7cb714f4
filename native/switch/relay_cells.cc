// What becomes of relay cells: passed on, or opened and taken.

#include "switch/cell_switch.h"

namespace kist {

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

void CellSwitch::openForward(Circuit& circuit, const CellView& cell) {
  if (cell.isEarly && ++circuit.earlyCells > kMostEarlyCells) {
    endForViolation(circuit);
    return;
  }
  const Dialect& dialect = circuit.previous.channel->dialect();
  Cell* copy = copyCell(cell, context_.loop.now());
  CellView opened = cell;
  opened.bytes = copy->bytes;
  if (circuit.crypto->open(copy->bytes + dialect.traits().relayPayload)) {
    recognise(circuit, opened, cell.isEarly);
    context_.cells.giveBack(copy);
    return;
  }
  if (circuit.state != CircuitState::kForward) {
    context_.cells.giveBack(copy);
    endForViolation(circuit);
    return;
  }
  ++context_.counters.of(circuit.owner).relayedForward;
  if (circuit.isNextRemote()) {
    crossCell(Crossing::Kind::kForwardCell, circuit.stub, circuit.handle, opened, circuit.previous.channel);
    context_.cells.giveBack(copy);
    return;
  }
  queueCell(circuit, circuit.next, copy);
}

void CellSwitch::relayBackward(Circuit& circuit, const CellView& cell) {
  OwnerCounters& counters = context_.counters.of(circuit.owner);
  ++counters.relayedBackward;
  const Dialect& dialect = circuit.previous.channel->dialect();
  if (circuit.crypto == nullptr) {
    if (dialect.isVisibleData(cell.bytes)) ++counters.dataBackward;
    queueCell(circuit, circuit.previous, copyCell(cell, context_.loop.now()));
    return;
  }
  if (cell.isEarly) {
    endForViolation(circuit);
    return;
  }
  Cell* copy = copyCell(cell, context_.loop.now());
  circuit.crypto->wrap(copy->bytes + dialect.traits().relayPayload);
  queueCell(circuit, circuit.previous, copy);
}

void CellSwitch::openBackward(Circuit& circuit, const CellView& cell) {
  const Dialect& dialect = dialectHere(circuit);
  if (!dialect.hasRelayCrypto()) {
    recognise(circuit, cell, cell.isEarly);
    return;
  }
  // Without a hop nobody has a reason to send, and nobody could say what.
  if (circuit.crypto == nullptr || cell.isEarly) {
    endForViolation(circuit);
    return;
  }
  Cell* copy = copyCell(cell, context_.loop.now());
  CellView opened = cell;
  opened.bytes = copy->bytes;
  if (circuit.crypto->open(copy->bytes + dialect.traits().relayPayload)) {
    recognise(circuit, opened, false);
  } else {
    endForViolation(circuit);
  }
  context_.cells.giveBack(copy);
}

void CellSwitch::recognise(Circuit& circuit, const CellView& cell, bool isEarly) {
  RelayMessage message;
  const bool isWhole = dialectHere(circuit).parseRelay(cell.bytes, message);
  if (circuit.crypto != nullptr && !(isWhole && isAllowed(circuit, message, isEarly))) {
    endForViolation(circuit);
    return;
  }
  if (!isWhole) {
    ++context_.counters.droppedCells;
    return;
  }
  Edge::Taken taken = Edge::Taken::kUnknown;
  switch (message.kind) {
    case RelayKind::kData:
      taken = edge_.onData(circuit, message.streamId, message.data);
      break;
    case RelayKind::kSendme:
      taken = edge_.onSendme(circuit, message.streamId, message.data);
      break;
    case RelayKind::kDrop:
      break;
    case RelayKind::kBegin:
      if (!circuit.isOrigin() && !edge_.expectStream(circuit, message.streamId)) break;
      listener_.onRelayMessage(circuit, message);
      pauseForControl(circuit);
      return;
    case RelayKind::kEnd:
      if (edge_.onEnd(circuit, message.streamId, message.data) == Edge::Taken::kDone) return;
      [[fallthrough]];
    case RelayKind::kExtend:
    case RelayKind::kConnected:
    case RelayKind::kControl:
      // At once, not when the control plane hears of it: no cell behind EXTEND may be taken for this hop's
      // meanwhile.
      if (message.kind == RelayKind::kExtend) holdCircuit(circuit);
      listener_.onRelayMessage(circuit, message);
      pauseForControl(circuit);
      return;
  }
  if (taken == Edge::Taken::kViolation) endForViolation(circuit);
  if (taken == Edge::Taken::kUnknown) ++context_.counters.droppedCells;
}

bool CellSwitch::isAllowed(const Circuit& circuit, const RelayMessage& message, bool isEarly) const {
  if (message.kind == RelayKind::kBegin && message.streamId == 0) return false;
  if (!circuit.isOrigin()) {
    return message.kind != RelayKind::kExtend || (isEarly && circuit.state == CircuitState::kHere);
  }
  // Our streams and windows are those of the last hop; no other has DATA to send or to acknowledge.
  const bool isOfWindows = message.kind == RelayKind::kData || message.kind == RelayKind::kSendme;
  return !isOfWindows || circuit.crypto->openedHop() + 1 == circuit.hops;
}

}  // namespace kist
