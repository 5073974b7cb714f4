// A data plane with two threads over real TCP: circuits that cross between reactors, exit streams, ends in
// the middle of traffic. Meant for the thread sanitizer; the verdicts do not depend on time.
#include <doctest/doctest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "registry/dialects.h"
#include "support_echo.h"
#include "support_plane.h"
#include "transport/socket_address.h"

namespace kist {
namespace {

/// Control plane of the test: takes events as they come and decides like a relay: every CREATE is accepted,
/// BEGIN of a stream connects to the echo server.
class Control {
 public:
  explicit Control(uint16_t echoPort) : echoPort_(echoPort) {
    PlaneConfig config;
    config.threads = 2;
    config.scheduler.interval = 2 * kMillisecond;
    std::string problem;
    plane = DataPlane::create(
        config,
        [this] {
          const std::lock_guard lock(mutex_);
          due_ = true;
          wake_.notify_one();
        },
        problem);
    REQUIRE(plane != nullptr);
  }

  DataPlane::Endpoint endpoint(uint16_t port) const {
    DataPlane::Endpoint endpoint;
    endpoint.dialect = findDialect("tor61");
    endpoint.transport = findTransport("tcp");
    endpoint.host = "127.0.0.1";
    endpoint.port = port;
    return endpoint;
  }
  /// Serves events until `done`; false when nothing happens for 10 s.
  bool until(const std::function<bool()>& done) {
    while (!done()) {
      {
        std::unique_lock lock(mutex_);
        if (!wake_.wait_for(lock, std::chrono::seconds(10), [this] { return due_; })) return false;
        due_ = false;
      }
      for (Event& event : plane->drain(SIZE_MAX)) serve(event);
    }
    return true;
  }
  template <typename F>
  void onCircuit(Handle circuit, F act) {
    plane->post(circuit, [circuit, act](Reactor& reactor) { reactor.withCircuit(circuit, act); });
  }

