// Circuit handshakes from a peer's CREATE to CREATED, through a whole data plane: what the peer gets, what
// the control plane is told, and what happens to whoever went meanwhile.
#include <doctest/doctest.h>
#include <openssl/sha.h>

#include <chrono>
#include <functional>
#include <thread>

#include "registry/dialects.h"
#include "support_plane.h"
#include "tls_test_identity.h"

namespace kist {
namespace {

constexpr uint32_t kOurs = 0x80000000;  // The IDs of the end that opened the connection.
enum TorCommand : uint8_t {
  kTorDestroy = 4,
  kCreateFast = 5,
  kCreatedFast = 6,
  kCreate2 = 10,
  kCreated2 = 11
};

Bytes torCell(uint32_t circId, uint8_t command, const Bytes& payload = {}) {
  Bytes cell(514, 0);
  storeU32(cell.data(), circId | kOurs);
  cell[4] = command;
  std::copy(payload.begin(), payload.end(), cell.begin() + 5);
  return cell;
}

Bytes payloadOf(const Bytes& cell, size_t length) {
  return Bytes(cell.begin() + 5, cell.begin() + 5 + static_cast<std::ptrdiff_t>(length));
}

/// Answers with the skin turned round; an empty one is malformed.
bool mirror(uint16_t, ByteSpan skin, const OnionIdentity&, OnionAnswer& out) {
  out.reply.assign(skin.rbegin(), skin.rend());
  return !skin.empty();
}

/// A data plane and one Tor peer that connected to it; the test is both the peer and the control plane.
class TorRig final : private Transport::Listener {
 public:
  explicit TorRig(bool isManual, OnionPool::Answer answer = mirror) {
    PlaneConfig config;
    config.manual = isManual;
    if (isManual) config.tcpInfoSource = "mock";
    config.onions.threads = 2;
    config.onions.answer = std::move(answer);
    std::string problem;
    plane = DataPlane::create(
        config, [] {}, problem);
    REQUIRE(plane != nullptr);
    DataPlane::Endpoint endpoint;
    endpoint.dialect = findDialect("tor");
    endpoint.transport = findTransport("memory");
    endpoint.host = "relay";
    endpoint.port = 1;
    endpoint.owner = plane->addOwner();
    uint32_t listener = 0;
    uint16_t port = 0;
    int error = 0;
    REQUIRE(isOk(plane->listen(endpoint, listener, port, error)));
    until([&] { return (peer_ = plane->memoryHub().connect(loop_, "relay", 1, {})) != nullptr; });
    static_cast<void>(peer_->start(*this));
    send(Bytes{0, 0, 7, 0, 2, 0, 5});  // VERSIONS: it fixes how long circuit IDs are.
    const Handle channel{waitFor(EventKind::kLinkCell).handle};
    plane->post(channel, [channel](Reactor& reactor) {
      reactor.openChannel(channel, false);
      reactor.releaseLinkCell(channel);
    });
  }
  ~TorRig() {
    if (peer_) peer_->close(true);
    loop_.runUntilQuiet();
    plane->close();
  }

