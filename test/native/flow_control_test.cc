// What holds a feeder and lets it go, and what bounds waiting and memory; on one reactor and across two.
#include <doctest/doctest.h>

#include "support_plane.h"

namespace kist {
namespace {

constexpr TimeNs kRunTime = 20 * kMillisecond;

/// Every channel's window: 0 stops all writing.
void setWindow(PlaneRig& rig, uint32_t cwnd) {
  for (uint32_t i = 0; i < rig.plane->reactors(); ++i) {
    rig.plane->mockTcpInfo(i)->setDefault({Status::kOk, TcpInfo{cwnd, 0, 1448, 0, 0}});
  }
}
void setWindow(PlaneRig& rig, const RawPeer& peer, uint32_t cwnd) {
  MockTcpInfo* mock = rig.plane->mockTcpInfo(peer.channel.reactor());
  mock->setAnswer(peer.channel.bits, rig.now(), {Status::kOk, TcpInfo{cwnd, 0, 1448, 0, 0}});
}

/// A DATA cell that carries its number.
Bytes numbered(uint32_t circId, uint32_t number) {
  Bytes body = noise(498, number + 1);
  storeU32(body.data(), number);
  return rawRelay(circId, 1, kData, body);
}
Bytes numberedCells(uint32_t circId, uint32_t from, uint32_t count) {
  Bytes all;
  for (uint32_t i = from; i < from + count; ++i) {
    const Bytes cell = numbered(circId, i);
    all.insert(all.end(), cell.begin(), cell.end());
  }
  return all;
}
/// True when `cells` of `circId` are exactly numbers 0..count-1, bytes and all.
bool isSequence(const std::vector<Bytes>& cells, uint32_t circId, uint32_t count) {
  uint32_t next = 0;
  for (const Bytes& cell : cells) {
    if (circIdOf(cell) != circId || commandOf(cell) != kRelay) continue;
    if (cell != numbered(circId, next)) return false;
    ++next;
  }
  return next == count;
}

void checkNothingLeft(PlaneRig& rig) {
  rig.advance(3 * kSecond, 100 * kMillisecond);
  const ReactorSnapshot total = rig.total();
  CHECK(total.circuits == 0);
  CHECK(total.cellsInUse == 0);
  CHECK(rig.plane->budget().used() == 0);
}

}  // namespace

TEST_CASE("flow: a full queue holds its feeder, both ways, and low water lets it go") {
  for (const uint32_t reactors : {1u, 2u}) {
    for (const bool forward : {true, false}) {
      CAPTURE(reactors);
      CAPTURE(forward);
      PlaneRig rig(PlaneRig::config(reactors));
      RawPeer& first = rig.peer(0);
      RawPeer& second = rig.peer(reactors - 1);
      uint32_t nextId = 0;
      rig.makeForward(first, 6, second, nextId);
      RawPeer& from = forward ? first : second;
      RawPeer& to = forward ? second : first;
      setWindow(rig, to, 0);
      from.send(numberedCells(forward ? 6 : nextId, 0, 3000));
      rig.advance(50 * kMillisecond);
      CHECK(rig.isHeld(from.channel));
      // Crossing, a hold takes a turn: what was on its way by then comes on top.
      CHECK(rig.total().cellsInUse <= 256 + (reactors - 1) * 512);
      rig.advance(3 * kSecond, 10 * kMillisecond);
      CHECK(rig.isHeld(from.channel));
      CHECK(rig.total().cellsInUse <= 2500);
      setWindow(rig, to, 100);
      rig.advance(3 * kSecond, 5 * kMillisecond);
      CHECK(isSequence(to.take(), forward ? nextId : 6, 3000));
      CHECK_FALSE(rig.isHeld(from.channel));
      first.send(rawCell(6, kDestroy));
      checkNothingLeft(rig);
    }
  }
}

TEST_CASE("flow: a circuit that moved nothing for 30 s is closed, and its channel's others go on") {
  for (const uint32_t reactors : {1u, 2u}) {
    CAPTURE(reactors);
    PlaneRig rig(PlaneRig::config(reactors));
    RawPeer& first = rig.peer(0);
    RawPeer& stuck = rig.peer(reactors - 1);
    RawPeer& well = rig.peer(reactors - 1);
    uint32_t stuckId = 0, wellId = 0;
    rig.makeForward(first, 6, stuck, stuckId);
    rig.makeForward(first, 8, well, wellId);
    setWindow(rig, stuck, 0);
    first.send(numberedCells(6, 0, 3000));
    first.send(numberedCells(8, 0, 100));
    rig.advance(25 * kSecond, 50 * kMillisecond);
    CHECK_FALSE(rig.has(EventKind::kCircuitClosed));
    CHECK(well.take(kRelay).empty());
    rig.advance(10 * kSecond, 50 * kMillisecond);
    CHECK(rig.expect(EventKind::kCircuitClosed).a == static_cast<int64_t>(CloseReason::kStalled));
    CHECK(isSequence(well.take(), wellId, 100));
    CHECK(first.take(kDestroy) == std::vector<Bytes>{rawCell(6, kDestroy)});
    first.send(rawCell(8, kDestroy));
    setWindow(rig, stuck, 10);
    checkNothingLeft(rig);
  }
}

TEST_CASE("flow: answers that nobody reads are bounded by the hard limit of the queue") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  const Handle circuit = rig.makeCircuit(peer, 6);
  setWindow(rig, 0);
  for (int i = 0; i < 2500; ++i) {
    rig.onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.sendRelay(it, 1, kConnected, {}); });
  }
  CHECK_FALSE(rig.has(EventKind::kCircuitClosed));
  CHECK(rig.total().cellsInUse == 2500);
  rig.onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.sendRelay(it, 1, kConnected, {}); });
  CHECK(rig.expect(EventKind::kCircuitClosed).a == static_cast<int64_t>(CloseReason::kQueueFull));
  CHECK(rig.total().cellsInUse == 0);
  setWindow(rig, 10);
  rig.advance(kRunTime);
  CHECK(peer.take() == std::vector<Bytes>{rawCell(6, kDestroy)});
}

