// Throughput of N reactors that pass circuits on over memory transports, with the load made inside each
// reactor, and of N plain threads that copy and hash cells of their own: what this machine's cores can gain
// at all.
//
//   reactor_scaling reactors --threads N [--cross PERCENT] [--policy NAME] [--circuits C] [--channels K]
//                   [--warm-up-ms T] [--window-ms T]
//   reactor_scaling spin --threads N [--warm-up-ms T] [--window-ms T]
//
// C circuits and K channels each way per reactor; PERCENT of each reactor's circuits go on to the next
// reactor's channels. Prints {event: "result", perSecond, busy}: cells delivered per second of all threads
// together, and the CPU share of the least busy thread; with `fault` when it proves nothing.
#include <csignal>
#include <future>
#include <thread>

#include "dataplane/data_plane.h"
#include "support_memory_load.h"
#include "support_report.h"

namespace kist {

namespace {

struct Options {
  uint32_t threads, cross, circuits, channels;
  std::string policy;
  TimeNs warmUp, window;
};

void sleepFor(TimeNs time) { std::this_thread::sleep_for(std::chrono::nanoseconds(time)); }

/// The reactors with their load, and the little control plane that sets the circuits up.
class ScalingPlane {
 public:
  explicit ScalingPlane(const Options& options)
      : options_(options),
        events_([] {}, [] {}),
        rings_(options.threads),
        budget_(uint64_t{4} << 30, options.threads) {
    config_.threads = options.threads;
    config_.policy = options.policy;
    config_.tcpInfoSource = "mock";
    endpoint_.dialect = &dialect_;
    endpoint_.transport = findTransport("memory");
    for (uint32_t i = 0; i < options.threads; ++i) {
      int error = 0;
      threads_.push_back(ReactorThread::create(error));
      if (!threads_.back()) fail("cannot make an event loop");
      rings_.loops[i] = &threads_.back()->loop();
    }
    for (uint32_t i = 0; i < options.threads; ++i) {
      const SharedPlane shared{events_, rings_, budget_, hub_};
      reactors_.push_back(std::make_unique<Reactor>(i, *rings_.loops[i], config_, shared));
      // Windows that together are what a memory pipe holds: memory has no kernel to ask.
      auto& source = static_cast<MockTcpInfo&>(reactors_.back()->tcpInfoSource());
      source.setDefault({Status::kOk, TcpInfo{MemoryOptions{}.capacity / 2 / 1448, 0, 1448, 0, 0}});
      loads_.push_back(std::make_unique<MemoryLoad>(*rings_.loops[i], hub_));
      int error = 0;
      static_cast<void>(threads_[i]->start("bench-" + std::to_string(i), error));
    }
  }

  void setUp() {
    outgoing_.resize(options_.threads);
    for (uint32_t i = 0; i < options_.threads; ++i) {
      call(i, [this, i] {
        loads_[i]->listen(sinkPort(i));
        Reactor::Endpoint endpoint = endpoint_;
        endpoint.host = "relay";
        endpoint.port = relayPort(i);
        reactors_[i]->listen(i + 1, endpoint, -1);
        endpoint.host = "sink";
        endpoint.port = sinkPort(i);
        for (uint32_t k = 0; k < options_.channels; ++k) reactors_[i]->connect(i + 1, endpoint, 10 * kSecond);
      });
    }
    serveUntil([this] {
      for (const auto& channels : outgoing_) {
        if (channels.size() < options_.channels) return false;
      }
      return true;
    });
    for (uint32_t i = 0; i < options_.threads; ++i) {
      call(i, [this, i] {
        for (uint32_t k = 0; k < options_.channels; ++k) {
          loads_[i]->connect(relayPort(i), options_.circuits / options_.channels);
        }
      });
    }
    serveUntil([this] { return accepted_ == options_.channels * options_.threads; });
    for (uint32_t i = 0; i < options_.threads; ++i) call(i, [this, i] { loads_[i]->create(); });
    const uint64_t circuits =
        uint64_t{options_.circuits / options_.channels} * options_.channels * options_.threads;
    serveUntil([this, circuits] { return sum(&MemoryLoad::Counters::ready) == circuits; });
  }

