#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cell/cell_pool.h"
#include "sched/schedulable_channel.h"
#include "sched/scheduler.h"
#include "sim/scripted_clock.h"

namespace kist::sim {

/// How a scripted channel behaves.
struct ScriptedChannelOptions {
  std::string mux = "ewma";
  int64_t kernelTakes = -1;      ///< Bytes per write of the outbuf; negative: everything.
  bool canWatch = true;          ///< Tells when it drained.
  bool canLowat = true;          ///< Knows TCP_NOTSENT_LOWAT.
  uint32_t cellBytes = 512;      ///< Length of a cell.
  uint32_t recordOverhead = 0;   ///< Wire bytes that each record adds, 22 with TLS.
  uint32_t recordBytes = 16384;  ///< Longest record.
  uint32_t outbufLow = 16384;    ///< Outbuf low-water mark: under it the channel becomes writable again.
};

/// Cells that one flush moved. `circuit` is 0 for a DESTROY.
struct FlushRecord {
  uint64_t run = 0;
  RunKind kind = RunKind::kTimed;
  TimeNs time = 0;
  uint32_t channel = 0;
  uint32_t circuit = 0;
  uint32_t cells = 0;
};

/// Wire bytes that one write of an outbuf handed to the kernel.
struct WriteRecord {
  uint64_t run = 0;
  TimeNs time = 0;
  uint32_t channel = 0;
  uint64_t bytes = 0;
};

struct ScriptedTrace {
  std::vector<FlushRecord> flushes;
  std::vector<WriteRecord> writes;
};

/// A channel without socket: counts bytes instead of keeping them, and does what it was told.
class ScriptedChannel final : public SchedulableChannel {
 public:
  ScriptedChannel(uint32_t number, const ScriptedChannelOptions& options, std::unique_ptr<CircuitMux> mux,
                  Scheduler& scheduler, const ScriptedClock& clock, CellPool& pool, ScriptedTrace& trace);

  uint64_t id() const override { return number_; }
  CircuitMux& mux() override { return *mux_; }
  FlushResult flush(const PriorityKey* rival, uint64_t budget) override;
  uint64_t nextCellCost() const override;
  void writeOutbuf() override;
  uint64_t outbufLength() const override { return wireBytes(outbuf_); }
  bool isWritable() const override { return writable_; }
  TcpInfoTarget tcpInfoTarget() const override { return {-1, number_}; }
  bool ownTcpInfo(TcpInfo& /*info*/) const override { return false; }
  bool watchDrained() override;
  bool setNotsentLowat(uint32_t bytes) override;

  uint32_t number() const { return number_; }
  bool isWatched() const { return watched_; }
  void clearWatch() { watched_ = false; }
  uint32_t lowat() const { return lowat_; }
  uint32_t outbufLow() const { return options_.outbufLow; }
  void setKernelTakes(int64_t bytes) { options_.kernelTakes = bytes; }
  /// The kernel takes up to `wire` bytes of the outbuf, outside of any run.
  void drainOutbuf(uint64_t wire);
  void setWritable(bool writable) { writable_ = writable; }

  /// Called inside flush before each cell, and inside writeOutbuf: for what real channels do there.
  std::function<void()> duringFlush;
  std::function<void()> duringWrite;

 private:
  friend struct ScriptedPort;
  uint64_t wireBytes(uint64_t bytes) const;
  uint64_t takeWire(uint64_t wire);

  uint32_t number_;
  ScriptedChannelOptions options_;
  std::unique_ptr<CircuitMux> mux_;
  Scheduler& scheduler_;
  const ScriptedClock& clock_;
  CellPool& pool_;
  ScriptedTrace& trace_;
  uint64_t outbuf_ = 0;
  uint32_t lowat_ = 0;
  bool writable_ = true;
  bool watched_ = false;
};

}  // namespace kist::sim
