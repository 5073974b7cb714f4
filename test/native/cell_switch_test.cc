// Circuits of one reactor: making, holding, extending, ending, and what becomes of cells meanwhile.
#include <doctest/doctest.h>

#include "support_plane.h"

namespace kist {
namespace {

constexpr TimeNs kRunTime = 20 * kMillisecond;

size_t closedFor(PlaneRig& rig, CloseReason reason) {
  return rig.total().counters.circuitsClosed[static_cast<size_t>(reason)];
}

void checkNothingLeft(PlaneRig& rig) {
  rig.advance(2 * kSecond, 100 * kMillisecond);
  const ReactorSnapshot total = rig.total();
  CHECK(total.circuits == 0);
  CHECK(total.streams == 0);
  CHECK(total.cellsInUse == 0);
  CHECK(rig.plane->budget().used() == 0);
}

}  // namespace

TEST_CASE("cell switch: a CREATE is told, accepted and answered once") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  Bytes create = rawCell(5, kCreate);
  create[100] = 77;  // Padding belongs to the sender.
  peer.send(create);
  rig.settle();
  const Event event = rig.expect(EventKind::kCircuitCreate);
  CHECK(event.a == static_cast<int64_t>(peer.channel.bits));
  CHECK(event.b == 5);
  CHECK(event.bytes == create);
  CHECK(peer.take().empty());
  rig.accept(Handle{event.handle});
  rig.accept(Handle{event.handle});  // Told twice: once is enough.
  rig.advance(kRunTime);
  CHECK(peer.take() == std::vector<Bytes>{rawCell(5, kCreated)});
  peer.send(rawCell(5, kDestroy));
  rig.settle();
  const Event closed = rig.expect(EventKind::kCircuitClosed);
  CHECK(closed.handle == event.handle);
  CHECK(closed.a == static_cast<int64_t>(CloseReason::kPeer));
  CHECK(closed.b == static_cast<int64_t>(Side::kPrevious));
  CHECK(peer.take().empty());
  checkNothingLeft(rig);
}

TEST_CASE("cell switch: CREATE for an ID in use is refused and the old circuit lives on") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  const Handle circuit = rig.makeCircuit(peer, 9);
  peer.send(rawCell(9, kCreate));
  rig.advance(kRunTime);
  CHECK(peer.take() == std::vector<Bytes>{rawCell(9, kCreateFailed)});
  CHECK_FALSE(rig.has(EventKind::kCircuitCreate));
  peer.send(rawRelay(9, 3, kBegin, {1, 2}));
  rig.settle();
  const Event message = rig.expect(EventKind::kRelayMessage);
  CHECK(message.handle == circuit.bits);
  CHECK(message.a == 3);
  CHECK(message.b == kBegin);
  CHECK(message.bytes == Bytes{1, 2});
}

TEST_CASE("cell switch: a refused CREATE frees its ID at once") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  peer.send(rawCell(9, kCreate));
  peer.send(rawRelay(9, 1, kBegin, {}));
  rig.settle();
  const Handle circuit{rig.expect(EventKind::kCircuitCreate).handle};
  rig.onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.refuseCircuit(it, 0); });
  rig.advance(kRunTime);
  CHECK(peer.take() == std::vector<Bytes>{rawCell(9, kCreateFailed)});
  CHECK_FALSE(rig.has(EventKind::kRelayMessage));
  checkNothingLeft(rig);
  rig.makeCircuit(peer, 9);
}

TEST_CASE("cell switch: cells that follow a CREATE wait for the decision, in order, 64 at most") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  peer.send(rawCell(1, kCreate));
  for (uint16_t i = 0; i < 64; ++i) peer.send(rawRelay(1, i, kBegin, {}));
  rig.settle();
  const Handle circuit{rig.expect(EventKind::kCircuitCreate).handle};
  CHECK_FALSE(rig.has(EventKind::kRelayMessage));

  SUBCASE("accepted") {
    rig.accept(circuit);
    for (int64_t i = 0; i < 64; ++i) CHECK(rig.expect(EventKind::kRelayMessage).a == i);
    CHECK_FALSE(rig.has(EventKind::kCircuitClosed));
  }
  SUBCASE("one too many") {
    peer.send(rawRelay(1, 64, kBegin, {}));
    rig.settle();
    CHECK(rig.expect(EventKind::kCircuitClosed).a == static_cast<int64_t>(CloseReason::kHeldTooMany));
    rig.accept(circuit);
    rig.advance(kRunTime);
    CHECK(peer.take() == std::vector<Bytes>{rawCell(1, kDestroy)});
    CHECK_FALSE(rig.has(EventKind::kRelayMessage));
    checkNothingLeft(rig);
  }
  SUBCASE("ended by the peer") {
    peer.send(rawCell(1, kDestroy));
    rig.settle();
    CHECK(rig.expect(EventKind::kCircuitClosed).a == static_cast<int64_t>(CloseReason::kPeer));
    rig.accept(circuit);
    rig.advance(kRunTime);
    CHECK(peer.take().empty());
    checkNothingLeft(rig);
  }
}

