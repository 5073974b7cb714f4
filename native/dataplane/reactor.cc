#include "dataplane/reactor.h"

#include <algorithm>

#include "registry/muxes.h"
#include "registry/schedulers.h"
#include "registry/tcp_info_sources.h"
#include "switch/circuit_load.h"

namespace kist {

namespace {

constexpr TimeNs kSweepInterval = kSecond;

}  // namespace

Reactor::Reactor(uint32_t index, EventLoop& loop, const PlaneConfig& config, SharedPlane shared)
    : index_(index),
      loop_(loop),
      shared_(shared),
      muxName_(config.mux),
      limits_(config.limits),
      scratch_(kScratch),
      edgeScratch_(kScratch / 2),
      runClock_(loop),
      priorities_(loop.now(), config.halflife),
      source_(findTcpInfoSource(config.tcpInfoSource)->make(runClock_)),
      scheduler_(runClock_, priorities_, *source_, config.scheduler, findScheduler(config.policy)->make()),
      context_{loop, cells_, chunks_, scheduler_, counters_, limits_, scratch_},
      handOver_(index, shared.rings, *this),
      channels_(index),
      switch_(index, context_, handOver_, *this, edgeScratch_, *this),
      runTimer_(loop.timers(), [] {}),
      sweepTimer_(loop.timers(), [this] { sweep(); }) {
  loop_.setTurnListener(this);
  sweepTimer_.arm(loop_.now() + kSweepInterval);
}

Reactor::~Reactor() {
  shutDown();
  loop_.setTurnListener(nullptr);
}

void Reactor::shutDown() {
  listeners_.clear();
  std::vector<Handle> all;
  channels_.forEach([&](Channel& channel) { all.push_back(channel.handle); });
  for (const Handle handle : all) channels_.find(handle)->close(CloseReason::kShutdown);
  tearDown();
  for (const Handle handle : all) channels_.remove(handle);
  draining_.clear();
  switch_.edge().flushDirty();
  switch_.finishTurn();
  events_.clear();
}

// The turn.

bool Reactor::onTurnEnd() {
  const bool ringsLeft = handOver_.poll();
  readWaiting();
  context_.reading.finishTurn(size_t{handOver_.taken()} * kMaxCellLength);
  switch_.edge().flushDirty();
  switch_.finishTurn();
  if (scheduler_.nextWake() <= loop_.now()) {
    scheduler_.run();
    switch_.finishTurn();
  }
  tearDown();
  serveBudget();
  handOver_.finishTurn();
  updateMemory();
  shared_.events.push(events_);
  const TimeNs wake = scheduler_.nextWake();
  if (wake == kNever) {
    runTimer_.cancel();
  } else if (!runTimer_.isArmed() || runTimer_.at() != wake) {
    runTimer_.arm(wake);
  }
  return ringsLeft || !waitingInput_.empty() || !done_.empty() || switch_.edge().hasDirty();
}

bool Reactor::onBeforeSleep() { return handOver_.isIdle(); }

void Reactor::onInputWaiting(Channel& channel) { waitingInput_.push_back(channel.handle); }

void Reactor::readWaiting() {
  std::vector<Handle> waiting;
  waiting.swap(waitingInput_);
  for (const Handle handle : waiting) {
    if (Channel* channel = channels_.find(handle)) channel->readBuffered();
  }
}

void Reactor::onQueueLow(Channel&, CircuitQueue& queue) { switch_.onQueueLow(queue); }

void Reactor::onRingRoom(Handle handle) {
  if (Channel* channel = channels_.find(handle)) channel->release();
}

void Reactor::releaseControlHolds() {
  std::vector<Handle> holds;
  holds.swap(controlHolds_);
  for (const Handle handle : holds) {
    if (Channel* channel = channels_.find(handle)) channel->release();
  }
}

void Reactor::sweep() {
  const TimeNs now = loop_.now();
  switch_.sweep(now);
  for (const Handle handle : std::vector<Handle>(draining_)) {
    Channel* channel = channels_.find(handle);
    if (channel != nullptr && now >= channel->drainDeadline()) channel->abort(channel->closeReason());
  }
  uint64_t inbufs = 0;
  channels_.forEach([&](Channel& channel) { inbufs += channel.inbufBytes(); });
  inbufBytes_ = inbufs;
  cells_.trim();
  sweepTimer_.arm(now + kSweepInterval);
}

// Channels.

Channel* Reactor::makeChannel(const Endpoint& endpoint, std::unique_ptr<Transport> transport) {
  auto channel = std::make_unique<Channel>(context_, *this, *endpoint.dialect, std::move(transport),
                                           findMux(muxName_)->make(priorities_));
  Channel* made = channel.get();
  made->owner = endpoint.owner;
  const Handle handle = channels_.insert(std::move(channel));
  if (!handle) return nullptr;
  made->handle = handle;
  return made;
}

void Reactor::accept(uint32_t listener, const Endpoint& endpoint, std::unique_ptr<Transport> transport,
                     const std::string& peer) {
  Channel* channel = makeChannel(endpoint, std::move(transport));
  if (channel == nullptr || !isOk(channel->start(false))) {
    if (channel != nullptr) channels_.remove(channel->handle);
    return;
  }
  Event event{EventKind::kChannelAccepted, channel->handle.bits, listener};
  event.text = peer;
  events_.push_back(std::move(event));
}

void Reactor::onChannelConnected(Channel& channel) {
  tell(EventKind::kChannelConnected, channel.handle.bits, static_cast<int64_t>(channel.token));
}

void Reactor::onChannelDone(Channel& channel) { done_.push_back(channel.handle); }

void Reactor::tearDown() {
  std::vector<Handle> done;
  done.swap(done_);
  for (const Handle handle : done) {
    Channel* channel = channels_.find(handle);
    if (channel == nullptr) continue;
    const auto announced = std::find(draining_.begin(), draining_.end(), handle);
    if (announced == draining_.end()) {
      switch_.closeCircuitsOf(*channel);
      if (channel->token != 0 && channel->state() == Channel::State::kClosed && !channel->wasConnected()) {
        tell(EventKind::kChannelConnectFailed, 0, static_cast<int64_t>(channel->token),
             channel->closeError());
      } else {
        tell(EventKind::kChannelClosed, handle.bits, static_cast<int64_t>(channel->closeReason()),
             channel->closeError());
      }
      ++counters_.channelsClosed[static_cast<size_t>(channel->closeReason())];
    }
    if (channel->state() == Channel::State::kDraining) {
      draining_.push_back(handle);
    } else {
      std::erase(draining_, handle);
      channels_.remove(handle);
    }
  }
}

// Budget and counters.

uint64_t Reactor::memoryInUse() {
  return cells_.inUse() * sizeof(Cell) + chunks_.bytesInUse() + inbufBytes_ + switch_.edge().undelivered() +
         handOver_.overflow() * sizeof(Crossing);
}

void Reactor::updateMemory() {
  const auto now = static_cast<int64_t>(memoryInUse());
  if (now == reportedMemory_) return;
  shared_.budget.add(now - reportedMemory_);
  reportedMemory_ = now;
}

AgeHistogram Reactor::ageHistogram() {
  AgeHistogram histogram;
  const TimeNs now = loop_.now();
  switch_.forEachCircuit([&](Circuit& circuit) {
    const CircuitLoad load = loadOf(circuit);
    if (load.oldest != kNever) histogram.bytes[AgeHistogram::bucketOf(now - load.oldest)] += load.bytes;
  });
  return histogram;
}

void Reactor::serveBudget() {
  bool wakeAll = false;
  const MemoryBudget::Duty duty = shared_.budget.duty(index_, loop_.now(), wakeAll);
  if (duty == MemoryBudget::Duty::kPublish) {
    wakeAll = shared_.budget.publish(index_, ageHistogram()) || wakeAll;
  } else if (duty == MemoryBudget::Duty::kClose) {
    const TimeNs age = shared_.budget.cutoffAge();
    const uint32_t closed = age == kNever ? 0 : switch_.closeOlderThan(loop_.now() - age);
    updateMemory();
    shared_.budget.closed(index_, loop_.now());
    if (closed > 0)
      logTo(this, LogLevel::kWarn, "over the memory budget: closed %u of the oldest circuits", closed);
  }
  if (!wakeAll) return;
  for (EventLoop* loop : shared_.rings.loops) loop->wake();
}

ReactorSnapshot Reactor::snapshot() {
  ReactorSnapshot result;
  result.scheduler = scheduler_.stats();
  result.policy = scheduler_.policy().name();
  result.pendingChannels = scheduler_.pendingChannels();
  result.channels = channels_.size();
  result.circuits = switch_.circuits();
  result.streams = switch_.edge().streams();
  result.cellsInUse = cells_.inUse();
  result.turns = loop_.stats().turns;
  result.sleeps = loop_.stats().sleeps;
  result.cpuNs = static_cast<uint64_t>(threadCpuTime());
  result.counters = counters_;
  return result;
}

}  // namespace kist
