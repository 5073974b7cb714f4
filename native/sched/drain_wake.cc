#include "sched/drain_wake.h"

#include <algorithm>

namespace kist {
namespace {

constexpr uint8_t kMaxParkStep = 4;
/// The kernel's option is an int.
constexpr int64_t kMaxLowat = INT32_MAX;

/// The value to set for the last figures, or 0 when the one in force will do.
uint32_t neededLowat(const SchedulerSlot& slot) {
  const int64_t floor = std::min(2 * static_cast<int64_t>(slot.info.mss), kMaxLowat);
  const int64_t wanted = std::clamp(slot.share, floor, kMaxLowat);
  const int64_t inForce = slot.notsentLowat;
  if (wanted == inForce) return 0;
  if (inForce == 0 || wanted / 2 >= inForce || wanted <= inForce / 2) return static_cast<uint32_t>(wanted);
  // A little more than needed, so that a window that grows by one segment a round trip does not ask every
  // time.
  if (slot.reserve > inForce) return static_cast<uint32_t>(std::min(wanted + wanted / 4, kMaxLowat));
  return 0;
}

/// True when the transport's drain event means that there is room again.
bool boundsUnsent(SchedulerRun& run, SchedulableChannel& channel) {
  SchedulerSlot& slot = channel.slot;
  if (slot.share == 0 && slot.info.mss == 0) return true;
  if (slot.lowatUnsupported) return false;
  const uint32_t lowat = neededLowat(slot);
  if (lowat == 0) return true;
  ++run.stats().lowatCalls;
  if (channel.setNotsentLowat(lowat)) {
    slot.notsentLowat = lowat;
  } else {
    slot.lowatUnsupported = true;
  }
  return !slot.lowatUnsupported;
}

bool watch(SchedulerRun& run, SchedulableChannel& channel) {
  if (channel.slot.watching) return true;
  // Before the call: the transport may tell at once.
  channel.slot.watching = true;
  if (!channel.watchDrained()) {
    channel.slot.watching = false;
    return false;
  }
  ++run.stats().drainWatches;
  return true;
}

/// When the bytes that the kernel will not send at once are sent at the pacing rate; kNever when that is
/// unknown.
TimeNs drainTime(const SchedulerRun& run, const SchedulerSlot& slot) {
  const uint64_t rate = slot.info.pacingRate;
  if (rate == 0 || rate == UINT64_MAX) return kNever;
  const double unsent = static_cast<double>(slot.info.notsent) + static_cast<double>(slot.written) -
                        static_cast<double>(slot.tcpSpace);
  const double wait = std::max(unsent, 0.0) / static_cast<double>(rate) * static_cast<double>(kSecond);
  return wait > static_cast<double>(kSecond) ? kNever : run.start() + static_cast<TimeNs>(wait);
}

}  // namespace

void onOutOfRoom(SchedulerRun& run, SchedulableChannel& channel) {
  SchedulerSlot& slot = channel.slot;
  const bool isZero = slot.written == 0;
  const bool parks = isZero && run.config().parking;
  TimeNs wake = kNever;
  if (parks || run.config().drainWake) {
    const bool bounded = boundsUnsent(run, channel);
    const bool futile = isZero && slot.drainedInVain;
    // A parked channel listens to any writability: it has nothing better.
    const bool watched = (bounded || parks) && (futile || watch(run, channel));
    // A timer knows less than a drain event, so a channel that is still without room then has to wait.
    if (!(bounded && watched) && run.config().drainWake && slot.parkStep == 0) wake = drainTime(run, slot);
  }
  slot.drainedInVain = false;
  if (slot.state != ChannelState::kPending || slot.parked) return;
  if (wake != kNever) run.wakeForDrain(wake);
  if (!parks) return;
  const TimeNs backOff = run.interval() << slot.parkStep;
  slot.parkStep = std::min<uint8_t>(static_cast<uint8_t>(slot.parkStep + 1), kMaxParkStep);
  run.park(channel, std::min(run.start() + backOff, wake));
}

void clearNotsentLowat(SchedulerRun& run, SchedulableChannel& channel) {
  if (channel.slot.notsentLowat == 0) return;
  ++run.stats().lowatCalls;
  channel.setNotsentLowat(UINT32_MAX);
  channel.slot.notsentLowat = 0;
}

}  // namespace kist
