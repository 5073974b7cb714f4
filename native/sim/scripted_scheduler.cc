#include "sim/scripted_scheduler.h"

#include <algorithm>

#include "registry/muxes.h"
#include "registry/schedulers.h"

namespace kist::sim {
namespace {

/// Runs in a row at one moment before advance() gives up: a policy that makes no progress must not hang the
/// test.
constexpr uint32_t kMaxRunsAtOnce = 100'000;

ScriptedClock clockAt(TimeNs time) {
  ScriptedClock clock;
  clock.set(time);
  return clock;
}

std::unique_ptr<SchedulingPolicy> makePolicy(const std::string& name) {
  const SchedulerEntry* entry = findScheduler(name);
  return (entry == nullptr ? findScheduler("kist") : entry)->make();
}

}  // namespace

ScriptedScheduler::ScriptedScheduler(const std::string& policy, const SchedulerConfig& config,
                                     TimeNs halflife, TimeNs startTime)
    : clock_(clockAt(startTime)),
      base_(startTime, halflife),
      source_(clock_),
      scheduler_(std::make_unique<Scheduler>(clock_, base_, source_, config, makePolicy(policy))) {}

ScriptedScheduler::~ScriptedScheduler() {
  for (uint32_t number = 1; number <= channels_.size(); ++number) closeChannel(number);
  scheduler_.reset();
  // Those of a channel that closed inside a run are still there.
  for (const auto& entry : circuits_) {
    dropQueue(*entry);
    channel(entry->channel)->mux().detach(entry->queue);
  }
}

uint32_t ScriptedScheduler::addChannel(const ScriptedChannelOptions& options) {
  const MuxEntry* mux = findMux(options.mux);
  if (mux == nullptr || options.cellBytes == 0 || options.recordBytes == 0) return 0;
  const auto number = static_cast<uint32_t>(channels_.size() + 1);
  channels_.push_back(std::make_unique<ScriptedChannel>(number, options, mux->make(base_), *scheduler_,
                                                        clock_, pool_, trace_));
  closed_.push_back(false);
  scheduler_->onWritable(*channels_.back());
  return number;
}

uint32_t ScriptedScheduler::addCircuit(uint32_t number) {
  ScriptedChannel* owner = channel(number);
  if (owner == nullptr || closed_[number - 1]) return 0;
  circuits_.push_back(std::make_unique<ScriptedCircuit>());
  circuits_.back()->channel = number;
  owner->mux().attach(circuits_.back()->queue, circuits_.size());
  return static_cast<uint32_t>(circuits_.size());
}

bool ScriptedScheduler::queueCells(uint32_t number, uint32_t cells) {
  CircuitQueue* queue = circuit(number);
  if (queue == nullptr || cells == 0 || isClosed(circuits_[number - 1]->channel)) return false;
  ScriptedChannel& owner = *channel(circuits_[number - 1]->channel);
  const bool wasEmpty = queue->isEmpty();
  for (uint32_t i = 0; i < cells; ++i) {
    Cell* cell = pool_.take();
    cell->queuedAt = clock_.peek();
    queue->push(cell);
  }
  if (!wasEmpty) return true;
  owner.mux().activate(*queue);
  scheduler_->onCells(owner, queue);
  return true;
}

bool ScriptedScheduler::queueDestroy(uint32_t number) {
  ScriptedChannel* owner = channel(number);
  if (owner == nullptr || closed_[number - 1]) return false;
  owner->mux().queueDestroy(1, 0);
  scheduler_->onCells(*owner, nullptr);
  return true;
}

bool ScriptedScheduler::dropCells(uint32_t number) {
  CircuitQueue* queue = circuit(number);
  if (queue == nullptr || isClosed(circuits_[number - 1]->channel)) return false;
  if (queue->isEmpty()) return true;
  dropQueue(*circuits_[number - 1]);
  ScriptedChannel& owner = *channel(circuits_[number - 1]->channel);
  owner.mux().deactivate(*queue);
  scheduler_->onCells(owner, nullptr);
  return true;
}

bool ScriptedScheduler::closeChannel(uint32_t number) {
  ScriptedChannel* closing = channel(number);
  if (closing == nullptr || closed_[number - 1]) return false;
  closed_[number - 1] = true;
  closing->setWritable(false);
  scheduler_->release(*closing);
  source_.forget(number);
  // In the middle of a flush the mux is in use: its circuits then stay, as they do when a real channel
  // closes.
  const bool isFlushing = scheduler_->isRunning();
  for (const auto& entry : circuits_) {
    if (isFlushing || entry->channel != number) continue;
    dropQueue(*entry);
    closing->mux().detach(entry->queue);
  }
  return true;
}

bool ScriptedScheduler::isClosed(uint32_t number) const {
  return channel(number) == nullptr || closed_[number - 1];
}

bool ScriptedScheduler::setTcpInfo(uint32_t number, TimeNs fromTime, const MockTcpInfo::Answer& answer) {
  if (isClosed(number)) return false;
  source_.setAnswer(number, fromTime, answer);
  return true;
}

bool ScriptedScheduler::setKernelTakes(uint32_t number, int64_t bytes) {
  if (isClosed(number)) return false;
  channel(number)->setKernelTakes(bytes);
  return true;
}

bool ScriptedScheduler::drainOutbuf(uint32_t number, uint64_t bytes) {
  if (isClosed(number)) return false;
  ScriptedChannel& draining = *channel(number);
  draining.drainOutbuf(bytes);
  if (draining.outbufLength() < draining.outbufLow() && draining.isWritable())
    scheduler_->onWritable(draining);
  return true;
}

bool ScriptedScheduler::drained(uint32_t number) {
  if (isClosed(number) || !channel(number)->isWatched()) return false;
  channel(number)->clearWatch();
  scheduler_->onDrained(*channel(number));
  return true;
}

bool ScriptedScheduler::setWritable(uint32_t number, bool writable) {
  if (isClosed(number)) return false;
  ScriptedChannel& target = *channel(number);
  target.setWritable(writable);
  writable ? scheduler_->onWritable(target) : scheduler_->onNotWritable(target);
  return true;
}

bool ScriptedScheduler::setPolicy(const std::string& policy) {
  const SchedulerEntry* entry = findScheduler(policy);
  if (entry == nullptr) return false;
  scheduler_->setPolicy(entry->make());
  return true;
}

void ScriptedScheduler::setHalflife(TimeNs halflife) {
  base_.setHalflife(clock_.peek(), halflife);
  scheduler_->onPrioritiesChanged();
}

uint64_t ScriptedScheduler::advance(TimeNs duration) {
  const TimeNs target = clock_.peek() + std::max<TimeNs>(duration, 0);
  uint64_t runs = 0;
  uint32_t runsAtOnce = 0;
  for (TimeNs wake = nextWake(); wake <= target; wake = nextWake()) {
    runsAtOnce = wake > clock_.peek() ? 0 : runsAtOnce + 1;
    if (runsAtOnce > kMaxRunsAtOnce) break;
    clock_.set(std::max(clock_.peek(), wake));
    scheduler_->run();
    ++runs;
  }
  clock_.set(std::max(clock_.peek(), target));
  return runs;
}

bool ScriptedScheduler::tick() {
  const TimeNs wake = nextWake();
  if (wake == kNever) return false;
  clock_.set(std::max(clock_.peek(), wake));
  scheduler_->run();
  return true;
}

uint64_t ScriptedScheduler::limitOf(uint32_t number) const {
  return channel(number) == nullptr ? 0 : channel(number)->slot.limit;
}

uint64_t ScriptedScheduler::writtenOf(uint32_t number) const {
  return channel(number) == nullptr ? 0 : channel(number)->slot.written;
}

std::string ScriptedScheduler::stateOf(uint32_t number) const {
  if (channel(number) == nullptr) return "";
  if (closed_[number - 1]) return "closed";
  const SchedulerSlot& slot = channel(number)->slot;
  switch (slot.state) {
    case ChannelState::kIdle:
      return "idle";
    case ChannelState::kWaitingForCells:
      return "waiting-for-cells";
    case ChannelState::kWaitingToWrite:
      return "waiting-to-write";
    case ChannelState::kPending:
      break;
  }
  return slot.parked ? "parked" : "pending";
}

uint64_t ScriptedScheduler::outbufOf(uint32_t number) const {
  return channel(number) == nullptr ? 0 : channel(number)->outbufLength();
}

double ScriptedScheduler::countOf(uint32_t number) const {
  return circuit(number) == nullptr ? 0 : base_.countAt(clock_.peek(), circuit(number)->key().count);
}

uint64_t ScriptedScheduler::queuedOf(uint32_t number) const {
  return circuit(number) == nullptr ? 0 : circuit(number)->size();
}

uint64_t ScriptedScheduler::sentOf(uint32_t number) const {
  return circuit(number) == nullptr ? 0 : circuit(number)->cellsSent();
}

ScriptedChannel* ScriptedScheduler::channel(uint32_t number) const {
  return number == 0 || number > channels_.size() ? nullptr : channels_[number - 1].get();
}

CircuitQueue* ScriptedScheduler::circuit(uint32_t number) const {
  return number == 0 || number > circuits_.size() ? nullptr : &circuits_[number - 1]->queue;
}

void ScriptedScheduler::dropQueue(ScriptedCircuit& circuit) {
  while (!circuit.queue.isEmpty()) pool_.giveBack(circuit.queue.pop());
}

}  // namespace kist::sim