  void measure() {
    for (uint32_t i = 0; i < options_.threads; ++i) call(i, [this, i] { loads_[i]->setRunning(true); });
    sleepFor(options_.warmUp);
    const Moment before = moment();
    sleepFor(options_.window);
    const Moment after = moment();
    for (uint32_t i = 0; i < options_.threads; ++i) call(i, [this, i] { loads_[i]->setRunning(false); });
    const TimeNs deadline = clock_.now() + 5 * kSecond;
    while (sum(&MemoryLoad::Counters::delivered) != sum(&MemoryLoad::Counters::sent) &&
           clock_.now() < deadline) {
      sleepFor(10 * kMillisecond);
    }
    const auto wall = static_cast<double>(after.at - before.at);
    double busy = 1;
    JsonLine line("result");
    for (uint32_t i = 0; i < options_.threads; ++i) {
      const ReactorSnapshot& now = after.reactors[i];
      busy = std::min(busy, static_cast<double>(now.cpuNs - before.reactors[i].cpuNs) / wall);
    }
    line.add("perSecond", static_cast<double>(after.delivered - before.delivered) / wall * kSecond);
    line.add("busy", busy);
    line.add("denied", static_cast<double>(after.denied - before.denied) / wall / options_.threads);
    const ReactorSnapshot& first = after.reactors[0];
    line.add("cellsCrossed", first.counters.cellsCrossed - before.reactors[0].counters.cellsCrossed);
    line.add("runs", first.scheduler.timedRuns + first.scheduler.drainRuns + first.scheduler.lightRuns +
                         first.scheduler.fullRuns);
    line.add("sleeps", first.sleeps - before.reactors[0].sleeps);
    line.add("pauses", first.counters.channelPauses - before.reactors[0].counters.channelPauses);
    const uint64_t sent = sum(&MemoryLoad::Counters::sent);
    const uint64_t delivered = sum(&MemoryLoad::Counters::delivered);
    const uint64_t wrong = sum(&MemoryLoad::Counters::wrong);
    if (wrong > 0) line.raw("fault", "\"" + std::to_string(wrong) + " unexpected cells\"");
    if (sent != delivered) {
      line.raw("fault",
               "\"" + std::to_string(delivered) + " of " + std::to_string(sent) + " cells arrived\"");
    }
    line.print();
  }

 private:
  struct Moment {
    TimeNs at = 0;
    int64_t denied = 0;
    uint64_t delivered = 0;
    std::vector<ReactorSnapshot> reactors;
  };

  static uint16_t sinkPort(uint32_t reactor) { return static_cast<uint16_t>(1000 + reactor); }
  static uint16_t relayPort(uint32_t reactor) { return static_cast<uint16_t>(2000 + reactor); }

  /// Runs `act` on a reactor's loop and waits for it.
  template <typename F>
  void call(uint32_t reactor, F act) {
    std::promise<void> done;
    rings_.loops[reactor]->post([&] {
      act();
      done.set_value();
    });
    done.get_future().wait();
  }

  template <typename F>
  void post(Handle handle, F act) {
    Reactor& reactor = *reactors_[handle.reactor()];
    reactor.loop().post([&reactor, act] { act(reactor); });
  }

  Moment moment() {
    Moment result;
    for (uint32_t i = 0; i < options_.threads; ++i) {
      call(i, [&] { result.reactors.push_back(reactors_[i]->snapshot()); });
    }
    result.at = clock_.now();
    result.denied = deniedCpuNs();
    result.delivered = sum(&MemoryLoad::Counters::delivered);
    return result;
  }

  uint64_t sum(std::atomic<uint64_t> MemoryLoad::Counters::*counter) const {
    uint64_t total = 0;
    for (const auto& load : loads_) total += (load->counters().*counter).load(std::memory_order_relaxed);
    return total;
  }

  template <typename F>
  void serveUntil(F isDone) {
    const TimeNs deadline = clock_.now() + kSetUpTime;
    while (!isDone()) {
      for (const Event& event : events_.drain(1024)) serve(event);
      if (clock_.now() > deadline) fail("the circuits were not set up in time");
      sleepFor(kMillisecond);
    }
  }

  /// Channels need no link handshake here: both ends are ours.
  void serve(const Event& event) {
    const Handle handle{event.handle};
    switch (event.kind) {
      case EventKind::kChannelAccepted:
        ++accepted_;
        return post(handle, [handle](Reactor& reactor) { reactor.openChannel(handle, false); });
      case EventKind::kChannelConnected:
        outgoing_[handle.reactor()].push_back(handle);
        return post(handle, [handle](Reactor& reactor) { reactor.openChannel(handle, true); });
      case EventKind::kCircuitCreate:
        return extend(handle);
      case EventKind::kCircuitCreated:
        return post(handle, [handle](Reactor& reactor) {
          reactor.withCircuit(handle, [](CellSwitch& cells, Circuit& circuit) {
            cells.spliceCircuit(circuit, 0, kRelayExtended, {});
          });
        });
      case EventKind::kCircuitCreateFailed:
      case EventKind::kCircuitClosed:
      case EventKind::kChannelClosed:
      case EventKind::kChannelConnectFailed:
        fail("a circuit or channel failed during set-up");
      default:
        return;
    }
  }

