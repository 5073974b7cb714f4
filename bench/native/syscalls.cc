// What a KIST run costs beyond its system calls: limit refresh and heap of a real Scheduler over real
// channels in which nothing is writable, beside a bare getsockopt(TCP_INFO) loop over the same sockets and
// beside the two calls that C tor makes. One trial: syscalls PENDING IDLE SAMPLES. Prints one JSON object;
// times are thread CPU nanoseconds.
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "scheduler_rig.h"
#include "socket_pairs.h"
#include "support_report.h"

namespace kist {
namespace {

constexpr const char* kCongestion = "cubic";
/// Calls between two readings of the clock, so that reading it costs nothing in proportion.
constexpr size_t kCallsPerSample = 500;
constexpr int kWakes = 1000;

/// CPU time of one call of `act`, the mean over `count`.
template <typename F>
double timed(size_t count, F&& act) {
  const int64_t start = threadCpuNs();
  for (size_t i = 0; i < count; ++i) act();
  return static_cast<double>(threadCpuNs() - start) / static_cast<double>(count);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

uint64_t sweepOnce(const std::vector<int>& fds) {
  uint64_t sum = 0;
  tcp_info info;
  for (const int fd : fds) {
    if (readTcpInfo(fd, info)) sum += info.tcpi_snd_cwnd;
  }
  return sum;
}

uint64_t sweepTwice(const std::vector<int>& fds) {
  uint64_t sum = 0;
  tcp_info info;
  for (const int fd : fds) {
    int notsent = 0;
    if (readTcpInfo(fd, info)) sum += info.tcpi_snd_cwnd;
    if (ioctl(fd, SIOCOUTQNSD, &notsent) == 0) sum += static_cast<uint64_t>(notsent);
  }
  return sum;
}

/// CPU time of a turn of the loop that a timer woke and that found nothing to do.
double timerWake(EpollLoop& loop) {
  int fired = 0;
  Timer timer(loop.timers(), [&fired] { ++fired; });
  return timed(kWakes, [&] {
    const int before = fired;
    timer.arm(loop.now() + 100 * kMicrosecond);
    while (fired == before) loop.runOnce(kSecond);
  });
}

/// The same for a turn that another thread asked for (an eventfd).
double postedWake(EpollLoop& loop) {
  int ran = 0;
  std::thread poster([&] {
    for (int i = 0; i < kWakes; ++i) {
      usleep(100);
      loop.post([&ran] { ++ran; });
    }
  });
  const double perWake = timed(1, [&] {
    while (ran < kWakes) loop.runOnce(kSecond);
  });
  poster.join();
  return perWake / kWakes;
}

void raiseLimits() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void checkRuns(const SchedulerStats& stats, uint64_t runs, size_t pending) {
  const uint64_t expected = runs * pending;
  if (stats.timedRuns == runs && stats.tcpInfoCalls == expected && stats.limitsAtZero == expected &&
      stats.cellsWritten == 0 && stats.fallbacks == 0) {
    return;
  }
  fail("not every run asked every pending socket and found it full");
}

int trial(size_t pending, size_t idle, size_t samples) {
  raiseLimits();
  SocketPairs pairs(kCongestion);
  const std::vector<int> fds = openFull(pairs, pending);
  SchedulerRig rig;
  for (size_t i = 0; i < idle; ++i) rig.addChannel(pairs.open(), false);
  for (const int fd : fds) rig.addChannel(fd, true);

  const size_t rounds = std::max<size_t>(1, kCallsPerSample / pending);
  std::vector<double> run, once, twice, overBare, overTwice;
  uint64_t sum = 0;
  for (size_t i = 0; i < rounds; ++i) rig.run();
  for (size_t i = 0; i < samples; ++i) {
    const auto measure = [&](size_t which) {
      if (which == 0) run.push_back(timed(rounds, [&] { rig.run(); }));
      if (which == 1) once.push_back(timed(rounds, [&] { sum += sweepOnce(fds); }));
      if (which == 2) twice.push_back(timed(rounds, [&] { sum += sweepTwice(fds); }));
    };
    for (size_t turn = 0; turn < 3; ++turn) measure((turn + i) % 3);
    overBare.push_back(run.back() / once.back());
    overTwice.push_back(run.back() / twice.back());
  }
  checkRuns(rig.scheduler().stats(), (samples + 1) * rounds, pending);

  JsonLine("result")
      .add("pending", static_cast<uint64_t>(pending))
      .add("idle", static_cast<uint64_t>(idle))
      .add("runNs", median(run))
      .add("bareNs", median(once))
      .add("twoCallsNs", median(twice))
      .add("overBare", median(overBare))
      .add("overTwoCalls", median(overTwice))
      .add("timerWakeNs", timerWake(rig.loop()))
      .add("postedWakeNs", postedWake(rig.loop()))
      .add("checksum", sum)
      .print();
  return 0;
}

}  // namespace
}  // namespace kist

int main(int argc, char** argv) {
  size_t numbers[3] = {};
  for (int i = 0; i < 3 && i + 1 < argc; ++i) numbers[i] = std::strtoul(argv[i + 1], nullptr, 10);
  if (argc != 4 || numbers[0] == 0 || numbers[2] == 0) kist::fail("usage: syscalls PENDING IDLE SAMPLES");
  return kist::trial(numbers[0], numbers[1], numbers[2]);
}
