// Holding what feeds a full queue, crossing between reactors, and the rules that bound waiting.

#include <algorithm>

#include "edge/circuit_streams.h"
#include "switch/cell_switch.h"
#include "switch/circuit_load.h"

namespace kist {

namespace {

constexpr TimeNs kPausedCheck = 50 * kMillisecond;
constexpr uint8_t kMaxOverdraft = 3;

/// A circuit that may be silent for as long as its origin likes: with windows (in Tor an origin ends what it
/// does not need) one that goes on or has streams.
bool mayRest(const Circuit& circuit) {
  if (!circuit.hasWindows) return false;
  return circuit.isOrigin() || circuit.state == CircuitState::kForward ||
         (circuit.streams && !circuit.streams->isEmpty());
}

}  // namespace

uint32_t CellSwitch::highMark(const CircuitQueue& queue) const {
  return std::min(context_.limits.cellqHigh << queue.overdraft, context_.limits.cellqMax * 4 / 5);
}

uint32_t CellSwitch::hardLimit(const Circuit& circuit, const CircuitQueue& queue) const {
  // A hold takes effect at once where the feeder is read here, but over a ring only behind what is on its
  // way: that is no fault of the peer, and with a busy machine it is thousands of cells.
  const bool isFedOverRing = circuit.isStub || (circuit.isNextRemote() && &queue == &circuit.previous.queue);
  return context_.limits.cellqMax + (isFedOverRing ? CrossingSender::kMaxOnTheWay : 0);
}

void CellSwitch::onQueueHigh(Circuit& circuit, CircuitQueue& queue) {
  queue.feederPaused = true;
  queue.lastMoved = context_.loop.now();
  const bool towardNext = &queue == &circuit.next.queue;
  setFeederHeld(circuit, towardNext, true);
  context_.scheduler.onQueueHigh(*(towardNext ? circuit.next : circuit.previous).channel);
  if (circuit.hasWindows) return;
  if (!queue.isListedPaused) paused_.emplace_back(circuit.handle, towardNext);
  queue.isListedPaused = true;
  if (!pausedTimer_.isArmed()) pausedTimer_.arm(context_.loop.now() + kPausedCheck);
}

void CellSwitch::onQueueLow(CircuitQueue& queue) {
  auto& circuit = *static_cast<Circuit*>(queue.owner);
  low_.emplace_back(circuit.handle, &queue == &circuit.next.queue);
}

void CellSwitch::finishTurn() {
  std::vector<std::pair<Handle, bool>> low;
  low.swap(low_);
  for (const auto& [handle, towardNext] : low) {
    Circuit* circuit = find(handle);
    if (circuit == nullptr) continue;
    CircuitQueue& queue = towardNext ? circuit->next.queue : circuit->previous.queue;
    if (queue.size() > context_.limits.cellqLow) continue;
    queue.overdraft = 0;
    if (!queue.feederPaused) continue;
    queue.feederPaused = false;
    setFeederHeld(*circuit, towardNext, false);
  }
  finished_.clear();
}

void CellSwitch::checkPausedQueues() {
  const TimeNs now = context_.loop.now();
  std::vector<std::pair<Handle, bool>> still;
  for (const auto& [handle, towardNext] : paused_) {
    Circuit* circuit = find(handle);
    if (circuit == nullptr) continue;
    CircuitQueue& queue = towardNext ? circuit->next.queue : circuit->previous.queue;
    queue.isListedPaused = false;
    if (!queue.feederPaused) continue;
    // Streams that feed it wait for cellq_low: no cell of theirs can be what the queue waits for.
    const bool isFedByChannel =
        circuit->isStub || (towardNext ? circuit->hasPrevious() : circuit->nextHop != NextHop::kNone);
    // What was on its way over a ring may have come all at once: such a queue takes no more before it drains.
    const bool hasRoom = queue.size() < context_.limits.cellqMax;
    if (isFedByChannel && hasRoom && queue.overdraft < kMaxOverdraft &&
        now - queue.lastMoved >= kHoldPatience) {
      ++queue.overdraft;
      queue.feederPaused = false;
      setFeederHeld(*circuit, towardNext, false);
    } else {
      queue.isListedPaused = true;
      still.emplace_back(handle, towardNext);
    }
  }
  paused_ = std::move(still);
  if (!paused_.empty()) pausedTimer_.arm(now + kPausedCheck);
}

void CellSwitch::setFeederHeld(Circuit& circuit, bool towardNext, bool held) {
  if (circuit.hasWindows) {
    const bool isFedFromHere = !circuit.isStub && towardNext == circuit.isOrigin();
    if (isFedFromHere && !held) edge_.pump(circuit);
    return;
  }
  if (circuit.isStub) {
    cross(held ? Crossing::Kind::kHoldFeed : Crossing::Kind::kReleaseFeed, circuit.home, circuit.handle);
    return;
  }
  if (towardNext) {
    if (circuit.isOrigin()) {
      if (!held) edge_.pump(circuit);
    } else {
      setChannelHeld(circuit.previous, held);
    }
    return;
  }
  if (circuit.isNextRemote()) {
    cross(held ? Crossing::Kind::kHoldNext : Crossing::Kind::kReleaseNext, circuit.stub, circuit.handle);
  } else if (circuit.next.channel != nullptr) {
    setChannelHeld(circuit.next, held);
  }
  if (!held) edge_.pump(circuit);
}

void CellSwitch::setChannelHeld(CircuitEnd& end, bool held) {
  if (end.holdsChannel == held || end.channel == nullptr) return;
  end.holdsChannel = held;
  if (held) {
    end.channel->hold();
  } else {
    end.channel->release();
  }
}

void CellSwitch::holdFeed(Circuit& circuit, bool held) {
  Channel* channel = circuit.hasPrevious() ? circuit.previous.channel : circuit.next.channel;
  if (channel == nullptr) return;
  if (held) {
    channel->hold();
  } else {
    channel->release();
  }
}

void CellSwitch::pauseForControl(Circuit& circuit) {
  if (circuit.closing || listener_.hasControlCredit()) return;
  Channel* channel = circuit.hasPrevious() ? circuit.previous.channel : circuit.next.channel;
  if (channel == nullptr) return;
  channel->hold();
  listener_.waitForControlCredit(channel->handle);
}

// Crossing.

void CellSwitch::cross(Crossing::Kind kind, Handle to, Handle from, CloseReason reason, uint32_t number) {
  outgoing_.kind = kind;
  outgoing_.to = to;
  outgoing_.from = from;
  outgoing_.reason = reason;
  outgoing_.number = number;
  sender_.send(outgoing_, {});
}

void CellSwitch::crossCell(Crossing::Kind kind, Handle to, Handle from, const CellView& cell,
                           Channel* feeder) {
  outgoing_.kind = kind;
  outgoing_.to = to;
  outgoing_.from = from;
  outgoing_.queuedAt = context_.loop.now();
  sender_.send(outgoing_, ByteSpan(cell.bytes, cell.length));
  ++context_.counters.cellsCrossed;
  if (feeder != nullptr && !sender_.hasRoom(to.reactor())) {
    ++context_.counters.ringFull;
    feeder->hold();
    sender_.waitForRoom(to.reactor(), feeder->handle);
  }
}

void CellSwitch::onCrossing(const Crossing& crossing) {
  if (crossing.kind == Crossing::Kind::kAttach) {
    attachStub(crossing);
    return;
  }
  Circuit* circuit = find(crossing.to);
  if (circuit == nullptr) {
    // The home ended while its stub was being made: end the stub too.
    if (crossing.kind == Crossing::Kind::kAttached)
      cross(Crossing::Kind::kEndNext, crossing.from, crossing.to);
    return;
  }
  switch (crossing.kind) {
    case Crossing::Kind::kForwardCell: {
      const CellView cell = circuit->next.channel->dialect().view(crossing.bytes);
      queueCell(*circuit, circuit->next, copyCell(cell, crossing.queuedAt));
      break;
    }
    case Crossing::Kind::kBackwardCell:
      if (circuit->stub == crossing.from) onNextCell(*circuit, dialectHere(*circuit).view(crossing.bytes));
      break;
    case Crossing::Kind::kAttached:
      if (crossing.attempt != circuit->extendAttempt || circuit->nextHop == NextHop::kNone) {
        cross(Crossing::Kind::kEndNext, crossing.from, crossing.to);
        break;
      }
      circuit->stub = crossing.from;
      listener_.onCircuitAttached(*circuit, 0, crossing.number);
      break;
    case Crossing::Kind::kAttachFailed:
      if (crossing.attempt == circuit->extendAttempt) onCreateFailed(*circuit, nullptr, crossing.reason);
      break;
    case Crossing::Kind::kEndNext:
      endStub(*circuit, static_cast<NextEnd>(crossing.endHow()), crossing.endReason());
      break;
    case Crossing::Kind::kNextGone:
      if (!(circuit->stub == crossing.from)) break;
      circuit->stub = Handle{};
      if (circuit->nextHop == NextHop::kCreating) {
        onCreateFailed(*circuit, nullptr, crossing.reason);
      } else {
        endCircuit(*circuit, crossing.reason, Side::kNext);
      }
      break;
    case Crossing::Kind::kHoldFeed:
    case Crossing::Kind::kReleaseFeed:
      setChannelHeld(circuit->previous, crossing.kind == Crossing::Kind::kHoldFeed);
      break;
    case Crossing::Kind::kHoldNext:
    case Crossing::Kind::kReleaseNext:
      setChannelHeld(circuit->next, crossing.kind == Crossing::Kind::kHoldNext);
      break;
    case Crossing::Kind::kAttach:
      break;
  }
}

void CellSwitch::attachStub(const Crossing& crossing) {
  Channel* channel = listener_.findChannel(crossing.to);
  const bool usable = channel != nullptr && channel->state() == Channel::State::kOpen;
  const uint32_t circId = usable ? channel->pickCircId() : 0;
  Circuit* stub = circId == 0 ? nullptr : makeCircuit(crossing.number);
  if (stub == nullptr) {
    outgoing_.attempt = crossing.attempt;
    cross(Crossing::Kind::kAttachFailed, crossing.from, Handle{},
          usable ? CloseReason::kExhausted : CloseReason::kChannelClosed);
    return;
  }
  stub->isStub = true;
  stub->home = crossing.from;
  attachEnd(*stub, stub->next, *channel, circId, true);
  // Told first: the answer to the CREATE must find the stub known at home.
  outgoing_.attempt = crossing.attempt;
  cross(Crossing::Kind::kAttached, crossing.from, stub->handle, CloseReason::kNone, circId);
  queueCreate(*stub, circId, crossing.payload());
}

// Rules that bound waiting.

bool CellSwitch::isStalled(const CircuitQueue& queue, TimeNs now) const {
  return queue.feederPaused && now - queue.lastMoved > context_.limits.circuitStall;
}

void CellSwitch::sweep(TimeNs now) {
  std::vector<std::pair<Circuit*, CloseReason>> late;
  std::vector<Circuit*> withStreams;
  circuits_.forEach([&](Circuit& circuit) {
    // With windows a full queue harms nobody else, and a reader may pause as long as it likes.
    const bool isStalledNow = isStalled(circuit.previous.queue, now) || isStalled(circuit.next.queue, now);
    if (isStalledNow && !circuit.hasWindows) {
      late.emplace_back(&circuit, CloseReason::kStalled);
    } else if (!circuit.isStub && context_.limits.circuitIdle > 0 && !mayRest(circuit) &&
               now - circuit.lastCell > context_.limits.circuitIdle) {
      late.emplace_back(&circuit, CloseReason::kIdle);
    } else if (circuit.streams && !circuit.hasWindows) {
      withStreams.push_back(&circuit);
    }
  });
  for (const auto& [circuit, reason] : late) {
    if (circuit->closing) continue;
    if (circuit->isStub) {
      endStubFor(*circuit, NextEnd::kDestroy, reason);
    } else {
      endCircuit(*circuit, reason, Side::kHere);
    }
  }
  for (Circuit* circuit : withStreams) {
    if (!circuit->closing) edge_.sweep(*circuit, now);
  }
  edge_.sweepLingering(now);
}

uint32_t CellSwitch::closeOlderThan(TimeNs cutoff) {
  std::vector<Circuit*> old;
  circuits_.forEach([&](Circuit& circuit) {
    if (loadOf(circuit).oldest <= cutoff) old.push_back(&circuit);
  });
  for (Circuit* circuit : old) {
    if (circuit->closing) continue;
    if (circuit->isStub) {
      endStubFor(*circuit, NextEnd::kDestroy, CloseReason::kMemory);
    } else {
      endCircuit(*circuit, CloseReason::kMemory, Side::kHere);
    }
  }
  return static_cast<uint32_t>(old.size());
}

}  // namespace kist
