#include "sched/batch_policy.h"

#include "sched/drain_wake.h"
#include "sched/write_limit.h"

namespace kist {

namespace {

/// With a thousand pending channels each has left the cache when its turn comes: it is fetched while earlier
/// ones wait for the kernel.
constexpr size_t kChannelsAhead = 2;
/// The slot and what a channel keeps right after it.
constexpr size_t kFetchedBytes = 384;
constexpr size_t kCacheLine = 64;

void prefetch(const SchedulableChannel* channel) {
  if (channel == nullptr) return;
  const char* bytes = reinterpret_cast<const char*>(channel);
  for (size_t at = 0; at < kFetchedBytes; at += kCacheLine) __builtin_prefetch(bytes + at);
}

}  // namespace

void BatchPolicy::run(SchedulerRun& run) {
  refreshAll(run);
  while (SchedulableChannel* channel = run.ready().top()) {
    if (run.isOver()) break;
    serve(run, *channel);
  }
  run.writeOutbufs();
  for (size_t i = 0; i < run.size(); ++i) {
    SchedulableChannel* channel = run.at(i);
    if (channel == nullptr || channel->slot.state != ChannelState::kPending) continue;
    if (!channel->slot.hasRoom) onOutOfRoom(run, *channel);
  }
}

void BatchPolicy::refreshAll(SchedulerRun& run) {
  for (size_t i = 0; i < run.size(); ++i) {
    if (i + kChannelsAhead < run.size()) prefetch(run.at(i + kChannelsAhead));
    SchedulableChannel* channel = run.at(i);
    if (channel == nullptr) continue;
    if (!channel->isWritable()) {
      run.leave(*channel, ChannelState::kIdle);
      continue;
    }
    SchedulerSlot& slot = channel->slot;
    slot.infoRun = run.number();
    slot.written = 0;
    refreshLimit(run, *channel);
    slot.hasRoom = slot.limit >= channel->nextCellCost();
    if (!slot.hasRoom) {
      ++run.stats().limitsAtZero;
      continue;
    }
    slot.parkStep = 0;
    slot.drainedInVain = false;
    if (const auto key = channel->mux().key()) {
      run.ready().append(*channel, *key);
    } else {
      run.leave(*channel, ChannelState::kWaitingForCells);
    }
  }
  run.ready().rebuild();
}

void BatchPolicy::serve(SchedulerRun& run, SchedulableChannel& channel) {
  SchedulerSlot& slot = channel.slot;
  const SchedulerRun::Outcome outcome = run.flush(channel, slot.limit - slot.written);
  if (outcome == SchedulerRun::Outcome::kLeft) return;
  const auto key = channel.mux().key();
  if (!channel.isWritable()) {
    run.leave(channel, ChannelState::kIdle);
  } else if (!key) {
    run.leave(channel, ChannelState::kWaitingForCells);
  } else if (outcome == SchedulerRun::Outcome::kNothing) {
    // Looks as if it could write and does not: it must not hold up the run.
    run.ready().remove(channel);
  } else if (slot.written >= slot.limit || slot.limit - slot.written < channel.nextCellCost()) {
    slot.hasRoom = false;
    run.ready().remove(channel);
  } else {
    run.ready().update(channel, *key);
  }
}

void BatchPolicy::limitByOutbuf(SchedulerRun& run, SchedulableChannel& channel) {
  SchedulerSlot& slot = channel.slot;
  clearNotsentLowat(run, channel);
  slot.limit = outbufRoom(channel.outbufLength(), run.config().outbufHigh);
  slot.share = slot.reserve = slot.tcpSpace = 0;
  slot.info = TcpInfo{};
}

}  // namespace kist
