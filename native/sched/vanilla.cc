#include "sched/vanilla.h"

#include "sched/drain_wake.h"
#include "sched/scheduler_run.h"
#include "sched/write_limit.h"

namespace kist {

namespace {

/// False when the run has lasted too long.
bool serve(SchedulerRun& run, size_t index) {
  SchedulableChannel& channel = *run.at(index);
  SchedulerSlot& slot = channel.slot;
  slot.infoRun = run.number();
  slot.written = slot.limit = 0;
  clearNotsentLowat(run, channel);
  bool wrote = false;
  while (channel.isWritable()) {
    const uint64_t room = outbufRoom(channel.outbufLength(), run.config().outbufHigh);
    slot.hasRoom = room >= channel.nextCellCost();
    if (slot.hasRoom) {
      if (run.isOver()) {
        channel.writeOutbuf();
        return false;
      }
      slot.limit = slot.written + room;
      const SchedulerRun::Outcome outcome = run.flush(channel, room);
      if (run.at(index) == nullptr) return true;
      wrote = false;
      if (outcome == SchedulerRun::Outcome::kMoved && channel.mux().hasCells()) continue;
      // With cells left it does not write though it could: it must not keep the loop awake.
      const bool hasCells = channel.mux().hasCells();
      run.leave(channel, hasCells ? ChannelState::kWaitingToWrite : ChannelState::kWaitingForCells);
      channel.writeOutbuf();
      return true;
    }
    if (wrote) {
      run.leave(channel, ChannelState::kWaitingToWrite);
      return true;
    }
    channel.writeOutbuf();
    if (run.at(index) == nullptr || slot.state != ChannelState::kPending) return true;
    wrote = true;
  }
  run.leave(channel, ChannelState::kIdle);
  return true;
}

}  // namespace

void Vanilla::run(SchedulerRun& run) {
  for (size_t i = 0; i < run.size(); ++i) {
    if (run.at(i) == nullptr || run.at(i)->slot.state != ChannelState::kPending) continue;
    if (!serve(run, i)) return;
  }
}

}  // namespace kist
