// Tor circuits that end at a relay: creating, relay crypto, RELAY_EARLY, ends.
#include <doctest/doctest.h>

#include <algorithm>

#include "support_tor.h"

namespace kist {
namespace {

constexpr TimeNs kRunTime = 20 * kMillisecond;
constexpr uint32_t kId = 17;

void checkNothingLeft(PlaneRig& rig) {
  rig.advance(2 * kSecond, 100 * kMillisecond);
  const ReactorSnapshot total = rig.total();
  CHECK(total.circuits == 0);
  CHECK(total.streams == 0);
  CHECK(total.cellsInUse == 0);
  CHECK(rig.plane->budget().used() == 0);
}

/// A client's circuit that ends here.
struct Last {
  Last() : rig(PlaneRig::config(), "tor"), peer(rig.peer()), client(kId) {
    circuit = makeTorCircuit(rig, peer, kId, torKeys(1));
    client.addHop(torKeys(1));
  }
  void send(const Bytes& cell) {
    peer.send(cell);
    rig.advance(kRunTime);
  }
  void checkClosed(uint8_t destroyReason, CloseReason reason = CloseReason::kMalformed) {
    CHECK(peer.take() == std::vector<Bytes>{torCell(kId, TorDialect::kDestroy, {destroyReason})});
    const Event closed = rig.expect(EventKind::kCircuitClosed);
    CHECK(closed.handle == circuit.bits);
    CHECK(closed.a == static_cast<int64_t>(reason));
    CHECK_FALSE(rig.has(EventKind::kRelayMessage));
    checkNothingLeft(rig);
  }
  PlaneRig rig;
  RawPeer& peer;
  TorEnd client;
  Handle circuit;
};

}  // namespace

TEST_CASE("tor circuits: a CREATE with ID 0 or one in use gets no answer, one of our half is refused") {
  Last last;
  last.send(torCell(0, TorDialect::kCreate2));
  last.send(torCell(kId, TorDialect::kCreate2));
  CHECK(last.peer.take().empty());
  last.send(torCell(0x80000005u, TorDialect::kCreate2));  // We opened the channel: such IDs are ours.
  CHECK(last.peer.take() == std::vector<Bytes>{torCell(0x80000005u, TorDialect::kDestroy, {1})});
  CHECK_FALSE(last.rig.has(EventKind::kCircuitCreate));
  CHECK(last.rig.total().counters.droppedCells == 3);
  last.send(last.client.seal(4, TorDialect::kBegin, {1}));
  CHECK(last.rig.expect(EventKind::kRelayMessage).handle == last.circuit.bits);  // The old one lives on.
}

TEST_CASE("tor circuits: the other end's half is refused to a channel that was opened by it") {
  PlaneRig rig(PlaneRig::config(), "tor");
  RawPeer& peer = rig.dialIn();
  peer.send(Bytes{0, 0, 7, 0, 2, 0, 4});
  rig.settle();
  rig.expect(EventKind::kLinkCell);
  rig.onReactor(0, [&](Reactor& reactor) {
    reactor.releaseLinkCell(peer.channel);
    reactor.openChannel(peer.channel, false);
  });
  peer.send(torCell(5, TorDialect::kCreate2));
  peer.send(torCell(0x80000005u, TorDialect::kCreate2));
  rig.advance(kRunTime);
  CHECK(peer.take() == std::vector<Bytes>{torCell(5, TorDialect::kDestroy, {1})});
  CHECK(rig.expect(EventKind::kCircuitCreate).b == 0x80000005);
  CHECK_FALSE(rig.has(EventKind::kCircuitCreate));
}

TEST_CASE("tor circuits: our own IDs have the initiator's bit, begin anywhere, and skip those in use") {
  PlaneRig rig(PlaneRig::config(), "tor");
  std::vector<uint32_t> firsts;
  for (int i = 0; i < 3; ++i) {
    RawPeer& peer = rig.peer();
    std::vector<uint32_t> ids;
    for (uint64_t token = 1; token <= 50; ++token) {
      rig.onReactor(0, [&](Reactor& reactor) { reactor.createCircuit(token, peer.channel, {}); });
      ids.push_back(static_cast<uint32_t>(rig.expect(EventKind::kCircuitAttached).b));
    }
    firsts.push_back(ids[0]);
    for (const uint32_t id : ids) CHECK((id & 0x80000000u) != 0);
    std::sort(ids.begin(), ids.end());
    CHECK(std::unique(ids.begin(), ids.end()) == ids.end());
  }
  CHECK(firsts[0] != firsts[1]);
  CHECK(firsts[1] != firsts[2]);
}

TEST_CASE("tor circuits: CREATE_FAST is answered by CREATED_FAST; a refusal is a DESTROY with its reason") {
  PlaneRig rig(PlaneRig::config(), "tor");
  RawPeer& peer = rig.peer();
  peer.send(torCell(3, TorDialect::kCreateFast, noise(20)));
  rig.settle();
  const Event create = rig.expect(EventKind::kCircuitCreate);
  CHECK(create.bytes == torCell(3, TorDialect::kCreateFast, noise(20)));
  acceptTor(rig, Handle{create.handle}, torKeys(1), noise(40));
  peer.send(torCell(4, TorDialect::kCreate));
  rig.settle();
  const Handle refused{rig.expect(EventKind::kCircuitCreate).handle};
  rig.onCircuit(refused, [](CellSwitch& cells, Circuit& it) { cells.refuseCircuit(it, 1); });
  rig.advance(kRunTime);
  const std::vector<Bytes> cells = peer.take();
  REQUIRE(cells.size() == 2);
  CHECK(std::find(cells.begin(), cells.end(), torCell(3, TorDialect::kCreatedFast, noise(40))) !=
        cells.end());
  CHECK(std::find(cells.begin(), cells.end(), torCell(4, TorDialect::kDestroy, {1})) != cells.end());
}

TEST_CASE("tor circuits: one that is accepted without keys is closed, not served in the clear") {
  PlaneRig rig(PlaneRig::config(), "tor");
  RawPeer& peer = rig.peer();
  peer.send(torCell(3, TorDialect::kCreate2));
  rig.settle();
  rig.accept(Handle{rig.expect(EventKind::kCircuitCreate).handle});
  rig.advance(kRunTime);
  CHECK(peer.take() == std::vector<Bytes>{torCell(3, TorDialect::kDestroy, {2})});
}

TEST_CASE("tor circuits: relay messages are opened and sealed, zero-length ones too") {
  Last last;
  last.send(
      joined({last.client.seal(4, TorDialect::kBegin, noise(498)), last.client.seal(5, TorDialect::kBegin),
              last.client.seal(0, TorDialect::kDrop, noise(300)), last.client.seal(0, 200)}));
  const Event begin = last.rig.expect(EventKind::kRelayMessage);
  CHECK(begin.a == 4);
  CHECK(begin.b == TorDialect::kBegin);
  CHECK(begin.bytes == noise(498));
  CHECK(last.rig.expect(EventKind::kRelayMessage).bytes.empty());
  CHECK(last.rig.expect(EventKind::kRelayMessage).b == 200);
  CHECK_FALSE(last.rig.has(EventKind::kRelayMessage));
  CHECK(last.rig.total().counters.droppedCells == 1);  // DROP.
  last.rig.onCircuit(last.circuit, [](CellSwitch& cells, Circuit& it) {
    cells.sendRelay(it, 4, TorDialect::kConnected, noise(8));
    cells.sendRelay(it, 0, TorDialect::kExtended2, {});
    cells.sendRelay(it, 0, TorDialect::kExtended2, noise(498), true);
  });
  last.rig.advance(kRunTime);
  const std::vector<Bytes> cells = last.peer.take();
  REQUIRE(cells.size() == 3);
  CHECK(torCommandOf(cells[1]) == TorDialect::kRelay);
  CHECK(torCommandOf(cells[2]) == TorDialect::kRelayEarly);
  CHECK(last.client.open(cells) == std::vector<TorMessage>{{TorDialect::kConnected, 4, noise(8), 0, {}},
                                                           {TorDialect::kExtended2, 0, {}, 0, {}},
                                                           {TorDialect::kExtended2, 0, noise(498), 0, {}}});
}

TEST_CASE("tor circuits: a BEGIN for a stream that is there already is dropped; END frees the ID") {
  Last last;
  last.send(
      joined({last.client.seal(4, TorDialect::kBegin, {1}), last.client.seal(4, TorDialect::kBegin, {2}),
              last.client.seal(4, TorDialect::kData, noise(400))}));
  CHECK(last.rig.expect(EventKind::kRelayMessage).bytes == Bytes{1});
  CHECK_FALSE(last.rig.has(EventKind::kRelayMessage));
  CHECK_FALSE(last.rig.has(EventKind::kStreamData));
  CHECK(last.rig.total().streams == 1);
  SUBCASE("the client's, which the control plane hears of") {
    last.send(last.client.seal(4, TorDialect::kEnd, {6}));
    CHECK(last.rig.expect(EventKind::kRelayMessage).b == TorDialect::kEnd);
    CHECK(last.peer.take().empty());
  }
  SUBCASE("the control plane's, in different ways") {
    SUBCASE("as a message") {
      last.rig.onCircuit(last.circuit, [](CellSwitch& cells, Circuit& it) {
        cells.sendRelay(it, 4, TorDialect::kEnd, Bytes{4});
      });
    }
    SUBCASE("as a reset") {
      last.rig.onCircuit(last.circuit,
                         [](CellSwitch& cells, Circuit& it) { cells.edge().resetStream(it, 4, 4); });
    }
    SUBCASE("as an end") {
      last.rig.onCircuit(last.circuit,
                         [](CellSwitch& cells, Circuit& it) { cells.edge().endStream(it, 4, 4); });
    }
    last.rig.advance(kRunTime);
    CHECK(last.client.open(last.peer.take()) == std::vector<TorMessage>{{TorDialect::kEnd, 4, {4}, 0, {}}});
  }
  CHECK(last.rig.total().streams == 0);
  CHECK(last.rig.plane->budget().used() == 0);
  last.send(last.client.seal(4, TorDialect::kBegin, {3}));
  CHECK(last.rig.expect(EventKind::kRelayMessage).bytes == Bytes{3});
}

TEST_CASE("tor circuits: an idle one is reaped only where nothing goes on and no stream is") {
  PlaneConfig config = PlaneRig::config();
  config.limits.circuitIdle = 10 * kSecond;
  PlaneRig rig(config, "tor");
  RawPeer& first = rig.peer();
  RawPeer& second = rig.peer();
  TorEnd forward(kId), withStream(kId + 1);
  uint32_t nextId = 0;
  makeTorForward(rig, first, forward, torKeys(1), second, nextId);
  makeTorCircuit(rig, first, kId + 1, torKeys(2));
  withStream.addHop(torKeys(2));
  first.send(withStream.seal(4, TorDialect::kBegin));
  const Handle idle = makeTorCircuit(rig, first, kId + 2, torKeys(3));
  rig.advance(30 * kSecond, kSecond);
  CHECK(rig.expect(EventKind::kCircuitClosed).handle == idle.bits);
  CHECK_FALSE(rig.has(EventKind::kCircuitClosed));
  CHECK(first.take() == std::vector<Bytes>{torCell(kId + 2, TorDialect::kDestroy, {9})});
}

TEST_CASE("tor circuits: the room behind a short body holds 4 zeroes and random bytes") {
  Last last;
  for (int i = 0; i < 300; ++i) {
    last.rig.onCircuit(last.circuit, [](CellSwitch& cells, Circuit& it) {
      cells.sendRelay(it, 4, TorDialect::kConnected, Bytes{1, 2, 3});
    });
  }
  last.rig.advance(kRunTime);
  const auto crypto = makeOriginCrypto();
  REQUIRE(crypto->addHop(torKeys(1)));
  std::vector<Bytes> randoms;
  for (Bytes cell : last.peer.take()) {
    REQUIRE(crypto->open(cell.data() + 5));
    CHECK(Bytes(cell.begin() + 19, cell.begin() + 23) == Bytes(4, 0));
    randoms.emplace_back(cell.begin() + 23, cell.begin() + 39);
  }
  REQUIRE(randoms.size() == 300);
  std::sort(randoms.begin(), randoms.end());
  CHECK(std::unique(randoms.begin(), randoms.end()) == randoms.end());
}

TEST_CASE(
    "tor circuits: what nobody can read at the last hop, or has an impossible length, ends the circuit") {
  Last last;
  SUBCASE("not recognised") { last.send(torCell(kId, TorDialect::kRelay, noise(509))); }
  SUBCASE("a length over 498") { last.send(last.client.sealRaw(4, TorDialect::kBegin, {}, 499)); }
  SUBCASE("BEGIN without a stream ID") { last.send(last.client.seal(0, TorDialect::kBegin, {1})); }
  SUBCASE("EXTEND2 that is not RELAY_EARLY") { last.send(last.client.seal(0, TorDialect::kExtend2, {1})); }
  SUBCASE("EXTEND that is not RELAY_EARLY") { last.send(last.client.seal(0, TorDialect::kExtend, {1})); }
  last.checkClosed(TorDialect::kProtocol);
}

TEST_CASE("tor circuits: 8 RELAY_EARLY cells pass, the ninth ends the circuit") {
  Last last;
  for (uint16_t i = 1; i <= 8; ++i) last.send(last.client.seal(i, TorDialect::kBegin, {}, true));
  CHECK(last.rig.count(EventKind::kRelayMessage) == 8);
  last.send(last.client.seal(9, TorDialect::kBegin));
  CHECK(last.rig.count(EventKind::kRelayMessage) == 9);
  last.rig.events.clear();
  last.send(last.client.seal(10, TorDialect::kBegin, {}, true));
  last.checkClosed(TorDialect::kProtocol);
}

TEST_CASE("tor circuits: cells that wait for a decision wait encrypted and are opened in order") {
  PlaneRig rig(PlaneRig::config(), "tor");
  RawPeer& peer = rig.peer();
  TorEnd client(kId);
  client.addHop(torKeys(1));
  peer.send(torCell(kId, TorDialect::kCreate2));
  for (uint16_t i = 1; i <= 20; ++i) peer.send(client.seal(i, TorDialect::kBegin, {}, i <= 8));
  rig.settle();
  const Handle circuit{rig.expect(EventKind::kCircuitCreate).handle};
  CHECK_FALSE(rig.has(EventKind::kRelayMessage));
  acceptTor(rig, circuit, torKeys(1));
  for (int64_t i = 1; i <= 20; ++i) CHECK(rig.expect(EventKind::kRelayMessage).a == i);
}

}  // namespace kist