TEST_CASE("flow: bulk makes progress on a circuit that passes one channel three times") {
  PlaneRig rig;
  RawPeer& first = rig.peer();
  RawPeer& last = rig.peer();
  const auto [out, in] = rig.loopChannel();
  setWindow(rig, 40);
  Handle circuit = rig.makeCircuit(first, 6);
  std::vector<Handle> hops{circuit};
  for (int hop = 0; hop < 3; ++hop) {
    rig.extend(circuit, out);
    rig.advance(kRunTime);
    rig.expect(EventKind::kCircuitAttached);
    const Handle next{rig.expect(EventKind::kCircuitCreate).handle};
    rig.accept(next);
    rig.advance(kRunTime);
    rig.expect(EventKind::kCircuitCreated);
    rig.splice(circuit);
    rig.advance(kRunTime);
    circuit = next;
    hops.push_back(next);
  }
  rig.extend(circuit, last.channel);
  rig.advance(kRunTime);
  const auto lastId = static_cast<uint32_t>(rig.expect(EventKind::kCircuitAttached).b);
  last.send(rawCell(lastId, kCreated));
  rig.settle();
  rig.splice(circuit);
  rig.advance(50 * kMillisecond);
  first.take();
  last.take();
  // The loop is slower than what feeds it, so all its queues fill.
  rig.plane->mockTcpInfo(0)->setAnswer(out.bits, rig.now(), {Status::kOk, TcpInfo{4, 0, 1448, 0, 0}});
  rig.plane->mockTcpInfo(0)->setAnswer(in.bits, rig.now(), {Status::kOk, TcpInfo{4, 0, 1448, 0, 0}});
  constexpr uint32_t kCells = 6000;
  SUBCASE("forward") {
    first.send(numberedCells(6, 0, kCells));
    rig.advance(25 * kSecond, 2 * kMillisecond);
    CHECK(isSequence(last.take(), lastId, kCells));
  }
  SUBCASE("backward") {
    last.send(numberedCells(lastId, 0, kCells));
    rig.advance(25 * kSecond, 2 * kMillisecond);
    CHECK(isSequence(first.take(), 6, kCells));
  }
  SUBCASE("both ways") {
    first.send(numberedCells(6, 0, kCells));
    last.send(numberedCells(lastId, 0, kCells));
    rig.advance(25 * kSecond, 2 * kMillisecond);
    CHECK(isSequence(last.take(), lastId, kCells));
    CHECK(isSequence(first.take(), 6, kCells));
  }
  CHECK_FALSE(rig.has(EventKind::kCircuitClosed));
  first.send(rawCell(6, kDestroy));
  checkNothingLeft(rig);
}

