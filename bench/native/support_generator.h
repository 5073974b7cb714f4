#pragma once

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <memory>
#include <vector>

#include "support_cell.h"
#include "support_report.h"
#include "support_wire.h"

namespace kist {

/// The origin of a bench: opens channels to the relay under test, builds circuits through it to the sink, so
/// that the relay is a middle hop, and sends DATA. Bulk circuits are saturated or share a fixed rate; quiet
/// circuits send a few cells a second, each with its time, at irregular moments so that they do not march in
/// step with a scheduler.
///
/// Commands: `start`, `stop`, `report`, `quit`.
class Generator {
 public:
  struct QuietPlace {
    uint32_t in, out;
  };
  struct Init {
    std::string host = "127.0.0.1";
    uint16_t port = 0;
    uint32_t agent = 0;
    uint32_t channels = 1;
    uint32_t bulk = 1;                 ///< Circuits.
    uint32_t bulkIn = 0, bulkOut = 0;  ///< On the first so many channels and sinks; 0: all.
    uint64_t rate = 0;                 ///< Of all bulk circuits, cells per second; 0: saturated.
    std::vector<QuietPlace> quiet;
    double quietRate = 10;    ///< Bursts per second of each.
    uint32_t quietBurst = 1;  ///< Cells of a burst.
    std::string sinkHost = "127.0.0.1";
    std::vector<uint16_t> sinks;
    uint32_t firstSinkAgent = 0x00640000;
    uint32_t firstAgent = 0x00c80000;
    uint64_t cells = 0;       ///< Bulk cells in all; 0: no end.
    TimeNs duration = 0;      ///< After `start`; 0: no end.
    uint32_t batch = 131072;  ///< Bytes made at a time.
    SocketOptions socket;
  };

  explicit Generator(const Init& init)
      : init_(init),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    for (uint32_t i = 0; i < init.channels; ++i) openChannel(i);
    const uint32_t in = init.bulkIn == 0 ? init.channels : init.bulkIn;
    const auto out = init.bulkOut == 0 ? static_cast<uint32_t>(init.sinks.size()) : init.bulkOut;
    // Circuits of one channel in go to different channels out.
    for (uint32_t i = 0; i < init.bulk; ++i) addCircuit(i % in, (i + i / in) % out, false);
    for (const QuietPlace& place : init.quiet) addCircuit(place.in, place.out, true);
    watch(STDIN_FILENO, EPOLLIN, kInputTag);
    watch(timer_, EPOLLIN, kTimerTag);
    for (uint32_t i = 0; i < channels_.size(); ++i) watch(channels_[i].fd, EPOLLIN | EPOLLOUT | EPOLLET, i);
    JsonLine("ready").add("circuits", static_cast<uint64_t>(circuits_.size())).print();
  }

  void run() {
    epoll_event events[64];
    while (!done_) {
      const int count = epoll_wait(epoll_, events, 64, hasWork() ? 0 : -1);
      now_ = clock_.now();
      for (int i = 0; i < count; ++i) serve(events[i]);
      if (running_) sendDue();
    }
    report("end");
  }

 private:
  static constexpr uint64_t kInputTag = UINT64_MAX, kTimerTag = UINT64_MAX - 1;
  static constexpr uint64_t kTimedShare = 64;             ///< One bulk cell in so many carries a time.
  static constexpr size_t kMaxBacklog = 8 * 1024 * 1024;  ///< Of a channel at a fixed rate, bytes.
  static constexpr TimeNs kTick = kMillisecond;

  struct Channel {
    int fd = -1;
    uint32_t agent = 0;
    uint16_t nextCircId = 1;
    bool writable = true;
    bool isBulk = false;
    TimeNs blockedSince = 0;
    TimeNs blocked = 0;
    std::vector<uint8_t> buffer;
    size_t sent = 0;  ///< Bytes of buffer that are gone.
    std::vector<uint32_t> circuits;
    size_t turn = 0;
  };
  struct Circuit {
    uint32_t channel = 0;
    bool quiet = false;
    uint64_t sequence = 0;
    uint64_t pattern = 0;
    TimeNs nextAt = 0;  ///< Of a quiet one.
    uint8_t cell[BenchCell::kLength];
  };

  void watch(int fd, uint32_t events, uint64_t data) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = data;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void openChannel(uint32_t index) {
    Channel channel;
    channel.agent = init_.firstAgent + index;
    channel.fd = connectTo(init_.host, init_.port, init_.socket);
    openChannelOn(channel.fd, channel.agent, init_.agent);
    channels_.push_back(std::move(channel));
  }

