#include "dataplane/hand_over.h"

namespace kist {

HandOver::HandOver(uint32_t self, RingMatrix& matrix, Listener& listener)
    : self_(self), matrix_(matrix), listener_(listener), outgoing_(matrix.reactors()) {}

bool HandOver::push(uint32_t to, const Crossing& header, ByteSpan payload) {
  CrossingRing& ring = matrix_.ring(self_, to);
  Crossing* slot = ring.beginPush();
  if (slot == nullptr) return false;
  slot->fill(header, payload);
  ring.commit();
  Outgoing& outgoing = outgoing_[to];
  if (outgoing.room > 0) --outgoing.room;
  if (outgoing.room < kReserve) outgoing.room = ring.room();
  return true;
}

void HandOver::send(const Crossing& header, ByteSpan payload) {
  const uint32_t to = header.to.reactor();
  if (to >= outgoing_.size() || to == self_) return;  // No such reactor: a handle that was never ours.
  Outgoing& outgoing = outgoing_[to];
  if (!outgoing.overflow.empty() || !push(to, header, payload)) {
    outgoing.overflow.emplace_back();
    outgoing.overflow.back().fill(header, payload);
  }
}

bool HandOver::hasRoom(uint32_t reactor) const {
  const Outgoing& outgoing = outgoing_[reactor];
  return outgoing.overflow.empty() && outgoing.room >= kReserve;
}

void HandOver::waitForRoom(uint32_t reactor, Handle channel) {
  outgoing_[reactor].waiting.push_back(channel);
}

bool HandOver::poll() {
  bool more = false;
  taken_ = 0;
  for (uint32_t from = 0; from < outgoing_.size(); ++from) {
    if (from == self_) continue;
    CrossingRing& ring = matrix_.ring(from, self_);
    uint32_t taken = 0;
    while (const Crossing* crossing = taken < kPollPerRing ? ring.front() : nullptr) {
      listener_.onCrossing(*crossing);
      ring.pop();
      ++taken;
    }
    if (taken > 0 && ring.finishBatch()) matrix_.loops[from]->wake();
    taken_ += taken;
    if (taken == kPollPerRing) more = true;
  }
  return more;
}

void HandOver::flushOverflow(uint32_t to) {
  std::deque<Crossing>& overflow = outgoing_[to].overflow;
  while (!overflow.empty() && push(to, overflow.front(), overflow.front().payload())) overflow.pop_front();
}

void HandOver::flush(uint32_t to) {
  Outgoing& outgoing = outgoing_[to];
  flushOverflow(to);
  CrossingRing& ring = matrix_.ring(self_, to);
  if (ring.publish()) matrix_.loops[to]->wake();
  if (outgoing.overflow.empty() && outgoing.waiting.empty()) return;
  if (ring.askForRoom(ring.capacity() / 2)) return;  // Woken when messages were taken.
  outgoing.room = ring.room();
  flushOverflow(to);
  if (ring.publish()) matrix_.loops[to]->wake();
  if (!outgoing.overflow.empty()) return;
  std::vector<Handle> waiting;
  waiting.swap(outgoing.waiting);
  for (const Handle channel : waiting) listener_.onRingRoom(channel);
}

void HandOver::finishTurn() {
  for (uint32_t to = 0; to < outgoing_.size(); ++to) {
    if (to != self_) flush(to);
  }
}

bool HandOver::isIdle() {
  for (uint32_t from = 0; from < outgoing_.size(); ++from) {
    if (from != self_ && !matrix_.ring(from, self_).isEmpty()) return false;
  }
  return true;
}

size_t HandOver::overflow() const {
  size_t kept = 0;
  for (const Outgoing& outgoing : outgoing_) kept += outgoing.overflow.size();
  return kept;
}

}  // namespace kist