  void send(const Bytes& bytes) {
    waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
    flush();
  }
  /// The circuit of a CREATE2 or CREATE_FAST just sent.
  Handle created(uint32_t circId, uint8_t command = kCreate2) {
    send(torCell(circId, command));
    return Handle{waitFor(EventKind::kCircuitCreate).handle};
  }
  void accept(Handle circuit, uint16_t type, const Bytes& skin) {
    plane->post(circuit, [=](Reactor& reactor) { reactor.acceptOnion(circuit, type, skin); });
  }
  /// Turns until `isDone` says so; on a manual loop time stands still meanwhile.
  void until(const std::function<bool()>& isDone) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!isDone()) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      turn();
    }
  }
  void turn() {
    plane->step(now_);
    loop_.runUntilQuiet();
    if (!plane->config().manual) std::this_thread::yield();
    for (Event& event : plane->drain(SIZE_MAX)) events.push_back(std::move(event));
  }
  void advance(TimeNs by) {
    now_ += by;
    for (int i = 0; i < 4; ++i) turn();
  }
  size_t count(EventKind kind) const {
    return static_cast<size_t>(
        std::count_if(events.begin(), events.end(), [kind](const Event& it) { return it.kind == kind; }));
  }
  /// The oldest of its kind, taken out.
  Event waitFor(EventKind kind) {
    until([&] { return count(kind) > 0; });
    const auto found =
        std::find_if(events.begin(), events.end(), [kind](const Event& it) { return it.kind == kind; });
    Event event = std::move(*found);
    events.erase(found);
    return event;
  }
  /// Whole cells that came since the last call.
  std::vector<Bytes> take() {
    std::vector<Bytes> cells;
    for (; received_.size() >= 514; received_.erase(received_.begin(), received_.begin() + 514)) {
      cells.emplace_back(received_.begin(), received_.begin() + 514);
    }
    return cells;
  }

  std::unique_ptr<DataPlane> plane;
  std::vector<Event> events;

 private:
  void onTransportConnected() override {}
  void onTransportReadable() override {
    Bytes buffer(64 * 1024);
    IoResult result;
    do {
      result = peer_->read(buffer);
      received_.insert(received_.end(), buffer.begin(),
                       buffer.begin() + static_cast<std::ptrdiff_t>(result.bytes));
    } while (isOk(result.status));
  }
  void onTransportWritable() override { flush(); }
  void onTransportFailed(int) override {}
  void flush() {
    while (!waiting_.empty()) {
      const iovec part{waiting_.data(), waiting_.size()};
      const IoResult result = peer_->write(&part, 1);
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(result.bytes));
      if (!isOk(result.status)) return peer_->watchWritable();
    }
  }

  ManualLoop loop_;
  TimeNs now_ = 0;
  std::unique_ptr<MemoryTransport> peer_;
  Bytes waiting_;
  Bytes received_;
};

/// What a peer got and the control plane heard for a row of circuits.
Bytes transcript() {
  TorRig rig(true);
  Bytes seen;
  for (uint32_t i = 1; i <= 50; ++i) {
    const Handle circuit = rig.created(i);
    rig.accept(circuit, kOnionNtor, i % 7 == 0 ? Bytes{} : noise(84, i));
  }
  rig.advance(20 * kMillisecond);
  const Bytes cells = joined(rig.take());
  seen.insert(seen.end(), cells.begin(), cells.end());
  for (const Event& event : rig.events) {
    seen.push_back(static_cast<uint8_t>(event.kind));
    seen.push_back(static_cast<uint8_t>(event.handle >> 6));
    seen.push_back(static_cast<uint8_t>(event.a));
    seen.push_back(static_cast<uint8_t>(event.b));
  }
  return seen;
}

}  // namespace

TEST_CASE("circuit answers: CREATE2 gets CREATED2 with the answer's length, at the same moment") {
  TorRig rig(true);
  const Handle circuit = rig.created(5);
  rig.accept(circuit, kOnionNtor, Bytes{1, 2, 3});
  const Event answered = rig.waitFor(EventKind::kCircuitAnswered);
  CHECK(answered.handle == circuit.bits);
  CHECK(answered.a == 0);
  CHECK(answered.b == 0);
  rig.advance(20 * kMillisecond);
  const auto cells = rig.take();
  REQUIRE(cells.size() == 1);
  CHECK(loadU32(cells[0].data()) == (5 | kOurs));
  CHECK(cells[0][4] == kCreated2);
  CHECK(payloadOf(cells[0], 6) == Bytes{0, 3, 3, 2, 1, 0});
  CHECK(rig.plane->onionStats().processed[kOnionNtor] == 1);
}

TEST_CASE("circuit answers: CREATE_FAST's keys are those that its client derives") {
  TorRig rig(true, answerOnion);
  const Handle circuit = rig.created(6, kCreateFast);
  const Bytes x = noise(20);
  rig.accept(circuit, kOnionFast, x);
  CHECK(rig.waitFor(EventKind::kCircuitAnswered).a == 0);
  rig.advance(20 * kMillisecond);
  const auto cells = rig.take();
  REQUIRE(cells.size() == 1);
  CHECK(cells[0][4] == kCreatedFast);
  // tor-spec 5.2.1: KH is the first 20 bytes of SHA-1(X | Y | 0) and so on.
  const Bytes y = payloadOf(cells[0], 20);
  Bytes seed = joined({x, y, Bytes{0}});
  Bytes expected(20);
  SHA1(seed.data(), seed.size(), expected.data());
  const Bytes reply = payloadOf(cells[0], 40);
  CHECK(Bytes(reply.begin() + 20, reply.end()) == expected);
}