TEST_CASE("cell switch: cells for unknown circuits are dropped, or told when asked for") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  peer.send(rawRelay(3, 1, kData, {1}));
  peer.send(rawCell(3, kCreated));
  peer.send(rawCell(3, kDestroy));
  rig.advance(kRunTime);
  CHECK(peer.take().empty());
  CHECK(rig.total().counters.unknownCells == 3);
  CHECK(rig.events.empty());
  rig.onReactor(0, [&](Reactor& reactor) { reactor.setDeliverUnknown(peer.channel, true); });
  const Bytes cell = rawRelay(3, 1, kData, {1});
  peer.send(cell);
  peer.send(rawCell(3, 200));  // An unknown command is nobody's.
  rig.settle();
  const Event event = rig.expect(EventKind::kUnknownCell);
  CHECK(event.handle == peer.channel.bits);
  CHECK(event.a == 3);
  CHECK(event.bytes == cell);
  CHECK_FALSE(rig.has(EventKind::kUnknownCell));
}

TEST_CASE("cell switch: an injected cell is taken as if it had come on the circuit's own channel") {
  PlaneRig rig;
  RawPeer& first = rig.peer();
  RawPeer& second = rig.peer();
  uint32_t nextId = 0;
  const Handle circuit = rig.makeForward(first, 5, second, nextId);
  const Bytes forward = rawRelay(999, 4, kData, noise(498));
  rig.onCircuit(circuit, [&](CellSwitch& cells, Circuit& it) { cells.injectCell(it, forward, false); });
  const Bytes backward = rawRelay(998, 4, kData, noise(498, 2));
  rig.onCircuit(circuit, [&](CellSwitch& cells, Circuit& it) { cells.injectCell(it, backward, true); });
  rig.onCircuit(circuit, [&](CellSwitch& cells, Circuit& it) { cells.injectCell(it, Bytes(511), true); });
  rig.advance(kRunTime);
  CHECK(second.take() == std::vector<Bytes>{rawRelay(nextId, 4, kData, noise(498))});
  CHECK(first.take() == std::vector<Bytes>{rawRelay(5, 4, kData, noise(498, 2))});
  rig.onCircuit(circuit,
                [&](CellSwitch& cells, Circuit& it) { cells.injectCell(it, rawCell(0, kDestroy), true); });
  rig.advance(kRunTime);
  CHECK(first.take() == std::vector<Bytes>{rawCell(5, kDestroy)});
  checkNothingLeft(rig);
}

TEST_CASE("cell switch: commands with old or foreign handles do nothing") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  const Handle old = rig.makeCircuit(peer, 7);
  rig.close(old);
  rig.advance(kRunTime);
  CHECK(peer.take() == std::vector<Bytes>{rawCell(7, kDestroy)});
  CHECK_FALSE(rig.has(EventKind::kCircuitClosed));
  const Handle live = rig.makeCircuit(peer, 7);
  CHECK_FALSE(live == old);
  for (const Handle handle : {old, Handle::make(0, 4000, 1), Handle::make(5, 0, 1), Handle{}}) {
    rig.accept(handle);
    rig.hold(handle);
    rig.extend(handle, peer.channel);
    rig.splice(handle);
    rig.unextend(handle);
    rig.close(handle);
  }
  rig.onReactor(0, [](Reactor& reactor) {
    const Handle none = Handle::make(0, 3000, 9);
    reactor.closeChannel(none);
    reactor.openChannel(none, true);
    reactor.releaseLinkCell(none);
    reactor.sendLinkCell(none, rawCell(0, kOpen));
  });
  rig.advance(kRunTime);
  CHECK(peer.take().empty());
  CHECK(rig.total().circuits == 1);
}

