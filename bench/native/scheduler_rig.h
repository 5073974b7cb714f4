#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "channel/channel.h"
#include "circuit/circuit_queue.h"
#include "loop/epoll_loop.h"
#include "registry/dialects.h"
#include "registry/muxes.h"
#include "registry/schedulers.h"
#include "registry/tcp_info_sources.h"
#include "sched/scheduler.h"
#include "socket_pairs.h"
#include "transport/tcp_transport.h"

namespace kist {

/// What a reactor keeps for its scheduler and channels, of the same classes, with sockets that the bench
/// opened: EpollLoop, Scheduler (kist, kernel figures), Channel over TcpTransport, EWMA mux, one circuit a
/// channel.
class SchedulerRig {
 public:
  SchedulerRig()
      : loop_(makeLoop()),
        clock_(*loop_),
        scratch_(128 * 1024),
        base_(loop_->now()),
        source_(findTcpInfoSource("kernel")->make(clock_)),
        scheduler_(clock_, base_, *source_, config(), findScheduler("kist")->make()),
        context_{*loop_, cells_, chunks_, scheduler_, counters_, limits_, scratch_} {}
  ~SchedulerRig() {
    for (CircuitQueue& queue : queues_) {
      while (!queue.isEmpty()) cells_.giveBack(queue.pop());
    }
  }
  SchedulerRig(const SchedulerRig&) = delete;
  SchedulerRig& operator=(const SchedulerRig&) = delete;

  EpollLoop& loop() { return *loop_; }
  Scheduler& scheduler() { return scheduler_; }

  /// An open channel over `fd`; with `pending`, one whose circuit has a cell to send.
  void addChannel(int fd, bool pending) {
    SocketOptions options;
    options.userTimeoutMs = 0;
    auto transport = TcpTransport::accept(*loop_, fd, options);
    channels_.push_back(std::make_unique<Channel>(context_, listener_, *findDialect("tor61"),
                                                  std::move(transport), findMux("ewma")->make(base_)));
    Channel& channel = *channels_.back();
    channel.handle = Handle::make(0, static_cast<uint32_t>(channels_.size()), 1);
    if (!isOk(channel.start(false))) fail("the loop took no more channels");
    channel.open(true);
    if (!pending) return;
    CircuitQueue& queue = queues_.emplace_back();
    channel.mux().attach(queue, queues_.size());
    Cell* cell = cells_.take();
    cell->queuedAt = loop_->now();
    queue.push(cell);
    channel.mux().activate(queue);
    scheduler_.onCells(channel, &queue);
  }

  /// One timed run, due at once.
  void run() {
    clock_.advance(SchedulerConfig::kDefaultInterval);
    scheduler_.run();
  }

 private:
  /// The loop's clock read anew, as in a reactor, but every run's interval is over at once.
  class BenchClock final : public Clock {
   public:
    explicit BenchClock(EpollLoop& loop) : loop_(loop) {}
    TimeNs now() const override { return loop_.refreshNow() + ahead_; }
    void advance(TimeNs by) { ahead_ += by; }

   private:
    EpollLoop& loop_;
    TimeNs ahead_ = 0;
  };
  class SilentListener final : public Channel::Listener {
   public:
    void onChannelConnected(Channel&) override {}
    void onCell(Channel&, const CellView&) override {}
    void onQueueLow(Channel&, CircuitQueue&) override {}
    void onChannelDone(Channel&) override { fail("a channel ended"); }
    void onInputWaiting(Channel&) override {}
  };

  static std::unique_ptr<EpollLoop> makeLoop() {
    int error = 0;
    auto loop = EpollLoop::create(error);
    if (loop == nullptr) fail("epoll", error);
    return loop;
  }
  /// Every run asks every pending channel: none is left alone because it had no room.
  static SchedulerConfig config() {
    SchedulerConfig config;
    config.parking = false;
    config.maxRun = kSecond;
    return config;
  }

  std::unique_ptr<EpollLoop> loop_;
  BenchClock clock_;
  std::vector<uint8_t> scratch_;
  CellPool cells_;
  ChunkPool chunks_;
  ReactorCounters counters_;
  FlowLimits limits_;
  PriorityBase base_;
  std::unique_ptr<TcpInfoSource> source_;
  Scheduler scheduler_;
  ChannelContext context_;
  SilentListener listener_;
  std::deque<CircuitQueue> queues_;
  std::vector<std::unique_ptr<Channel>> channels_;
};

}  // namespace kist