TEST_CASE("circuit answers: a request that fits nothing ends in DESTROY and an answer, no more events") {
  TorRig rig(true);
  const Handle circuit = rig.created(7);
  rig.accept(circuit, kOnionNtorV3, Bytes{});
  const Event answered = rig.waitFor(EventKind::kCircuitAnswered);
  CHECK(answered.handle == circuit.bits);
  CHECK(answered.a == static_cast<int64_t>(CloseReason::kMalformed));
  rig.advance(20 * kMillisecond);
  const auto cells = rig.take();
  REQUIRE(cells.size() == 1);
  CHECK(cells[0][4] == kTorDestroy);
  CHECK(cells[0][5] == 1);  // TORPROTOCOL.
  CHECK(rig.count(EventKind::kCircuitClosed) == 0);
  CHECK(rig.plane->snapshots()[0].circuits == 0);
  rig.accept(circuit, kOnionNtor, Bytes{1});
  rig.advance(20 * kMillisecond);
  CHECK(rig.count(EventKind::kCircuitAnswered) == 0);
}

TEST_CASE("circuit answers: whoever went meanwhile, was answered or never was, gets no answer") {
  TorRig rig(true);
  const Handle gone = rig.created(8);
  rig.accept(gone, kOnionNtor, Bytes{1});
  rig.plane->post(gone, [gone](Reactor& reactor) {
    reactor.withCircuit(gone, [](CellSwitch& cells, Circuit& circuit) {
      cells.closeCircuit(circuit, 0, CloseReason::kRequested);
    });
  });
  const Handle twice = rig.created(9);
  rig.accept(twice, kOnionNtor, Bytes{2});
  rig.accept(twice, kOnionNtor, Bytes{});
  rig.accept(Handle::make(0, twice.slot(), twice.generation() + 1), kOnionNtor, Bytes{3});
  rig.advance(20 * kMillisecond);
  REQUIRE(rig.count(EventKind::kCircuitAnswered) == 1);
  CHECK(rig.waitFor(EventKind::kCircuitAnswered).handle == twice.bits);
  uint32_t created = 0;
  for (const Bytes& cell : rig.take()) created += cell[4] == kCreated2 ? 1u : 0u;
  CHECK(created == 1);
  CHECK(rig.plane->snapshots()[0].circuits == 1);
}

TEST_CASE("circuit answers: the same requests give the same bytes and events on manual loops") {
  const Bytes once = transcript();
  CHECK(once.size() > 50 * 514);
  CHECK(once == transcript());
}

TEST_CASE("circuit answers: a dialect without relay crypto has none to give") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  peer.send(rawCell(6, kCreate));
  rig.settle();
  const Handle circuit{rig.expect(EventKind::kCircuitCreate).handle};
  rig.onReactor(0, [&](Reactor& reactor) { reactor.acceptOnion(circuit, kOnionFast, noise(20)); });
  CHECK(rig.expect(EventKind::kCircuitAnswered).a == static_cast<int64_t>(CloseReason::kMalformed));
  CHECK(rig.total().circuits == 0);
}

TEST_CASE("circuit answers: a storm is answered by threads, and closing in its middle ends it") {
  constexpr uint32_t kCircuits = 4000;
  TorRig rig(false, answerOnion);
  uint32_t asked = 0, answered = 0;
  for (uint32_t i = 1; i <= kCircuits; ++i) rig.send(torCell(i, kCreateFast));
  rig.until([&] {
    for (const Event& event : rig.events) {
      if (event.kind == EventKind::kCircuitCreate && ++asked)
        rig.accept(Handle{event.handle}, kOnionFast, noise(20));
      if (event.kind == EventKind::kCircuitAnswered && event.a == 0) ++answered;
    }
    rig.events.clear();
    return answered >= kCircuits / 2;
  });
  CHECK(rig.plane->onionStats().processed[kOnionFast] >= answered);
  rig.plane->close();
  CHECK(answered <= asked);
}

TEST_CASE("circuit answers: link secrets of a memory transport do not exist") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  rig.onReactor(0, [&](Reactor& reactor) { reactor.exportLink(peer.channel, noise(32)); });
  const Event exported = rig.expect(EventKind::kLinkExported);
  CHECK(exported.handle == peer.channel.bits);
  CHECK(exported.a == 0);
  CHECK(exported.bytes.empty());
  const Handle old = Handle::make(0, peer.channel.slot(), peer.channel.generation() + 1);
  rig.onReactor(0, [&](Reactor& reactor) { reactor.exportLink(old, noise(32)); });
  CHECK_FALSE(rig.has(EventKind::kLinkExported));
}

}  // namespace kist
