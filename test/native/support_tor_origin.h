#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "support_tor.h"

namespace kist {

/// A circuit of our own with two hops over one channel; the test speaks both hops.
struct TorOrigin {
  static constexpr TimeNs kRunTime = 20 * kMillisecond;

  explicit TorOrigin(const PlaneConfig& config = PlaneRig::config()) : rig(config, "tor"), peer(rig.peer()) {
    rig.plane->mockTcpInfo(0)->setDefault({Status::kOk, TcpInfo{4000, 0, 1448, 0, 0}});
    rig.onReactor(0, [this](Reactor& reactor) { reactor.createCircuit(1, peer.channel, {}); });
    rig.advance(kRunTime);
    const Event attached = rig.expect(EventKind::kCircuitAttached);
    circuit = Handle{attached.handle};
    circId = static_cast<uint32_t>(attached.b);
    peer.take();
    peer.send(torCell(circId, TorDialect::kCreated2, {0, 1, 1}));
    rig.settle();
    rig.expect(EventKind::kCircuitCreated);
    first = std::make_unique<TorEnd>(circId, torKeys(1));
    exit = std::make_unique<TorEnd>(circId, torKeys(2));
    for (const uint32_t seed : {1u, 2u}) {
      rig.onCircuit(circuit, [seed](CellSwitch& cells, Circuit& it) { cells.addHop(it, torKeys(seed)); });
    }
  }
  template <typename F>
  void edge(F&& act) {
    rig.onCircuit(circuit, [act](CellSwitch& cells, Circuit& it) { act(cells.edge(), it); });
  }
  void open(uint16_t id) {
    edge([id](Edge& edge, Circuit& it) { edge.openStream(it, id); });
  }
  void write(uint16_t id, const Bytes& bytes) {
    edge([=](Edge& edge, Circuit& it) { edge.writeStream(it, id, bytes); });
  }
  void consumed(uint16_t id, uint64_t bytes) {
    edge([=](Edge& edge, Circuit& it) { edge.consumed(it, id, bytes); });
  }
  /// Takes what the exit got, in order.
  std::vector<TorMessage> atExit() {
    rig.advance(kRunTime);
    std::vector<TorMessage> messages;
    for (const Bytes& cell : peer.take()) messages.push_back(exit->open(first->passOn(cell, circId)));
    return messages;
  }
  void send(const Bytes& cell) { peer.send(first->wrap(cell, circId)); }
  void sendData(uint16_t id, const Bytes& body) { send(exit->seal(id, TorDialect::kData, body)); }
  Bytes delivered(uint16_t id) {
    Bytes all;
    while (rig.has(EventKind::kStreamData)) {
      const Event event = rig.expect(EventKind::kStreamData);
      if (event.a == id) all.insert(all.end(), event.bytes.begin(), event.bytes.end());
    }
    return all;
  }
  void checkClosedByViolation() {
    rig.advance(kRunTime);
    CHECK(rig.expect(EventKind::kCircuitClosed).a == static_cast<int64_t>(CloseReason::kMalformed));
    const std::vector<Bytes> cells = peer.take();
    REQUIRE_FALSE(cells.empty());
    CHECK(cells.back() == torCell(circId, TorDialect::kDestroy, {TorDialect::kProtocol}));
    rig.advance(2 * kSecond, 100 * kMillisecond);
    CHECK(rig.total().circuits == 0);
    CHECK(rig.total().streams == 0);
    CHECK(rig.total().cellsInUse == 0);
    CHECK(rig.plane->budget().used() == 0);
  }

  PlaneRig rig;
  RawPeer& peer;
  Handle circuit;
  uint32_t circId = 0;
  std::unique_ptr<TorEnd> first, exit;
};

inline size_t count(const std::vector<TorMessage>& messages, uint8_t command) {
  return static_cast<size_t>(std::count_if(
      messages.begin(), messages.end(), [command](const TorMessage& it) { return it.command == command; }));
}

}  // namespace kist