TEST_CASE("cell switch: a generation that was used up is never found again") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  std::vector<Handle> ended;
  for (int i = 0; i < 200; ++i) {
    const Handle circuit = rig.makeCircuit(peer, 2);
    for (const Handle handle : ended) CHECK_FALSE(handle == circuit);
    ended.push_back(circuit);
    peer.send(rawCell(2, kDestroy));
    rig.settle();
  }
  CHECK(closedFor(rig, CloseReason::kPeer) == 200);
  checkNothingLeft(rig);
}

TEST_CASE("cell switch: origin circuits: CREATE out, CREATED and relay messages in, refusal, loss") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  rig.onReactor(0, [&](Reactor& reactor) { reactor.createCircuit(77, peer.channel, {}); });
  rig.advance(kRunTime);
  const Event attached = rig.expect(EventKind::kCircuitAttached);
  const Handle circuit{attached.handle};
  CHECK(attached.a == 77);
  const auto circId = static_cast<uint32_t>(attached.b);
  CHECK(circId % 2 == 1);
  CHECK(peer.take() == std::vector<Bytes>{rawCell(circId, kCreate)});

  SUBCASE("created") {
    peer.send(rawCell(circId, kCreated));
    rig.settle();
    CHECK(rig.expect(EventKind::kCircuitCreated).handle == circuit.bits);
    peer.send(rawRelay(circId, 0, kExtended, {}));
    peer.send(rawCell(circId, kCreated));  // Again: dropped.
    rig.settle();
    CHECK(rig.expect(EventKind::kRelayMessage).b == kExtended);
    rig.close(circuit);
    rig.advance(kRunTime);
    CHECK(peer.take() == std::vector<Bytes>{rawCell(circId, kDestroy)});
  }
  SUBCASE("refused") {
    peer.send(rawCell(circId, kCreateFailed));
    rig.settle();
    CHECK(rig.expect(EventKind::kCircuitCreateFailed).handle == circuit.bits);
    CHECK(rig.channel(peer.channel)->circuits() == 0);
  }
  SUBCASE("refused by a DESTROY, with a stream already open") {
    rig.onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.edge().openStream(it, 1); });
    peer.send(rawCell(circId, kDestroy));
    rig.settle();
    CHECK(rig.expect(EventKind::kCircuitCreateFailed).handle == circuit.bits);
  }
  SUBCASE("given up, answered late: one DESTROY") {
    rig.close(circuit);
    rig.advance(kRunTime);
    CHECK(peer.take().empty());
    peer.send(rawCell(circId, kCreated));
    peer.send(rawCell(circId, kCreated));
    rig.advance(kRunTime);
    CHECK(peer.take() == std::vector<Bytes>{rawCell(circId, kDestroy)});
    peer.send(rawCell(circId, kCreated));
    rig.advance(kRunTime);
    CHECK(peer.take().empty());
    CHECK(rig.channel(peer.channel)->circuits() == 0);
  }
  SUBCASE("channel lost") {
    peer.close(true);
    rig.settle();
    const Event failed = rig.expect(EventKind::kCircuitCreateFailed);
    CHECK(failed.a == static_cast<int64_t>(CloseReason::kChannelClosed));
    CHECK_FALSE(failed.hasBytes);
  }
  checkNothingLeft(rig);
}

TEST_CASE("cell switch: an unsent CREATE that is given up frees its ID, as nobody will answer it") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  for (MockTcpInfo* mock : {rig.plane->mockTcpInfo(0)})
    mock->setDefault({Status::kOk, TcpInfo{0, 0, 1448, 0, 0}});
  for (uint64_t token = 1; token <= 5; ++token) {
    rig.onReactor(0, [&](Reactor& reactor) { reactor.createCircuit(token, peer.channel, {}); });
    const Handle circuit{rig.expect(EventKind::kCircuitAttached).handle};
    rig.close(circuit);
  }
  rig.advance(kRunTime);
  CHECK(peer.take().empty());
  CHECK(rig.channel(peer.channel)->circuits() == 0);
  checkNothingLeft(rig);
}

}  // namespace kist
