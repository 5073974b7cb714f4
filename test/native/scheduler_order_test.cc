#include <doctest/doctest.h>

#include <deque>
#include <random>

#include "scheduler_kit.h"

using namespace kist;
using sim::ScriptedChannelOptions;
using sim::ScriptedScheduler;

namespace {

/// The definition, written down naively: again and again search all circuits for the best one whose channel
/// has room for one more cell, and move one cell.
class Reference {
 public:
  struct Circuit {
    uint32_t channel;
    uint32_t cells = 0;
    PriorityKey key;
  };
  struct Channel {
    ScriptedChannelOptions options;
    std::deque<uint64_t> destroys;
    uint32_t untilDestroy = 0;
    uint64_t outbuf = 0, limit = 0, written = 0;
  };

  std::vector<Channel> channels;
  std::vector<Circuit> circuits;
  uint64_t service = 0;

  uint64_t wire(const Channel& channel, uint64_t bytes) const {
    const uint64_t full = channel.options.recordBytes;
    return bytes + (bytes / full + (bytes % full != 0)) * channel.options.recordOverhead;
  }
  uint64_t cost(const Channel& channel) const {
    return wire(channel, channel.outbuf + channel.options.cellBytes) - wire(channel, channel.outbuf);
  }
  bool hasRoom(const Channel& channel) const { return channel.written + cost(channel) <= channel.limit; }

  bool isActive(uint32_t channel) const {
    for (const Circuit& circuit : circuits) {
      if (circuit.channel == channel && circuit.cells > 0) return true;
    }
    return false;
  }

  /// One whole run; limits are set. Appends what leaves.
  void run(double weight, CellOrder& order) {
    while (step(weight, order)) {
    }
    for (Channel& channel : channels) channel.outbuf = 0;
  }

 private:
  bool step(double weight, CellOrder& order) {
    const PriorityKey* best = nullptr;
    PriorityKey destroyKey;
    size_t bestChannel = 0;
    Circuit* bestCircuit = nullptr;
    for (size_t i = 0; i < channels.size(); ++i) {
      Channel& channel = channels[i];
      if (!hasRoom(channel)) continue;
      const auto number = static_cast<uint32_t>(i + 1);
      if (!channel.destroys.empty() && (channel.untilDestroy == 0 || !isActive(number))) {
        const PriorityKey key{0, channel.destroys.front(), 0};
        if (best != nullptr && !(key < *best)) continue;
        destroyKey = key;
        best = &destroyKey;
        bestChannel = i;
        bestCircuit = nullptr;
        continue;
      }
      for (Circuit& circuit : circuits) {
        if (circuit.channel != number || circuit.cells == 0) continue;
        if (best != nullptr && !(circuit.key < *best)) continue;
        best = &circuit.key;
        bestChannel = i;
        bestCircuit = &circuit;
      }
    }
    if (best == nullptr) return false;
    move(channels[bestChannel], bestCircuit, weight);
    order.emplace_back(bestChannel + 1, bestCircuit == nullptr ? 0 : bestCircuit->key.handle);
    return true;
  }

  void move(Channel& channel, Circuit* circuit, double weight) {
    channel.written += cost(channel);
    channel.outbuf += channel.options.cellBytes;
    if (circuit == nullptr) {
      channel.destroys.pop_front();
      channel.untilDestroy = 7;
      return;
    }
    --circuit->cells;
    if (channel.untilDestroy > 0) --channel.untilDestroy;
    if (channel.options.mux == "ewma") circuit->key.count += weight;
    circuit->key.lastServed = ++service;
  }
};

/// One random scenario, on both.
class Scenario {
 public:
  explicit Scenario(uint32_t seed)
      : random_(seed), kit_("kist", plainConfig(), 100 * kMillisecond * (1 + roll(50))) {
    const uint32_t channels = 1 + roll(6);
    for (uint32_t i = 0; i < channels; ++i) {
      ScriptedChannelOptions options;
      options.mux = roll(3) == 0 ? "round-robin" : "ewma";
      options.recordOverhead = roll(2) == 0 ? 0 : 22;
      options.recordBytes = roll(2) == 0 ? 16384 : 700;
      kit_.addChannel(options);
      reference_.channels.emplace_back();
      reference_.channels.back().options = options;
    }
    const uint32_t circuits = 1 + roll(roll(4) == 0 ? 40 : 8);
    for (uint32_t i = 0; i < circuits; ++i) {
      const uint32_t channel = 1 + roll(channels);
      kit_.addCircuit(channel);
      reference_.circuits.push_back({channel, 0, PriorityKey{0, 0, i + 1}});
    }
  }

