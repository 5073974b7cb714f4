// A whole data plane on manual loops under arbitrary operations: peers that send any cells and bytes, a
// control plane that answers in any order, time that passes, windows that close. In the end all peers leave,
// and nothing may be left over. Input: one byte for the number of reactors, then operations: a kind and its
// arguments.
#include <cstdio>
#include <cstdlib>

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

class Scene {
 public:
  explicit Scene(Input& input) : input_(input), rig_(config(1 + input.below(2))) {
    for (uint32_t i = 0; i < kPeers; ++i) peers_.push_back(&rig_.peer(i % rig_.plane->reactors()));
  }

  void operate() {
    switch (input_.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return sendCell();
      case 4:
        return peer().send(noise(1 + input_.below(256), input_.byte()));
      case 5:
        return flood();
      case 6:
      case 7:
        return rig_.accept(circuit());
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
      case 13:
        return useStream();
      case 14:
        return rig_.advance((1 + input_.below(100)) * kMillisecond, 10 * kMillisecond);
      default:
        return disturb();
    }
  }

  void learn() {
    for (const Event& event : rig_.events) {
      if (event.kind == EventKind::kCircuitCreate || event.kind == EventKind::kCircuitAttached) {
        if (event.handle != 0) circuits_.push_back(Handle{event.handle});
      }
      if (event.kind == EventKind::kCircuitAttached && event.b != 0)
        ids_.push_back(static_cast<uint32_t>(event.b));
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

  static PlaneConfig config(uint32_t reactors) {
    PlaneConfig config = PlaneRig::config(reactors);
    config.limits.cellqHigh = 16;
    config.limits.cellqLow = 2;
    config.limits.cellqMax = 64;
    config.limits.streamHigh = 4096;
    config.limits.circuitStall = config.limits.streamStall = 2 * kSecond;
    config.limits.circuitIdle = 20 * kSecond;
    config.memoryBudget = 512 * 1024;
    return config;
  }
  RawPeer& peer() { return *peers_[input_.below(kPeers)]; }
  Handle circuit() {
    return circuits_.empty() ? Handle{}
                             : circuits_[circuits_.size() - 1 - input_.below(8) % circuits_.size()];
  }
  uint32_t circId() {
    const uint32_t choice = input_.byte();
    if ((choice & 1) != 0 && !ids_.empty()) return ids_[ids_.size() - 1 - choice / 2 % ids_.size()];
    return choice / 2 % 8;
  }
  Bytes cell() {
    const uint32_t id = circId();
    const uint32_t command = input_.below(10);
    if (command != kRelay && command != 9) return rawCell(id, static_cast<uint8_t>(command));
    const auto streamId = static_cast<uint16_t>(input_.below(3));
    const auto relayCommand = static_cast<uint8_t>(input_.below(14));
    Bytes made = rawRelay(id, streamId, relayCommand, noise(input_.below(2) * 498));
    const uint32_t odd = input_.below(16);
    if (odd == 15) storeU16(made.data() + 11, static_cast<uint16_t>(input_.byte() * 5));
    return made;
  }
  void sendCell() {
    RawPeer& from = peer();
    from.send(cell());
    rig_.settle();
  }
  void flood() {
    RawPeer& from = peer();
    const Bytes repeated = cell();
    for (uint32_t i = input_.byte(); i > 0; --i) from.send(repeated);
    rig_.settle();
  }
  void end() {
    const Handle which = circuit();
    if (input_.below(2) == 0) return rig_.close(which);
    rig_.onCircuit(which, [](CellSwitch& cells, Circuit& it) { cells.refuseCircuit(it, 0); });
  }
  void useStream() {
    const Handle which = circuit();
    const uint32_t what = input_.below(7);
    const auto id = static_cast<uint16_t>(input_.below(3));
    const uint32_t amount = input_.byte() * 64;
    rig_.onCircuit(which, [=](CellSwitch& cells, Circuit& it) {
      Edge& edge = cells.edge();
      if (what <= 1) edge.openStream(it, id);
      if (what == 2) edge.writeStream(it, id, noise(amount));
      if (what == 3) edge.endStream(it, id);
      if (what == 4) edge.resetStream(it, id);
      if (what == 5) edge.consumed(it, id, amount);
      if (what == 6) cells.sendRelay(it, id, kConnected, {});
    });
  }
  void disturb() {
    RawPeer& whom = peer();
    const Handle channel = whom.channel;
    const uint32_t what = input_.below(9);
    if (what == 0) whom.setReading(false);
    if (what == 1) whom.setReading(true);
    if (what == 2) whom.close(input_.below(2) == 0);
    if (what == 3) {
      const TcpInfo info{input_.below(40), 0, 1448, 0, 0};
      rig_.plane->mockTcpInfo(channel.reactor())->setAnswer(channel.bits, rig_.now(), {Status::kOk, info});
    }
    if (what == 4) rig_.onReactor(channel.reactor(), [=](Reactor& it) { it.createCircuit(7, channel, {}); });
    if (what == 5) rig_.onReactor(channel.reactor(), [=](Reactor& it) { it.releaseLinkCell(channel); });
    if (what == 6) {
      const Handle which = circuit();
      const bool fromNext = input_.below(2) == 0;
      const Bytes injected = cell();
      if (loadU16(injected.data() + 11) > 498) return;  // A framer lets no such cell through.
      rig_.onCircuit(which,
                     [=](CellSwitch& cells, Circuit& it) { cells.injectCell(it, injected, fromNext); });
    }
    if (what == 7) rig_.drains = !rig_.drains;
    if (what == 8) rig_.advance(3 * kSecond, 100 * kMillisecond);
    rig_.settle();
  }

  Input& input_;
  PlaneRig rig_;
  std::vector<RawPeer*> peers_;
  std::vector<Handle> circuits_;
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