  void addCircuit(uint32_t in, uint32_t out, bool quiet) {
    if (in >= channels_.size() || out >= init_.sinks.size()) fail("a circuit names no channel or no sink");
    Channel& channel = channels_[in];
    const uint16_t circId = channel.nextCircId;
    channel.nextCircId = static_cast<uint16_t>(circId + 2);
    createCircuitOn(channel.fd, circId);
    extendCircuitOn(channel.fd, circId, init_.sinkHost, init_.sinks[out], init_.firstSinkAgent + out);
    const auto number = static_cast<uint32_t>(circuits_.size());
    Circuit circuit;
    circuit.channel = in;
    circuit.quiet = quiet;
    circuit.pattern = BenchCell::encode(circuit.cell, circId, number);
    circuits_.push_back(circuit);
    if (quiet) {
      quiet_.push_back(number);
    } else {
      channel.circuits.push_back(number);
      channel.isBulk = true;
    }
  }

  bool isSaturated() const { return running_ && init_.rate == 0 && bulkLeft() > 0; }
  uint64_t bulkLeft() const { return init_.cells == 0 ? UINT64_MAX : init_.cells - bulkCells_; }

  bool hasWork() const {
    if (!isSaturated()) return false;
    for (const Channel& channel : channels_) {
      if (channel.writable && channel.isBulk) return true;
    }
    return false;
  }