  /// False at the first run whose order differs.
  bool play() {
    for (uint32_t run = 4 + roll(10); run > 0; --run) {
      queue();
      setLimits();
      kit_.clearTrace();
      const TimeNs wake = kit_.nextWake();
      if (wake == kNever) continue;
      kit_.setTime(std::max(kit_.now(), wake) + (roll(4) == 0 ? roll(900) * kMillisecond : 0));
      kit_.scheduler().run();
      CellOrder expected;
      reference_.run(kit_.base().weight(), expected);
      cells += expected.size();
      if (cellOrder(kit_.trace()) != expected || !keepsLimits()) return false;
    }
    return kit_.base().rescales() == 0;
  }

  uint64_t cells = 0;

 private:
  uint32_t roll(uint32_t sides) { return static_cast<uint32_t>(random_() % sides); }

  void queue() {
    for (uint32_t i = 1 + roll(10); i > 0; --i) {
      const uint32_t circuit = roll(static_cast<uint32_t>(reference_.circuits.size()));
      const uint32_t cells_ = 1 + roll(roll(5) == 0 ? 60 : 6);
      kit_.queueCells(circuit + 1, cells_);
      reference_.circuits[circuit].cells += cells_;
      if (roll(8) != 0) continue;
      const uint32_t channel = roll(static_cast<uint32_t>(reference_.channels.size()));
      kit_.queueDestroy(channel + 1);
      reference_.channels[channel].destroys.push_back(++reference_.service);
    }
  }

  void setLimits() {
    for (size_t i = 0; i < reference_.channels.size(); ++i) {
      const uint32_t cwnd = roll(30);
      const uint32_t unacked = roll(40);
      const uint32_t notsent = roll(3) == 0 ? roll(40'000) : 0;
      kit_.setTcpInfo(static_cast<uint32_t>(i + 1), kit_.now(), figures(cwnd, unacked, 700, notsent));
      const int64_t space = std::max<int64_t>(int64_t{cwnd} - unacked, 0) * 700;
      const int64_t reserve = int64_t{cwnd} * 700 - notsent;
      reference_.channels[i].limit = static_cast<uint64_t>(std::max<int64_t>(space + reserve, 0));
      reference_.channels[i].written = 0;
    }
  }

  bool keepsLimits() const {
    for (uint32_t i = 1; i <= reference_.channels.size(); ++i) {
      const bool asked = kit_.channel(i)->slot.infoRun == kit_.runNumber();
      if (asked && kit_.writtenOf(i) > kit_.limitOf(i)) return false;
    }
    return true;
  }

  std::mt19937 random_;
  ScriptedScheduler kit_;
  Reference reference_;
};

}  // namespace

TEST_CASE("the order with runs of cells equals the order one cell at a time") {
  uint64_t cells = 0;
  for (uint32_t seed = 1; seed <= 3000; ++seed) {
    CAPTURE(seed);
    Scenario scenario(seed);
    REQUIRE(scenario.play());
    cells += scenario.cells;
  }
  // The scenarios are not empty.
  CHECK(cells > 100'000);
}

TEST_CASE("the same scenario gives the same trace twice") {
  const auto play = [] {
    ScriptedScheduler kit("kist");
    std::mt19937 random(3);
    for (int i = 0; i < 5; ++i) kit.addChannel();
    for (uint32_t i = 0; i < 40; ++i) kit.addCircuit(1 + i % 5);
    for (int i = 0; i < 200; ++i) {
      kit.queueCells(static_cast<uint32_t>(1 + random() % 40), static_cast<uint32_t>(1 + random() % 30));
      kit.advance(static_cast<TimeNs>(random() % 3) * kMillisecond);
      kit.drained(static_cast<uint32_t>(1 + random() % 5));
    }
    return std::make_pair(cellOrder(kit.trace()), kit.stats().lightRuns + 1000 * kit.stats().drainRuns);
  };
  CHECK(play() == play());
}
