// Tor circuits that go on to a next hop: crypto both ways, ends, on one reactor and across two.
#include <doctest/doctest.h>

#include <algorithm>

#include "support_tor.h"

namespace kist {
namespace {

using Commands = std::initializer_list<uint8_t>;
constexpr TimeNs kRunTime = 20 * kMillisecond;
constexpr uint32_t kId = 17;

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

/// A client's circuit that goes on to a next hop, which the test speaks too.
struct Middle {
  explicit Middle(uint32_t nextReactor)
      : rig(PlaneRig::config(nextReactor + 1), "tor"),
        first(rig.peer(0)),
        second(rig.peer(nextReactor)),
        client(kId) {
    circuit = makeTorForward(rig, first, client, torKeys(1), second, nextId);
    client.addHop(torKeys(2));
    exit = std::make_unique<TorEnd>(nextId, torKeys(2));
  }
  void run() { rig.advance(kRunTime); }
  PlaneRig rig;
  RawPeer& first;
  RawPeer& second;
  TorEnd client;
  uint32_t nextId = 0;
  std::unique_ptr<TorEnd> exit;
  Handle circuit;
};

template <typename F>
void onBothReactors(F&& body) {
  for (const uint32_t nextReactor : {0u, 1u}) {
    CAPTURE(nextReactor);
    Middle middle(nextReactor);
    body(middle);
  }
}

}  // namespace

TEST_CASE("tor forward: cells pass with one layer less or more, those for this hop stay") {
  onBothReactors([](Middle& middle) {
    std::vector<Bytes> forward;
    std::vector<TorMessage> expected;
    for (uint16_t i = 0; i < 60; ++i) {
      forward.push_back(middle.client.seal(i, TorDialect::kData, noise(i * 8u, i + 1u), i == 5));
      expected.push_back({TorDialect::kData, i, noise(i * 8u, i + 1u), 0, {}});
      if (i % 10 == 0) forward.push_back(middle.client.seal(i, 99, {7}, false, 0));
    }
    std::vector<Bytes> backward;
    for (uint16_t i = 0; i < 60; ++i)
      backward.push_back(middle.exit->seal(i, TorDialect::kData, noise(i * 8u, i + 1u)));
    middle.first.send(joined(forward));
    middle.second.send(joined(backward));
    middle.rig.onCircuit(middle.circuit,
                         [](CellSwitch& cells, Circuit& it) { cells.sendRelay(it, 3, 77, Bytes{1}); });
    middle.run();
    const std::vector<Bytes> passed = middle.second.take();
    REQUIRE(passed.size() == 60);
    CHECK(torCommandOf(passed[5]) == TorDialect::kRelayEarly);  // It stays one.
    CHECK(torCommandOf(passed[6]) == TorDialect::kRelay);
    CHECK(middle.exit->open(passed) == expected);
    CHECK(middle.rig.count(EventKind::kRelayMessage) == 6);
    std::vector<TorMessage> got = middle.client.open(middle.first.take());
    std::vector<TorMessage> fromMiddle;
    std::erase_if(got, [&](const TorMessage& message) {
      if (message.hop == 0) fromMiddle.push_back(message);
      return message.hop == 0;
    });
    CHECK(got == expected);
    CHECK(fromMiddle == std::vector<TorMessage>{{77, 3, {1}, 0, {}}});
    middle.first.send(torCell(kId, TorDialect::kDestroy, {9}));
    middle.run();
    CHECK(middle.second.take() == std::vector<Bytes>{torCell(middle.nextId, TorDialect::kDestroy, {9})});
    checkNothingLeft(middle.rig);
  });
}

TEST_CASE(
    "tor forward: cells sent while it was extended follow the splice in order, the early ones counted") {
  PlaneRig rig(PlaneRig::config(), "tor");
  RawPeer& first = rig.peer();
  RawPeer& second = rig.peer();
  TorEnd client(kId);
  client.addHop(torKeys(1));
  const Handle circuit = makeTorCircuit(rig, first, kId, torKeys(1));
  first.send(client.seal(0, TorDialect::kExtend2, {1}, true));
  client.addHop(torKeys(2));
  for (uint16_t i = 0; i < 30; ++i) first.send(client.seal(i, TorDialect::kData, {1}, i < 7));
  rig.settle();
  rig.onCircuit(circuit,
                [&](CellSwitch& cells, Circuit& it) { cells.extendCircuit(it, second.channel, {}); });
  rig.advance(kRunTime);
  const auto nextId = static_cast<uint32_t>(rig.expect(EventKind::kCircuitAttached).b);
  second.take();
  second.send(torCell(nextId, TorDialect::kCreated2));
  rig.settle();
  rig.onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.spliceCircuit(it, 0, 15, {}); });
  rig.advance(kRunTime);
  TorEnd exit(nextId, torKeys(2));
  const std::vector<TorMessage> passed = exit.open(second.take());
  REQUIRE(passed.size() == 30);
  for (uint16_t i = 0; i < 30; ++i) CHECK(passed[i].streamId == i);
  first.send(client.seal(0, TorDialect::kData, {1}, true));
  rig.advance(kRunTime);
  CHECK(second.take() == std::vector<Bytes>{torCell(nextId, TorDialect::kDestroy, {1})});
}

