// Streams and hops of Tor circuits of our own: the test is the exit relay.
#include <doctest/doctest.h>

#include <algorithm>

#include "support_tor_origin.h"

namespace kist {

TEST_CASE("tor streams: an END ends both directions; its reason and what came before are told") {
  TorOrigin origin;
  origin.open(3);
  origin.write(3, noise(600 * 498));  // More than the window takes: the rest will never leave.
  CHECK(origin.atExit().size() > 100);
  origin.sendData(3, noise(1000 - 502));
  origin.send(origin.exit->seal(3, TorDialect::kEnd, {TorDialect::kEndConnReset}));
  origin.sendData(3, noise(100));
  origin.rig.advance(TorOrigin::kRunTime);
  CHECK(origin.delivered(3) == noise(498));
  CHECK(origin.rig.expect(EventKind::kStreamEnd).a == 3);
  CHECK(origin.rig.expect(EventKind::kStreamClosed).a == 3);
  CHECK(origin.rig.total().streams == 0);
  const std::vector<TorMessage> rest = origin.atExit();
  CHECK(count(rest, TorDialect::kEnd) == 0);  // Nothing answers an END.
  origin.open(3);                             // The number is free again.
  origin.sendData(3, {5});
  origin.rig.settle();
  CHECK(origin.delivered(3) == Bytes{5});
}

TEST_CASE("tor streams: our END follows what was written, says why, and closes the stream") {
  TorOrigin origin;
  origin.open(3);
  origin.open(4);
  origin.open(5);
  origin.write(3, noise(1000));
  origin.edge([](Edge& edge, Circuit& it) {
    edge.endStream(it, 3);
    edge.resetStream(it, 4);
    edge.resetStream(it, 5, TorDialect::kEndTimeout);
  });
  std::vector<TorMessage> messages = origin.atExit();
  std::erase_if(messages, [](const TorMessage& message) { return message.command == TorDialect::kData; });
  std::sort(messages.begin(), messages.end(),
            [](const auto& a, const auto& b) { return a.streamId < b.streamId; });
  CHECK(messages == std::vector<TorMessage>{{TorDialect::kEnd, 3, {TorDialect::kEndDone}, 1, {}},
                                            {TorDialect::kEnd, 4, {TorDialect::kEndMisc}, 1, {}},
                                            {TorDialect::kEnd, 5, {TorDialect::kEndTimeout}, 1, {}}});
  CHECK(origin.rig.expect(EventKind::kStreamClosed).a == 3);
  CHECK(origin.rig.total().streams == 0);
}

TEST_CASE("tor streams: thousands of them on one circuit, each found") {
  TorOrigin origin;
  for (uint32_t id = 1; id <= 5000; ++id) origin.open(static_cast<uint16_t>(id));
  CHECK(origin.rig.total().streams == 5000);
  for (uint32_t id = 1; id <= 900; ++id) origin.sendData(static_cast<uint16_t>(id * 5), {1, 2});
  origin.rig.settle();
  CHECK(origin.rig.count(EventKind::kStreamData) == 900);
  for (uint32_t id = 1; id <= 5000; id += 2) {
    origin.edge([id](Edge& edge, Circuit& it) { edge.resetStream(it, static_cast<uint16_t>(id)); });
    if (id % 101 == 0) origin.rig.advance(TorOrigin::kRunTime);
  }
  CHECK(origin.rig.total().streams == 2500);
  origin.rig.events.clear();
  origin.sendData(4998, {7});
  origin.sendData(4999, {8});
  origin.rig.advance(TorOrigin::kRunTime);
  CHECK(origin.rig.count(EventKind::kStreamData) == 1);
  CHECK(origin.delivered(4998) == Bytes{7});
}

TEST_CASE("tor origin: cells that no hop sent, or RELAY_EARLY toward us, end the circuit") {
  TorOrigin origin;
  SUBCASE("noise") { origin.peer.send(torCell(origin.circId, TorDialect::kRelay, noise(509))); }
  SUBCASE("RELAY_EARLY") { origin.send(origin.exit->seal(0, 99, {}, true)); }
  origin.checkClosedByViolation();
}

TEST_CASE(
    "tor origin: what is sent is for the last hop, also as RELAY_EARLY; before there is one, nothing is") {
  PlaneRig rig(PlaneRig::config(), "tor");
  RawPeer& peer = rig.peer();
  rig.onReactor(0, [&](Reactor& reactor) { reactor.createCircuit(1, peer.channel, Bytes{0, 2, 0, 0}); });
  rig.advance(TorOrigin::kRunTime);
  const Event attached = rig.expect(EventKind::kCircuitAttached);
  const auto circId = static_cast<uint32_t>(attached.b);
  CHECK(peer.take() == std::vector<Bytes>{torCell(circId, TorDialect::kCreate2, {0, 2, 0, 0})});
  peer.send(torCell(circId, TorDialect::kCreated2));
  rig.settle();
  const Handle circuit{attached.handle};
  const auto extend = [](CellSwitch& cells, Circuit& it) {
    cells.sendRelay(it, 0, TorDialect::kExtend2, Bytes{1, 2}, true);
  };
  rig.onCircuit(circuit, extend);
  rig.advance(TorOrigin::kRunTime);
  CHECK(peer.take().empty());
  TorEnd first(circId, torKeys(1));
  TorEnd second(circId, torKeys(2));
  rig.onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.addHop(it, torKeys(1)); });
  rig.onCircuit(circuit, extend);
  rig.advance(TorOrigin::kRunTime);
  std::vector<Bytes> cells = peer.take();
  REQUIRE(cells.size() == 1);
  CHECK(torCommandOf(cells[0]) == TorDialect::kRelayEarly);
  CHECK(first.open(cells[0]).body == Bytes{1, 2});
  rig.onCircuit(circuit, [](CellSwitch& it, Circuit& of) { it.addHop(of, torKeys(2)); });
  rig.onCircuit(circuit, extend);
  rig.advance(TorOrigin::kRunTime);
  cells = peer.take();
  REQUIRE(cells.size() == 1);
  CHECK(second.open(first.passOn(cells[0], circId)).command == TorDialect::kExtend2);
  peer.send(first.wrap(second.seal(0, TorDialect::kExtended2, {4}), circId));
  rig.settle();
  CHECK(rig.expect(EventKind::kRelayMessage).bytes == Bytes{4});
  // More hops than any circuit has.
  for (uint32_t i = 0; i < 20; ++i) {
    rig.onCircuit(circuit, [](CellSwitch& it, Circuit& of) { it.addHop(of, torKeys(3)); });
  }
  rig.advance(TorOrigin::kRunTime);
  CHECK(rig.expect(EventKind::kCircuitClosed).a == static_cast<int64_t>(CloseReason::kError));
}

}  // namespace kist