TEST_CASE("flow: circuits without a cell for their time are reaped") {
  for (const uint32_t reactors : {1u, 2u}) {
    CAPTURE(reactors);
    PlaneConfig config = PlaneRig::config(reactors);
    config.limits.circuitIdle = 5 * kSecond;
    PlaneRig rig(config);
    RawPeer& first = rig.peer(0);
    RawPeer& second = rig.peer(reactors - 1);
    uint32_t nextId = 0, busyId = 0;
    rig.makeForward(first, 6, second, nextId);
    rig.makeForward(first, 8, second, busyId);
    for (int i = 0; i < 5; ++i) {
      second.send(rawRelay(busyId, 1, kData, {1}));
      rig.advance(2 * kSecond, 100 * kMillisecond);
    }
    CHECK(rig.expect(EventKind::kCircuitClosed).a == static_cast<int64_t>(CloseReason::kIdle));
    CHECK_FALSE(rig.has(EventKind::kCircuitClosed));
    CHECK(first.take(kDestroy) == std::vector<Bytes>{rawCell(6, kDestroy)});
    CHECK(second.take(kDestroy) == std::vector<Bytes>{rawCell(nextId, kDestroy)});
  }
}

TEST_CASE("flow: a ring that fills holds its feeders and keeps every cell in order") {
  PlaneRig rig(PlaneRig::config(2));
  setWindow(rig, 20'000);
  constexpr uint32_t kPeers = 12;
  constexpr uint32_t kCells = 1500;
  std::vector<RawPeer*> from;
  std::vector<uint32_t> ids(kPeers);
  std::vector<RawPeer*> to;
  for (uint32_t i = 0; i < kPeers; ++i) {
    from.push_back(&rig.peer(0));
    to.push_back(&rig.peer(1));
    rig.makeForward(*from[i], 6, *to[i], ids[i]);
  }
  for (uint32_t i = 0; i < kPeers; ++i) {
    from[i]->send(numberedCells(6, 0, kCells));
    to[i]->send(numberedCells(ids[i], 0, kCells));
  }
  rig.advance(10 * kSecond, 5 * kMillisecond);
  CHECK(rig.total().counters.ringFull > 0);
  CHECK_FALSE(rig.has(EventKind::kCircuitClosed));
  for (uint32_t i = 0; i < kPeers; ++i) {
    CAPTURE(i);
    CHECK(isSequence(to[i]->take(), ids[i], kCells));
    CHECK(isSequence(from[i]->take(), 6, kCells));
    CHECK_FALSE(rig.isHeld(from[i]->channel));
    CHECK_FALSE(rig.isHeld(to[i]->channel));
    from[i]->close(true);
  }
  checkNothingLeft(rig);
}

TEST_CASE("flow: over the memory budget the oldest circuits go, and only they") {
  for (const uint32_t reactors : {1u, 2u}) {
    CAPTURE(reactors);
    PlaneConfig config = PlaneRig::config(reactors);
    config.memoryBudget = 4u << 20;
    PlaneRig rig(config);
    RawPeer& sink = rig.peer(reactors - 1);
    std::vector<RawPeer*> from;
    std::vector<uint32_t> ids(60);
    for (uint32_t i = 0; i < 60; ++i) {
      from.push_back(&rig.peer(i % reactors));
      rig.makeForward(*from[i], 6, sink, ids[i]);
    }
    rig.events.clear();
    setWindow(rig, sink, 0);
    uint64_t most = 0;
    for (uint32_t i = 0; i < 60; ++i) {
      from[i]->send(numberedCells(6, 0, 250));
      rig.advance(20 * kMillisecond);
      most = std::max(most, rig.plane->budget().used());
    }
    CHECK(most > (3u << 20));
    CHECK(most < (4u << 20) + (1u << 20));
    CHECK(rig.plane->budget().rounds() > 0);
    const size_t closed = rig.count(EventKind::kCircuitClosed);
    CHECK(closed > 20);
    CHECK(closed < 60);
    while (rig.has(EventKind::kCircuitClosed)) {
      CHECK(rig.expect(EventKind::kCircuitClosed).a == static_cast<int64_t>(CloseReason::kMemory));
    }
    CHECK(rig.channel(from[59]->channel)->circuits() == 1);  // The youngest lives on.
    CHECK(rig.channel(from[0]->channel)->circuits() == 0);
    setWindow(rig, sink, 100);
    rig.advance(kSecond, 5 * kMillisecond);
    CHECK(isSequence(sink.take(), ids[59], 250));
    for (RawPeer* peer : from) peer->close(true);
    sink.close(true);
    checkNothingLeft(rig);
  }
}

TEST_CASE("flow: cells held for circuits that never get decided are in the budget too") {
  PlaneConfig config = PlaneRig::config();
  config.memoryBudget = 2u << 20;
  PlaneRig rig(config);
  RawPeer& quiet = rig.peer();
  RawPeer& victim = rig.peer();
  RawPeer& sink = rig.peer();
  uint32_t victimId = 0;
  rig.makeForward(victim, 6, sink, victimId);
  setWindow(rig, sink, 0);
  for (uint32_t id = 1; id <= 150; ++id) {
    quiet.send(rawCell(id, kCreate));
    for (int i = 0; i < 64; ++i) quiet.send(rawRelay(id, 1, kData, noise(498)));
    rig.advance(5 * kMillisecond);
  }
  victim.send(numberedCells(6, 0, 5));
  rig.advance(kSecond);
  CHECK(rig.plane->budget().used() < (2u << 20) + (1u << 19));
  CHECK(rig.channel(victim.channel)->circuits() == 1);
  CHECK(rig.total().counters.circuitsClosed[static_cast<size_t>(CloseReason::kMemory)] > 50);
}

TEST_CASE("flow: a hold in force when a circuit is spliced reaches the new feeder") {
  PlaneRig rig;
  RawPeer& first = rig.peer();
  RawPeer& second = rig.peer();
  const Handle circuit = rig.makeCircuit(first, 6);
  rig.extend(circuit, second.channel);
  rig.advance(kRunTime);
  const auto nextId = static_cast<uint32_t>(rig.expect(EventKind::kCircuitAttached).b);
  second.send(rawCell(nextId, kCreated));
  rig.settle();
  setWindow(rig, first, 0);
  for (int i = 0; i < 300; ++i) {
    rig.onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.sendRelay(it, 1, kConnected, {}); });
  }
  rig.splice(circuit);
  CHECK(rig.isHeld(second.channel));
  second.send(numberedCells(nextId, 0, 3000));
  rig.advance(5 * kSecond, 10 * kMillisecond);
  CHECK_FALSE(rig.has(EventKind::kCircuitClosed));
  setWindow(rig, first, 100);
  rig.advance(3 * kSecond, 5 * kMillisecond);
  std::vector<Bytes> cells = first.take();
  std::erase_if(cells, [](const Bytes& cell) { return relayCommandOf(cell) != kData; });
  CHECK(isSequence(cells, 6, 3000));
}

}  // namespace kist
