#include "sched/scheduler.h"

#include <algorithm>

#include "base/assert.h"

namespace kist {
namespace {

/// Before every clock reading, far enough from the limits to add an interval.
constexpr TimeNs kLongAgo = INT64_MIN / 4;

SchedulerConfig checked(SchedulerConfig config) {
  if (config.interval <= 0) config.interval = SchedulerConfig::kDefaultInterval;
  if (config.maxRun <= 0) config.maxRun = SchedulerConfig::kDefaultMaxRun;
  config.interval = std::min(config.interval, kSecond);
  config.minRunGap = std::clamp<TimeNs>(config.minRunGap, 0, kSecond);
  return config;
}

}  // namespace

Scheduler::Scheduler(const Clock& clock, PriorityBase& base, TcpInfoSource& source, SchedulerConfig config,
                     std::unique_ptr<SchedulingPolicy> policy)
    : clock_(clock),
      base_(base),
      source_(source),
      config_(checked(config)),
      policy_(std::move(policy)),
      run_(*this),
      lastTimedStart_(kLongAgo),
      lastRunEnd_(clock.now()) {
  KIST_ASSERT(policy_ != nullptr);
}

Scheduler::~Scheduler() {
  while (SchedulableChannel* channel = parked_.top()) release(*channel);
  while (SchedulableChannel* channel = pending_.first()) release(*channel);
}

void Scheduler::onCells(SchedulableChannel& channel, const CircuitQueue* newlyActive) {
  SchedulerSlot& slot = channel.slot;
  const bool hasCells = channel.mux().hasCells();
  switch (slot.state) {
    case ChannelState::kIdle:
      if (hasCells) slot.state = ChannelState::kWaitingToWrite;
      return;
    case ChannelState::kWaitingToWrite:
      if (!hasCells) slot.state = ChannelState::kIdle;
      return;
    case ChannelState::kWaitingForCells:
      if (!hasCells) return;
      becomePending(channel);
      break;
    case ChannelState::kPending:
      if (!hasCells) {
        unlink(channel);
        slot.state = ChannelState::kWaitingForCells;
        return;
      }
      if (run_.active_) run_.onKeyChanged(channel);
      break;
  }
  if (newlyActive != nullptr && asksForLightRun(channel, *newlyActive)) lightWanted_ = true;
}

void Scheduler::onWritable(SchedulableChannel& channel) {
  SchedulerSlot& slot = channel.slot;
  if (slot.state != ChannelState::kIdle && slot.state != ChannelState::kWaitingToWrite) return;
  if (channel.mux().hasCells()) {
    becomePending(channel);
  } else {
    slot.state = ChannelState::kWaitingForCells;
  }
}

void Scheduler::onNotWritable(SchedulableChannel& channel) {
  SchedulerSlot& slot = channel.slot;
  if (slot.state == ChannelState::kPending) {
    unlink(channel);
    slot.state = ChannelState::kWaitingToWrite;
  } else if (slot.state == ChannelState::kWaitingForCells) {
    slot.state = ChannelState::kIdle;
  }
}

void Scheduler::onDrained(SchedulableChannel& channel) {
  SchedulerSlot& slot = channel.slot;
  slot.watching = false;
  if (slot.state != ChannelState::kPending) return;
  slot.drainedInVain = true;
  if (slot.parked) unpark(channel);
  if (config_.drainWake) drainAt_ = kLongAgo;
}

void Scheduler::onQueueHigh(SchedulableChannel& channel) {
  const SchedulerSlot& slot = channel.slot;
  if (slot.state != ChannelState::kPending || slot.parked || !config_.fullWake) return;
  if (slot.infoRun == run_.number() && slot.infoRun != 0 && !slot.hasRoom) return;
  fullWanted_ = true;
}

void Scheduler::release(SchedulableChannel& channel) {
  unlink(channel);
  if (run_.active_) run_.forget(channel);
  channel.slot = SchedulerSlot{};
}

void Scheduler::onPrioritiesChanged() {
  if (run_.active_) run_.rebuildReady();
}

TimeNs Scheduler::nextWake() const {
  const TimeNs wake = std::min(timedDue(), earlyDue());
  return wake == kNever ? kNever : std::max(wake, lastRunEnd_);
}

void Scheduler::run() {
  KIST_ASSERT(!run_.active_);
  const TimeNs now = clock_.now();
  if (now < nextWake()) return;
  const RunKind kind = kindDue(now);
  if (kind == RunKind::kTimed) {
    if (!continues_ || now >= timedDue()) lastTimedStart_ = now;
    ++stats_.timedRuns;
  } else {
    ++(kind == RunKind::kDrain   ? stats_.drainRuns
       : kind == RunKind::kLight ? stats_.lightRuns
                                 : stats_.fullRuns);
  }
  while (!parked_.isEmpty() && parked_.topKey() <= now) unpark(*parked_.top());
  drainAt_ = kNever;
  lightWanted_ = fullWanted_ = continues_ = false;
  cellsSinceRun_ = 0;
  base_.beginRun(now);
  run_.begin(pending_, now, kind);
  stats_.pendingPerRun.add(run_.size());
  policy_->run(run_);
  continues_ = run_.cutShort_;
  if (continues_) ++stats_.runsCutShort;
  run_.end(lightest_);
  lightestRescale_ = base_.rescales();
  lastRunEnd_ = std::max(clock_.now(), now);
  stats_.runNs.add(static_cast<uint64_t>(lastRunEnd_ - now));
  if (nextPolicy_ != nullptr) installPolicy(std::move(nextPolicy_));
}

void Scheduler::setPolicy(std::unique_ptr<SchedulingPolicy> policy) {
  KIST_ASSERT(policy != nullptr);
  if (run_.active_) {
    nextPolicy_ = std::move(policy);
  } else {
    installPolicy(std::move(policy));
  }
}

void Scheduler::setConfig(const SchedulerConfig& config) {
  config_ = checked(config);
  if (!config_.parking) unparkAll();
  if (!config_.drainWake) drainAt_ = kNever;
  if (!config_.lightWake) lightWanted_ = false;
  if (!config_.fullWake) fullWanted_ = false;
}

void Scheduler::becomePending(SchedulableChannel& channel) {
  channel.slot.state = ChannelState::kPending;
  pending_.append(channel);
}

/// Takes a pending channel out of whatever holds it.
void Scheduler::unlink(SchedulableChannel& channel) {
  SchedulerSlot& slot = channel.slot;
  if (slot.state != ChannelState::kPending) return;
  if (slot.parked) {
    parked_.remove(channel);
    slot.parked = false;
  } else {
    pending_.remove(channel);
  }
  if (run_.active_) run_.withdraw(channel);
}

void Scheduler::unpark(SchedulableChannel& channel) {
  parked_.remove(channel);
  channel.slot.parked = false;
  pending_.append(channel);
}

void Scheduler::unparkAll() {
  while (SchedulableChannel* channel = parked_.top()) unpark(*channel);
}

/// True when `circuit` is the channel's best, lighter than every other circuit of the last run, and the
/// channel has room.
bool Scheduler::asksForLightRun(SchedulableChannel& channel, const CircuitQueue& circuit) {
  const SchedulerSlot& slot = channel.slot;
  if (!config_.lightWake || slot.parked || channel.mux().best() != &circuit) return false;
  if (slot.infoRun == run_.number() && slot.infoRun != 0 && !slot.hasRoom) return false;
  if (lightestRescale_ != base_.rescales()) lightest_[0] = lightest_[1] = ServedCircuit{};
  const ServedCircuit& other = lightest_[lightest_[0].circuit == &circuit ? 1 : 0];
  return other.circuit == nullptr || circuit.key().count < other.count;
}

TimeNs Scheduler::timedDue() const {
  const TimeNs due = lastTimedStart_ + policy_->interval(config_);
  if (!pending_.isEmpty()) return due;
  return parked_.isEmpty() ? kNever : std::max(due, parked_.topKey());
}

TimeNs Scheduler::earlyDue() const {
  if (pending_.isEmpty() && parked_.isEmpty()) return kNever;
  // With all channels parked there is nobody to serve before the first back-off is over.
  const TimeNs earliest = pending_.isEmpty() ? parked_.topKey() : kLongAgo;
  if (continues_) return earliest;
  if (!policy_->takesEarlyRuns()) return kNever;
  if (fullWanted_) return earliest;
  const TimeNs wanted = lightWanted_ ? kLongAgo : drainAt_;
  if (wanted == kNever) return kNever;
  return std::max({wanted, earliest, lastRunEnd_ + config_.minRunGap});
}

RunKind Scheduler::kindDue(TimeNs now) const {
  if (now >= timedDue()) return RunKind::kTimed;
  if (continues_) return run_.kind();
  if (fullWanted_) return RunKind::kFull;
  return drainAt_ <= now ? RunKind::kDrain : RunKind::kLight;
}

void Scheduler::installPolicy(std::unique_ptr<SchedulingPolicy> policy) {
  policy_ = std::move(policy);
  nextPolicy_.reset();
  drainAt_ = kNever;
  lightWanted_ = fullWanted_ = false;
  unparkAll();
}

}  // namespace kist
