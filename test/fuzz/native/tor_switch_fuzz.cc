// A whole data plane of the Tor dialect on manual loops, with real relay crypto: peers that send any cells
// and bytes, well-sealed relay messages among them, and a control plane that answers in any order. In the end
// all peers leave, and nothing may be left over. Input: one byte for the number of reactors, then operations:
// a kind and its arguments.
#include <cstdio>
#include <cstdlib>

#include "cell/tor_dialect.h"
#include "crypto/origin_crypto.h"
#include "crypto/relay_crypto.h"
#include "support_plane.h"

namespace {

using namespace kist;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool isEmpty() const { return at_ >= size_; }
  uint32_t byte() { return isEmpty() ? 0 : data_[at_++]; }
  uint32_t below(uint32_t bound) { return byte() % bound; }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

/// A circuit that a peer began, as that peer knows it.
struct Client {
  Handle circuit;
  Handle channel;
  uint32_t circId = 0;
  std::unique_ptr<CircuitCrypto> crypto;
};

RelayKeys keysOf(Handle circuit) {
  RelayKeys keys;
  if (!RelayKeys::fromBytes(noise(RelayKeys::kBytes, static_cast<uint32_t>(circuit.bits)), keys))
    std::abort();
  return keys;
}

class Scene {
 public:
  explicit Scene(Input& input) : input_(input), rig_(config(1 + input.below(2)), "tor") {
    for (uint32_t i = 0; i < kPeers; ++i) peers_.push_back(&rig_.peer(i % rig_.plane->reactors()));
  }

  void operate() {
    switch (input_.below(16)) {
      case 0:
      case 1:
        return sendCell();
      case 2:
      case 3:
      case 4:
        return sendSealed(1);
      case 5:
        return sendSealed(input_.byte() * 3);
      case 6:
      case 7:
        return accept();
      case 8: {
        const Handle which = circuit();
        return rig_.extend(which, peer().channel);
      }
      case 9:
        return rig_.splice(circuit());
      case 10:
        return input_.below(2) == 0 ? rig_.unextend(circuit()) : rig_.hold(circuit());
      case 11:
        return end();
      case 12:
        return useStream();
      case 13:
        return sendCreate();
      case 14:
        return rig_.advance((1 + input_.below(100)) * kMillisecond, 10 * kMillisecond);
      default:
        return disturb();
    }
  }

  void learn() {
    for (const Event& event : rig_.events) {
      if (event.handle == 0) continue;
      if (event.kind == EventKind::kCircuitCreate) {
        circuits_.push_back(Handle{event.handle});
        const auto circId = static_cast<uint32_t>(event.b);
        clients_.push_back(
            Client{Handle{event.handle}, Handle{static_cast<uint64_t>(event.a)}, circId, makeOriginCrypto()});
        if (!clients_.back().crypto->addHop(keysOf(Handle{event.handle}))) std::abort();
      }
      if (event.kind != EventKind::kCircuitAttached) continue;
      circuits_.push_back(Handle{event.handle});
      if (event.b != 0) ids_.push_back(static_cast<uint32_t>(event.b));
    }
    rig_.events.clear();
  }

  void finish() {
    rig_.drains = true;
    for (RawPeer* each : peers_) {
      each->close(true);
      // A link cell that nobody released holds the channel, so that it would not see a peer's quiet end.
      const Handle channel = each->channel;
      rig_.onReactor(channel.reactor(), [channel](Reactor& it) { it.closeChannel(channel); });
    }
    rig_.advance(4 * kSecond, 100 * kMillisecond);
    const ReactorSnapshot total = rig_.total();
    const bool isClean = total.channels == 0 && total.circuits == 0 && total.streams == 0 &&
                         total.cellsInUse == 0 && rig_.plane->budget().used() == 0;
    if (isClean) return;
    std::fprintf(stderr, "left over: %u channels, %u circuits, %u streams, %u cells, %u bytes\n",
                 static_cast<unsigned>(total.channels), static_cast<unsigned>(total.circuits),
                 static_cast<unsigned>(total.streams), static_cast<unsigned>(total.cellsInUse),
                 static_cast<unsigned>(rig_.plane->budget().used()));
    std::abort();
  }

 private:
  static constexpr uint32_t kPeers = 3;
  /// The peers' half of the circuit IDs, and a few of the wrong half.
  static constexpr uint32_t kIds = 8;