  void serve(const epoll_event& event) {
    if (event.data.u64 == kInputTag) return command();
    if (event.data.u64 == kTimerTag) {
      uint64_t expirations;
      static_cast<void>(!read(timer_, &expirations, sizeof expirations));
      return;
    }
    Channel& channel = channels_[event.data.u64];
    if (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readFrom(channel);
    if ((event.events & EPOLLOUT) && !channel.writable) {
      channel.writable = true;
      channel.blocked += now_ - channel.blockedSince;
      flush(channel);
    }
  }

  /// Nothing but DESTROY is expected from the relay.
  void readFrom(Channel& channel) {
    uint8_t bytes[16 * BenchCell::kLength];
    ssize_t count;
    while ((count = recv(channel.fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
      received_ += static_cast<uint64_t>(count);
    if (count == 0 || errno != EAGAIN) fail("the relay closed a channel");
  }

  void command() {
    for (const std::string& line : commands_.read()) {
      if (line == "start") start();
      if (line == "stop") stop();
      if (line == "report") report("report");
      if (line == "quit") done_ = true;
    }
  }

  void start() {
    running_ = true;
    startedAt_ = paidUntil_ = now_;
    for (const uint32_t number : quiet_) circuits_[number].nextAt = now_ + pause();
  }

  void stop() {
    running_ = false;
    JsonLine("stopped").add("cells", bulkCells_).add("quietCells", quietCells_).print();
  }

  void sendDue() {
    if (init_.duration > 0 && now_ - startedAt_ >= init_.duration) return stop();
    for (const uint32_t number : quiet_) sendQuiet(circuits_[number], number);
    if (init_.rate > 0) {
      sendPaced();
    } else {
      for (Channel& channel : channels_) {
        if (channel.writable && channel.isBulk && bulkLeft() > 0) saturate(channel);
      }
    }
    if (init_.cells > 0 && bulkLeft() == 0) return stop();
    armTimer();
  }

  void sendQuiet(Circuit& circuit, uint32_t number) {
    if (now_ < circuit.nextAt) return;
    circuit.nextAt = now_ + pause();
    Channel& channel = channels_[circuit.channel];
    const TimeNs at = clock_.now();
    for (uint32_t i = 0; i < init_.quietBurst; ++i) {
      append(channel, number, BenchCell::kFlagTimed | BenchCell::kFlagQuiet, at);
      ++quietCells_;
    }
    flush(channel);
  }

  /// Half to one and a half of the mean.
  TimeNs pause() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    const double share = 0.5 + static_cast<double>(random_ >> 11) / static_cast<double>(1ULL << 53);
    return static_cast<TimeNs>(share / init_.quietRate * static_cast<double>(kSecond));
  }

  /// The cells that fell due since the last tick, over all circuits in turn.
  void sendPaced() {
    const auto due = static_cast<uint64_t>(static_cast<double>(now_ - startedAt_) / kSecond *
                                           static_cast<double>(init_.rate));
    if (now_ - paidUntil_ < kTick) return;
    paidUntil_ = now_;
    uint64_t count = std::min(due - std::min(due, paced_), bulkLeft());
    paced_ = due;
    for (; count > 0; --count) {
      const auto number = static_cast<uint32_t>(nextPaced_++ % init_.bulk);
      Channel& channel = channels_[circuits_[number].channel];
      if (channel.buffer.size() - channel.sent > kMaxBacklog) {
        ++late_;
        continue;
      }
      appendBulk(channel, number);
    }
    for (Channel& channel : channels_) {
      if (channel.writable) flush(channel);
    }
  }

  void saturate(Channel& channel) {
    if (channel.buffer.empty()) {
      const uint64_t cells = std::min<uint64_t>(init_.batch / BenchCell::kLength, bulkLeft());
      now_ = clock_.now();
      for (uint64_t i = 0; i < cells; ++i) {
        appendBulk(channel, channel.circuits[channel.turn]);
        channel.turn = channel.turn + 1 == channel.circuits.size() ? 0 : channel.turn + 1;
      }
    }
    flush(channel);
  }

  void appendBulk(Channel& channel, uint32_t number) {
    const uint32_t flags = ++bulkCells_ % kTimedShare == 0 ? BenchCell::kFlagTimed : 0;
    append(channel, number, flags, now_);
  }

  void append(Channel& channel, uint32_t number, uint32_t flags, TimeNs time) {
    Circuit& circuit = circuits_[number];
    BenchCell::stamp(circuit.cell, {number, flags, circuit.sequence++, time}, circuit.pattern);
    channel.buffer.insert(channel.buffer.end(), circuit.cell, circuit.cell + BenchCell::kLength);
  }

  void flush(Channel& channel) {
    while (channel.writable && channel.sent < channel.buffer.size()) {
      const ssize_t count = send(channel.fd, channel.buffer.data() + channel.sent,
                                 channel.buffer.size() - channel.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      ++sends_;
      if (count > 0) {
        channel.sent += static_cast<size_t>(count);
      } else if (errno == EAGAIN) {
        channel.writable = false;
        channel.blockedSince = clock_.now();
      } else {
        fail(std::string("send: ") + std::strerror(errno));
      }
    }
    if (channel.sent < channel.buffer.size()) return;
    channel.buffer.clear();
    channel.sent = 0;
  }

  void armTimer() {
    TimeNs next = kNever;
    if (init_.rate > 0) next = paidUntil_ + kTick;
    for (const uint32_t number : quiet_) next = std::min(next, circuits_[number].nextAt);
    if (init_.duration > 0) next = std::min(next, startedAt_ + init_.duration);
    if (next == kNever || next == armedFor_) return;
    armedFor_ = next;
    itimerspec spec{};
    spec.it_value.tv_sec = next / kSecond;
    spec.it_value.tv_nsec = next % kSecond;
    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  void report(const char* event) {
    now_ = clock_.now();
    int64_t blocked = 0;
    int64_t bulkChannels = 0;
    size_t backlog = 0;
    for (const Channel& channel : channels_) {
      backlog += channel.buffer.size() - channel.sent;
      if (!channel.isBulk) continue;
      ++bulkChannels;
      blocked += channel.blocked + (channel.writable ? 0 : now_ - channel.blockedSince);
    }
    JsonLine(event)
        .add("nowNs", now_)
        .add("cpuNs", processCpuNs())
        .add("cells", bulkCells_)
        .add("quietCells", quietCells_)
        .add("lateCells", late_)
        .add("blockedNs", blocked)
        .add("bulkChannels", bulkChannels)
        .add("backlogBytes", static_cast<uint64_t>(backlog))
        .add("receivedBytes", received_)
        .add("sends", sends_)
        .print();
  }

  const Init init_;
  const SystemClock clock_;
  const int epoll_;
  const int timer_;
  Commands commands_;
  std::vector<Channel> channels_;
  std::vector<Circuit> circuits_;
  std::vector<uint32_t> quiet_;
  TimeNs now_ = 0, startedAt_ = 0, paidUntil_ = 0, armedFor_ = 0;
  uint64_t bulkCells_ = 0, quietCells_ = 0, late_ = 0, received_ = 0, sends_ = 0;
  uint64_t paced_ = 0, nextPaced_ = 0;
  uint64_t random_ = 0x2545f4914f6cdd1d;
  bool running_ = false;
  bool done_ = false;
};

}  // namespace kist
