// Extending, splicing and ending circuits over two channels, on the same reactor and across two.
#include <doctest/doctest.h>

#include "support_plane.h"

namespace kist {
namespace {

constexpr TimeNs kRunTime = 20 * kMillisecond;

/// Previous hop on reactor 0, next hop on `nextReactor`.
struct Hop {
  explicit Hop(uint32_t nextReactor)
      : rig(PlaneRig::config(nextReactor + 1)), first(rig.peer(0)), second(rig.peer(nextReactor)) {}

  void run() { rig.advance(kRunTime); }
  void checkNothingLeft() {
    rig.advance(2 * kSecond, 100 * kMillisecond);
    const ReactorSnapshot total = rig.total();
    CHECK(total.circuits == 0);
    CHECK(total.streams == 0);
    CHECK(total.cellsInUse == 0);
    CHECK(rig.plane->budget().used() == 0);
  }

  PlaneRig rig;
  RawPeer& first;
  RawPeer& second;
};

/// How far the circuit is when something ends it.
enum class Stage { kHere, kHolding, kCreating, kOpen, kForward };
constexpr Stage kStages[] = {Stage::kHere, Stage::kHolding, Stage::kCreating, Stage::kOpen, Stage::kForward};

Handle bringTo(Hop& hop, Stage stage, uint32_t& nextId) {
  const Handle circuit = hop.rig.makeCircuit(hop.first, 6);
  if (stage == Stage::kHere) return circuit;
  hop.rig.hold(circuit);
  if (stage == Stage::kHolding) return circuit;
  hop.rig.extend(circuit, hop.second.channel);
  hop.run();
  nextId = static_cast<uint32_t>(hop.rig.expect(EventKind::kCircuitAttached).b);
  CHECK(hop.second.take() == std::vector<Bytes>{rawCell(nextId, kCreate)});
  if (stage == Stage::kCreating) return circuit;
  hop.second.send(rawCell(nextId, kCreated));
  hop.run();
  CHECK(hop.rig.expect(EventKind::kCircuitCreated).handle == circuit.bits);
  if (stage == Stage::kOpen) return circuit;
  hop.rig.splice(circuit);
  hop.run();
  CHECK(hop.first.take() == std::vector<Bytes>{rawRelay(6, 0, kExtended, {})});
  return circuit;
}

template <typename F>
void onBothReactors(F&& body) {
  for (const uint32_t nextReactor : {0u, 1u}) {
    CAPTURE(nextReactor);
    Hop hop(nextReactor);
    body(hop);
  }
}

}  // namespace

TEST_CASE("extend: relay cells pass both ways unread but for the circuit ID") {
  onBothReactors([](Hop& hop) {
    uint32_t nextId = 0;
    bringTo(hop, Stage::kForward, nextId);
    std::vector<Bytes> forward, backward, expectForward, expectBackward;
    for (uint32_t i = 0; i < 50; ++i) {
      Bytes cell = noise(512, i + 1);  // Zero field, digest, padding and command: whatever they are.
      storeU16(cell.data(), 6);
      cell[2] = kRelay;
      storeU16(cell.data() + 11, static_cast<uint16_t>(i * 9));
      forward.push_back(cell);
      storeU16(cell.data(), static_cast<uint16_t>(nextId));
      expectForward.push_back(cell);
      backward.push_back(cell);
      storeU16(cell.data(), 6);
      expectBackward.push_back(cell);
    }
    hop.first.send(joined(forward));
    hop.second.send(joined(backward));
    hop.run();
    CHECK(hop.second.take() == expectForward);
    CHECK(hop.first.take() == expectBackward);
    if (hop.second.channel.reactor() == 1)
      CHECK(hop.rig.total().counters.cellsCrossed == 101);  // With CREATED.
    hop.first.send(rawCell(6, kDestroy));
    hop.run();
    CHECK(hop.second.take() == std::vector<Bytes>{rawCell(nextId, kDestroy)});
    hop.checkNothingLeft();
  });
}

TEST_CASE("extend: cells sent meanwhile wait and follow the splice in order") {
  onBothReactors([](Hop& hop) {
    uint32_t nextId = 0;
    const Handle circuit = bringTo(hop, Stage::kCreating, nextId);
    std::vector<Bytes> expected;
    for (uint16_t i = 0; i < 64; ++i) {
      hop.first.send(rawRelay(6, i, kData, noise(40, i + 1u)));
      expected.push_back(rawRelay(nextId, i, kData, noise(40, i + 1u)));
    }
    hop.run();
    CHECK(hop.second.take().empty());
    hop.second.send(rawCell(nextId, kCreated));
    hop.run();
    CHECK(hop.second.take().empty());
    hop.rig.splice(circuit);
    hop.first.send(rawRelay(6, 64, kEnd, {}));
    expected.push_back(rawRelay(nextId, 64, kEnd, {}));
    hop.run();
    CHECK(hop.second.take() == expected);
    CHECK(hop.first.take() == std::vector<Bytes>{rawRelay(6, 0, kExtended, {})});
  });
}

TEST_CASE("extend: refused, given up, or failed: held cells are for this hop and it may try again") {
  onBothReactors([](Hop& hop) {
    uint32_t nextId = 0;
    const Handle circuit = bringTo(hop, Stage::kCreating, nextId);
    hop.first.send(rawRelay(6, 8, kBegin, {}));
    hop.run();
    CHECK_FALSE(hop.rig.has(EventKind::kRelayMessage));
    hop.second.send(rawCell(nextId, kCreateFailed));
    hop.run();
    CHECK(hop.rig.expect(EventKind::kCircuitCreateFailed).handle == circuit.bits);
    hop.rig.unextend(circuit);
    hop.run();
    CHECK(hop.rig.expect(EventKind::kRelayMessage).a == 8);
    CHECK(hop.first.take() == std::vector<Bytes>{rawRelay(6, 0, kExtendFailed, {})});

    hop.rig.extend(circuit, hop.second.channel);
    hop.run();
    const auto secondId = static_cast<uint32_t>(hop.rig.expect(EventKind::kCircuitAttached).b);
    hop.rig.unextend(circuit);
    hop.run();
    CHECK(hop.second.take() == std::vector<Bytes>{rawCell(secondId, kCreate)});
    hop.second.send(rawCell(secondId, kCreated));  // Too late.
    hop.second.send(rawRelay(secondId, 1, kData, {1}));
    hop.run();
    CHECK(hop.second.take() == std::vector<Bytes>{rawCell(secondId, kDestroy)});
    CHECK(hop.first.take(kRelay).size() == 1);
    CHECK_FALSE(hop.rig.has(EventKind::kCircuitCreated));

    hop.rig.extend(circuit, Handle::make(hop.second.channel.reactor(), 3000, 1));
    hop.run();
    const Event failed = hop.rig.expect(EventKind::kCircuitCreateFailed);
    CHECK(failed.a == static_cast<int64_t>(CloseReason::kChannelClosed));
    hop.rig.unextend(circuit);
    hop.run();
    CHECK(hop.first.take(kRelay).size() == 1);
    hop.first.send(rawCell(6, kDestroy));
    hop.checkNothingLeft();
  });
}

TEST_CASE("extend: given up and tried again before the other reactor answered") {
  Hop hop(1);
  const Handle circuit = hop.rig.makeCircuit(hop.first, 6);
  const Handle next = hop.second.channel;
  hop.rig.plane->post(circuit, [&](Reactor& reactor) {
    reactor.withCircuit(circuit, [&](CellSwitch& cells, Circuit& it) {
      cells.extendCircuit(it, next, {});
      cells.unextendCircuit(it, 0, kExtendFailed, {});
      cells.extendCircuit(it, next, {});
    });
  });
  hop.run();
  const std::vector<Bytes> creates = hop.second.take(kCreate);
  REQUIRE(creates.size() >= 1);
  const uint32_t nextId = circIdOf(creates.back());
  // Only the last attempt counts: an answer to the first must not pass for one to the second.
  for (const Bytes& create : creates) hop.second.send(rawCell(circIdOf(create), kCreated));
  hop.run();
  CHECK(hop.rig.count(EventKind::kCircuitCreated) == 1);
  hop.rig.splice(circuit);
  hop.first.send(rawRelay(6, 1, kData, {7}));
  hop.run();
  CHECK(hop.second.take(kRelay) == std::vector<Bytes>{rawRelay(nextId, 1, kData, {7})});
  hop.first.send(rawCell(6, kDestroy));
  hop.checkNothingLeft();
}

TEST_CASE("extend: DESTROY from the previous hop at every stage") {
  for (const Stage stage : kStages) {
    CAPTURE(static_cast<int>(stage));
    onBothReactors([stage](Hop& hop) {
      uint32_t nextId = 0;
      const Handle circuit = bringTo(hop, stage, nextId);
      hop.first.send(rawRelay(6, 1, kData, {1}));
      hop.first.send(rawCell(6, kDestroy));
      hop.run();
      const Event closed = hop.rig.expect(EventKind::kCircuitClosed);
      CHECK(closed.handle == circuit.bits);
      CHECK(closed.b == static_cast<int64_t>(Side::kPrevious));
      const std::vector<Bytes> destroys = hop.second.take(kDestroy);
      CHECK(destroys.size() == (stage >= Stage::kOpen ? 1 : 0));
      CHECK(hop.first.take(kDestroy).empty());
      if (stage == Stage::kCreating) {
        hop.second.send(rawCell(nextId, kCreated));
        hop.run();
        CHECK(hop.second.take() == std::vector<Bytes>{rawCell(nextId, kDestroy)});
      }
      CHECK(hop.rig.channel(hop.second.channel)->circuits() == 0);
      CHECK(hop.rig.channel(hop.first.channel)->circuits() == 0);
      hop.checkNothingLeft();
    });
  }
}

TEST_CASE("extend: DESTROY from the next hop at every stage") {
  for (const Stage stage : {Stage::kCreating, Stage::kOpen, Stage::kForward}) {
    CAPTURE(static_cast<int>(stage));
    onBothReactors([stage](Hop& hop) {
      uint32_t nextId = 0;
      const Handle circuit = bringTo(hop, stage, nextId);
      hop.second.send(rawCell(nextId, kDestroy));
      hop.run();
      if (stage == Stage::kCreating) {
        CHECK(hop.rig.expect(EventKind::kCircuitCreateFailed).handle == circuit.bits);
        CHECK(hop.first.take().empty());
        hop.rig.unextend(circuit);
        hop.first.send(rawCell(6, kDestroy));
      } else {
        CHECK(hop.rig.expect(EventKind::kCircuitClosed).b == static_cast<int64_t>(Side::kNext));
        CHECK(hop.first.take() == std::vector<Bytes>{rawCell(6, kDestroy)});
      }
      CHECK(hop.second.take().empty());
      CHECK(hop.rig.channel(hop.second.channel)->circuits() == 0);
      hop.checkNothingLeft();
    });
  }
}

TEST_CASE("extend: closed by the control plane at every stage") {
  for (const Stage stage : kStages) {
    CAPTURE(static_cast<int>(stage));
    onBothReactors([stage](Hop& hop) {
      uint32_t nextId = 0;
      const Handle circuit = bringTo(hop, stage, nextId);
      hop.rig.close(circuit);
      hop.run();
      CHECK(hop.first.take(kDestroy).size() == 1);
      CHECK(hop.second.take(kDestroy).size() == (stage >= Stage::kOpen ? 1 : 0));
      CHECK_FALSE(hop.rig.has(EventKind::kCircuitClosed));
      hop.checkNothingLeft();
    });
  }
}

TEST_CASE("extend: the previous channel lost at every stage") {
  for (const Stage stage : kStages) {
    CAPTURE(static_cast<int>(stage));
    onBothReactors([stage](Hop& hop) {
      uint32_t nextId = 0;
      const Handle circuit = bringTo(hop, stage, nextId);
      hop.first.close(stage == Stage::kCreating);
      hop.run();
      const Event closed = hop.rig.expect(EventKind::kCircuitClosed);
      CHECK(closed.handle == circuit.bits);
      CHECK(closed.a == static_cast<int64_t>(CloseReason::kChannelClosed));
      CHECK(hop.rig.expect(EventKind::kChannelClosed).handle == hop.first.channel.bits);
      CHECK(hop.second.take(kDestroy).size() == (stage >= Stage::kOpen ? 1 : 0));
      hop.checkNothingLeft();
    });
  }
}

TEST_CASE("extend: the next channel lost at every stage") {
  for (const Stage stage : {Stage::kCreating, Stage::kOpen, Stage::kForward}) {
    CAPTURE(static_cast<int>(stage));
    onBothReactors([stage](Hop& hop) {
      uint32_t nextId = 0;
      const Handle circuit = bringTo(hop, stage, nextId);
      hop.second.close(stage == Stage::kOpen);
      hop.run();
      if (stage == Stage::kCreating) {
        const Event failed = hop.rig.expect(EventKind::kCircuitCreateFailed);
        CHECK(failed.a == static_cast<int64_t>(CloseReason::kChannelClosed));
        hop.rig.unextend(circuit);
        hop.run();
        CHECK(hop.first.take(kRelay).size() == 1);
        hop.first.send(rawCell(6, kDestroy));
      } else {
        CHECK(hop.rig.expect(EventKind::kCircuitClosed).b == static_cast<int64_t>(Side::kNext));
        CHECK(hop.first.take() == std::vector<Bytes>{rawCell(6, kDestroy)});
      }
      hop.checkNothingLeft();
    });
  }
}

TEST_CASE("extend: back over the channel that the circuit came on") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  uint32_t nextId = 0;
  rig.makeForward(peer, 6, peer, nextId);
  peer.send(rawRelay(6, 2, kData, {1}));
  peer.send(rawRelay(nextId, 2, kData, {2}));
  rig.advance(kRunTime);
  const std::vector<Bytes> cells = peer.take();
  CHECK(cells.size() == 2);
  for (const Bytes& cell : cells)
    CHECK(bodyOf(cell) == Bytes{circIdOf(cell) == nextId ? uint8_t{1} : uint8_t{2}});
  peer.close(true);
  rig.advance(2 * kSecond, 100 * kMillisecond);
  CHECK(rig.total().circuits == 0);
  CHECK(rig.total().cellsInUse == 0);
}

TEST_CASE("extend: a next channel that is no such thing, or still in its handshake") {
  PlaneRig rig;
  RawPeer& first = rig.peer();
  RawPeer& young = rig.dialIn();
  const Handle circuit = rig.makeCircuit(first, 6);
  rig.extend(circuit, young.channel);
  CHECK(rig.expect(EventKind::kCircuitCreateFailed).handle == circuit.bits);
  rig.unextend(circuit);
  rig.advance(kRunTime);
  CHECK(first.take(kRelay).size() == 1);
  CHECK(young.take().empty());
}

}  // namespace kist