  static PlaneConfig config(uint32_t reactors) {
    PlaneConfig config = PlaneRig::config(reactors);
    config.limits.cellqHigh = 16;
    config.limits.cellqLow = 2;
    config.limits.cellqMax = 64;
    config.limits.streamHigh = 4096;
    config.limits.circuitIdle = 20 * kSecond;
    config.memoryBudget = 512 * 1024;
    return config;
  }
  RawPeer& peer() { return *peers_[input_.below(kPeers)]; }
  RawPeer* peerOf(Handle channel) {
    for (RawPeer* each : peers_) {
      if (each->channel == channel) return each;
    }
    return nullptr;
  }
  Handle circuit() {
    return circuits_.empty() ? Handle{}
                             : circuits_[circuits_.size() - 1 - input_.below(8) % circuits_.size()];
  }
  uint32_t circId() {
    const uint32_t choice = input_.byte();
    if ((choice & 3) == 3 && !ids_.empty()) return ids_[ids_.size() - 1 - choice / 4 % ids_.size()];
    return choice / 4 % kIds;
  }
  void send(RawPeer& from, Bytes&& cell) {
    from.send(cell);
    rig_.settle();
  }
  /// Any command, VERSIONS and variable cells of any length included.
  void sendCell() {
    RawPeer& from = peer();
    const uint32_t id = circId();
    const uint32_t command = input_.below(16);
    const bool isVariable = command >= 13 || command == TorDialect::kVersions;
    Bytes cell = isVariable ? noise(7 + input_.byte() * 16, input_.byte()) : noise(514, input_.byte());
    storeU32(cell.data(), id);
    cell[4] = static_cast<uint8_t>(command >= 13 ? 115 + command : command);
    if (isVariable) storeU16(cell.data() + 5, static_cast<uint16_t>(cell.size() - 7));
    send(from, std::move(cell));
  }
  void sendCreate() {
    RawPeer& from = peer();
    Bytes cell(514, 0);
    storeU32(cell.data(), 1 + input_.below(kIds));
    cell[4] = TorDialect::kCreate2;
    send(from, std::move(cell));
  }
  /// So many relay messages as a client that knows the keys sends them.
  void sendSealed(uint32_t count) {
    if (clients_.empty()) return;
    Client& client = clients_[clients_.size() - 1 - input_.below(8) % clients_.size()];
    RawPeer* from = peerOf(client.channel);
    const auto command = static_cast<uint8_t>(input_.below(17));
    const auto streamId = static_cast<uint16_t>(input_.below(3));
    const uint32_t flags = input_.byte();
    for (uint32_t i = 0; i < count && from != nullptr; ++i) {
      Bytes cell(514, 0);
      storeU32(cell.data(), client.circId);
      cell[4] = (flags & 1) != 0 ? TorDialect::kRelayEarly : TorDialect::kRelay;
      cell[5] = command;
      storeU16(cell.data() + 8, streamId);
      storeU16(cell.data() + 14, static_cast<uint16_t>((flags & 2) != 0 ? flags * 3 : flags & 4));
      client.crypto->seal(cell.data() + 5, CircuitCrypto::kLastHop);
      from->send(cell);
    }
    rig_.settle();
  }
  void accept() {
    const Handle which = circuit();
    rig_.onCircuit(which, [=](CellSwitch& cells, Circuit& it) {
      cells.acceptCircuit(it, noise(66), makeRelayCrypto(keysOf(which)));
    });
  }
  void end() {
    const Handle which = circuit();
    if (input_.below(2) == 0) return rig_.close(which);
    rig_.onCircuit(which, [](CellSwitch& cells, Circuit& it) { cells.refuseCircuit(it, 5); });
  }
  void useStream() {
    const Handle which = circuit();
    const uint32_t what = input_.below(8);
    const auto id = static_cast<uint16_t>(1 + input_.below(2));
    const uint32_t amount = input_.byte() * 64;
    rig_.onCircuit(which, [=](CellSwitch& cells, Circuit& it) {
      Edge& edge = cells.edge();
      if (what <= 1) edge.openStream(it, id);
      if (what == 2) edge.writeStream(it, id, noise(amount));
      if (what == 3) edge.endStream(it, id);
      if (what == 4) edge.resetStream(it, id);
      if (what == 5) edge.consumed(it, id, amount);
      if (what == 6) cells.sendRelay(it, id, TorDialect::kConnected, {}, amount % 128 == 0);
      if (what == 7) cells.addHop(it, keysOf(which));
    });
  }
  void disturb() {
    RawPeer& whom = peer();
    const Handle channel = whom.channel;
    const uint32_t what = input_.below(8);
    if (what == 0) whom.setReading(false);
    if (what == 1) whom.setReading(true);
    if (what == 2) whom.close(input_.below(2) == 0);
    if (what == 3) {
      const TcpInfo info{input_.below(40), 0, 1448, 0, 0};
      rig_.plane->mockTcpInfo(channel.reactor())->setAnswer(channel.bits, rig_.now(), {Status::kOk, info});
    }
    if (what == 4) rig_.onReactor(channel.reactor(), [=](Reactor& it) { it.createCircuit(7, channel, {}); });
    if (what == 5) rig_.onReactor(channel.reactor(), [=](Reactor& it) { it.releaseLinkCell(channel); });
    if (what == 6) whom.send(noise(1 + input_.byte(), input_.byte()));
    if (what == 7) rig_.drains = !rig_.drains;
    rig_.settle();
  }

  Input& input_;
  PlaneRig rig_;
  std::vector<RawPeer*> peers_;
  std::vector<Handle> circuits_;
  std::vector<Client> clients_;
  std::vector<uint32_t> ids_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int kMostOperations = 200;
  Input input(data, size);
  Scene scene(input);
  for (int i = 0; i < kMostOperations && !input.isEmpty(); ++i) {
    scene.operate();
    scene.learn();
  }
  scene.finish();
  return 0;
}