TEST_CASE("tor forward: RELAY_EARLY toward the origin, EXTEND2 past the end, a bad message: both sides end") {
  onBothReactors([](Middle& middle) {
    SUBCASE("RELAY_EARLY from the next hop") {
      middle.second.send(middle.exit->seal(1, TorDialect::kData, {1}, true));
    }
    SUBCASE("EXTEND2 for a hop that has a next hop") {
      middle.first.send(middle.client.seal(0, TorDialect::kExtend2, {1}, true, 0));
    }
    SUBCASE("DATA for no stream at all") {
      middle.first.send(middle.client.seal(0, TorDialect::kData, {1}, false, 0));
    }
    SUBCASE("SENDME for nothing that was sent") {
      middle.first.send(middle.client.seal(0, TorDialect::kSendme, torSendme(Bytes(20, 0)), false, 0));
    }
    middle.run();
    CHECK(middle.first.take() == std::vector<Bytes>{torCell(kId, TorDialect::kDestroy, {1})});
    CHECK(middle.second.take() == std::vector<Bytes>{torCell(middle.nextId, TorDialect::kDestroy, {1})});
    CHECK(closedFor(middle.rig, CloseReason::kMalformed) == 1);
    checkNothingLeft(middle.rig);
  });
}

TEST_CASE("tor forward: a DESTROY says to the other side what it said to us") {
  onBothReactors([](Middle& middle) {
    bool fromNext = false;
    SUBCASE("from the previous hop") { fromNext = false; }
    SUBCASE("from the next hop") { fromNext = true; }
    RawPeer& from = fromNext ? middle.second : middle.first;
    RawPeer& to = fromNext ? middle.first : middle.second;
    from.send(torCell(fromNext ? middle.nextId : kId, TorDialect::kDestroy, {10, 9, 9, 9}));
    middle.run();
    CHECK(to.take() ==
          std::vector<Bytes>{torCell(fromNext ? kId : middle.nextId, TorDialect::kDestroy, {10})});
    CHECK(from.take().empty());
    CHECK(middle.rig.expect(EventKind::kCircuitClosed).b ==
          static_cast<int64_t>(fromNext ? Side::kNext : Side::kPrevious));
    checkNothingLeft(middle.rig);
  });
}

TEST_CASE("tor forward: other ends have reasons of their own") {
  onBothReactors([](Middle& middle) {
    SUBCASE("a lost channel") {
      middle.second.close(true);
      middle.run();
      CHECK(middle.first.take() == std::vector<Bytes>{torCell(kId, TorDialect::kDestroy, {8})});
    }
    SUBCASE("the control plane's") {
      middle.rig.onCircuit(middle.circuit, [](CellSwitch& cells, Circuit& it) {
        cells.closeCircuit(it, TorDialect::kHibernating, CloseReason::kRequested);
      });
      middle.run();
      CHECK(middle.first.take() == std::vector<Bytes>{torCell(kId, TorDialect::kDestroy, {4})});
      CHECK(middle.second.take() == std::vector<Bytes>{torCell(middle.nextId, TorDialect::kDestroy, {4})});
    }
    checkNothingLeft(middle.rig);
  });
}

TEST_CASE("tor forward: TRUNCATE is told, and the next hop cut off; the circuit ends here again") {
  onBothReactors([](Middle& middle) {
    middle.first.send(middle.client.seal(0, TorDialect::kTruncate, {}, false, 0));
    middle.run();
    CHECK(middle.rig.expect(EventKind::kRelayMessage).b == TorDialect::kTruncate);
    middle.rig.onCircuit(middle.circuit, [](CellSwitch& cells, Circuit& it) {
      cells.unextendCircuit(it, 0, TorDialect::kTruncated, Bytes{3});
    });
    middle.run();
    CHECK(middle.second.take() == std::vector<Bytes>{torCell(middle.nextId, TorDialect::kDestroy, {3})});
    const std::vector<TorMessage> answers = middle.client.open(middle.first.take());
    CHECK(answers == std::vector<TorMessage>{{TorDialect::kTruncated, 0, {3}, 0, {}}});
    middle.first.send(middle.client.seal(8, TorDialect::kBegin, {1}, false, 0));
    middle.run();
    CHECK(middle.rig.expect(EventKind::kRelayMessage).a == 8);
    middle.first.send(middle.client.seal(0, TorDialect::kExtend2, {1}, true, 0));
    middle.run();
    CHECK(middle.rig.expect(EventKind::kRelayMessage).b == TorDialect::kExtend2);
  });
}

