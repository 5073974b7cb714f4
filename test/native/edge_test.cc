// Streams of circuits of our own: bytes out and in, ends, credit, stalls.
#include <doctest/doctest.h>

#include "support_plane.h"

namespace kist {
namespace {

constexpr TimeNs kRunTime = 20 * kMillisecond;

/// An origin circuit over one channel, created.
struct Origin {
  explicit Origin(const PlaneConfig& config = PlaneRig::config()) : rig(config), peer(rig.peer()) {
    rig.onReactor(0, [this](Reactor& reactor) { reactor.createCircuit(1, peer.channel, {}); });
    rig.advance(kRunTime);
    const Event attached = rig.expect(EventKind::kCircuitAttached);
    circuit = Handle{attached.handle};
    circId = static_cast<uint32_t>(attached.b);
    peer.take();
    peer.send(rawCell(circId, kCreated));
    rig.settle();
    rig.expect(EventKind::kCircuitCreated);
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
  void end(uint16_t id) {
    edge([id](Edge& edge, Circuit& it) { edge.endStream(it, id); });
  }
  void consumed(uint16_t id, uint64_t bytes) {
    edge([=](Edge& edge, Circuit& it) { edge.consumed(it, id, bytes); });
  }
  void sendData(uint16_t id, const Bytes& bytes) {
    for (size_t at = 0; at < bytes.size(); at += 498) {
      const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
      const size_t count = std::min<size_t>(498, bytes.size() - at);
      peer.send(rawRelay(circId, id, kData, Bytes(begin, begin + static_cast<std::ptrdiff_t>(count))));
    }
  }
  /// All bytes of StreamData events so far.
  Bytes delivered(uint16_t id) {
    Bytes all;
    while (rig.has(EventKind::kStreamData)) {
      const Event event = rig.expect(EventKind::kStreamData);
      if (event.a == id) all.insert(all.end(), event.bytes.begin(), event.bytes.end());
    }
    return all;
  }

  PlaneRig rig;
  RawPeer& peer;
  Handle circuit;
  uint32_t circId = 0;
};

}  // namespace

TEST_CASE("edge: written bytes leave as full DATA cells and are accounted once") {
  Origin origin;
  origin.open(3);
  const Bytes sent = noise(10'000);
  origin.write(3, sent);
  origin.end(3);
  origin.rig.advance(kSecond);
  std::vector<Bytes> cells = origin.peer.take(kRelay);
  REQUIRE(cells.size() == 22);
  CHECK(cells.back() == rawRelay(origin.circId, 3, kEnd, {}));
  cells.pop_back();
  Bytes got;
  for (const Bytes& cell : cells) {
    CHECK(streamIdOf(cell) == 3);
    CHECK(relayCommandOf(cell) == kData);
    const Bytes body = bodyOf(cell);
    got.insert(got.end(), body.begin(), body.end());
  }
  CHECK(got == sent);
  int64_t written = 0;
  while (origin.rig.has(EventKind::kStreamWritten)) written += origin.rig.expect(EventKind::kStreamWritten).b;
  CHECK(written == 10'000);
}

TEST_CASE("edge: a full circuit queue stops the stream and resumes it, also after a long pause") {
  Origin origin;
  MockTcpInfo& mock = *origin.rig.plane->mockTcpInfo(0);
  mock.setDefault({Status::kOk, TcpInfo{0, 0, 1448, 0, 0}});
  origin.open(3);
  const Bytes sent = noise(1'000'000);
  origin.write(3, sent);
  CHECK(origin.rig.total().cellsInUse == 256);
  origin.rig.advance(5 * kSecond, 10 * kMillisecond);  // Longer than any patience but that of the stall rule.
  CHECK(origin.rig.total().cellsInUse <= 256);
  mock.setDefault({Status::kOk, TcpInfo{200, 0, 1448, 0, 0}});
  origin.rig.advance(2 * kSecond, 10 * kMillisecond);
  CHECK(origin.peer.take(kRelay).size() == (1'000'000 + 497) / 498);
}

TEST_CASE("edge: bytes and END from the network are told in order; what follows END is dropped") {
  Origin origin;
  origin.open(3);
  const Bytes sent = noise(20'000);
  origin.sendData(3, sent);
  origin.peer.send(rawRelay(origin.circId, 3, kEnd, {}));
  origin.sendData(3, noise(50));
  origin.peer.send(rawRelay(origin.circId, 3, kEnd, {}));
  origin.rig.settle();
  CHECK(origin.delivered(3) == sent);
  CHECK(origin.rig.count(EventKind::kStreamEnd) == 1);
  CHECK_FALSE(origin.rig.has(EventKind::kStreamClosed));  // Our half is still open.
  origin.write(3, Bytes{1, 2, 3});
  origin.end(3);
  origin.rig.advance(kRunTime);
  CHECK(origin.peer.take(kRelay).size() == 2);
  CHECK(origin.rig.expect(EventKind::kStreamClosed).a == 3);
  CHECK(origin.rig.total().streams == 0);
  origin.sendData(3, noise(50));
  origin.rig.settle();
  CHECK_FALSE(origin.rig.has(EventKind::kStreamData));
}

TEST_CASE("edge: a reset sends END and forgets the stream") {
  Origin origin;
  origin.open(3);
  origin.sendData(3, noise(5000));
  origin.edge([](Edge& edge, Circuit& it) { edge.resetStream(it, 3); });
  origin.rig.advance(kRunTime);
  CHECK(origin.peer.take(kRelay) == std::vector<Bytes>{rawRelay(origin.circId, 3, kEnd, {})});
  CHECK(origin.rig.total().streams == 0);
  CHECK(origin.rig.plane->budget().used() == 0);
  origin.open(3);  // The number may be used again.
  origin.sendData(3, Bytes{9});
  origin.rig.settle();
  origin.rig.events.clear();
  origin.sendData(3, Bytes{8});
  origin.rig.settle();
  CHECK(origin.delivered(3) == Bytes{8});
}

TEST_CASE("edge: commands for streams that do not exist do nothing") {
  Origin origin;
  origin.write(9, noise(100));
  origin.end(9);
  origin.consumed(9, 1000);
  origin.edge([](Edge& edge, Circuit& it) { edge.resetStream(it, 9); });
  origin.rig.advance(kRunTime);
  CHECK(origin.peer.take().empty());
}

TEST_CASE("edge: a control plane that takes nothing holds the channel at 1 MiB and resumes it with credit") {
  Origin origin;
  origin.open(3);
  const Bytes sent = noise(3'000'000);
  origin.sendData(3, sent);
  origin.rig.advance(100 * kMillisecond);
  CHECK(origin.rig.isHeld(origin.peer.channel));
  CHECK(origin.peer.unsent() > 0);
  CHECK(origin.rig.plane->budget().used() < 2'000'000);
  Bytes got;
  while (got.size() < sent.size()) {
    const Bytes part = origin.delivered(3);
    REQUIRE_FALSE(part.empty());
    got.insert(got.end(), part.begin(), part.end());
    origin.consumed(3, part.size());
    origin.rig.advance(10 * kMillisecond);
  }
  CHECK(got == sent);
  CHECK_FALSE(origin.rig.isHeld(origin.peer.channel));
  origin.rig.advance(kRunTime);
  CHECK(origin.rig.plane->budget().used() == 0);
}

TEST_CASE("edge: too much credit is no debt") {
  Origin origin;
  origin.open(3);
  origin.sendData(3, noise(100));
  origin.rig.settle();
  origin.consumed(3, 1u << 30);
  origin.consumed(3, 1u << 30);
  origin.rig.settle();
  CHECK(origin.rig.plane->budget().used() == 0);
}

TEST_CASE("edge: a stream whose reader takes nothing for 30 s is ended and the channel goes on") {
  Origin origin;
  origin.open(3);
  origin.open(4);
  origin.sendData(3, noise(1'500'000));
  origin.sendData(4, noise(1000));
  origin.rig.advance(25 * kSecond, 100 * kMillisecond);
  CHECK(origin.rig.isHeld(origin.peer.channel));
  CHECK_FALSE(origin.rig.has(EventKind::kStreamClosed));
  origin.rig.advance(10 * kSecond, 100 * kMillisecond);
  const Event closed = origin.rig.expect(EventKind::kStreamClosed);
  CHECK(closed.a == 3);
  CHECK(closed.b == static_cast<int64_t>(CloseReason::kStalled));
  CHECK_FALSE(origin.rig.isHeld(origin.peer.channel));
  CHECK(origin.peer.take(kRelay) == std::vector<Bytes>{rawRelay(origin.circId, 3, kEnd, {})});
  CHECK(origin.delivered(4).size() == 1000);
}

TEST_CASE("edge: a reader that is slow but takes something is not stalled") {
  Origin origin;
  origin.open(3);
  origin.sendData(3, noise(3'000'000));
  for (int i = 0; i < 10; ++i) {
    origin.rig.advance(15 * kSecond, 500 * kMillisecond);
    origin.consumed(3, 1000);
  }
  CHECK_FALSE(origin.rig.has(EventKind::kStreamClosed));
  CHECK(origin.rig.isHeld(origin.peer.channel));
}

TEST_CASE("edge: streams of one circuit take turns") {
  Origin origin;
  MockTcpInfo& mock = *origin.rig.plane->mockTcpInfo(0);
  mock.setDefault({Status::kOk, TcpInfo{0, 0, 1448, 0, 0}});
  origin.open(1);
  origin.open(2);
  origin.write(1, noise(800'000));
  origin.write(2, noise(20'000));
  mock.setDefault({Status::kOk, TcpInfo{100, 0, 1448, 0, 0}});
  origin.rig.advance(kSecond);
  const std::vector<Bytes> cells = origin.peer.take(kRelay);
  size_t lastOfSecond = 0;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (streamIdOf(cells[i]) == 2) lastOfSecond = i;
  }
  CHECK(cells.size() == 1607 + 41);
  CHECK(lastOfSecond < 500);
}

TEST_CASE("edge: a circuit of our own that ends takes its streams along") {
  Origin origin;
  origin.open(3);
  origin.sendData(3, noise(2'000'000));
  origin.rig.advance(kRunTime);
  REQUIRE(origin.rig.isHeld(origin.peer.channel));
  origin.rig.close(origin.circuit);
  origin.rig.advance(2 * kSecond, 100 * kMillisecond);
  CHECK(origin.rig.total().streams == 0);
  CHECK(origin.rig.total().cellsInUse == 0);
  CHECK_FALSE(origin.rig.isHeld(origin.peer.channel));
  CHECK(origin.rig.plane->budget().used() == 0);
}

TEST_CASE("edge: a circuit that only sends is not idle") {
  PlaneConfig config = PlaneRig::config();
  config.limits.circuitIdle = 10 * kSecond;
  Origin origin(config);
  origin.open(3);
  for (int i = 0; i < 8; ++i) {
    origin.write(3, noise(100));
    origin.rig.advance(4 * kSecond, 500 * kMillisecond);
  }
  CHECK_FALSE(origin.rig.has(EventKind::kCircuitClosed));
  origin.rig.advance(12 * kSecond, 500 * kMillisecond);
  CHECK(origin.rig.expect(EventKind::kCircuitClosed).a == static_cast<int64_t>(CloseReason::kIdle));
}

}  // namespace kist
