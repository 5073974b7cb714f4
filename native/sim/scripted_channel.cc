#include "sim/scripted_channel.h"

#include <algorithm>

#include "sched/flush_run.h"

namespace kist::sim {

/// What flushRun() needs of a scripted channel.
struct ScriptedPort {
  ScriptedChannel& channel;

  uint64_t nextCellCost() const { return channel.nextCellCost(); }
  void appendCell(CircuitQueue& queue) {
    if (channel.duringFlush) channel.duringFlush();
    Cell* cell = queue.pop();
    channel.scheduler_.noteQueueDelay(channel.clock_.peek() - cell->queuedAt);
    queue.lastMoved = channel.clock_.peek();
    channel.pool_.giveBack(cell);
    channel.outbuf_ += channel.options_.cellBytes;
  }
  void appendDestroy(const PendingDestroy& /*destroy*/) { channel.outbuf_ += channel.options_.cellBytes; }
};

ScriptedChannel::ScriptedChannel(uint32_t number, const ScriptedChannelOptions& options,
                                 std::unique_ptr<CircuitMux> mux, Scheduler& scheduler,
                                 const ScriptedClock& clock, CellPool& pool, ScriptedTrace& trace)
    : number_(number),
      options_(options),
      mux_(std::move(mux)),
      scheduler_(scheduler),
      clock_(clock),
      pool_(pool),
      trace_(trace) {}

SchedulableChannel::FlushResult ScriptedChannel::flush(const PriorityKey* rival, uint64_t budget) {
  if (!writable_) return {};
  ScriptedPort port{*this};
  const FlushResult result = flushRun(*mux_, port, rival, budget);
  if (result.cells > 0) {
    const uint64_t handle = result.circuit == nullptr ? 0 : result.circuit->key().handle;
    trace_.flushes.push_back({scheduler_.runNumber(), scheduler_.runKind(), clock_.peek(), number_,
                              static_cast<uint32_t>(handle), result.cells});
  }
  return result;
}

uint64_t ScriptedChannel::nextCellCost() const {
  return wireBytes(outbuf_ + options_.cellBytes) - wireBytes(outbuf_);
}

void ScriptedChannel::writeOutbuf() {
  if (duringWrite) duringWrite();
  if (!writable_ || outbuf_ == 0) return;
  const uint64_t most = options_.kernelTakes < 0 ? UINT64_MAX : static_cast<uint64_t>(options_.kernelTakes);
  const uint64_t taken = takeWire(most);
  trace_.writes.push_back({scheduler_.runNumber(), clock_.peek(), number_, taken});
}

bool ScriptedChannel::watchDrained() {
  watched_ = options_.canWatch;
  return watched_;
}

bool ScriptedChannel::setNotsentLowat(uint32_t bytes) {
  if (options_.canLowat) lowat_ = bytes;
  return options_.canLowat;
}

void ScriptedChannel::drainOutbuf(uint64_t wire) { takeWire(wire); }

uint64_t ScriptedChannel::wireBytes(uint64_t bytes) const {
  const uint64_t records = (bytes + options_.recordBytes - 1) / options_.recordBytes;
  return bytes + records * options_.recordOverhead;
}

/// Takes whole records' worth from the outbuf; the overhead of the last, open one goes with its first byte.
uint64_t ScriptedChannel::takeWire(uint64_t wire) {
  const uint64_t before = wireBytes(outbuf_);
  if (wire >= before) {
    outbuf_ = 0;
    return before;
  }
  const uint64_t perRecord = options_.recordBytes + options_.recordOverhead;
  const uint64_t left = before - wire;
  const uint64_t open = left % perRecord;
  outbuf_ = left / perRecord * options_.recordBytes +
            (open > options_.recordOverhead ? open - options_.recordOverhead : 0);
  return before - wireBytes(outbuf_);
}

}  // namespace kist::sim