TEST_CASE("tor forward: a CREATE2 that nobody answered is taken back by a DESTROY, a late answer ignored") {
  for (const uint32_t nextReactor : {0u, 1u}) {
    CAPTURE(nextReactor);
    PlaneRig rig(PlaneRig::config(nextReactor + 1), "tor");
    RawPeer& first = rig.peer();
    RawPeer& second = rig.peer(nextReactor);
    TorEnd client(kId);
    client.addHop(torKeys(1));
    const Handle circuit = makeTorCircuit(rig, first, kId, torKeys(1));
    first.send(client.seal(0, TorDialect::kExtend2, {1}, true));
    rig.settle();
    rig.onCircuit(circuit,
                  [&](CellSwitch& cells, Circuit& it) { cells.extendCircuit(it, second.channel, {}); });
    rig.advance(kRunTime);
    const auto nextId = static_cast<uint32_t>(rig.expect(EventKind::kCircuitAttached).b);
    second.take();
    first.send(torCell(kId, TorDialect::kDestroy, {9}));
    rig.advance(kRunTime);
    CHECK(second.take() == std::vector<Bytes>{torCell(nextId, TorDialect::kDestroy, {9})});
    second.send(torCell(nextId, TorDialect::kCreated2));
    rig.advance(kRunTime);
    CHECK(second.take().empty());
    CHECK(rig.channel(second.channel)->circuits() == 0);
    checkNothingLeft(rig);
  }
}

TEST_CASE("tor forward: a full queue holds no channel; past the hard limit its circuit alone goes") {
  onBothReactors([](Middle& middle) {
    MockTcpInfo& mock = *middle.rig.plane->mockTcpInfo(middle.second.channel.reactor());
    mock.setAnswer(middle.second.channel.bits, middle.rig.now(), {Status::kOk, TcpInfo{0, 0, 1448, 0, 0}});
    const Handle other = makeTorCircuit(middle.rig, middle.first, kId + 1, torKeys(3));
    TorEnd otherClient(kId + 1);
    otherClient.addHop(torKeys(3));
    const auto sendCells = [&](uint32_t count) {
      for (uint32_t i = 0; i < count; ++i)
        middle.first.send(middle.client.seal(1, TorDialect::kData, noise(498)));
      middle.rig.advance(100 * kMillisecond);
    };
    sendCells(2000);
    CHECK_FALSE(middle.rig.isHeld(middle.first.channel));
    CHECK(middle.rig.total().cellsInUse == 2000);
    middle.rig.advance(40 * kSecond, 500 * kMillisecond);  // Longer than the stall rule's time.
    CHECK_FALSE(middle.rig.has(EventKind::kCircuitClosed));
    sendCells(5000);
    const Event closed = middle.rig.expect(EventKind::kCircuitClosed);
    CHECK(closed.a == static_cast<int64_t>(CloseReason::kQueueFull));
    CHECK(middle.first.take() == std::vector<Bytes>{torCell(kId, TorDialect::kDestroy, {5})});
    middle.first.send(otherClient.seal(1, TorDialect::kBegin));
    middle.run();
    CHECK(middle.rig.expect(EventKind::kRelayMessage).handle == other.bits);
  });
}

TEST_CASE("tor: a variable cell under the ID of a circuit does nothing to it") {
  onBothReactors([](Middle& middle) {
    for (const uint8_t command : Commands{128, 200, 13, 0}) {
      Bytes cell = torCell(middle.nextId, command, noise(509));
      if (command >= 128) {
        cell.resize(7 + 60'000);
        storeU16(cell.data() + 5, 60'000);
      }
      middle.second.send(cell);
      storeU32(cell.data(), kId);
      middle.first.send(cell);
    }
    middle.run();
    middle.first.send(middle.client.seal(1, TorDialect::kData, {1}));
    middle.run();
    CHECK(middle.exit->open(middle.second.take()).size() == 1);
    CHECK(middle.first.take().empty());
  });
}

}  // namespace kist