  void extend(Handle handle) {
    const uint32_t home = handle.reactor();
    const uint32_t turn = turns_[home]++;
    // Spread evenly: 50 % is every other circuit.
    const bool crosses = (turn + 1) * options_.cross / 100 != turn * options_.cross / 100;
    const std::vector<Handle>& channels = outgoing_[crosses ? (home + 1) % options_.threads : home];
    const Handle next = channels[turn % channels.size()];
    post(handle, [handle, next](Reactor& reactor) {
      reactor.withCircuit(handle, [next](CellSwitch& cells, Circuit& circuit) {
        cells.acceptCircuit(circuit, {});
        cells.holdCircuit(circuit);
        cells.extendCircuit(circuit, next, {});
      });
    });
  }

  const Options options_;
  const SystemClock clock_;
  const Tor61Dialect dialect_;
  PlaneConfig config_;
  Reactor::Endpoint endpoint_;
  EventQueue events_;
  RingMatrix rings_;
  MemoryBudget budget_;
  MemoryHub hub_;
  std::vector<std::unique_ptr<ReactorThread>> threads_;
  std::vector<std::unique_ptr<Reactor>> reactors_;
  std::vector<std::unique_ptr<MemoryLoad>> loads_;
  std::vector<std::vector<Handle>> outgoing_;
  uint32_t accepted_ = 0;
  uint32_t turns_[Handle::kMaxReactors] = {};
};

struct alignas(64) Spinner {
  std::atomic<uint64_t> cells{0};
  std::atomic<int64_t> cpuNs{0};
};

/// Copies and hashes cells between two buffers that fit a core's own cache.
void spin(Spinner& spinner, const std::atomic<bool>& stop) {
  constexpr size_t kCell = MemoryLoad::kLength;
  constexpr size_t kBytes = 256 * kCell;
  std::vector<uint8_t> from(kBytes, 1), to(kBytes);
  uint64_t hash = 1;
  while (!stop.load(std::memory_order_relaxed)) {
    for (size_t at = 0; at < kBytes; at += kCell) {
      std::memcpy(to.data() + at, from.data() + at, kCell);
      for (size_t i = 0; i < kCell; i += 8) {
        uint64_t word;
        std::memcpy(&word, to.data() + at + i, 8);
        hash = (hash ^ word) * 0x100000001b3u;
      }
      std::memcpy(from.data() + at, &hash, 8);
    }
    spinner.cells.fetch_add(kBytes / kCell, std::memory_order_relaxed);
    spinner.cpuNs.store(threadCpuNs(), std::memory_order_relaxed);
  }
}

void measureSpinning(const Options& options) {
  std::atomic<bool> stop{false};
  std::vector<Spinner> spinners(options.threads);
  std::vector<std::thread> threads;
  threads.reserve(options.threads);
  for (Spinner& spinner : spinners) threads.emplace_back([&] { spin(spinner, stop); });
  sleepFor(options.warmUp);
  std::vector<uint64_t> cells;
  std::vector<int64_t> cpu;
  const SystemClock clock;
  const TimeNs from = clock.now();
  const int64_t deniedBefore = deniedCpuNs();
  for (const Spinner& spinner : spinners) {
    cells.push_back(spinner.cells);
    cpu.push_back(spinner.cpuNs);
  }
  sleepFor(options.window);
  const auto wall = static_cast<double>(clock.now() - from);
  const double denied = static_cast<double>(deniedCpuNs() - deniedBefore) / wall / options.threads;
  double total = 0;
  double busy = 1;
  for (uint32_t i = 0; i < options.threads; ++i) {
    total += static_cast<double>(spinners[i].cells - cells[i]);
    busy = std::min(busy, static_cast<double>(spinners[i].cpuNs - cpu[i]) / wall);
  }
  JsonLine("result").add("perSecond", total / wall * kSecond).add("busy", busy).add("denied", denied).print();
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

int run(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  Args args(argc, argv, 2);
  Options options;
  options.threads = static_cast<uint32_t>(args.number("threads", 1, 1, 16));
  options.cross = static_cast<uint32_t>(args.number("cross", 0, 0, 100));
  options.circuits = static_cast<uint32_t>(args.number("circuits", 100, 1, 10'000));
  options.channels = static_cast<uint32_t>(args.number("channels", 4, 1, 1000));
  options.policy = args.text("policy", "vanilla");
  options.warmUp = args.number("warm-up-ms", 500, 0, 60'000) * kMillisecond;
  options.window = args.number("window-ms", 2000, 1, 60'000) * kMillisecond;
  args.finish();
  if (mode == "spin") {
    measureSpinning(options);
    return 0;
  }
  if (mode != "reactors") fail("usage: reactor_scaling reactors|spin --threads N ...");
  ScalingPlane plane(options);
  plane.setUp();
  plane.measure();
  std::fflush(stdout);
  // The process ends with its threads in mid flight: there is nothing to save.
  std::_Exit(0);
}

}  // namespace

}  // namespace kist

int main(int argc, char** argv) { return kist::run(argc, argv); }
