// A whole Tor path in one plane with two threads over real TCP: a circuit of our own through three relays to
// an exit stream and back, crossing between the reactors. Keys are as if handshakes had agreed on them.
#include <doctest/doctest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "registry/dialects.h"
#include "support_echo.h"
#include "support_tor.h"
#include "transport/socket_address.h"

namespace kist {
namespace {

/// The control plane of all relays and of the origin: decides at once. A CREATE2's payload is the seed of the
/// hop's keys, an EXTEND2's body the next seed; the circuit goes on over a channel of the other reactor.
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
    endpoint.dialect = findDialect("tor");
    endpoint.transport = findTransport("tcp");
    endpoint.host = "127.0.0.1";
    endpoint.port = port;
    return endpoint;
  }
  /// Serves events until `done`; false when nothing happens for 20 s.
  bool until(const std::function<bool()>& done) {
    while (!done()) {
      {
        std::unique_lock lock(mutex_);
        if (!wake_.wait_for(lock, std::chrono::seconds(20), [this] { return due_; })) return false;
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
  void onChannel(Handle channel, const std::function<void(Reactor&, Handle)>& act) {
    plane->post(channel, [channel, act](Reactor& reactor) { act(reactor, channel); });
  }
  /// Channels of the plane with itself, half of them connecting from each reactor.
  void connectChannels(uint32_t count) {
    uint32_t listener = 0;
    uint16_t port = 0;
    int error = 0;
    REQUIRE(isOk(plane->listen(endpoint(0), listener, port, error)));
    for (uint32_t i = 0; i < count; ++i)
      plane->connect(i + 1, endpoint(port), kSecond, static_cast<int>(i % 2));
    REQUIRE(until([&] { return greeted == 2 * count; }));
    static_cast<void>(plane->snapshots());  // All are open before the first CREATE2 can come.
  }
  /// An origin circuit through three relays.
  void build(uint64_t token, uint32_t index) {
    Path& path = building_[token];
    for (uint32_t hop = 0; hop < 3; ++hop) path.seeds.push_back(static_cast<uint32_t>(token) * 10 + hop);
    const Bytes payload = seedBytes(path.seeds[0]);
    const Handle first = out[index % 2][index / 2 % out[index % 2].size()];
    onChannel(first, [token, payload](Reactor& reactor, Handle channel) {
      reactor.createCircuit(token, channel, payload);
    });
  }

  std::unique_ptr<DataPlane> plane;
  std::vector<Handle> out[2];
  std::vector<Handle> built;
  size_t greeted = 0, connected = 0, ended = 0, closed = 0;
  std::map<uint64_t, Bytes> received;  ///< Stream bytes by origin circuit.

 private:
  struct Path {
    std::vector<uint32_t> seeds;
    size_t hops = 0;
  };

  static Bytes seedBytes(uint32_t seed) {
    Bytes bytes(4);
    storeU32(bytes.data(), seed);
    return bytes;
  }
  void serve(Event& event) {
    const Handle handle{event.handle};
    switch (event.kind) {
      case EventKind::kChannelAccepted:
        greet(handle);
        break;
      case EventKind::kChannelConnected:
        initiators_[handle.bits] = true;
        out[handle.reactor()].push_back(handle);
        greet(handle);
        break;
      case EventKind::kLinkCell: {
        ++greeted;
        const bool isInitiator = initiators_.count(handle.bits) > 0;
        onChannel(handle, [isInitiator](Reactor& reactor, Handle channel) {
          reactor.openChannel(channel, isInitiator);
          reactor.releaseLinkCell(channel);
        });
        break;
      }
      case EventKind::kCircuitCreate: {
        const uint32_t seed = loadU32(event.bytes.data() + 5);
        onCircuit(handle, [seed](CellSwitch& cells, Circuit& it) {
          cells.acceptCircuit(it, {}, makeRelayCrypto(torKeys(seed)));
        });
        break;
      }
      case EventKind::kCircuitAttached:
        if (event.a != 0) paths_[event.handle] = building_[static_cast<uint64_t>(event.a)];
        break;
      case EventKind::kCircuitCreated:
        if (paths_.count(event.handle) > 0) {
          goOn(handle);
        } else {
          onCircuit(handle, [](CellSwitch& cells, Circuit& it) {
            cells.spliceCircuit(it, 0, TorDialect::kExtended2, {});
          });
        }
        break;
      case EventKind::kRelayMessage:
        onMessage(handle, event);
        break;
      case EventKind::kStreamData:
        onBytes(handle, event);
        break;
      case EventKind::kStreamEnd:
        ++ended;
        break;
      case EventKind::kCircuitClosed:
        ++closed;
        break;
      default:
        break;
    }
  }
  void greet(Handle channel) {
    onChannel(channel, [](Reactor& reactor, Handle it) {
      reactor.sendLinkCell(it, Bytes{0, 0, TorDialect::kVersions, 0, 2, 0, 4});
    });
  }
  /// The hop that was just made is known; extends to the next.
  void goOn(Handle circuit) {
    Path& path = paths_[circuit.bits];
    const uint32_t seed = path.seeds[path.hops++];
    onCircuit(circuit, [seed](CellSwitch& cells, Circuit& it) { cells.addHop(it, torKeys(seed)); });
    if (path.hops == path.seeds.size()) {
      built.push_back(circuit);
      return;
    }
    const Bytes body = seedBytes(path.seeds[path.hops]);
    onCircuit(circuit, [body](CellSwitch& cells, Circuit& it) {
      cells.sendRelay(it, 0, TorDialect::kExtend2, body, true);
    });
  }
  void onMessage(Handle circuit, const Event& event) {
    const auto id = static_cast<uint16_t>(event.a);
    if (event.b == TorDialect::kExtended2) goOn(circuit);
    if (event.b == TorDialect::kConnected) ++connected;
    if (event.b == TorDialect::kExtend2) {
      const auto& channels = out[1 - circuit.reactor()];
      const Handle next = channels[loadU32(event.bytes.data()) % channels.size()];
      onCircuit(circuit, [next, payload = event.bytes](CellSwitch& cells, Circuit& it) {
        cells.extendCircuit(it, next, payload);
      });
    }
    if (event.b != TorDialect::kBegin) return;
    SocketAddress address;
    REQUIRE(isOk(SocketAddress::parse("127.0.0.1", echoPort_, address)));
    onCircuit(circuit, [id, address](CellSwitch& cells, Circuit& it) {
      cells.edge().connectStream(it, id, address, kNever, TorDialect::kConnected, {});
    });
  }
  void onBytes(Handle circuit, const Event& event) {
    Bytes& all = received[event.handle];
    all.insert(all.end(), event.bytes.begin(), event.bytes.end());
    const auto id = static_cast<uint16_t>(event.a);
    const size_t count = event.bytes.size();
    onCircuit(circuit, [id, count](CellSwitch& cells, Circuit& it) { cells.edge().consumed(it, id, count); });
  }

  uint16_t echoPort_;
  std::map<uint64_t, Path> building_, paths_;
  std::map<uint64_t, bool> initiators_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool due_ = false;
};

}  // namespace

TEST_CASE("tor path: bulk through three relays over two reactors to an exit and back, whole") {
  EchoServer echo;
  Control control(echo.port);
  control.connectChannels(8);
  constexpr uint32_t kCircuits = 8;
  for (uint32_t i = 0; i < kCircuits; ++i) control.build(100 + i, i);
  REQUIRE(control.until([&] { return control.built.size() == kCircuits; }));
  for (const Handle circuit : control.built) {
    control.onCircuit(circuit, [](CellSwitch& cells, Circuit& it) {
      cells.edge().openStream(it, 1);
      cells.sendRelay(it, 1, TorDialect::kBegin, {});
    });
  }
  REQUIRE(control.until([&] { return control.connected == kCircuits; }));
  // The first carries 5,000 DATA cells each way: 50 circuit windows' worth of SENDMEs.
  const Bytes much = noise(5000 * 498);
  const Bytes some = noise(300'000, 2);
  for (const Handle circuit : control.built) {
    const Bytes& bytes = circuit == control.built[0] ? much : some;
    control.onCircuit(circuit,
                      [bytes](CellSwitch& cells, Circuit& it) { cells.edge().writeStream(it, 1, bytes); });
  }
  // One is closed in the middle of it.
  control.onCircuit(control.built[7], [](CellSwitch& cells, Circuit& it) {
    cells.closeCircuit(it, TorDialect::kFinished, CloseReason::kRequested);
  });
  REQUIRE(control.until([&] {
    for (uint32_t i = 0; i < kCircuits - 1; ++i) {
      const size_t wanted = i == 0 ? much.size() : some.size();
      if (control.received[control.built[i].bits].size() < wanted) return false;
    }
    return true;
  }));
  for (uint32_t i = 0; i < kCircuits - 1; ++i)
    CHECK(control.received[control.built[i].bits] == (i == 0 ? much : some));
  uint64_t crossed = 0;
  for (const ReactorSnapshot& part : control.plane->snapshots()) crossed += part.counters.cellsCrossed;
  CHECK(crossed > 5000);  // Two of three hops of each circuit.
  // Our END, on all that live, ends the exit streams too.
  for (const Handle circuit : control.built) {
    control.onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.edge().endStream(it, 1); });
  }
  const auto streams = [&] {
    uint64_t all = 0;
    for (const ReactorSnapshot& part : control.plane->snapshots()) all += part.streams;
    return all;
  };
  for (int i = 0; i < 20'000 && streams() > 0; ++i) {
    static_cast<void>(control.plane->drain(SIZE_MAX));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(streams() == 0);
  control.plane->close();
}

}  // namespace kist
