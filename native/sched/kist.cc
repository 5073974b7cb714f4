#include "sched/kist.h"

#include "sched/write_limit.h"

namespace kist {
namespace {

/// Fills slot.info. False: this run does without.
bool readInfo(SchedulerRun& run, SchedulableChannel& channel) {
  SchedulerSlot& slot = channel.slot;
  if (slot.tcpInfoUnsupported) return false;
  if (channel.ownTcpInfo(slot.info)) return true;
  ++run.stats().tcpInfoCalls;
  const Status status = run.source().read(channel.tcpInfoTarget(), slot.info);
  if (isOk(status)) return true;
  if (status == Status::kUnsupported) {
    slot.tcpInfoUnsupported = true;
  } else {
    ++run.stats().tcpInfoErrors;
  }
  return false;
}

}  // namespace

void Kist::refreshLimit(SchedulerRun& run, SchedulableChannel& channel) {
  if (!readInfo(run, channel)) {
    ++run.stats().fallbacks;
    limitByOutbuf(run, channel);
    return;
  }
  const SchedulerConfig& config = run.config();
  SchedulerSlot& slot = channel.slot;
  const WriteLimit result = kistLimit(slot.info, channel.outbufLength(), config.sockBufSizeFactor,
                                      config.pacingCap ? config.interval : 0);
  slot.limit = result.limit;
  slot.share = result.share;
  slot.reserve = result.reserve;
  slot.tcpSpace = result.tcpSpace;
}

}  // namespace kist
