#include "sched/scheduler_run.h"

#include "sched/scheduler.h"

namespace kist {

const SchedulerConfig& SchedulerRun::config() const { return scheduler_.config_; }
TcpInfoSource& SchedulerRun::source() { return scheduler_.source_; }
SchedulerStats& SchedulerRun::stats() { return scheduler_.stats_; }
TimeNs SchedulerRun::interval() const { return scheduler_.policy_->interval(scheduler_.config_); }

void SchedulerRun::begin(const PendingList& pending, TimeNs start, RunKind kind) {
  active_ = true;
  cutShort_ = false;
  start_ = start;
  kind_ = kind;
  turns_ = 0;
  ++number_;
  batch_.clear();
  served_.clear();
  circuits_.clear();
  for (SchedulableChannel* channel = pending.first(); channel != nullptr; channel = channel->slot.next) {
    channel->slot.batchIndex = static_cast<uint32_t>(batch_.size());
    batch_.push_back(channel);
  }
}

void SchedulerRun::end(ServedCircuit (&lightest)[2]) {
  for (SchedulableChannel* channel : batch_) {
    if (channel == nullptr) continue;
    channel->slot.batchIndex = channel->slot.servedIndex = SchedulerSlot::kNotPending;
  }
  ready_.clear();
  active_ = false;
  lightest[0] = lightest[1] = ServedCircuit{};
  for (const ServedCircuit& served : circuits_) {
    if (lightest[0].circuit == nullptr || served.count < lightest[0].count) {
      lightest[1] = lightest[0];
      lightest[0] = served;
    } else if (lightest[1].circuit == nullptr || served.count < lightest[1].count) {
      lightest[1] = served;
    }
  }
}

bool SchedulerRun::isOver() {
  if (++turns_ % kTurnsPerClockRead != 0) return false;
  if (scheduler_.clock_.now() - start_ < scheduler_.config_.maxRun) return false;
  cutShort_ = true;
  return true;
}

SchedulerRun::Outcome SchedulerRun::flush(SchedulableChannel& channel, uint64_t budget) {
  SchedulerSlot& slot = channel.slot;
  if (slot.servedIndex == SchedulerSlot::kNotPending) {
    slot.servedIndex = static_cast<uint32_t>(served_.size());
    served_.push_back(&channel);
  }
  current_ = &channel;
  refreshRival();
  const SchedulableChannel::FlushResult result = channel.flush(hasRival_ ? &rival_ : nullptr, budget);
  SchedulerStats& stats = scheduler_.stats_;
  (result.circuit == nullptr ? stats.destroysWritten : stats.cellsWritten) += result.cells;
  stats.bytesWritten += result.wireBytes;
  // Released meanwhile: its circuits may be gone too.
  if (current_ == nullptr) return Outcome::kLeft;
  current_ = nullptr;
  slot.written += result.wireBytes;
  if (result.cells > 0 && result.circuit != nullptr) noteCircuit(*result.circuit);
  if (slot.state != ChannelState::kPending) return Outcome::kLeft;
  return result.cells == 0 ? Outcome::kNothing : Outcome::kMoved;
}

void SchedulerRun::writeOutbufs() {
  for (size_t i = 0; i < served_.size(); ++i) {
    if (served_[i] != nullptr && served_[i]->isWritable()) served_[i]->writeOutbuf();
  }
  for (size_t i = 0; i < batch_.size(); ++i) {
    SchedulableChannel* channel = batch_[i];
    if (channel == nullptr || channel->slot.servedIndex != SchedulerSlot::kNotPending) continue;
    if (channel->outbufLength() > 0 && channel->isWritable()) channel->writeOutbuf();
  }
}

void SchedulerRun::leave(SchedulableChannel& channel, ChannelState state) {
  if (channel.slot.state != ChannelState::kPending) return;
  scheduler_.unlink(channel);
  channel.slot.state = state;
}

void SchedulerRun::park(SchedulableChannel& channel, TimeNs until) {
  withdraw(channel);
  scheduler_.pending_.remove(channel);
  channel.slot.parked = true;
  scheduler_.parked_.insert(channel, until);
}

void SchedulerRun::wakeForDrain(TimeNs at) {
  if (at < scheduler_.drainAt_) scheduler_.drainAt_ = at;
}

void SchedulerRun::forget(SchedulableChannel& channel) {
  SchedulerSlot& slot = channel.slot;
  if (current_ == &channel) current_ = nullptr;
  if (slot.batchIndex != SchedulerSlot::kNotPending) batch_[slot.batchIndex] = nullptr;
  if (slot.servedIndex != SchedulerSlot::kNotPending) served_[slot.servedIndex] = nullptr;
  slot.batchIndex = slot.servedIndex = SchedulerSlot::kNotPending;
}

void SchedulerRun::withdraw(SchedulableChannel& channel) {
  if (!ready_.contains(channel)) return;
  ready_.remove(channel);
  refreshRival();
}

void SchedulerRun::onKeyChanged(SchedulableChannel& channel) {
  // The channel being flushed is sifted after its flush, which itself watches its own mux.
  if (!ready_.contains(channel) || current_ == &channel) return;
  const auto key = channel.mux().key();
  if (key) ready_.update(channel, *key);
  refreshRival();
}

void SchedulerRun::rebuildReady() {
  for (size_t i = 0; i < ready_.size(); ++i) {
    const auto key = ready_.at(i)->mux().key();
    if (key) ready_.setKey(*ready_.at(i), *key);
  }
  ready_.rebuild();
  refreshRival();
}

void SchedulerRun::refreshRival() {
  if (current_ == nullptr) return;
  const PriorityKey* best = ready_.bestKeyBut(*current_);
  hasRival_ = best != nullptr;
  if (hasRival_) rival_ = *best;
}

void SchedulerRun::noteCircuit(CircuitQueue& circuit) {
  const bool known =
      circuit.servedIndex < circuits_.size() && circuits_[circuit.servedIndex].circuit == &circuit;
  if (!known) {
    circuit.servedIndex = static_cast<uint32_t>(circuits_.size());
    circuits_.push_back({&circuit, 0});
  }
  circuits_[circuit.servedIndex].count = circuit.key().count;
}

}  // namespace kist