  const Bytes sent = noise(150'000);  ///< On every stream, once it is connected.
  std::unique_ptr<DataPlane> plane;
  std::vector<Handle> accepted, connected, attached;
  std::vector<Handle> out[2];
  size_t created = 0, extended = 0, streamsConnected = 0, closed = 0;
  std::map<uint64_t, Bytes> received;  ///< Stream bytes by origin circuit.

 private:
  void serve(Event& event) {
    const Handle handle{event.handle};
    switch (event.kind) {
      case EventKind::kChannelAccepted:
        accepted.push_back(handle);
        break;
      case EventKind::kChannelConnected:
        connected.push_back(handle);
        break;
      case EventKind::kCircuitCreate:
        onCircuit(handle, [](CellSwitch& cells, Circuit& it) { cells.acceptCircuit(it, {}); });
        break;
      case EventKind::kCircuitAttached:
        if (event.a != 0) attached.push_back(handle);
        break;
      case EventKind::kCircuitCreated:
        ++created;
        onCircuit(handle, [](CellSwitch& cells, Circuit& it) { cells.spliceCircuit(it, 0, kExtended, {}); });
        break;
      case EventKind::kRelayMessage:
        onMessage(handle, event);
        break;
      case EventKind::kStreamConnected:
        ++streamsConnected;
        break;
      case EventKind::kStreamData: {
        Bytes& all = received[event.handle];
        all.insert(all.end(), event.bytes.begin(), event.bytes.end());
        const auto id = static_cast<uint16_t>(event.a);
        const size_t count = event.bytes.size();
        onCircuit(handle,
                  [id, count](CellSwitch& cells, Circuit& it) { cells.edge().consumed(it, id, count); });
        break;
      }
      case EventKind::kCircuitClosed:
        ++closed;
        break;
      default:
        break;
    }
  }
  /// EXTEND's body is the number of the channel to go on over, among those of the other reactor.
  void onMessage(Handle circuit, const Event& event) {
    if (event.b == kExtended) ++extended;
    if (event.b == kConnected) {
      onCircuit(circuit, [this](CellSwitch& cells, Circuit& it) { cells.edge().writeStream(it, 1, sent); });
    }
    if (event.b == kExtend) {
      const Handle next = out[1 - circuit.reactor()][event.bytes[0]];
      onCircuit(circuit, [next](CellSwitch& cells, Circuit& it) { cells.extendCircuit(it, next, {}); });
    }
    if (event.b != kBegin) return;
    SocketAddress address;
    REQUIRE(isOk(SocketAddress::parse("127.0.0.1", echoPort_, address)));
    const auto id = static_cast<uint16_t>(event.a);
    onCircuit(circuit, [id, address](CellSwitch& cells, Circuit& it) {
      cells.edge().connectStream(it, id, address, kNever, kConnected, {});
    });
  }

  uint16_t echoPort_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool due_ = false;
};

/// Channels of the plane with itself, by the reactor of their connecting end.
void connectChannels(Control& control, uint16_t port) {
  for (int i = 0; i < 8; ++i)
    control.plane->connect(static_cast<uint64_t>(i) + 1, control.endpoint(port), kSecond, i % 2);
  REQUIRE(control.until([&] { return control.connected.size() == 8 && control.accepted.size() == 8; }));
  for (const Handle channel : control.accepted) {
    control.plane->post(channel, [channel](Reactor& reactor) { reactor.openChannel(channel, false); });
  }
  // All of these are open before the first CREATE can come.
  static_cast<void>(control.plane->snapshots());
  for (const Handle channel : control.connected) {
    control.plane->post(channel, [channel](Reactor& reactor) { reactor.openChannel(channel, true); });
    control.out[channel.reactor()].push_back(channel);
  }
}

}  // namespace

TEST_CASE(
    "two reactors: bulk over crossing circuits and exit streams comes back whole, with ends in between") {
  EchoServer echo;
  Control control(echo.port);
  uint32_t listener = 0;
  uint16_t port = 0;
  int error = 0;
  REQUIRE(isOk(control.plane->listen(control.endpoint(0), listener, port, error)));
  connectChannels(control, port);
  const auto& out = control.out;
  REQUIRE(out[0].size() == 4);

  // Origin circuits over channels of both reactors, each extended once over a channel of the other.
  constexpr size_t kCircuits = 16;
  for (size_t i = 0; i < kCircuits; ++i) {
    const Handle channel = out[i % 2][i / 2 % 4];
    control.plane->post(channel,
                        [channel, i](Reactor& reactor) { reactor.createCircuit(100 + i, channel, {}); });
  }
  REQUIRE(
      control.until([&] { return control.attached.size() == kCircuits && control.created == kCircuits; }));
  const std::vector<Handle> circuits = control.attached;
  for (size_t i = 0; i < kCircuits; ++i) {
    const Bytes body{static_cast<uint8_t>(i / 2 % 4)};
    control.onCircuit(circuits[i],
                      [body](CellSwitch& cells, Circuit& it) { cells.sendRelay(it, 0, kExtend, body); });
  }
  REQUIRE(control.until([&] { return control.extended == kCircuits; }));
  const Bytes& sent = control.sent;
  for (const Handle circuit : circuits) {
    control.onCircuit(circuit, [](CellSwitch& cells, Circuit& it) {
      cells.edge().openStream(it, 1);
      cells.sendRelay(it, 1, kBegin, {});
    });
  }
  REQUIRE(control.until([&] { return control.streamsConnected == kCircuits; }));
  // Four circuits are closed in the middle of it, and a fifth loses its stream.
  for (size_t i = 0; i < 4; ++i) {
    control.onCircuit(circuits[i], [](CellSwitch& cells, Circuit& it) {
      cells.closeCircuit(it, 0, CloseReason::kRequested);
    });
  }
  control.onCircuit(circuits[4], [](CellSwitch& cells, Circuit& it) { cells.edge().resetStream(it, 1); });
  REQUIRE(control.until([&] {
    for (size_t i = 5; i < kCircuits; ++i) {
      if (control.received[circuits[i].bits].size() < sent.size()) return false;
    }
    return true;
  }));
  for (size_t i = 5; i < kCircuits; ++i) CHECK(control.received[circuits[i].bits] == sent);
  uint64_t crossed = 0;
  for (const ReactorSnapshot& part : control.plane->snapshots()) crossed += part.counters.cellsCrossed;
  CHECK(crossed > 1000);

  // A channel goes with all that is on it, then the plane with all that is left.
  const Handle lost = out[0][0];
  const size_t before = control.closed;
  control.plane->post(lost, [lost](Reactor& reactor) { reactor.closeChannel(lost); });
  REQUIRE(control.until([&] { return control.closed > before; }));
  control.plane->close();
}

}  // namespace kist
